"""Descriptions that fit one person."""

import pandas as pd
import pytest

from geratriz.table.data.table import Table
from geratriz.table.evaluate.singling import singling_out
from geratriz.table.evaluate.trio import Trio
from tests.unit.table.evaluate.trios import trio

pytestmark = pytest.mark.usefixtures("fewer_guesses")


def test_fresh_rows_single_out_members_no_more_than_strangers() -> None:
    score = singling_out(trio())
    assert score is not None
    assert score.low < 0 < score.high
    assert score.detail["guesses"] > 200
    assert score.detail["train"] == pytest.approx(score.detail["unseen"], abs=0.06)


def test_copies_single_members_out() -> None:
    few, all_of_them = (singling_out(trio(copied=share)) for share in (0.5, 1.0))
    assert few is not None
    assert all_of_them is not None
    assert few.low > 0
    assert few.value < all_of_them.low


def test_where_no_description_fits_one_row_nobody_is_singled_out() -> None:
    table = Table.from_frame(pd.DataFrame({"a": ["x", "y"] * 100, "b": [1, 1, 2, 2] * 50}))
    assert singling_out(Trio(train=table, test=table, synthetic=table)) is None
