"""Rows keep the contract: filled in where a column follows from others, else drawn again, else refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import geratriz
from geratriz import contract, seeding
from geratriz.errors import BundleError, ConfigError, DataError, RequestError, TrainingError
from geratriz.fitting.order import Order
from geratriz.output import Origin, read_provenance
from geratriz.table import draw
from geratriz.table.data.rules import Rules
from geratriz.table.data.table import Table
from geratriz.table.generators.base import BLOCK, Generator
from geratriz.table.generators.catalog import GENERATORS
from tests.domain_examples import quick_fit
from tests.unit.fitting.recorder import Recorder

REGION = {"Porto": "north", "Braga": "north", "Lisbon": "south", "Faro": "south", "Evora": "south"}


def orders(rows: int = 1500) -> Table:
    """Low is below high, the city determines the region, what is not paid is 0, and parts add up to 100."""
    rng = np.random.default_rng(0)
    low = rng.integers(0, 40, rows)
    city = rng.choice(list(REGION), rows)
    paid = rng.random(rows) < 0.7
    part = rng.integers(0, 51, rows)
    frame = pd.DataFrame(
        {
            "order": np.arange(1, rows + 1),
            "low": low,
            "high": low + rng.integers(1, 20, rows),
            "city": city,
            "region": pd.Series(city).map(REGION).where(rng.random(rows) > 0.1),
            "paid": paid,
            "sum": np.where(paid, rng.gamma(2, 20, rows).round(2) + 0.01, 0.0),
            "part": part,
            "rest": 100 - part,
        }
    )
    return Table.from_frame(frame, overrides={"region": {"rare": 1}, "city": {"rare": 1}})


SUITE: dict[str, Any] = {
    "name": "orders",
    "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": name}} for name in ("order", "low", "city")
    ]
    + [
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "city", "value_set": list(REGION)}},
        {
            "type": "expect_column_pair_values_a_to_be_greater_than_b",
            "kwargs": {"column_A": "high", "column_B": "low"},
        },
        {
            "type": "expect_column_pair_values_to_be_in_set",
            "kwargs": {
                "column_A": "city",
                "column_B": "region",
                "value_pairs_set": [list(each) for each in REGION.items()],
                "ignore_row_if": "either_value_is_missing",
            },
        },
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "sum", "min_value": 0, "strict_min": True, "row_condition": "paid"},
        },
        {
            "type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "sum", "value_set": [0], "row_condition": "not paid"},
        },
        {"type": "expect_multicolumn_sum_to_equal", "kwargs": {"column_list": ["part", "rest"], "sum_total": 100}},
    ],
}
RULES = Rules.of(SUITE)


def fit(data: Table, rules: Rules | None, kind: str = "independent", **rest: Any) -> Generator[Any]:
    return quick_fit(kind, data, rules=rules, **rest)


@pytest.fixture(scope="module")
def free() -> Generator[Any]:
    return fit(orders(), None)


@pytest.fixture(scope="module")
def bound() -> Generator[Any]:
    return fit(orders(), RULES)


def violations(frame: pd.DataFrame) -> int:
    return contract.check(frame, SUITE).violating_rows


def test_no_row_breaks_the_contract_and_without_its_rules_most_do(free: Generator[Any], bound: Generator[Any]) -> None:
    assert violations(orders().frame) == 0
    assert violations(free.sample(2000, seed=1).frame) > 1000
    rows = bound.sample(20_000, seed=1)
    assert violations(rows.frame) == 0
    assert rows.frame.dtypes.equals(orders().frame.dtypes)
    assert rows.frame["order"].tolist() == list(range(1, 20_001))  # ids are issued by place, whatever was drawn again
    assert 0.05 < rows.frame["region"].isna().mean() < 0.15  # what may be missing stays so
    assert 0.4 < rows.frame["paid"].mean() < 0.95


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(set(GENERATORS) - {"independent"}))
def test_networks_keep_them_too(kind: str) -> None:
    """A second each, for a fit and for the blocks that are drawn again."""
    assert violations(fit(orders(), RULES, kind).sample(3000, seed=1).frame) == 0


def test_what_no_rule_touches_is_drawn_as_without_rules(free: Generator[Any], bound: Generator[Any]) -> None:
    kept = bound.rules.holds(bound._drawn(0, seeding.derive(1, "block", 0), {}, {}).frame[:500])
    names = ["low", "high", "city", "paid", "sum", "part"]
    first, second = (each.sample(500, seed=1).frame.loc[kept, names] for each in (free, bound))
    pd.testing.assert_frame_equal(first, second)


def test_rules_that_every_value_keeps_are_not_checked_and_not_stored(bound: Generator[Any], tmp_path: Path) -> None:
    types = [each.type for each in bound.rules.rules]
    assert "expect_column_values_to_not_be_null" not in types
    bound.save(tmp_path)
    head = json.loads((tmp_path / "generator.json").read_text())
    assert [each["type"] for each in head["rules"]] == types
    pd.testing.assert_frame_equal(GENERATORS.load(tmp_path).sample(300, seed=2).frame, bound.sample(300, seed=2).frame)


def test_a_bundle_without_rules_has_no_word_of_them_and_one_with_unknown_ones_is_refused(
    free: Generator[Any], bound: Generator[Any], tmp_path: Path
) -> None:
    free.save(tmp_path / "free")
    assert "rules" not in json.loads((tmp_path / "free" / "generator.json").read_text())
    bound.save(tmp_path / "bound")
    path = tmp_path / "bound" / "generator.json"
    head = json.loads(path.read_text())
    head["rules"][0]["type"] = "expect_the_unexpected"
    path.write_text(json.dumps(head))
    with pytest.raises(BundleError, match="a rule that this version does not know"):
        GENERATORS.load(tmp_path / "bound")


@pytest.mark.slow
def test_any_range_can_be_drawn_alone_and_by_any_number_of_processes(bound: Generator[Any], tmp_path: Path) -> None:
    whole = bound.sample(BLOCK + 300, seed=3).frame
    for start, n in ((0, 5), (BLOCK - 3, 6), (BLOCK + 100, 200)):
        parts = [each.frame for each in bound.blocks(n, seed=3, start=start)]
        expected = whole.iloc[start : start + n].reset_index(drop=True)
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), expected)
    files = [tmp_path / f"{jobs}.parquet" for jobs in (1, 2)]
    for jobs, path in enumerate(files, start=1):
        draw.write(bound, path, Order(rows=3 * BLOCK, seed=3), origin=Origin(bundle="0" * 64), jobs=jobs)
    assert files[0].read_bytes() == files[1].read_bytes()
    share = read_provenance(files[0])["acceptance"]
    assert share == bound.acceptance(seed=3)
    assert 0.2 < share < 0.8


def test_a_condition_on_what_follows_from_another_column_is_kept(bound: Generator[Any]) -> None:
    rows = bound.sample(3000, seed=1, where={"region": "south"}).frame
    assert set(rows["city"]) == {"Lisbon", "Faro", "Evora"} and (rows["region"] == "south").all()
    assert violations(rows) == 0
    rows = bound.sample(500, seed=1, where={"rest": 70, "city": "Porto"}).frame
    assert (rows["part"] == 30).all() and set(rows["region"].dropna()) == {"north"}
    assert bound.acceptance(seed=1, where={"region": "south"}) < bound.acceptance(seed=1)


def test_a_condition_that_the_rules_rule_out_says_which(bound: Generator[Any]) -> None:
    with pytest.raises(RequestError, match=r"keep every rule, and 10 are needed.*high, low: .*fewer conditions"):
        bound.sample(10, seed=1, where={"high": 3, "low": 30})


def test_rules_that_cannot_be_kept_end_the_fit() -> None:
    rng = np.random.default_rng(0)
    a, c = rng.integers(0, 100, (2, 4000))
    frame = pd.DataFrame(
        {"a": a, "b": (a + rng.integers(0, 2, 4000)) % 100, "c": c, "d": (c + rng.integers(0, 2, 4000)) % 100}
    )
    pairs = [[each, other % 100] for each in range(100) for other in (each, each + 1)]
    rules = [
        {
            "type": "expect_column_pair_values_to_be_in_set",
            "kwargs": {"column_A": first, "column_B": second, "value_pairs_set": pairs},
        }
        for first, second in ("ab", "cd")
    ]
    with pytest.raises(
        TrainingError, match=r"was fitted, but does not keep the rules: of 409,600 rows drawn .* a, b: "
    ):
        fit(Table.from_frame(frame), Rules.of({"expectations": rules}))


def test_rows_that_break_a_rule_themselves_are_not_learnt_from() -> None:
    data = orders()
    data.frame.loc[3, "high"] = -1
    with pytest.raises(DataError, match=r"high, low: column pair values a to be greater than b \(in 0\.07%"):
        fit(data, RULES)
    words = Table.from_frame(orders().frame.assign(high="x"))
    with pytest.raises(ConfigError, match="does not fit"):
        fit(words, RULES)


def test_the_tracker_hears_how_many_rows_keep_the_rules_and_which_are_left_out() -> None:
    heard = Recorder()
    rule = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "order", "max_value": 1500}}
    fit(orders(), Rules.of({"expectations": [*SUITE["expectations"], rule]}), tracker=heard)
    (left_out, share) = heard.notes[-2:]
    assert left_out.startswith("rules about newly generated columns are left out: order: column values to be between")
    assert "of the rows drawn keep the 8 rules" in share and "broken by" in share


def test_fit_takes_a_contract_and_says_what_is_not_enforced(tmp_path: Path) -> None:
    more = {"type": "expect_column_value_lengths_to_be_between", "kwargs": {"column": "city", "min_value": 2}}
    path = tmp_path / "contract.json"
    path.write_text(json.dumps({"name": "orders", "expectations": [*SUITE["expectations"], more]}))
    heard = Recorder()
    generator = geratriz.fit(orders(), "independent", contract=path, tracker=heard)
    assert generator.rules
    assert "this rule of the contract is not enforced: city: column value lengths" in heard.notes[0]
