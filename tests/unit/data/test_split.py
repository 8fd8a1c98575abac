"""Rows are divided by what they hold."""

import numpy as np
import pandas as pd
import pytest

from geratriz import config
from geratriz.data.split import PARTS, SplitConfig, row_hashes, split
from geratriz.data.table import Table
from geratriz.errors import ConfigError, DataError
from tests.tables import mixed


def sides(frame: pd.DataFrame) -> dict[int, str]:
    parts = split(Table.from_frame(frame), SplitConfig())
    return {number: name for name, part in parts.items() for number in part.frame["number"]}


def test_shares_are_kept_and_every_row_is_in_one_part() -> None:
    parts = split(mixed(10000), SplitConfig())
    assert tuple(parts) == PARTS
    assert len(parts["train"]) == pytest.approx(8000, abs=150)
    assert len(parts["fresh"]) == pytest.approx(1000, abs=120)
    assert sorted(pd.concat([part.frame for part in parts.values()])["number"]) == list(range(1, 10001))


def test_no_row_changes_side_when_rows_are_added_or_moved() -> None:
    frame = mixed(500).frame
    more = pd.concat([mixed(300, seed=1).frame.assign(number=lambda f: f["number"] + 1000), frame.iloc[::-1]])
    before, after = sides(frame), sides(more)
    assert all(after[number] == side for number, side in before.items())


def test_equal_rows_are_told_apart_by_their_number() -> None:
    frame = pd.DataFrame({"x": [1] * 1000, "y": ["a"] * 1000})
    parts = split(Table.from_frame(frame), SplitConfig())
    assert len(parts["train"]) == pytest.approx(800, abs=60)


def test_a_hash_depends_on_values_and_not_on_dtype_or_column_order() -> None:
    frame = pd.DataFrame({"n": [1, 2], "w": ["a", None]})
    same = pd.DataFrame({"w": pd.Categorical(["a", None]), "n": [1.0, 2.0]})
    assert np.array_equal(row_hashes(frame), row_hashes(same))
    assert row_hashes(frame)[0] != row_hashes(frame.assign(n=[2, 1]))[0]


def test_hashes_are_the_same_on_every_machine() -> None:
    frame = pd.DataFrame({"n": [1, -7], "w": ["a", None], "d": pd.to_datetime(["2024-01-01", "2024-06-01"])})
    assert row_hashes(frame).tolist() == [16524205022199963650, 18330963254025810715]


def test_a_part_without_rows_is_refused() -> None:
    with pytest.raises(DataError, match="is empty"):
        split(mixed(3), SplitConfig())


@pytest.mark.parametrize("shares", [{"train": 0.9}, {"train": 1.0, "fresh": 0.0, "test": 0.0}, {"by": "dice"}])
def test_shares_that_make_no_sense_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"data\.split"):
        config.load(SplitConfig, shares, "data.split")
