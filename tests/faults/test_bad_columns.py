"""Columns that say nothing, too much or two things: they simply work, or one error says what to do."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from geratriz.errors import ConfigError, DataError
from geratriz.table.data.levels import MAX_CATEGORIES
from geratriz.table.data.table import Table, read_frame
from geratriz.table.generators.independent import Independent
from tests.faults.conftest import Command

RNG = np.random.default_rng(0)
NUMBER, WORD = RNG.normal(size=60), list("ab") * 30
CELL = pd.DataFrame({"x": [1.5]})
STRANGE = pd.DataFrame(
    {"gr\xf6\xdfe": NUMBER, "\u540d\u524d": WORD, "a b": WORD, 'q"uote, comma': NUMBER, "\U0001f600": 1}
)
WORKING = {
    "one column": pd.DataFrame({"x": NUMBER}),
    "nothing at all": pd.DataFrame({"n": [np.nan] * 60, "o": [None] * 60}),
    "empty columns": pd.DataFrame({"x": NUMBER, "n": np.nan, "o": None, "t": pd.NaT}).astype({"o": "str"}),
    "constants": pd.DataFrame(
        {"f": 1.5, "i": 7, "w": "a", "b": True, "d": pd.Timestamp("2024-01-01")}, index=range(60)
    ),
    "Unicode": STRANGE.assign(**{"\U0001f600": ["\xe9", "\u6f22 \U0001f600"] * 30}),
    "keys beyond 2^53": pd.DataFrame({"k": [2**63 - 1, -(2**63)] * 30, "x": NUMBER}),
}


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("name", WORKING)
def test_it_is_fitted_sampled_and_judged(
    name: str, ending: str, brief_metrics: None, tmp_path: Path, works: Command
) -> None:
    frame = WORKING[name]
    real, rows = tmp_path / f"real.{ending}", tmp_path / f"rows.{ending}"
    Table.from_frame(frame).write(real)
    works("fit", real, "--kind", "independent", "-o", tmp_path / "model")
    works("sample", tmp_path / "model", "-n", 50, "-o", rows)
    assert list(read_frame(rows)) == list(frame)
    if len(frame) > 1:
        works("evaluate", "--train", real, "--test", real, "--synthetic", rows, "-o", tmp_path / "report")
        assert (tmp_path / "report" / "index.html").exists()


@pytest.mark.parametrize("frame", [CELL, CELL.assign(w="a", b=True, d=pd.Timestamp("2024-01-01"), n=None)])
def test_one_row_is_too_few_to_learn_from(frame: pd.DataFrame, tmp_path: Path, refused: Command) -> None:
    Table.from_frame(frame).write(tmp_path / "rows.parquet")
    said = refused("fit", tmp_path / "rows.parquet", "--kind", "independent", "-o", tmp_path / "model")
    assert "the table has 1 rows, and a value of 'x' is learnt only if 5 share it" in said


def test_one_row_is_too_few_to_judge_by(tmp_path: Path, refused: Command) -> None:
    Table.from_frame(CELL).write(tmp_path / "rows.csv")
    sides = [word for side in ("train", "test", "synthetic") for word in (f"--{side}", tmp_path / "rows.csv")]
    assert "the test table has 1 row; at least two are needed" in refused("evaluate", *sides, "-o", tmp_path / "report")


def test_whole_numbers_beyond_2_53_come_back_exactly_or_anew() -> None:
    some = Table.from_frame(pd.DataFrame({"k": [2**63 - 1, -(2**63), 2**53 + 1] * 30, "x": NUMBER.repeat(2)[:90]}))
    drawn = Independent.fit(some, seed=0).sample(200, seed=0).frame["k"]
    assert set(drawn) == {2**63 - 1, -(2**63), 2**53 + 1}
    each = pd.DataFrame({"k": 10**17 + RNG.permutation(60), "x": NUMBER})
    assert Table.from_frame(each).schema["k"].kind == "id"
    with pytest.raises(DataError, match=r"'k' is declared integer but .* beyond 2\^53"):
        Table.from_frame(each, overrides={"k": "integer"})


TIMES = pd.timedelta_range("1h", periods=60)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([1, "a"] * 30, "values of several types: number, text. Make them one, for example with frame"),
        (pd.Categorical([1, "a"] * 30), "values of several types: number, text"),
        ([True, "no"] * 30, "values of several types: boolean, text"),
        ([(1, 2)] * 60, "holds a tuple in a cell"),
        ([pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01", tz="UTC")] * 30, "holds a Timestamp"),
        (["\ud800", "b"] * 30, "not valid Unicode"),
        (TIMES, r"is of type timedelta64.*Convert it to numbers, text, booleans or dates"),
        (pd.cut(NUMBER, 3), "is of type interval"),
        (NUMBER + 1j, "is of type complex128"),
        (NUMBER.astype(np.longdouble), "is of type float128"),
        (pd.arrays.SparseArray(NUMBER), "is of type Sparse"),
        ([0.5, np.inf] * 30, r"infinite value \(row 1\)"),
        (pd.Categorical([0.5, np.inf] * 30), "must be text, finite numbers"),
    ],
    ids=lambda each: type(each).__name__ if not isinstance(each, str) else "",
)
def test_a_frame_with_cells_that_no_table_holds_is_refused(cells: Any, message: str) -> None:
    column = pd.Series(cells, dtype=object if isinstance(cells, list) and isinstance(cells[1], str) else None)
    with pytest.raises(DataError, match=f"column 'x' .*{message}"):
        Independent.fit(Table.from_frame(pd.DataFrame({"x": column})), seed=0)


@pytest.mark.parametrize("name", ["", "  "])
def test_a_frame_with_a_column_without_a_name_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="column 2 has no name"):
        Table.from_frame(pd.DataFrame({"x": [1], name: [2]}))


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Names of which nearly each is another."""
    names = [f"person {i % 55}" for i in range(60)]
    pd.DataFrame({"name": names, "x": NUMBER}).to_csv(tmp_path / "people.csv", index=False)
    return tmp_path / "people.csv"


def test_texts_that_name_their_row_are_not_repeated_unless_they_may_be(
    people: Path, tmp_path: Path, works: Command, refused: Command
) -> None:
    fit = ("fit", people, "--kind", "independent", "-o", tmp_path / "model")
    said = refused(*fit)
    assert re.search(r"'name' holds 55 different texts in 60 rows: keys, names or free text.*data\.schema\.name", said)
    assert not re.search(r"person.?\d", said)  # an error goes into logs
    works(*fit, "--schema", "name=id")
    works("sample", tmp_path / "model", "-n", 50, "-o", tmp_path / "rows.csv")
    assert not set(read_frame(tmp_path / "rows.csv")["name"]) & set(read_frame(people)["name"])
    assert "no value of column 'name' is shared by 5 rows" in refused(*fit, "--schema", "name=category")
    works(*fit, "--schema", "name={kind: category, rare: 1}")
    works("sample", tmp_path / "model", "-n", 50, "-o", tmp_path / "rows.csv")
    assert set(read_frame(tmp_path / "rows.csv")["name"]) <= set(read_frame(people)["name"])


@pytest.mark.parametrize(
    ("declared", "message"),
    [("nam=id", "Did you mean 'name'"), ("name=ids", "Did you mean 'id'"), ("name", "expected NAME=VALUE")],
)
def test_a_declaration_that_is_wrong_names_the_right_one(
    declared: str, message: str, people: Path, tmp_path: Path, refused: Command
) -> None:
    assert message in refused("fit", people, "--kind", "independent", "-o", tmp_path / "model", "--schema", declared)


def test_categories_are_learnt_up_to_a_number_and_refused_beyond() -> None:
    codes = np.arange(250_000) % 50_000
    words = pd.DataFrame({"word": np.char.add("w", codes.astype(str)), "x": codes % 7})
    with pytest.raises(DataError, match=r"50,000 different values, more than the 20,000 .* groups.* to id"):
        Independent.fit(Table.from_frame(words, overrides={"word": "category"}), seed=0)
    some = Table.from_frame(words[codes < MAX_CATEGORIES])
    assert Independent.fit(some, seed=0).sample(1000, seed=0).frame["word"].isin(some.frame["word"]).all()


def test_a_kind_that_was_declared_is_kept_with_the_schema(tmp_path: Path) -> None:
    table = Table.from_frame(pd.DataFrame({"x": [1, 2]}), overrides={"x": "category"})
    table.schema.write(tmp_path / "schema.json")
    assert Table.from_frame(table.frame, schema=type(table.schema).read(tmp_path / "schema.json")).schema["x"].declared
    with pytest.raises(ConfigError, match="which is not a kind"):
        Table.from_frame(table.frame, overrides={"x": "word"})
