"""Comparison of a candidate and the champion on the same held-out data: differences with intervals, and the outcome.

For each metric the difference between two generators is estimated with its sources of uncertainty:

- The held-out data. They are resampled with the same weights for both generators (a paired bootstrap), so that rows
  which are hard for both cancel out. Out-of-fold predictions or rows are resampled; nothing is fitted again.
- The synthetic data, and the classifiers fitted to them. Resampled predictions do not show the second, so each
  generator is sampled and scored :data:`DRAWS` times, and the spread of the samples measures both.

The interval is Welch's: Student's t with the degrees of freedom of Welch (1947) and Satterthwaite (1946), since a
few samples estimate their own spread badly. The intervals of all metrics hold jointly at 95 % (Bonferroni), so the
chance that a generator is called better or worse than an equal one is at most 5 %, whatever the number of metrics.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

DRAWS = 5  # samples drawn from each generator
ALPHA = 0.05  # probability that any metric differs between equal generators

Word = Literal["better", "equal", "worse"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Candidate and champion on the same data: ``better``, ``equal``, ``worse``, or ``unjudged``."""

    outcome: Literal["better", "equal", "worse", "unjudged"]
    """``worse`` if any metric is worse, ``better`` if one is better and none worse. Intervals decide, not noise."""
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Figures by metric; see :func:`difference`."""
    why: str = ""
    """Why no comparison was made."""

    @classmethod
    def of(cls, figures: Mapping[str, Mapping[str, Any]]) -> "Comparison":
        """The comparison that follows from ``figures``: differences with intervals that hold jointly."""
        words = [word(figure) for figure in figures.values()]
        outcome: Word = "worse" if "worse" in words else "better" if "better" in words else "equal"
        return cls(outcome=outcome, figures=figures)

    @classmethod
    def impossible(cls, why: str) -> "Comparison":
        """No comparison: the champion cannot be scored on the current data, and must not block new candidates."""
        return cls(outcome="unjudged", why=why)


def word(figure: Mapping[str, Any]) -> Word:
    """Outcome of one metric, decided by the interval of its difference."""
    if figure["low"] > 0 or figure["high"] < 0:
        return "better" if (figure["low"] > 0) == (figure["better"] == "higher") else "worse"
    return "equal"


def difference(candidate: np.ndarray, champion: np.ndarray, alpha: float) -> dict[str, float]:
    """Candidate minus champion, with an interval that misses the true value with probability ``alpha``.

    Both are (K, 1 + R): one line per sample, with its value in the first column, then its values on resampled rows.
    """
    from scipy import stats

    draws, resamples = len(candidate), candidate.shape[1] - 1
    means = candidate.mean(0) - champion.mean(0)
    parts = np.array([candidate[:, 0].var(ddof=1) / draws, champion[:, 0].var(ddof=1) / draws, means[1:].var(ddof=1)])
    freedom = np.array([draws - 1, draws - 1, resamples - 1])
    total = float(parts.sum())
    half = 0.0
    if total > 0:
        half = float(stats.t.ppf(1 - alpha / 2, total**2 / (parts**2 / freedom).sum())) * total**0.5
    difference = float(means[0])
    return {
        "candidate": float(candidate[:, 0].mean()),
        "champion": float(champion[:, 0].mean()),
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
    }
