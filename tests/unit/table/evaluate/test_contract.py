"""Synthetic rows against the contract."""

import pytest

from geratriz.table.data.table import Table
from geratriz.table.draft import suite_of
from geratriz.table.evaluate.contract import contract_violations
from geratriz.table.evaluate.trio import Trio
from tests.tables import mixed


@pytest.fixture(scope="module")
def table() -> Table:
    return mixed(200)


def test_rows_that_break_the_contract_are_counted_once(table: Table) -> None:
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


def test_a_table_keeps_the_contract_drafted_from_it_and_without_one_there_is_nothing_to_break(table: Table) -> None:
    trio = Trio(train=table, test=table, synthetic=table, suite=suite_of(table, "drafted"))
    score = contract_violations(trio)
    assert score is not None
    assert score.value == 0
    assert contract_violations(Trio(train=table, test=table, synthetic=table)) is None
