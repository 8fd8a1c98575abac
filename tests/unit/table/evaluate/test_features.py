"""One encoding for all sides."""

import numpy as np
import pandas as pd
import pytest

from geratriz.errors import DataError
from geratriz.table.data.table import Table
from geratriz.table.evaluate.features import MAX_LEVELS, encode
from tests.tables import mixed


def test_ids_are_left_out_and_the_rest_keeps_its_order() -> None:
    table = mixed(100)
    (features,) = encode([table])
    assert features.names == tuple(name for name in table.schema.names if name != "number")
    kinds = dict(zip(features.names, features.categorical, strict=True))
    assert kinds == {
        "group": True,
        "size": False,
        "price": False,
        "weight": False,
        "sold": True,
        "day": False,
        "rating": False,
        "note": True,
    }


def test_a_category_has_one_code_on_every_side_and_missing_has_none() -> None:
    sides = [["a", "b", None], ["b", "new", "a"]]
    tables = [Table.from_frame(pd.DataFrame({"word": side})) for side in sides]
    first, second = (side.values[:, 0] for side in encode(tables))
    assert first[0] == second[2]
    assert first[1] == second[0]
    assert np.isnan(first[2])
    assert len({*first[:2], *second}) == 3


def test_a_category_that_is_a_number_is_the_same_in_every_dtype() -> None:
    frames = [
        pd.DataFrame({"code": [1, 2, 3]}),
        pd.DataFrame({"code": [1.0, 2.0, np.nan]}),
        pd.DataFrame({"code": pd.Categorical([1, 2, None])}),
        pd.DataFrame({"code": pd.array([1, 2, None], dtype="Int64")}),
    ]
    tables = [Table.from_frame(frame, overrides={"code": "category"}) for frame in frames]
    codes = [side.values[:2, 0].tolist() for side in encode(tables)]
    assert codes == [codes[0]] * 4


def test_trees_get_no_more_levels_than_they_take_and_the_commonest_keep_theirs() -> None:
    words = [f"w{i}" for i in range(400)] + ["common"] * 5
    (features,) = encode([Table.from_frame(pd.DataFrame({"word": words}))])
    capped = features.for_trees()
    assert capped.max() == MAX_LEVELS - 1
    assert features.values.max() == 400
    assert (capped[-5:] == 0).all()


def test_a_table_of_ids_alone_cannot_be_judged() -> None:
    table = Table.from_frame(pd.DataFrame({"number": range(100)}))
    with pytest.raises(DataError, match="no column but ids"):
        encode([table])
