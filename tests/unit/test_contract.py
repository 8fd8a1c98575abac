"""Contracts: real Great Expectations on small frames, and the bundled suites on the bundled data."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from geratriz import contract
from geratriz.errors import ConfigError, ContractError
from geratriz.report.validation import page
from geratriz.table.data.table import Table
from geratriz.table.draft import suite_of
from tests.tables import mixed, told

ROOT = Path(__file__).parents[2]
CONTRACTS = {path.stem: json.loads(path.read_text()) for path in (ROOT / "contracts").glob("*.json")}
BUNDLED = sorted(name for name, suite in CONTRACTS.items() if "kinds" in suite["meta"])  # the others are of images


def bundled(name: str) -> pd.DataFrame:
    """A bundled table, read from the DVC remote in the repository: no pull is needed."""
    out = next(
        line.split()[-1] for line in (ROOT / f"data/raw/{name}.parquet.dvc").read_text().splitlines() if "md5:" in line
    )
    return pd.read_parquet(ROOT / "data/bundled/files/md5" / out[:2] / out[2:])


def expect(kind: str, severity: str = "critical", **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs, "severity": severity, "meta": {"notes": "because"}}


def suite(*expectations: dict[str, Any], **kinds: str) -> dict[str, Any]:
    return {"name": "toy", "meta": {"kinds": kinds}, "expectations": list(expectations)}


FRAME = pd.DataFrame(
    {"age": [20, 30, 400, 40], "word": ["a", "b", "b", None], "days": [-1, 5, -1, 7], "calls": [0, 2, 3, 1]}
)


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_table_keeps_its_contract(name: str) -> None:
    report = contract.check(bundled(name), contract.read_suite(ROOT / "contracts" / f"{name}.json"))
    contract.require(report)
    assert report.warnings == ()
    assert report.violating_rows == 0
    assert len(report.findings) > 20


@pytest.mark.parametrize("name", BUNDLED)
def test_a_draft_of_a_bundled_table_is_kept_by_it(name: str) -> None:
    frame = bundled(name)
    report = contract.check(frame, suite_of(Table.from_frame(frame), name))
    assert report.critical == report.warnings == ()


def test_a_draft_finds_the_row_rule_of_adult() -> None:
    rules = [
        each for each in suite_of(Table.from_frame(bundled("adult")), "adult")["expectations"] if "pair" in each["type"]
    ]
    assert [(rule["kwargs"]["column_A"], rule["kwargs"]["column_B"]) for rule in rules] == [
        ("education", "education-num")
    ]
    assert ["Bachelors", 13] in rules[0]["kwargs"]["value_pairs_set"]


def test_a_draft_of_every_kind_of_column_is_kept_and_survives_json(tmp_path: Path) -> None:
    table = mixed()
    path = tmp_path / "mixed.json"
    path.write_text(json.dumps(suite_of(told(table), "mixed")))
    report = contract.check(table.frame, contract.read_suite(path))
    assert report.critical == report.warnings == ()


def test_a_critical_failure_shows_column_expectation_count_and_rows() -> None:
    frame = bundled("adult").head(500).astype({"education": "str"})
    frame.loc[[7, 9], "education"] = "Kindergarten"
    frame.loc[11, "education-num"] = 3
    frame.loc[5, "age"] = 400
    report = contract.check(frame, contract.read_suite(ROOT / "contracts" / "adult.json"))
    assert report.violating_rows == 4
    with pytest.raises(ContractError) as caught:
        contract.require(report)
    message = str(caught.value)
    assert "column age: values are between 16 and 120" in message
    assert "violated in 1 of 500 rows" in message
    assert "row 5: 400" in message
    assert "row 7: 'Kindergarten'" in message
    assert "expect_column_pair_values_to_be_in_set" in message
    assert f"row 11: [{frame.loc[11, 'education']!r}, 3]" in message


def test_a_warning_is_reported_and_stops_nothing() -> None:
    report = contract.check(FRAME, suite(expect("expect_column_values_to_not_be_null", "warning", column="word")))
    contract.require(report)
    assert [finding.column for finding in report.warnings] == ["word"]
    assert report.violating_rows == 0


def test_a_row_condition_names_the_right_rows() -> None:
    rule = expect(
        "expect_column_values_to_be_in_set",
        column="calls",
        value_set=[0],
        row_condition="days==-1",
        condition_parser="pandas",
    )
    (finding,) = contract.check(FRAME.set_index(pd.Index([9, 8, 7, 6])), suite(rule)).findings
    assert (finding.unexpected_count, finding.rows) == (1, 2)
    assert [(example.row, example.value) for example in finding.examples] == [(2, 3)]
    assert finding.description == "values are among 0 where days==-1 (because)"


def test_kinds_hold_whatever_the_dtype_and_name_the_rows_that_break_them() -> None:
    frame = pd.DataFrame(
        {"n": [1.0, 2.5, None], "b": [True, False, True], "d": ["2024-01-01", "x", None], "t": ["1", "2", "3"]}
    )
    report = contract.check(frame, suite(n="integer", b="boolean", d="datetime", t="float"))
    found = {
        finding.column: (finding.success, [example.row for example in finding.examples]) for finding in report.findings
    }
    assert found == {"n": (False, [1]), "b": (True, []), "d": (False, [1]), "t": (True, [])}


def test_a_column_that_is_not_there_is_one_finding() -> None:
    rules = [
        expect("expect_column_values_to_not_be_null", column="gone"),
        expect("expect_column_values_to_be_unique", column="gone"),
    ]
    report = contract.check(FRAME, suite(*rules))
    assert [(finding.column, finding.observed) for finding in report.critical] == [
        ("gone", "there is no column 'gone'")
    ]


def test_an_expectation_that_has_no_details_to_tell_is_kept_or_not() -> None:
    there = suite(expect("expect_column_to_exist", column="a"))
    gone = suite(expect("expect_column_to_exist", column="b"))
    assert contract.check(pd.DataFrame({"a": [1]}), there).findings[0].success
    finding = contract.check(pd.DataFrame({"a": [1]}), gone).findings[0]
    assert not finding.success and finding.observed == "there is no column 'b'"


def test_an_expectation_that_does_not_fit_its_column_is_not_blamed_on_rows() -> None:
    (finding,) = contract.check(
        FRAME, suite(expect("expect_column_values_to_be_between", column="word", min_value=1))
    ).findings
    assert not finding.success
    assert finding.unexpected_count == 0
    assert finding.observed.startswith("could not be checked")


def test_equal_data_give_equal_reports_that_survive_json() -> None:
    rules = suite(expect("expect_column_values_to_be_between", column="age", max_value=99), age="integer")
    first, second = (json.dumps(contract.check(FRAME, rules).to_json()) for _ in range(2))
    assert first == second
    assert contract.ContractReport.from_json(json.loads(first)) == contract.check(FRAME, rules)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "contract draft"),
        ("{", "is not JSON"),
        ("[]", "is not a suite"),
        ('{"name": "x", "expectations": [{"type": "t"}]}', "needs a 'type' and 'kwargs'"),
        (
            '{"name": "x", "expectations": [{"type": "t", "kwargs": {}, "severity": "critcal"}]}',
            "Did you mean 'critical'",
        ),
        ('{"name": "x", "expectations": [], "meta": {"kinds": {"a": "int"}}}', "Did you mean 'integer'|kind 'int'"),
    ],
)
def test_a_file_that_is_no_suite_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "suite.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        contract.read_suite(path)


def test_an_unknown_expectation_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not take: expect_column_values_to_be_nice"):
        contract.check(FRAME, suite(expect("expect_column_values_to_be_nice", column="age")))


def test_values_of_personal_columns_are_never_shown() -> None:
    frame = pd.DataFrame({"mail": ["ada@x.org", "alan@y.org", "ada@x.org", None], "age": [20, 30, 40, 50]})
    rules = suite(
        expect("expect_column_values_to_be_unique", column="mail"),
        expect("expect_column_values_to_match_regex", column="mail", regex="^a$"),
        expect("expect_column_values_to_not_be_null", column="mail"),
        expect("expect_column_most_common_value_to_be_in_set", column="mail", value_set=["b"]),
        expect("expect_column_values_to_be_between", column="mail", min_value=1),
        expect("expect_column_pair_values_to_be_in_set", column_A="mail", column_B="age", value_pairs_set=[["b", 2]]),
        mail="personal",
    )
    report = contract.check(frame, rules)
    assert len(report.critical) == 6
    text = json.dumps(report.to_json())
    with pytest.raises(ContractError) as shown:
        contract.require(report)
    for said in (text, str(shown.value), page(report)):
        assert "ada@" not in said
        assert "alan@" not in said
        assert contract.HIDDEN in said
    (pair,) = [each for each in report.findings if each.column == "mail, age"]
    assert pair.examples[0].value == [contract.HIDDEN, 20]
    (missing,) = [each for each in report.findings if "null" in each.expectation]
    assert missing.examples[0].value is None


@pytest.mark.parametrize(
    ("values", "wrong"),
    [(["a", None], 0), ([1, 2], 0), ([0.5, None], 0), ([True, False], 2), (pd.to_datetime(["2024-01-01"] * 2), 2)],
)
def test_personal_is_text_or_numbers(values: Any, wrong: int) -> None:
    report = contract.check(pd.DataFrame({"x": values}), suite(x="personal"))
    assert [each.unexpected_count for each in report.findings] == [wrong]


def shares(least: object, **more: Any) -> dict[str, Any]:
    return {"name": "toy", "meta": {"shares": {"word": {"least": least, **more}}}, "expectations": []}


def test_a_level_below_its_share_is_found_and_named() -> None:
    report = contract.check(FRAME, shares({"a": 0.25, "b": 0.75, "c": 0.01}))
    assert [each.success for each in report.findings] == [False]
    assert report.findings[0].observed == "'b' has 2 of 4 rows, 'c' has 0 of 4 rows"
    assert report.findings[0].description == "each level has its share of the rows, at least 0.01 to 0.75"
    with pytest.raises(ContractError, match="column word: each level has its share"):
        contract.require(report)
    assert "&#x27;c&#x27; has 0 of 4 rows" in page(report) or "'c' has 0 of 4 rows" in page(report)


def test_shares_that_are_kept_or_only_warn_stop_nothing() -> None:
    assert contract.check(FRAME, shares({"a": 0.25, "b": 0.5})).findings[0].success
    report = contract.check(FRAME, shares({"c": 0.5}, severity="warning"))
    contract.require(report)
    assert len(report.warnings) == 1


def test_shares_of_a_column_that_is_not_there_are_not_kept() -> None:
    report = contract.check(FRAME.drop(columns="word"), shares({"a": 0.25}))
    assert report.critical[0].observed == "there is no column 'word'"


@pytest.mark.parametrize("bad", [shares({"a": 2}), shares({"a": True}), shares(0.5), shares({}, severity="bad")])
def test_shares_that_are_none_are_refused(bad: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "suite.json").write_text(json.dumps(bad))
    with pytest.raises(ConfigError, match=r"meta\.shares\.word"):
        contract.read_suite(tmp_path / "suite.json")


def test_rows_that_have_names_are_called_by_them() -> None:
    named = {
        **suite(expect("expect_column_values_to_be_between", column="age", max_value=99)),
        "meta": {"names": "word"},
    }
    report = contract.check(FRAME, named)
    assert report.critical[0].examples[0].value == ["b", 400]
    with pytest.raises(ContractError, match=r"row 2: .'b', 400."):
        contract.require(report)
    assert "b, 400" in page(report)
