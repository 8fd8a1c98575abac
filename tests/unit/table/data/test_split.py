"""Rows are divided by what they hold, by whom they are about, or by when they came to be."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geratriz import config
from geratriz.errors import ConfigError, DataError
from geratriz.parts import PARTS, SplitConfig
from geratriz.table.data.split import row_hashes, row_positions, span, split
from geratriz.table.data.table import Table
from tests.tables import mixed

HALVES = {"train": 0.5, "fresh": 0.25, "test": 0.25}


def sides(frame: pd.DataFrame, by: str = "hash", row: str = "number") -> dict[object, str]:
    parts = split(Table.from_frame(frame), SplitConfig(by=by))
    return {number: name for name, part in parts.items() for number in part.frame[row]}


def test_shares_are_kept_and_every_row_is_in_one_part() -> None:
    parts = split(mixed(10000), SplitConfig())
    assert tuple(parts) == PARTS
    assert len(parts["train"]) == pytest.approx(8000, abs=150)
    assert len(parts["fresh"]) == pytest.approx(1000, abs=120)
    assert sorted(pd.concat([part.frame for part in parts.values()])["number"]) == list(range(1, 10001))


def test_no_row_changes_side_when_rows_are_added_or_moved() -> None:
    frame = mixed(500).frame
    more = pd.concat([mixed(300, seed=1).frame.assign(number=lambda f: f["number"] + 1000), frame.iloc[::-1]])
    before, after = sides(frame), sides(more)
    assert all(after[number] == side for number, side in before.items())


@pytest.mark.parametrize(
    ("values", "more"),
    [
        ([3, 4], [None]),
        ([True, False], [None]),
        ([None, None], ["a"]),
        (["2024-01-01", "2024-02-01"], ["2024-03-01T12:30:00.5"]),
        (["2024-01-01", "2024-02-01"], [None]),
    ],
    ids=["a gap among numbers", "a gap among booleans", "a first word", "a time among dates", "a gap among dates"],
)
def test_a_column_whose_type_changes_as_it_grows_moves_no_row(
    values: list[object], more: list[object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("grown") / "rows.csv"
    hashes = []
    for each in (values, values + more):
        pd.DataFrame({"n": np.arange(len(each)), "x": each}).to_csv(path, index=False)
        hashes.append(row_hashes(Table.read(path).frame)[: len(values)].tolist())
    assert hashes[0] == hashes[1]


def test_equal_rows_are_told_apart_by_their_number() -> None:
    frame = pd.DataFrame({"x": [1] * 1000, "y": ["a"] * 1000})
    parts = split(Table.from_frame(frame), SplitConfig())
    assert len(parts["train"]) == pytest.approx(800, abs=60)


def test_a_hash_depends_on_values_and_not_on_dtype_or_column_order() -> None:
    frame = pd.DataFrame({"n": [1, 2], "w": ["a", None]})
    same = pd.DataFrame({"w": pd.Categorical(["a", None]), "n": [1.0, 2.0]})
    assert np.array_equal(row_hashes(frame), row_hashes(same))
    assert row_hashes(frame)[0] != row_hashes(frame.assign(n=[2, 1]))[0]


def test_hashes_are_the_same_on_every_machine() -> None:
    frame = pd.DataFrame({"n": [1, -7], "w": ["a", None], "d": pd.to_datetime(["2024-01-01", "2024-06-01"])})
    assert row_hashes(frame).tolist() == [15832317565145405644, 2448398373818791771]


def test_a_part_without_rows_is_refused() -> None:
    with pytest.raises(DataError, match="'fresh' of the split is empty: 3 rows are too few"):
        split(mixed(3), SplitConfig())


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"train": 0.9}, "add up to 1"),
        ({"train": 1.0, "fresh": 0.0, "test": 0.0}, "must be positive"),
        *(({"by": by}, "must be 'hash', 'group:COLUMN' or") for by in ("dice", "group", "time:", "hash:name", "")),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(given_: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"data\.split: .*{message}"):
        config.load(SplitConfig, given_, "data.split")


def visits(people: int = 400, seed: int = 0) -> pd.DataFrame:
    """Rows of people who came from once to five times, some of them unknown."""
    rng = np.random.default_rng(seed)
    person = np.repeat([f"p{seed}-{i}" for i in range(people)], rng.integers(1, 6, people))
    rng.shuffle(person)
    person = pd.Series(person).where(rng.random(len(person)) > 0.05)
    day = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 365, len(person)), unit="D")
    return pd.DataFrame({"visit": [f"{seed}-{i}" for i in range(len(person))], "person": person, "day": day})


def test_an_entity_is_on_one_side_and_strangers_stand_alone() -> None:
    frame = visits()
    parts = split(Table.from_frame(frame), SplitConfig(by="group:person"))
    people = [set(part.frame["person"].dropna()) for part in parts.values()]
    assert sum(map(len, people)) == frame["person"].nunique()
    assert all(part.frame["person"].isna().any() for part in parts.values())
    assert len(people[0]) == pytest.approx(320, abs=35)


def test_tables_of_the_same_entities_divide_alike_whatever_their_key_is_called() -> None:
    frame = visits().dropna()
    person = sides(frame, "group:person", "person")
    other = frame.iloc[::-1].rename(columns={"person": "client"}).drop(columns="day")
    assert sides(other, "group:client", "client") == person


def test_an_earlier_time_is_never_on_a_later_side() -> None:
    frame = visits(2000)
    parts = split(Table.from_frame(frame), SplitConfig(by="time:day"))
    for earlier, later in pairwise(parts.values()):
        assert span(earlier, "day")[1] < span(later, "day")[0]
    assert len(parts["train"]) == pytest.approx(0.8 * len(frame), abs=0.01 * len(frame))
    assert sorted(pd.concat([part.frame for part in parts.values()])["visit"]) == sorted(frame["visit"])


def test_time_may_be_a_number_and_text_that_is_declared_a_date() -> None:
    frame = pd.DataFrame({"year": np.repeat(np.arange(2000, 2020), 5), "x": np.arange(100) % 7})
    assert span(split(Table.from_frame(frame), SplitConfig(by="time:year"))["test"], "year") == (2018, 2019)
    frame["year"] = frame["year"].astype(str) + "-01-01"
    table = Table.from_frame(frame, overrides={"year": "datetime"})
    assert span(split(table, SplitConfig(by="time:year"))["test"], "year") == ("2018-01-01", "2019-01-01")


@pytest.mark.parametrize(
    ("by", "frame", "kind", "message"),
    [
        ("group:persn", visits(), ConfigError, "'persn', which the table does not have. Did you mean 'person'"),
        ("time:dya", visits(), ConfigError, "'dya', which the table does not have. Did you mean 'day'"),
        ("time:person", visits(), ConfigError, "is a category such as 'p0-.*neither a datetime nor a number"),
        ("time:day", visits().assign(day=True), ConfigError, "neither a datetime nor a number"),
        ("group:day", visits().assign(day="x"), DataError, "rows are of one entity: 'x'. Name the column"),
        ("group:person", visits(2).dropna(), DataError, "'fresh' of the split is empty: 2 entities are too few"),
        ("time:day", visits().assign(day=2024), DataError, "is empty: 1 different times are too few"),
        (
            "time:day",
            visits().assign(day=lambda f: f["day"].where(f.index > 4)),
            DataError,
            "5 rows have no time.* row 0",
        ),
    ],
)
def test_what_cannot_be_divided_is_said(by: str, frame: pd.DataFrame, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        split(Table.from_frame(frame), SplitConfig(by=by))


KEYS = st.one_of(
    st.lists(st.none() | st.integers(-3, 30), min_size=1, max_size=60),
    st.lists(st.none() | st.text(max_size=2), min_size=1, max_size=60),
    st.lists(st.none() | st.datetimes(), min_size=1, max_size=60),
    st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=60),
)


def keyed(keys: list[object], first: int = 0) -> pd.DataFrame:
    return pd.DataFrame({"key": keys, "row": [f"r{i}" for i in range(first, first + len(keys))]})


def parts_or_reason(frame: pd.DataFrame, by: str) -> dict[str, pd.DataFrame]:
    try:
        parts = split(Table.from_frame(frame), SplitConfig(by=by, **HALVES))
    except (ConfigError, DataError):
        return {}
    return {name: part.frame for name, part in parts.items()}


@settings(max_examples=settings.default.max_examples // 2)
@given(keys=KEYS, by=st.sampled_from(["hash", "group:key", "time:key"]))
def test_parts_are_disjoint_and_cover_the_table(keys: list[object], by: str) -> None:
    frame = keyed(keys)
    parts = parts_or_reason(frame, by)
    if parts:
        assert sorted(row for part in parts.values() for row in part["row"]) == sorted(frame["row"])
        assert all(len(part) for part in parts.values())


@settings(max_examples=settings.default.max_examples // 2)
@given(keys=KEYS, by=st.sampled_from(["group:key", "time:key"]))
def test_an_entity_and_a_moment_are_never_on_two_sides(keys: list[object], by: str) -> None:
    parts = [set(part["key"].dropna()) for part in parts_or_reason(keyed(keys), by).values()]
    assert not any(a & b for i, a in enumerate(parts) for b in parts[:i])


@settings(max_examples=settings.default.max_examples // 4)  # each divides four tables
@given(data=st.data(), keys=KEYS)
def test_growing_data_move_no_entity_and_no_row(data: st.DataObject, keys: list[object]) -> None:
    kinds = {type(each) for each in keys} - {type(None)}
    more = data.draw(KEYS.filter(lambda new: {type(each) for each in new} - {type(None)} == kinds))
    frame = keyed(keys)
    grown = pd.concat([keyed(more, first=len(keys)), frame.iloc[::-1]], ignore_index=True)
    for by in ("group:key", "hash"):
        before, after = parts_or_reason(frame, by), parts_or_reason(grown, by)
        if before and after:
            assert all(set(part["row"]) <= set(after[name]["row"]) for name, part in before.items())


def test_personal_columns_tell_rows_apart_and_are_not_shown_in_messages() -> None:
    frame = pd.DataFrame({"mail": [f"p{i}@x.org" for i in range(40)], "x": 1})
    declared = Table.from_frame(frame, overrides={"mail": "personal"})
    assert len(set(row_positions(declared.frame))) == len(frame)
    one = Table.from_frame(frame.assign(mail="ada@x.org"), overrides={"mail": "personal"})
    for by, error in (("group:mail", DataError), ("time:mail", ConfigError)):
        with pytest.raises(error) as refused:
            split(one, SplitConfig(by=by))
        assert "ada" not in str(refused.value)
