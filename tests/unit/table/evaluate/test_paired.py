"""Two generators on the same held-out rows: a difference where there is one, and none where there is not."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from geratriz.scoring.difference import DRAWS
from geratriz.table.data.table import Table
from geratriz.table.evaluate.detection import detection
from geratriz.table.evaluate.fidelity import shape_error
from geratriz.table.evaluate.paired import compare
from geratriz.table.evaluate.trends import trend_error
from geratriz.table.evaluate.trio import EvaluateConfig, Trio
from geratriz.table.evaluate.utility import utility
from tests.tables import mixed

SCHEMA = mixed(2000, seed=99).schema
QUICK = EvaluateConfig(bootstrap=50)
TEST = Table.from_frame(mixed(300, seed=7).frame, schema=SCHEMA)


def drawn(seed: int, *, wrong: float = 0.0, rows: int = 300) -> list[Table]:
    """What a generator draws that gets a share of the prices wrong."""
    tables = []
    for number in range(DRAWS):
        frame = mixed(rows, seed=1000 * seed + number).frame
        rng = np.random.default_rng(seed)
        chosen = rng.random(rows) < wrong
        frame.loc[chosen, "price"] = rng.permutation(frame["price"].to_numpy())[chosen]
        tables.append(Table.from_frame(frame, schema=SCHEMA))
    return tables


def calls(figures: dict[str, dict[str, Any]]) -> Counter[str]:
    def word(found: dict[str, Any]) -> str:
        if found["low"] <= 0 <= found["high"]:
            return "equal"
        return "better" if (found["low"] > 0) == (found["better"] == "higher") else "worse"

    return Counter(word(each) for each in figures.values())


@pytest.mark.parametrize("seed", [10, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in (20, 30))])
@pytest.mark.parametrize("wrong", [0.0, 0.3])
def test_generators_of_the_same_distribution_are_equal_whatever_they_happened_to_draw(wrong: float, seed: int) -> None:
    """Two seconds a comparison: each side is drawn five times, and classifiers look at every draw."""
    found = compare(drawn(seed, wrong=wrong), drawn(seed + 1, wrong=wrong), TEST, QUICK)
    assert calls(found) == {"equal": 4}


def test_a_generator_that_broke_is_worse_and_the_other_way_round_better() -> None:
    """Two comparisons of a second each, one in each direction."""
    good, broken = drawn(1)[:3], drawn(2, wrong=0.6)[:3]
    worse, better = compare(broken, good, TEST, QUICK), compare(good, broken, TEST, QUICK)
    assert calls(worse)["worse"] >= 2 and not calls(worse)["better"]
    assert calls(better)["better"] >= 2 and not calls(better)["worse"]
    assert worse["detection"]["difference"] == pytest.approx(-better["detection"]["difference"])


def test_the_same_rows_differ_by_nothing() -> None:
    found = compare(drawn(1, rows=100)[:2], drawn(1, rows=100)[:2], TEST, QUICK)
    assert all(each["difference"] == 0 and each["low"] <= 0 <= each["high"] for each in found.values())


def test_the_values_are_those_that_evaluate_gives() -> None:
    table = drawn(1, wrong=0.3)[0]
    found = compare([table] * 2, drawn(3)[:2], TEST, QUICK)
    trio = Trio(train=TEST, test=TEST, synthetic=table, config=QUICK)
    for metric in (detection, shape_error, trend_error, utility):
        score = metric(trio)
        assert score is not None
        assert found[metric.__name__]["candidate"] == pytest.approx(score.value, rel=1e-6), metric


def test_what_makes_no_sense_for_the_data_is_left_out() -> None:
    frame = mixed(200, 1).frame
    one = Table.from_frame(frame[["price"]])
    others = [Table.from_frame(mixed(200, seed).frame[["price"]], schema=one.schema) for seed in (2, 3, 4, 5)]
    assert set(compare(others[:2], others[2:], one, QUICK)) == {"detection", "shape_error"}
