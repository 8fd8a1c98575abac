"""Whether personal values of training rows stand in synthetic ones: exactly, whatever their dtype."""

import numpy as np
import pandas as pd
import pytest

from geratriz.table.data.table import Table
from geratriz.table.evaluate.personal import personal_overlap
from geratriz.table.evaluate.trio import Trio
from tests.personal_table import people

MANY = {"name": "personal", "mobile": "personal", "surname": "personal", "account": "personal"}


def trio(synthetic: pd.DataFrame, *, fresh: pd.DataFrame | None = None) -> Trio:
    train = Table.from_frame(people(200)[["name", "mobile", "surname", "account", "age"]], overrides=MANY)
    sides = [
        None if each is None else Table.from_frame(each[list(train.schema.names)], schema=train.schema)
        for each in (people(100, seed=1), fresh, synthetic)
    ]
    assert sides[0] is not None
    assert sides[2] is not None
    return Trio(train=train, test=sides[0], fresh=sides[1], synthetic=sides[2])


def nobody(rows: int = 50) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": [f"Nobody {i}" for i in range(rows)],
            "mobile": np.arange(rows),
            "surname": "Nobody",
            "account": pd.array([None] * rows, dtype="Int64"),
            "age": 30,
        }
    )


def test_rows_of_made_up_values_share_nothing_and_missing_is_no_value() -> None:
    score = personal_overlap(trio(nobody()))
    assert score is not None
    assert (score.value, score.low, score.high) == (0, 0, 0)
    assert set(score.detail["columns"]) == set(MANY)


@pytest.mark.parametrize("column", ["name", "mobile", "surname"])
def test_a_value_of_a_training_row_counts_in_other_letters_dtypes_and_spaces(column: str) -> None:
    real = people(200)[column].iloc[3]
    written = float(real) if column == "mobile" else f"  {real.upper()} "
    synthetic = nobody()
    synthetic[column] = synthetic[column].astype(object)
    synthetic.loc[:4, column] = written
    score = personal_overlap(trio(synthetic))
    assert score is not None
    assert score.value == score.low == score.high == pytest.approx(0.1)
    assert score.detail["columns"][column]["train"] == pytest.approx(0.1)


def test_a_row_counts_once_and_what_strangers_share_is_told_apart() -> None:
    synthetic, stranger = nobody(), people(100, seed=2).assign(name="Some Body")
    synthetic.loc[0, ["name", "mobile"]] = people(200).loc[0, ["name", "mobile"]]
    synthetic.loc[1:4, "name"] = "some body"
    score = personal_overlap(trio(synthetic, fresh=stranger))
    assert score is not None
    assert score.value == pytest.approx(1 / 50)
    assert score.detail["columns"]["name"]["unseen"] >= 4 / 50


def test_without_personal_columns_there_is_nothing_to_say() -> None:
    table = Table.from_frame(pd.DataFrame({"x": [1, 2, 3]}))
    assert personal_overlap(Trio(train=table, test=table, synthetic=table)) is None
