"""A metric as data: its name, how to read it, how it is computed, and the limit it has in a release."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar

from geratriz.errors import ConfigError, nearest
from geratriz.scoring.score import Score

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric(Generic[T]):
    """A named figure; it stands beside the function that computes it, and a suite only lists it."""

    name: str
    title: str
    explains: str
    """How to read it, in a sentence or two."""
    better: Literal["higher", "lower"]
    compute: Callable[[T], Score | None]
    """Takes a trio of tables or of images. None where the metric makes no sense for the data, such as utility without a
    target."""
    span: tuple[float, float] | None = None
    """What an axis shows at least: the best end, and enough that noise does not look like a difference."""
    chance: float | None = None
    """Value of an attack where nothing leaks; None for a metric of quality."""
    limit: float | None = None
    """The most that an attack may reach in a release; ``release.privacy`` in params.yaml overrides it."""
    required: bool = False
    """Whether there is no release without it. Other attacks need a column of their kind, or enough outliers."""


def listed(*metrics: Metric[T]) -> dict[str, Metric[T]]:
    """The metrics by name, in order."""
    return {metric.name: metric for metric in metrics}


def measure(
    metrics: Mapping[str, Metric[T]], trio: T, known: Mapping[str, Score] = MappingProxyType({})
) -> dict[str, Score]:
    """The score of each metric that makes sense for ``trio``, by name; those in ``known`` are not computed again."""
    scores = {name: known.get(name) or metric.compute(trio) for name, metric in metrics.items()}
    return {name: score for name, score in scores.items() if score is not None}


def limited(metrics: Mapping[str, Metric[Any]], overrides: Mapping[str, Any] | None) -> dict[str, Metric[Any]]:
    """The metrics that have a limit, under the ``overrides`` in ``release.privacy`` of params.yaml.

    Raises:
        ConfigError: an override names no such metric, or is not a number.
    """
    found = {name: metric for name, metric in metrics.items() if metric.limit is not None}
    for name, limit in (overrides or {}).items():
        if name not in found:
            raise ConfigError(f"release.privacy.{name} is not a setting.{nearest(str(name), found)}")
        if isinstance(limit, bool) or not isinstance(limit, int | float):
            raise ConfigError(f"release.privacy.{name} is {limit!r} ({type(limit).__name__}), expected a number.")
        found[name] = dataclasses.replace(found[name], limit=float(limit))
    return found
