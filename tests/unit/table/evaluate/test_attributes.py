"""Guessing secrets: of members more than of strangers only where rows were copied."""

import numpy as np
import pandas as pd
import pytest

from geratriz.table.data.table import Table
from geratriz.table.evaluate.attributes import attribute_advantage
from geratriz.table.evaluate.trio import Trio
from tests.unit.table.evaluate.trios import trio


def test_fresh_rows_tell_of_members_no_more_than_of_strangers() -> None:
    score = attribute_advantage(trio())
    assert score is not None
    assert score.low < 0 < score.high


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_copies_tell_the_secrets_of_members(share: float) -> None:
    score = attribute_advantage(trio(copied=share))
    assert score is not None
    assert score.low > 0.6 * share
    town = next(each for each in score.detail["secrets"] if each["secret"] == "town")
    assert town["members"] > town["strangers"] + 0.6 * share
    assert town["holdout_members"] == pytest.approx(town["holdout_strangers"], abs=0.03)


def test_what_holds_for_everybody_is_no_secret() -> None:
    """A generator that knows the population perfectly tells the secret of members and strangers alike."""

    def table(seed: int) -> Table:
        x = np.random.default_rng(seed).integers(0, 6, 3000)
        return Table.from_frame(pd.DataFrame({"x": x, "double": 2 * x, "word": [f"w{each}" for each in x]}))

    score = attribute_advantage(Trio(train=table(0), test=table(1), synthetic=table(2)))
    assert score is not None
    assert score.value == pytest.approx(0, abs=1e-9)
    assert score.detail["secrets"][0]["members"] == 1


def test_missing_cells_are_told_too() -> None:
    given = trio(copied=1.0)
    sides = []
    for side in (given.train, given.test, given.synthetic):
        frame = side.frame.copy()
        frame["wage"] = frame["wage"].where(frame["age"] % 3 > 0)
        frame["town"] = frame["town"].where(frame["hours"] % 4 > 0)
        sides.append(Table(frame, given.train.schema))
    score = attribute_advantage(Trio(train=sides[0], test=sides[1], synthetic=sides[2]))
    assert score is not None
    assert score.low > 0.5


def test_one_column_has_no_secret_to_guess_from_others() -> None:
    table = Table.from_frame(pd.DataFrame({"x": np.arange(300) % 9}))
    assert attribute_advantage(Trio(train=table, test=table, synthetic=table)) is None
