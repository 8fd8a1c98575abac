"""A candidate beside the champion on the same held-out data: differences with intervals, and what they come to.

For each metric the difference of two generators is estimated with what makes it uncertain:

- The held-out data. They are resampled under equal weights for both sides (a paired bootstrap), so what makes a row
  hard for both cancels. Out-of-fold predictions or rows are resampled; nothing is fitted again.
- The synthetic data, and what a classifier made of them. Resampling predictions does not show the second, so each
  side is drawn :data:`DRAWS` times and scored anew, and the spread of the draws is the measure of both.

The interval is Welch's: Student's t with the degrees of freedom of Welch (1947) and Satterthwaite (1946), since a
handful of draws knows its own spread badly. The intervals of all metrics hold together at 95 % (Bonferroni), so the
chance that a generator is called better or worse than its equal is 5 % at most, whatever the number of metrics.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

DRAWS = 5  # of each generator
CHANCE = 0.05  # that any metric differs where the generators do not

Word = Literal["better", "equal", "worse"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Candidate and champion on the same data: ``better``, ``equal``, ``worse``, or ``unjudged``."""

    outcome: Literal["better", "equal", "worse", "unjudged"]
    """Worse if any metric is; better if one is and none is worse. Intervals decide, so it is never noise alone."""
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By metric, what was measured; see :func:`difference`."""
    why: str = ""
    """Why it was not judged."""

    @classmethod
    def of(cls, figures: Mapping[str, Mapping[str, Any]]) -> "Comparison":
        """The comparison that ``figures`` make: differences with intervals that hold together."""
        words = [word(figure) for figure in figures.values()]
        outcome: Word = "worse" if "worse" in words else "better" if "better" in words else "equal"
        return cls(outcome=outcome, figures=figures)

    @classmethod
    def impossible(cls, why: str) -> "Comparison":
        """No comparison: the champion cannot be scored on the data there are now; it must not block others for ever."""
        return cls(outcome="unjudged", why=why)


def word(figure: Mapping[str, Any]) -> Word:
    """What one metric's difference comes to: its interval decides."""
    if figure["low"] > 0 or figure["high"] < 0:
        return "better" if (figure["low"] > 0) == (figure["better"] == "higher") else "worse"
    return "equal"


def difference(one: np.ndarray, other: np.ndarray, chance: float) -> dict[str, float]:
    """One minus the other with its interval, which misses the truth with probability ``chance``.

    Both are (K, 1 + R): a line per draw, the values themselves in the first column, then those under resampled rows.
    """
    from scipy import stats

    draws, resamples = len(one), one.shape[1] - 1
    means = one.mean(0) - other.mean(0)
    parts = np.array([one[:, 0].var(ddof=1) / draws, other[:, 0].var(ddof=1) / draws, means[1:].var(ddof=1)])
    freedom = np.array([draws - 1, draws - 1, resamples - 1])
    total = float(parts.sum())
    half = 0.0
    if total > 0:
        half = float(stats.t.ppf(1 - chance / 2, total**2 / (parts**2 / freedom).sum())) * total**0.5
    difference = float(means[0])
    return {
        "candidate": float(one[:, 0].mean()),
        "champion": float(other[:, 0].mean()),
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
    }
