"""What only generators of tables promise, held for every one of their catalog: columns, cells, conditions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from geratriz.errors import RequestError
from geratriz.table.data.table import Table
from geratriz.table.generators.base import BLOCK
from tests.domain_examples import Case, cases, fitted
from tests.tables import mixed


@pytest.fixture(scope="module", params=cases("table"))
def case(request: pytest.FixtureRequest) -> Case:
    return fitted(*request.param)


@pytest.fixture(scope="module")
def sample(case: Case) -> pd.DataFrame:
    return case.generator.sample(2000, seed=1).frame


def test_a_sample_has_the_columns_and_dtypes_of_the_training_data(case: Case, sample: pd.DataFrame) -> None:
    assert sample.dtypes.equals(case.data.frame.dtypes)
    assert list(sample) == list(case.data.frame)


def test_values_stay_inside_what_was_seen(case: Case, sample: pd.DataFrame) -> None:
    real = case.data.frame
    for name in ("size", "price", "weight", "day", "rating"):
        assert sample[name].min() >= real[name].min()
        assert sample[name].max() <= real[name].max()
    for name in ("group", "note"):
        assert set(sample[name].dropna()) <= set(real[name].dropna())
    assert np.array_equal(sample["price"], sample["price"].round(2))
    assert (sample["day"].dt.normalize() == sample["day"]).all()


def test_missing_values_come_where_they_were_and_nowhere_else(case: Case, sample: pd.DataFrame) -> None:
    seen, drawn = case.data.frame.isna().mean(), sample.isna().mean()
    assert (drawn[seen == 0] == 0).all()
    assert (drawn[seen > 0] > 0).all()


def test_ids_are_issued_anew_and_go_on_from_block_to_block(case: Case) -> None:
    numbers = case.generator.sample(BLOCK + 10, seed=1).frame["number"]
    assert numbers.tolist() == list(range(1, BLOCK + 11))


def test_other_seeds_give_other_values_and_not_only_other_ids(case: Case) -> None:
    first, second = (case.generator.sample(200, seed=seed).frame.drop(columns="number") for seed in (1, 2))
    assert not first.equals(second)


def test_where_fixes_columns_and_leaves_the_rest_random(case: Case) -> None:
    price = float(case.data.frame["price"].sort_values().iloc[150])
    where: Mapping[str, Any] = {"group": "c", "price": price, "rating": None}
    sample = case.generator.sample(300, seed=1, where=where).frame
    assert (sample["group"] == "c").all()
    assert (sample["price"] == price).all()
    assert sample["rating"].isna().all()
    assert sample["weight"].nunique() > 50


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"grup": "a"}, "Did you mean 'group'"),
        ({"group": "aa"}, "never seen"),
        ({"price": 1e9}, "outside the range"),
        ({"price": "dear"}, "the column is float"),
        ({"number": 3}, "'number', which the generator did not learn"),
        ({"price": None}, "missing 'price'"),
    ],
)
def test_a_condition_that_cannot_be_met_names_itself(case: Case, where: Mapping[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        case.generator.sample(3, seed=0, where=where)


def test_a_tiny_table_is_fitted_and_sampled(case: Case) -> None:
    tiny = mixed(30)
    sample = case.fit(data=tiny).sample(20, seed=0)
    assert sample.frame.dtypes.astype(str).equals(tiny.frame.dtypes.astype(str))  # categories may be too rare to stay


def test_one_column_is_a_table(case: Case) -> None:
    single = Table.from_frame(pd.DataFrame({"x": ["u", "v"] * 50}))
    assert set(case.fit(data=single).sample(50, seed=0).frame["x"]) == {"u", "v"}


def test_a_constant_and_an_empty_column_come_back_as_they_were(case: Case) -> None:
    frame = pd.DataFrame({"x": [1.5] * 80, "none": pd.Series([None] * 80, dtype="float64"), "y": [1, 2] * 40})
    sample = case.fit(data=Table.from_frame(frame)).sample(50, seed=0).frame
    assert (sample["x"] == 1.5).all()
    assert sample["none"].isna().all()
