"""What counts as drift, and what does not: false alarms are counted, and each kind of change is found and named."""

import dataclasses
import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from geratriz.contract import check
from geratriz.errors import ConfigError
from geratriz.table.data.table import Table
from geratriz.table.evaluate.drift import drift
from geratriz.table.evaluate.drift_result import Drift, DriftConfig
from geratriz.table.evaluate.homogeneity import holm
from tests.tables import mixed
from tests.unit.table.evaluate.trios import people

QUICK = DriftConfig(max_rows=1000)


def made(rows: int = 1500, seed: int = 0) -> pd.DataFrame:
    """Columns of every kind, and one of many rare words."""
    rng = np.random.default_rng(seed)
    frame = mixed(rows, seed).frame.assign(age=people(rows, seed)["age"])
    return frame.assign(street=[f"street {i}" for i in rng.zipf(1.4, rows).clip(0, 2000)])


def held(before: pd.DataFrame, now: pd.DataFrame, config: DriftConfig = QUICK, **rest: object) -> Drift:
    return drift(Table.from_frame(before), Table.from_frame(now), config, **rest)  # type: ignore[arg-type]


def drifted(result: Drift) -> list[str]:
    return [each.name for each in result.columns if each.drifted]


@pytest.mark.parametrize("times", [4, pytest.param(20, marks=pytest.mark.thorough)])
def test_halves_of_the_same_data_have_not_drifted(times: int) -> None:
    """Of many divisions of mixed columns, none alarms; at alpha = 0.01 the least corrected p is under 0.2 in a few."""
    least = []
    for seed in range(times):
        rows = np.random.default_rng(seed).permutation(1000)
        frame = made(1000, seed)
        result = held(frame.iloc[rows[:500]], frame.iloc[rows[500:]], dataclasses.replace(QUICK, seed=seed))
        assert (result.drifted, result.reasons) == (False, ())
        least += [min(each.p for column in result.columns for each in (column.values, column.missing) if each)]
    assert np.mean(np.array(least) <= 0.2) <= 0.45  # 3 standard errors over 0.2


@pytest.mark.parametrize("times", [20, pytest.param(60, marks=pytest.mark.thorough)])
def test_p_values_are_right_where_words_are_rare(times: int) -> None:
    """Two samples of a distribution of rare words: a tenth of the p-values is under 0.1, none a sign of drift."""
    p = []
    for seed in range(times):
        rng = np.random.default_rng(seed)
        before, now = (pd.DataFrame({"word": rng.zipf(1.3, 300).clip(0, 5000).astype(str)}) for _ in range(2))
        result = held("w" + before, "w" + now, DriftConfig(seed=seed, max_rows=30))
        values = result.columns[0].values
        assert values is not None and not result.drifted and values.size < 0.1
        p.append(values.p)
    assert 0 < np.mean(np.array(p) <= 0.1) <= 0.2


def add_years(now: pd.DataFrame) -> pd.DataFrame:
    return now.assign(age=now["age"] + 6)


def new_word(now: pd.DataFrame) -> pd.DataFrame:
    return now.assign(note=now["note"].where(np.arange(len(now)) % 5 > 0, "never heard"))


def lose_values(now: pd.DataFrame) -> pd.DataFrame:
    return now.assign(size=now["size"].astype("Int64").where(np.arange(len(now)) % 4 > 0))


def later(now: pd.DataFrame) -> pd.DataFrame:
    return now.assign(day=now["day"] + pd.Timedelta(days=90))


def other_streets(now: pd.DataFrame) -> pd.DataFrame:
    return now.assign(street="new " + now["street"].astype(str))


@pytest.mark.parametrize(
    ("change", "column", "says"),
    [
        (add_years, "age", "Column 'age' has changed: KS distance"),
        (new_word, "note", "have a value never seen before, such as 'never heard'."),
        (lose_values, "size", "Column 'size' is missing in 25 % of the rows, before in 0 %."),
        (later, "day", "Column 'day' has changed: KS distance"),
        (other_streets, "street", "100 % of the rows have a value never seen before"),
    ],
)
def test_a_change_is_found_and_named(change: Callable[[pd.DataFrame], pd.DataFrame], column: str, says: str) -> None:
    result = held(made(seed=1), change(made(seed=2)))
    assert result.drifted and drifted(result) == [column]
    assert result.columns[0].name == column
    assert any(says in each for each in result.reasons)


def test_a_correlation_that_is_gone_is_seen_by_the_classifier_alone() -> None:
    def pairs(seed: int, correlation: float) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        a, b = rng.normal(size=(2, 1500))
        return pd.DataFrame({"a": a, "b": correlation * a + np.sqrt(1 - correlation**2) * b})

    result = held(pairs(0, 0.8), pairs(1, -0.2))
    assert drifted(result) == [] and result.drifted
    assert result.together is not None and result.together.low > 0.6
    assert len(result.reasons) == 1 and "No single column differs enough" in result.reasons[0]


def test_what_is_significant_but_small_is_no_drift() -> None:
    rng = np.random.default_rng(0)
    before, now = (pd.DataFrame({"x": rng.normal(mean, 1, 60_000)}) for mean in (0, 0.05))
    result = held(before, now)
    values = result.columns[0].values
    assert values is not None and values.p < 1e-6 and values.size < 0.05
    assert not result.drifted


def test_where_a_table_has_grown_its_new_rows_are_judged_alone() -> None:
    before, more = made(2000, seed=1), made(150, seed=2)
    more["age"] += 15
    grown = pd.concat([before.iloc[200:], more])  # and some rows were deleted
    result = held(before, grown.sample(frac=1, random_state=0))
    assert (result.before, result.now, result.judged) == (2000, 1950, 150)
    assert drifted(result) == ["age"]
    assert not held(before, pd.concat([before, made(150, seed=3)])).drifted


def test_equal_rows_by_chance_are_no_growth() -> None:
    rng = np.random.default_rng(0)
    before, now = (pd.DataFrame({"a": rng.integers(0, 3, n), "b": rng.integers(0, 2, n)}) for n in (400, 900))
    result = held(before, now)
    assert result.judged == 900 and not result.drifted


def test_changes_of_the_schema_are_reasons_and_the_rest_is_judged() -> None:
    now = made(seed=2).drop(columns="price").assign(colour="red", size="many", age=lambda all: all["age"] + 0.5)
    result = held(made(seed=1), now)
    assert result.schema == (
        "Column 'size' held whole numbers, now text.",
        "Column 'price' is gone.",
        "Column 'age' held whole numbers, now numbers with fractions.",
        "Column 'colour' is new.",
    )
    assert result.drifted and result.reasons[:4] == result.schema
    assert "group" in {each.name for each in result.columns}


def test_nothing_in_common_is_no_traceback() -> None:
    result = held(pd.DataFrame({"a": [1.5, 2.0]}), pd.DataFrame({"b": ["x", "y"]}))
    assert result.reasons == ("Column 'a' is gone.", "Column 'b' is new.")
    assert result.columns == () and result.together is None


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_tiny_tables_say_nothing(rows: int) -> None:
    assert not held(made(300, seed=1), made(rows, seed=2)).drifted
    assert not held(made(rows, seed=1), made(rows, seed=2)).drifted


def test_columns_without_values_or_with_one_are_judged() -> None:
    before = pd.DataFrame({"none": np.nan, "one": 1, "gone": np.arange(100) * 1.5, "words": "w"}, index=range(100))
    now = before.assign(gone=np.nan, words=None)
    result = held(before, now)
    assert drifted(result) == ["gone", "words"]
    assert not held(before, before.assign(one=1.0)).drifted
    assert held(before, before.assign(none="text")).reasons == ("Column 'none' held no value, now text.",)
    for empty in (None, np.nan, pd.NaT, pd.NA):
        every = dict.fromkeys(made(10).columns, empty)
        assert len(drifted(held(made(120), made(120).assign(**every)))) == len(every) - 1  # all but the id


def test_a_column_is_the_same_in_another_type_that_holds_the_same() -> None:
    before = made(seed=1).drop(columns="number")
    now = made(seed=2).drop(columns="number")
    now = now.assign(
        group=now["group"].astype(str), size=now["size"].astype(float), rating=now["rating"].astype(float),
        sold=now["sold"].astype("boolean"), weight=now["weight"].astype(float),
    )  # fmt: skip
    assert held(before, now).reasons == ()


def test_numbers_that_are_words_are_alike_in_every_type() -> None:
    codes = np.random.default_rng(0).integers(1, 6, 600)
    whole, broken = pd.DataFrame({"code": codes[:300]}), pd.DataFrame({"code": codes[300:].astype(float)})
    broken.loc[0, "code"] = np.nan
    sides = [Table.from_frame(each, overrides={"code": "category"}) for each in (whole, broken)]
    result = drift(*sides, QUICK)
    assert result.columns[0].new == () and not result.drifted


def test_ids_personal_columns_and_those_to_ignore_are_left_out_and_no_value_of_them_is_kept() -> None:
    def table(seed: int) -> Table:
        frame = made(seed=seed).assign(phone=[f"0{seed}55-{i}" for i in range(1500)])
        return Table.from_frame(frame, overrides={"phone": "personal"})

    result = drift(table(1), table(2), dataclasses.replace(QUICK, ignore=("day",)))
    assert result.left_out == ("number", "day", "phone")
    assert not {"number", "day", "phone"} & {each.name for each in result.columns}
    assert "55-" not in json.dumps(result.to_json())


def test_a_column_to_ignore_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"monitor\.ignore names 'dya', which is no column\. Did you mean 'day'\?"):
        held(made(50), made(50), DriftConfig(ignore=("dya",)))


def test_words_of_few_rows_and_the_outermost_numbers_are_in_no_result() -> None:
    before, now = made(seed=1), made(seed=2)
    now.loc[:3, "note"] = "four rows have it"
    now.loc[10:14, "note"] = "five rows have it"
    now.loc[0, "price"] = 987654.25
    result = held(before, now)
    (note,) = (each for each in result.columns if each.name == "note")
    assert note.new == ("five rows have it",) and note.new_share == pytest.approx(9 / 1500)
    text = json.dumps(result.to_json())
    assert "five rows" in text and "four rows" not in text and "98765" not in text


def test_a_broken_contract_is_drift_and_shows_no_value() -> None:
    suite = {
        "name": "c",
        "expectations": [
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "age", "max_value": 200}},
            {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 5000}},
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "note"}, "severity": "warning"},
        ],
    }
    now = made(seed=2)
    now.loc[7, "age"] = 4321
    result = held(made(seed=1), now, contract=check(now, suite))
    assert result.reasons == (
        "The contract is broken: column 'age': values are at most 200 (1 row).",
        "The contract is broken: the table: the number of rows is at least 5000.",
    )
    assert "4321" not in json.dumps(result.to_json())


def test_equal_tables_and_settings_give_equal_results() -> None:
    before, now = made(400, seed=1), other_streets(made(400, seed=2))
    assert json.dumps(held(before, now).to_json()) == json.dumps(held(before, now).to_json())


def test_holm_is_bonferroni_step_by_step() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("wrong", [{"alpha": 0}, {"effect": 1}, {"auc": 0.4}, {"max_rows": 3}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DriftConfig(**wrong)  # type: ignore[arg-type]
