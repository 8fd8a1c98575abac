"""The verdict of all attacks: a copier is called a leak, fresh rows and independent columns are not."""

from typing import Any

import pytest
from geratriz.table.evaluate.privacy import ATTACKS

from geratriz.scoring.verdict import Privacy, PrivacyLimits, judge_privacy
from geratriz.table.evaluate import suite
from geratriz.table.evaluate.trio import Trio
from tests.unit.table.evaluate.trios import trio


def verdict(given: Trio) -> Privacy:
    scores = {attack.name: attack.compute(given) for attack in ATTACKS}
    measured = {name: score for name, score in scores.items() if score is not None}
    none = suite.Landmarks(rows=given.size, floor={}, ceiling={})
    return judge_privacy(suite.metrics_json(measured, none), PrivacyLimits())


@pytest.mark.parametrize("seed", range(20))
def test_fresh_real_rows_and_independent_columns_are_never_called_a_leak(seed: int) -> None:
    assert verdict(trio(seed, rows=4000)).outcome != "leak"
    assert verdict(trio(seed, independent=True, rows=4000)).outcome != "leak"


def test_fresh_real_rows_and_independent_columns_pass() -> None:
    assert verdict(trio(0)).outcome == "passed"
    assert verdict(trio(0, independent=True)).outcome == "passed"


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("others", [{}, {"independent": True}])
def test_a_generator_that_copies_is_called_a_leak(share: float, seed: int, others: dict[str, Any]) -> None:
    found = verdict(trio(seed, copied=share, **others))
    assert found.outcome == "leak"
    assert any(reason.startswith("copy_excess") and reason.endswith(": a leak.") for reason in found.objections)


@pytest.mark.parametrize(("share", "noise"), [(0.02, 0.001), (0.1, 0.01), (0.2, 0.05)])
def test_noise_on_the_numbers_does_not_hide_a_copier(share: float, noise: float) -> None:
    assert verdict(trio(1, copied=share, noise=noise)).outcome == "leak"


def test_a_few_rows_prove_nothing_either_way() -> None:
    found = verdict(trio(rows=300))
    assert found.outcome == "unproven"
    assert "too little was examined" in found.sentence


def test_without_unseen_rows_there_is_no_verdict() -> None:
    found = verdict(trio(rows=30))
    assert found.outcome == "unproven"
    assert any("mia_auc was not measured" in reason for reason in found.reasons)
