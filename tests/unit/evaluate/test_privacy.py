"""Copies, nearness and the attack on membership."""

import numpy as np
import pandas as pd
import pytest

from geratriz.data.draft import draft
from geratriz.data.table import Table
from geratriz.evaluate.base import EvaluateConfig, Trio
from geratriz.evaluate.privacy import contract_violations, copy_rate, dcr_share, mia_auc
from tests.tables import mixed


@pytest.fixture(scope="module")
def parts() -> dict[str, Table]:
    return {name: mixed(rows, seed) for seed, (name, rows) in enumerate(
        {"train": 3000, "test": 2000, "fresh": 3000}.items()
    )}  # fmt: skip


def leaking(parts: dict[str, Table], share: float) -> Trio:
    """Synthetic rows of which ``share`` are training rows, the others fresh."""
    copies = round(share * len(parts["fresh"]))
    chosen = np.random.default_rng(0).permutation(len(parts["train"]))[:copies]
    frame = pd.concat([parts["train"].frame.iloc[chosen], parts["fresh"].frame.iloc[copies:]], ignore_index=True)
    return Trio(train=parts["train"], test=parts["test"], synthetic=Table(frame, parts["train"].schema))


def test_the_attack_is_worth_nothing_against_fresh_rows(parts: dict[str, Table]) -> None:
    score = mia_auc(leaking(parts, 0.0))
    assert score.low < 0.5 < score.high


@pytest.mark.parametrize(("share", "least"), [(0.1, 0.52), (0.5, 0.65), (1.0, 0.9)])
def test_the_attack_finds_copied_training_rows(parts: dict[str, Table], share: float, least: float) -> None:
    score = mia_auc(leaking(parts, share))
    assert score.value > least
    assert score.low > 0.5


def test_the_attack_finds_training_rows_with_a_little_noise(parts: dict[str, Table]) -> None:
    copied = leaking(parts, 1.0)
    noise = np.random.default_rng(0).normal(scale=0.05, size=len(copied.synthetic))
    frame = copied.synthetic.frame.assign(price=copied.synthetic.frame["price"] + noise)
    assert mia_auc(Trio(train=copied.train, test=copied.test, synthetic=Table(frame, copied.train.schema))).low > 0.7


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_copy_rate_is_the_share_of_copies(parts: dict[str, Table], share: float) -> None:
    score = copy_rate(leaking(parts, share))
    assert score.low <= score.value <= score.high
    assert score.value == pytest.approx(share, abs=0.03)


def test_a_copy_under_a_new_id_is_a_copy_and_a_repeat_among_synthetic_rows_is_none(parts: dict[str, Table]) -> None:
    train = parts["train"]
    renumbered = Table(train.frame.assign(number=train.frame["number"] + 10_000), train.schema)
    assert copy_rate(Trio(train=train, test=parts["test"], synthetic=renumbered)).value == 1
    repeated = parts["fresh"].take(np.zeros(500, dtype=int))
    assert copy_rate(Trio(train=train, test=parts["test"], synthetic=repeated)).value == 0


def test_copies_are_found_in_the_whole_training_table_not_in_a_cut_of_it(parts: dict[str, Table]) -> None:
    few = parts["train"].take(slice(2900, 3000))
    trio = Trio(train=parts["train"], test=parts["test"], synthetic=few, config=EvaluateConfig(max_rows=50))
    assert copy_rate(trio).value == 1


def test_fresh_rows_are_as_near_to_training_rows_as_to_test_rows_and_copies_nearer(parts: dict[str, Table]) -> None:
    score = dcr_share(leaking(parts, 0.0))
    assert score.low < 0.5 < score.high
    copies = Trio(train=parts["train"], test=parts["test"], synthetic=parts["train"])
    assert dcr_share(copies).low > 0.6


def test_rows_as_near_to_both_count_half() -> None:
    table = Table.from_frame(pd.DataFrame({"x": [1.5, 2.5, 3.0] * 20}))
    assert dcr_share(Trio(train=table, test=table, synthetic=table)).value == 0.5


def test_rows_that_break_the_contract_are_counted_once(parts: dict[str, Table]) -> None:
    table = parts["train"].take(slice(0, 200))
    suite = {
        "name": "prices",
        "expectations": [
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "min_value": 0}},
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "size", "min_value": 0}},
        ],
    }
    frame = table.frame.copy()
    frame.loc[:19, ["price", "size"]] = -1
    trio = Trio(train=table, test=table, synthetic=Table(frame, table.schema), suite=suite)
    score = contract_violations(trio)
    assert score is not None
    assert score.value == pytest.approx(0.1)
    assert score.detail["report"]["violating_rows"] == 20


def test_a_table_keeps_the_contract_drafted_from_it_and_without_one_there_is_nothing_to_break(
    parts: dict[str, Table],
) -> None:
    table = parts["train"].take(slice(0, 200))
    trio = Trio(train=table, test=table, synthetic=table, suite=draft(table, "drafted"))
    score = contract_violations(trio)
    assert score is not None
    assert score.value == 0
    assert contract_violations(Trio(train=table, test=table, synthetic=table)) is None
