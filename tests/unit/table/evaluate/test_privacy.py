"""The verdict of all attacks: a copier is called a leak, fresh rows and independent columns are not.

A verdict takes seconds: five of them prove it here, and `make test-thorough` the same over many seeds and copiers.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from geratriz.scoring import words
from geratriz.scoring.content import metrics_json
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.metric import measure
from geratriz.scoring.verdict import Verdict, check_metrics
from geratriz.table.evaluate import singling
from geratriz.table.evaluate.suite import METRICS
from geratriz.table.evaluate.trio import Trio
from tests.attack_metrics import LIMITS
from tests.unit.table.evaluate.trios import trio


@pytest.fixture
def fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the guesses of the attack that takes longest."""
    monkeypatch.setattr(singling, "MAX_GUESSES", 20_000)


def verdict(given: Trio) -> Verdict:
    none = Landmarks(rows=given.size, floor={}, ceiling={})
    return check_metrics(metrics_json(measure(LIMITS, given), none, METRICS), None, LIMITS)


@pytest.mark.usefixtures("fewer")
@pytest.mark.parametrize("others", [{}, {"independent": True}])
def test_fresh_real_rows_and_independent_columns_pass(others: Mapping[str, Any]) -> None:
    assert verdict(trio(**others)).privacy == "passed"


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("others", [{}, {"independent": True}])
def test_they_are_never_called_a_leak(seed: int, others: Mapping[str, Any]) -> None:
    assert verdict(trio(seed, **others)).privacy != "leak"


def leaks_copies(given: Trio) -> bool:
    found = verdict(given)
    return found.privacy == "leak" and found.of("copy_excess", "attack")[0].outcome == "leak"


@pytest.mark.usefixtures("fewer")
def test_a_generator_that_copies_one_row_in_a_hundred_is_called_a_leak() -> None:
    assert leaks_copies(trio(copied=0.01, independent=True))


@pytest.mark.thorough
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("others", [{}, {"independent": True}])
def test_so_is_any_that_copies(share: float, seed: int, others: Mapping[str, Any]) -> None:
    assert leaks_copies(trio(seed, copied=share, rows=6000, **others))


NOISY = [(0.02, 0.001), (0.1, 0.01), (0.2, 0.05)]


@pytest.mark.parametrize(
    ("share", "noise", "rows"),
    [(*NOISY[0], 2000), *(pytest.param(*each, 6000, marks=pytest.mark.thorough) for each in NOISY)],
)
def test_noise_on_the_numbers_does_not_hide_a_copier(share: float, noise: float, rows: int) -> None:
    assert verdict(trio(1, copied=share, noise=noise, rows=rows)).privacy == "leak"


@pytest.mark.usefixtures("fewer")
def test_a_few_rows_prove_nothing_either_way() -> None:
    found = verdict(trio(rows=300))
    assert found.privacy == "unproven"
    assert words.privacy(found).startswith("Privacy: not proved. No leak is certain")


@pytest.mark.usefixtures("fewer")
def test_without_unseen_rows_there_is_no_verdict() -> None:
    found = verdict(trio(rows=30))
    assert found.privacy == "unproven"
    assert any("mia_auc was not measured" in reason for reason in words.objections(found))
