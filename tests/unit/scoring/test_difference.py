"""Candidate and champion: what intervals of their differences come to, and what is said of it."""

from typing import Any

import numpy as np
import pytest

from geratriz.scoring import words
from geratriz.scoring.difference import Comparison, difference
from geratriz.scoring.verdict import Gate, check_metrics
from tests.attack_metrics import LIMITS, attacked


def figure(low: float, high: float, better: str = "higher") -> dict[str, Any]:
    middle = (low + high) / 2
    ends = {"low": low, "high": high, "better": better}
    return {"candidate": 0.5 + middle, "champion": 0.5, "difference": middle, **ends}


@pytest.mark.parametrize(
    ("figures", "outcome"),
    [
        ([figure(0.01, 0.05)], "better"),
        ([figure(-0.01, 0.05)], "equal"),
        ([figure(0.0, 0.0)], "equal"),
        ([figure(-0.05, -0.01)], "worse"),
        ([figure(-0.05, -0.01, "lower")], "better"),
        ([figure(0.01, 0.05, "lower")], "worse"),
        ([figure(0.01, 0.05), figure(-0.01, 0.05)], "better"),
        ([figure(0.01, 0.05), figure(-0.05, -0.01)], "worse"),
        ([], "equal"),
    ],
)
def test_intervals_say_better_equal_or_worse_and_one_worse_metric_is_enough(figures: Any, outcome: str) -> None:
    found = Comparison.of({f"metric {i}": each for i, each in enumerate(figures)})
    assert found.outcome == outcome
    assert words.compared(found)[-1] == (
        f"On the same held-out rows it is {outcome} {'to' if outcome == 'equal' else 'than'} the champion."
    )


def test_a_comparison_gives_the_figures_of_each_metric_and_says_what_comes_of_it() -> None:
    found = Comparison.of({"detection": figure(-0.05, -0.01)})
    assert words.compared(found) == (
        "detection is 0.470, the champion's 0.500, a difference of -0.030 (-0.050 to -0.010): worse, refused.",
        "On the same held-out rows it is worse than the champion.",
    )
    assert set(found.figures) == {"detection"}


def test_without_a_champion_or_one_that_can_be_judged_the_gates_are_said_to_decide_alone() -> None:
    gates = {"detection": Gate(min=0.1)}
    entry = {"value": 0.6, "low": 0.59, "high": 0.61, "better": "higher"}
    verdict = check_metrics({**attacked(), "detection": entry}, gates, LIMITS)
    alone = words.promotion(verdict, None)
    assert alone == (*words.reasons(verdict), "There is no champion to compare with.")
    unjudged = Comparison.impossible("its columns are others.")
    assert unjudged.outcome == "unjudged"
    reasons = words.promotion(verdict, unjudged)
    assert reasons[:-1] == words.reasons(verdict)
    assert "its columns are others. The gates alone decide." in reasons[-1]


def test_the_more_metrics_there_are_the_wider_each_interval_is() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.normal(size=(5, 51)) for _ in range(2))
    widths = [found["high"] - found["low"] for found in (difference(one, other, 0.05 / count) for count in (1, 4))]
    assert widths[1] > 1.2 * widths[0]
