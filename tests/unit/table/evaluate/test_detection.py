"""Can synthetic rows be told from real ones."""

import numpy as np
import pandas as pd

from geratriz.table.data.table import Table
from geratriz.table.evaluate.detection import detection
from geratriz.table.evaluate.trio import Trio
from tests.tables import mixed


def test_fresh_real_rows_cannot_be_told_apart_and_the_interval_says_so() -> None:
    score = detection(Trio(train=mixed(1500, 1), test=mixed(1500, 2), synthetic=mixed(1500, 3)))
    assert score.value > 0.9
    assert score.high > 0.97


def test_columns_drawn_independently_are_told_apart() -> None:
    real, rng = mixed(1500, 3), np.random.default_rng(0)
    shuffled = {name: real.frame[name].iloc[rng.permutation(len(real))].array for name in real.frame}
    synthetic = Table(pd.DataFrame(shuffled), real.schema)
    score = detection(Trio(train=mixed(1500, 1), test=mixed(1500, 2), synthetic=synthetic))
    assert score.high < 0.3


def test_the_column_that_gives_the_rows_away_is_named_first() -> None:
    other = mixed(1000, 3)
    frame = other.frame.assign(weight=other.frame["weight"] + np.float32(40))
    score = detection(Trio(train=mixed(1000, 1), test=mixed(1000, 2), synthetic=Table(frame, other.schema)))
    assert score.value < 0.05
    assert next(iter(score.detail["columns"])) == "weight"
    assert score.detail["auc"] > 0.97


def test_missing_cells_give_rows_away_too() -> None:
    other = mixed(1000, 3)
    frame = other.frame.assign(note=other.frame["note"].fillna("no"), rating=other.frame["rating"].fillna(3))
    score = detection(Trio(train=mixed(1000, 1), test=mixed(1000, 2), synthetic=Table(frame, other.schema)))
    assert score.value < 0.7


def test_two_rows_say_nothing_and_the_interval_is_everything() -> None:
    table = Table.from_frame(pd.DataFrame({"x": [1.5, 2.0]}))
    score = detection(Trio(train=table, test=table, synthetic=table))
    assert (score.low, score.high) == (0, 1)
