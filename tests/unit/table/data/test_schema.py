"""What a column is: inferred, overridden, refused."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geratriz.errors import ConfigError, DataError
from geratriz.table.data.schema import Schema, infer
from tests.tables import mixed


def test_kinds_and_grids_are_read_off_the_values() -> None:
    kinds = {column.name: (column.kind, column.step) for column in mixed().schema.columns}
    assert kinds == {
        "number": ("id", None),
        "group": ("category", None),
        "size": ("integer", 1.0),
        "price": ("float", pytest.approx(0.01)),
        "weight": ("float", None),
        "sold": ("boolean", None),
        "day": ("datetime", 86400.0),
        "rating": ("integer", 1.0),
        "note": ("category", None),
    }


def test_whole_numbers_with_missing_values_are_integers_though_pandas_keeps_them_as_floats() -> None:
    schema = infer(pd.DataFrame({"x": [1.0, np.nan, 3.0]}))
    assert (schema["x"].kind, schema["x"].dtype) == ("integer", "float64")


def test_overrides_win_and_wrong_ones_name_the_nearest_right_ones() -> None:
    frame = mixed().frame
    assert infer(frame, overrides={"size": "category"})["size"].kind == "category"
    with pytest.raises(ConfigError, match="Did you mean 'price'"):
        infer(frame, overrides={"prise": "float"})
    with pytest.raises(ConfigError, match="Did you mean 'category'"):
        infer(frame, overrides={"price": "categorical"})
    with pytest.raises(DataError, match="declared integer but holds fractions"):
        infer(frame, overrides={"price": "integer"})
    with pytest.raises(DataError, match="cannot be read as such"):
        infer(frame, overrides={"note": "float"})


def test_a_target_that_is_not_there_is_refused() -> None:
    with pytest.raises(DataError, match="Did you mean 'sold'"):
        infer(mixed().frame, target="sole")


def test_doubled_names_and_infinite_values_are_refused() -> None:
    with pytest.raises(DataError, match="repeated: 'x'"):
        infer(pd.DataFrame([[1, 2]], columns=["x", "x"]))
    with pytest.raises(DataError, match=r"'x' holds an infinite value \(row 2\)"):
        infer(pd.DataFrame({"x": [1.0, 2.5, np.inf]}))


def test_json_brings_a_schema_back(tmp_path: Path) -> None:
    schema = mixed().schema
    schema.write(tmp_path / "schema.json")
    assert Schema.read(tmp_path / "schema.json") == schema


def test_short_floats_are_on_a_grid_only_if_they_are_its_nearest_numbers() -> None:
    drawn = np.random.default_rng(0).normal(3, 0.1, 60).astype(np.float32)
    assert infer(pd.DataFrame({"x": drawn}))["x"].step is None
    assert infer(pd.DataFrame({"x": drawn.round(3)}))["x"].step == pytest.approx(0.001)


def test_a_grid_is_not_finer_than_the_numbers_are() -> None:
    assert infer(pd.DataFrame({"x": np.array([-1743423.875, 1511158.5], dtype=np.float32)}))["x"].step is None
    assert infer(pd.DataFrame({"x": np.array([12345.67, 0.5], dtype=np.float32)}))["x"].step == pytest.approx(0.01)
    assert infer(pd.DataFrame({"x": [1e10 + 1 / 3, 2e10 + 1 / 7]}))["x"].step is None
    assert infer(pd.DataFrame({"x": [1e10 + 0.25, 2e10]}))["x"].step == pytest.approx(0.01)


def test_numbers_whose_squares_overflow_are_refused_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match=r"1.7e\+308, which is too large, \(row 0\)"):
            infer(pd.DataFrame({"x": [1.7e308, -1.7e308]}))
        largest = np.finfo(np.float32).max  # its square does not, in the double precision that all is computed in
        assert infer(pd.DataFrame({"x": np.array([0, largest], dtype=np.float32)}))["x"].step == 1


@pytest.mark.parametrize(("words", "kind"), [(["4", "5"], "integer"), (["2024-01-01", "2024-02-01"], "datetime")])
def test_categories_of_text_are_no_numbers(words: list[str], kind: str) -> None:
    with pytest.raises(DataError, match=rf"'x' is a pandas category of text and declared {kind}. Convert it"):
        infer(pd.DataFrame({"x": pd.Categorical(words * 30)}), overrides={"x": kind})


def test_a_declaration_may_say_more_than_a_kind() -> None:
    frame = pd.DataFrame({"city": ["Rome", "Oslo"] * 3, "who": ["Ann", "Bo"] * 3})
    schema = infer(frame, overrides={"city": {"rare": 1}, "who": {"kind": "personal", "form": "name"}})
    assert (schema["city"].kind, schema["city"].rare, schema["city"].declared) == ("category", 1, False)
    assert (schema["who"].kind, schema["who"].form) == ("personal", "name")
    assert [column.name for column in schema.learnt] == ["city"]
    assert Schema.from_json(schema.to_json()) == schema


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"knd": "id"}, "kind"),
        ({"rare": 0}, "at least 1"),
        ({"kind": "category", "form": "name"}, "personal"),
        ({"kind": "persnal"}, "personal"),
    ],
)
def test_a_wrong_declaration_says_what_is_wrong(said: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        infer(pd.DataFrame({"city": ["Rome"]}), overrides={"city": said})
