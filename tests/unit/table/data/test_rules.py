"""Row rules say of each row what Great Expectations says of it; what follows from other columns is filled in."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from geratriz import contract
from geratriz.errors import ConfigError, DataError
from geratriz.table.data.rules import Rules, not_enforced
from geratriz.table.data.table import Table


def expect(kind: str, **kwargs: Any) -> dict[str, Any]:
    return {"type": f"expect_{kind}", "kwargs": kwargs}


def suite_of(*expectations: dict[str, Any]) -> dict[str, Any]:
    return {"name": "rows", "expectations": list(expectations)}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Rows that break every rule below in some and keep it in others, with missing values wherever they can be."""
    rng = np.random.default_rng(0)
    rows = 120

    def gaps(values: Any) -> pd.Series:
        return pd.Series(values).where(rng.random(rows) > 0.2)

    return pd.DataFrame(
        {
            "low": gaps(rng.integers(0, 6, rows).astype(float)),
            "high": gaps(rng.integers(0, 6, rows).astype(float)),
            "whole": rng.integers(0, 6, rows),
            "nullable": pd.array(gaps(rng.integers(0, 6, rows).astype(float)), dtype="Int64"),
            "short": gaps(rng.integers(0, 6, rows)).astype("float32"),
            "city": gaps(rng.choice(["Porto", "Lisbon", "Faro"], rows)),
            "region": gaps(rng.choice(["north", "south"], rows)).astype(object),
            "kind": pd.Categorical(gaps(rng.choice(["a", "b"], rows)), categories=["a", "b", "never"]),
            "sold": rng.random(rows) < 0.5,
            "day": gaps(pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9, rows), unit="D")),
        }
    )


PAIRS = [["Porto", "north"], ["Lisbon", "south"], ["Faro", None], [None, "south"]]
COMPARED = {"column_A": "low", "column_B": "high"}
RULES = [
    *(expect("column_values_to_not_be_null", column=name) for name in ("low", "nullable", "city", "kind", "day")),
    expect("column_values_to_be_in_set", column="city", value_set=["Porto", "Faro"]),
    expect("column_values_to_be_in_set", column="kind", value_set=["a"]),
    expect("column_values_to_be_in_set", column="nullable", value_set=[1, 2]),
    expect("column_values_to_be_in_set", column="sold", value_set=[True]),
    expect("column_values_to_not_be_in_set", column="city", value_set=["Porto"]),
    expect("column_values_to_not_be_in_set", column="low", value_set=[1, 2.0]),
    expect("column_values_to_not_be_in_set", column="day", value_set=["2024-01-03"]),
    expect("column_values_to_be_between", column="low", min_value=2),
    expect("column_values_to_be_between", column="whole", max_value=4, strict_max=True),
    expect("column_values_to_be_between", column="nullable", min_value=1, max_value=4, strict_min=True),
    expect("column_values_to_be_between", column="short", min_value=1.5, max_value=4),
    expect("column_values_to_be_between", column="day", min_value="2024-01-03T00:00:00"),
    expect("column_values_to_match_regex", column="city", regex="^[PL]"),
    expect("column_values_to_match_regex", column="kind", regex="a"),
    expect("column_values_to_match_regex", column="whole", regex="[135]"),
    *(
        expect(f"column_pair_values_{kind}", **COMPARED, **rest, ignore_row_if=ignored)
        for ignored in ("both_values_are_missing", "either_value_is_missing", "neither")
        for kind, rest in (
            ("a_to_be_greater_than_b", {}),
            ("a_to_be_greater_than_b", {"or_equal": True}),
            ("to_be_equal", {}),
            ("to_be_in_set", {"value_pairs_set": [[1, 2], [3, 3], [None, 4], [5, None]]}),
        )
    ),
    expect("column_pair_values_to_be_in_set", column_A="city", column_B="region", value_pairs_set=PAIRS),
    expect("column_pair_values_a_to_be_greater_than_b", column_A="whole", column_B="high"),
    *(
        expect("multicolumn_sum_to_equal", column_list=["low", "high", "whole"], sum_total=8, ignore_row_if=ignored)
        for ignored in ("all_values_are_missing", "any_value_is_missing", "never")
    ),
]
CONDITIONS: list[Any] = [
    'city == "Porto"',
    'city != "Porto"',
    "whole > 2 and (low <= 3 or nullable in [1, 2])",
    "(whole > 2) & (low < 4) | sold",
    "not (whole in [1, 2])",
    "~sold",
    "1 < whole <= 4",
    "low == -1 or high > low",
    "low.isnull() and high.notna()",
    "`kind` == 'a'",
    'region not in ["north"]',
    'day > "2024-01-04"',
    {"type": "comparison", "column": {"name": "whole"}, "operator": "NOT_IN", "parameter": [1, 2]},
    {
        "type": "or",
        "conditions": [
            {"type": "comparison", "column": {"name": "city"}, "operator": "==", "parameter": "Faro"},
            {"type": "nullity", "column": {"name": "low"}, "is_null": True},
        ],
    },
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule['type'].removeprefix('expect_')}")
def test_a_rule_and_great_expectations_agree_on_every_row(frame: pd.DataFrame, rule: dict[str, Any]) -> None:
    assert_agreed(frame, rule)


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_so_do_conditions(frame: pd.DataFrame, condition: Any) -> None:
    for rule in (
        expect("column_values_to_be_between", column="high", max_value=2, row_condition=condition),
        expect("column_pair_values_to_be_equal", **COMPARED, row_condition=condition),
    ):
        assert_agreed(frame, rule)


@pytest.mark.parametrize("condition", ['col("whole") > 2', 'col("city") == "Porto"', 'col("low").notNull()'])
def test_so_does_the_older_way_to_write_them(frame: pd.DataFrame, condition: str) -> None:
    parser = {"row_condition": condition, "condition_parser": "great_expectations"}
    assert_agreed(frame, expect("column_values_to_be_between", column="high", max_value=2, **parser))


def assert_agreed(frame: pd.DataFrame, rule: dict[str, Any]) -> None:
    (held,) = Rules.of(suite_of(rule)).rules
    again = Rules.from_json(json.loads(json.dumps(Rules.of(suite_of(rule)).to_json())))
    kept = held.holds(frame)
    assert 0 < kept.sum() < len(frame), "a rule that says nothing here"
    # one row a suite would take minutes: rows that keep it alone, rows that break it alone
    keepers, breakers = contract.check(frame[kept], suite_of(rule)), contract.check(frame[~kept], suite_of(rule))
    assert [each.success for each in keepers.findings] == [True], keepers.findings
    assert breakers.violating_rows == (~kept).sum(), breakers.findings
    assert np.array_equal(again.holds(frame), kept)


def test_a_condition_is_read_and_never_executed(frame: pd.DataFrame) -> None:
    for condition in (
        "@pd.eval('1')",
        "__import__('os').getcwd() == 'x'",
        "low.map(print) == 1",
        "whole + 1 > 2",
        "1 == 1",
    ):
        rule = expect("column_values_to_be_in_set", column="city", value_set=["Porto"], row_condition=condition)
        assert not len(Rules.of(suite_of(rule)))
        assert not_enforced(suite_of(rule)) == ("city: column values to be in set",)
        with pytest.raises(ValueError, match=r"is not a (valid condition|column)|names no column"):
            Rules.from_json([rule])


def test_warnings_and_what_is_about_the_whole_table_are_no_rules() -> None:
    suite = suite_of(
        {**expect("column_values_to_not_be_null", column="a"), "severity": "warning"},
        expect("column_values_to_not_be_null", column="a", mostly=0.9),
        expect("column_values_to_be_unique", column="a"),
        expect("table_row_count_to_be_between", min_value=1),
        expect("column_mean_to_be_between", column="a", min_value=1),
        expect("column_value_lengths_to_equal", column="a", value=3),
    )
    assert not len(Rules.of(suite))
    assert not_enforced(suite) == ("a: column value lengths to equal",)


def test_the_bundled_contracts_are_enforced_as_a_whole() -> None:
    for name in ("adult", "bank_marketing", "beijing_pm25", "magic"):
        suite = contract.read_suite(contract.Path("contracts") / f"{name}.json")
        assert not_enforced(suite) == ()
        assert len(Rules.of(suite)) > 5


def test_real_rows_that_break_a_rule_are_refused_with_its_name() -> None:
    rules = Rules.of(suite_of(expect("column_values_to_be_between", column="x", max_value=2)))
    with pytest.raises(DataError, match=r"x: column values to be between max_value 2 \(in 25\.00% of the rows\)"):
        rules.require(pd.DataFrame({"x": [0, 1, 2, 3]}))
    with pytest.raises(ConfigError, match="does not fit"):
        rules.holds(pd.DataFrame({"x": ["a", "b"]}))


def filled(frame: pd.DataFrame, *rules: dict[str, Any], fixed: tuple[str, ...] = ()) -> pd.DataFrame:
    return Rules.of(suite_of(*rules)).fill(frame, Table.from_frame(frame).schema, fixed)


def test_what_follows_from_other_columns_is_filled_in_their_order() -> None:
    frame = pd.DataFrame(
        {
            "city": ["P", "F", None, "?"],
            "region": pd.Categorical(["s", "n", "n", "n"]),
            "code": pd.array([1, 1, 1, 1], dtype="Int8"),
            "copy": [0, 0, 0, 0],
        }
    )
    again = filled(
        frame,
        expect("column_pair_values_to_be_equal", column_A="code", column_B="copy", ignore_row_if="neither"),
        expect(
            "column_pair_values_to_be_in_set", column_A="region", column_B="code", value_pairs_set=[["n", 1], ["s", 2]]
        ),
        expect(
            "column_pair_values_to_be_in_set",
            column_A="city",
            column_B="region",
            value_pairs_set=[["P", "n"], ["F", "s"], [None, "n"]],
        ),
    )
    assert again["region"].tolist() == ["n", "s", "n", "n"]  # what no pair knows is left, and the rule is broken
    assert again["code"].tolist() == [1, 2, 1, 1]
    assert again["copy"].tolist() == [1, 2, 1, 1]
    assert again.dtypes.equals(frame.dtypes)


def test_a_sum_is_completed_on_the_grid_in_a_column_that_is_free() -> None:
    frame = pd.DataFrame({"a": [0.1, 0.25, np.nan], "b": [0.2, 0.5, 0.1], "c": [9.01, 9.0, np.nan]})
    rule = expect(
        "multicolumn_sum_to_equal", column_list=["a", "b", "c"], sum_total=1, ignore_row_if="any_value_is_missing"
    )
    assert filled(frame, rule)["c"].tolist()[:2] == [0.7, 0.25]
    assert filled(frame, rule)["c"].isna().tolist() == [False, False, True]
    assert filled(frame, rule, fixed=("c", "b"))["a"].round(2).tolist()[:2] == [-8.21, -8.5]


def test_a_pair_of_which_neither_determines_the_other_is_only_checked() -> None:
    frame = pd.DataFrame({"a": ["x", "x"], "b": ["u", "v"]})
    rule = expect(
        "column_pair_values_to_be_in_set", column_A="a", column_B="b", value_pairs_set=[["x", "u"], ["x", "w"]]
    )
    assert filled(frame, rule).equals(frame)


def test_what_every_value_keeps_holds_by_construction_and_words_that_cannot_occur_are_not_kept() -> None:
    rules = Rules.of(
        suite_of(
            expect("column_values_to_not_be_null", column="word"),
            expect("column_values_to_be_in_set", column="word", value_set=["a", "b", "secret"]),
            expect("column_values_to_be_between", column="number", min_value=0, max_value=10),
            expect("column_values_to_be_between", column="number", min_value=2),
            expect("column_values_to_be_in_set", column="word", value_set=["a", "secret"], row_condition="number > 3"),
            expect(
                "column_pair_values_to_be_in_set",
                column_A="word",
                column_B="number",
                value_pairs_set=[["a", 1], ["secret", 2], ["b", 3]],
            ),
        )
    )
    frame = pd.DataFrame({"word": ["a", "b"], "number": [1, 9]})
    values = {"word": (frame["word"], True), "number": (frame["number"], False)}
    left = rules.narrowed(Table.from_frame(frame).schema, values)
    assert [str(each) for each in left.rules] == [
        "number: column values to be between min_value 2",
        "word: column values to be in set where number > 3",
        "word, number: column pair values to be in set",
        "number: column values to be between min_value 1 max_value 9",
    ]
    assert "secret" not in json.dumps(left.to_json())
