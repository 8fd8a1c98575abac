"""A score: a measured value, its interval and the details behind it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """Value of a metric, its 95 % interval, and the details behind it."""

    value: float
    low: float
    high: float
    detail: Mapping[str, Any] = field(default_factory=dict)


def without_detail(score: Score) -> dict[str, float]:
    """Value and interval of ``score``, without its details."""
    return {name: value for name, value in asdict(score).items() if name != "detail"}
