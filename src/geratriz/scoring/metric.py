"""Metrics as data: name, explanation, computation, and the limit in a release."""

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
    """A named figure, defined next to the function that computes it and by_name in a suite."""

    name: str
    title: str
    explains: str
    """Explanation for readers of a page, in a sentence or two."""
    better: Literal["higher", "lower"]
    compute: Callable[[T], Score | None]
    """Function of a trio of tables or images; it returns None where there is nothing to measure."""
    applies: Callable[[T], bool] = lambda _: True
    """Whether the metric has a meaning for the data at all: utility has none without a target, and a gate on it is then
    left out of the verdict. A metric that applies and could not be measured fails its gate."""
    span: tuple[float, float] | None = None
    """Minimum range of the axis: up to the best value, and wide enough that noise does not look like a difference."""
    chance: float | None = None
    """Value of an attack when nothing leaks; None for a metric of quality."""
    limit: float | None = None
    """Highest value of an attack allowed in a release; ``release.privacy`` in params.yaml overrides it."""
    required: bool = False
    """Whether a release requires it. Other attacks need a certain kind of column, or enough outliers."""


def by_name(*metrics: Metric[T]) -> dict[str, Metric[T]]:
    """Metrics by name, in order."""
    return {metric.name: metric for metric in metrics}


def measure(
    metrics: Mapping[str, Metric[T]], trio: T, known: Mapping[str, Score] = MappingProxyType({})
) -> dict[str, Score]:
    """Score of each metric that applies to ``trio``, by name; those in ``known`` are not computed again."""
    scores = {name: known.get(name) or metric.compute(trio) for name, metric in metrics.items()}
    return {name: score for name, score in scores.items() if score is not None}


def inapplicable(metrics: Mapping[str, Metric[T]], trio: T) -> tuple[str, ...]:
    """Names of the metrics that have no meaning for the data of ``trio``."""
    return tuple(name for name, metric in metrics.items() if not metric.applies(trio))


def limited(metrics: Mapping[str, Metric[Any]], overrides: Mapping[str, Any] | None) -> dict[str, Metric[Any]]:
    """Metrics that have a limit, with the ``overrides`` in ``release.privacy`` of params.yaml applied.

    Raises:
        ConfigError: an override names no metric with a limit, or is not a number.
    """
    found = {name: metric for name, metric in metrics.items() if metric.limit is not None}
    for name, limit in (overrides or {}).items():
        if name not in found:
            raise ConfigError(f"release.privacy.{name} is not a setting.{nearest(str(name), found)}")
        if isinstance(limit, bool) or not isinstance(limit, int | float):
            raise ConfigError(f"release.privacy.{name} is {limit!r} ({type(limit).__name__}), expected a number.")
        found[name] = dataclasses.replace(found[name], limit=float(limit))
    return found
