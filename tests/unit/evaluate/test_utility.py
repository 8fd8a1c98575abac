"""Is a model fitted on synthetic rows any good on real ones."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from geratriz.data.table import Table
from geratriz.evaluate import utility as module
from geratriz.evaluate.base import Score, Trio
from geratriz.evaluate.utility import utility, utility_real
from tests.tables import mixed


def aimed(rows: int, seed: int, target: str | None, **columns: object) -> Table:
    """`mixed` with another target, and columns replaced."""
    return Table.from_frame(mixed(rows, seed).frame.assign(**columns), target=target)


def trio(target: str | None, synthetic: Table, rows: int = 800) -> Trio:
    return Trio(train=aimed(rows, 1, target), test=aimed(rows, 2, target), synthetic=synthetic)


def measured(score: Score | None) -> Score:
    assert score is not None
    assert score.low <= score.value <= score.high
    return score


@pytest.mark.parametrize(
    ("target", "measure"),
    [("sold", "AUC"), ("group", "macro one-vs-rest AUC of 3 classes"), ("price", "R2"), ("day", "R2")],
)
def test_fresh_rows_teach_as_much_as_training_rows(target: str, measure: str) -> None:
    both = trio(target, aimed(800, 3, target))
    synthetic, real = measured(utility(both)), measured(utility_real(both))
    assert synthetic.detail["measure"] == real.detail["measure"] == measure
    assert synthetic.value == pytest.approx(real.value, abs=0.2)
    assert real.value > 0.6 or target == "day"  # nothing tells the day


@pytest.mark.parametrize("target", ["sold", "group", "price"])
def test_a_target_that_has_nothing_to_do_with_its_row_teaches_nothing(target: str) -> None:
    values = aimed(800, 3, target).frame[target]
    shuffled = values.iloc[np.random.default_rng(0).permutation(800)].array
    both = trio(target, aimed(800, 3, target, **{target: shuffled}))
    assert measured(utility(both)).value < measured(utility_real(both)).value - 0.15


def test_without_a_target_there_is_nothing_to_measure() -> None:
    assert utility(trio(None, aimed(100, 3, None))) is None
    assert utility_real(trio(None, aimed(100, 3, None))) is None


def test_a_class_the_synthetic_rows_never_show_is_left_to_chance() -> None:
    other = aimed(800, 3, "group")
    common = Table(other.frame[other.frame["group"] == "a"].reset_index(drop=True), other.schema)
    assert measured(utility(trio("group", common))).value == 0.5
    two = Table(other.frame[other.frame["group"] != "c"].reset_index(drop=True), other.schema)
    assert 0.6 < measured(utility(trio("group", two))).value < measured(utility(trio("group", other))).value


def test_rows_without_a_target_are_left_out() -> None:
    rng = np.random.default_rng(0)
    holed = {seed: mixed(800, seed).frame["price"].where(rng.random(800) > 0.3) for seed in (1, 2, 3)}
    tables = [aimed(800, seed, "price", price=price) for seed, price in holed.items()]
    both = Trio(train=tables[0], test=tables[1], synthetic=tables[2])
    assert measured(utility(both)).value > 0.6
    empty = aimed(800, 3, "price", price=np.full(800, np.nan))
    assert utility(trio("price", empty)) is None


def test_r2_is_scikit_learns_even_for_dates_in_seconds() -> None:
    rng = np.random.default_rng(0)
    truth = 1.7e9 + rng.normal(size=300)
    guess = truth + rng.normal(scale=0.5, size=300)
    found = module._r2((guess - truth) ** 2, truth, np.ones((1, 300), dtype=np.float32))
    assert found[0] == pytest.approx(r2_score(truth, guess), abs=1e-5)


def test_a_target_of_one_class_says_nothing() -> None:
    table = Table.from_frame(pd.DataFrame({"x": np.arange(60) / 7, "y": ["only"] * 60}), target="y")
    score = measured(utility(Trio(train=table, test=table, synthetic=table)))
    assert (score.low, score.high) == (0, 1)
