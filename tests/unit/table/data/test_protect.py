"""Rare words are pooled, the outermost numbers are drawn in, and what k rows share stays as it is."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from geratriz.errors import DataError
from geratriz.table.data.levels import CodecConfig
from geratriz.table.data.protect import pooled, protect
from geratriz.table.data.table import Table
from geratriz.table.generators.catalog import GENERATORS
from geratriz.table.generators.independent import Independent

ROWS = 1000


def protected(frame: pd.DataFrame, seed: int = 0, **overrides: Any) -> pd.DataFrame:
    return protect(Table.from_frame(frame, overrides=overrides), seed, CodecConfig()).frame


def words(common: str, times: int, *rare: str) -> list[str]:
    return [common] * times + ["other"] * (ROWS - times - len(rare)) + list(rare)


def test_words_that_fewer_than_five_rows_share_become_common_ones_by_their_frequency() -> None:
    frame = pd.DataFrame({"word": words("often", 700, "once", *["four"] * 4, *["five"] * 5)})
    counts = protected(frame)["word"].value_counts()
    assert set(counts.index) == {"often", "other", "five"}
    many = pd.DataFrame({"word": [str(each) for each in range(500)] + ["a"] * 375 + ["b"] * 125})
    taken = protected(many)["word"][:500]
    assert set(taken) == {"a", "b"}
    assert 0.7 < (taken == "a").mean() < 0.8


def test_equal_seeds_take_equal_words_and_the_table_given_is_left_as_it_is() -> None:
    frame = pd.DataFrame({"word": [str(each) for each in range(100)] + ["a", "b"] * 200})
    before = frame.copy()
    assert protected(frame, 1).equals(protected(frame, 1))
    assert not protected(frame, 1).equals(protected(frame, 2))
    assert frame.equals(before)


def test_what_is_rare_is_said_by_column() -> None:
    frame = pd.DataFrame({"word": words("often", 700, "a", "b"), "number": np.arange(ROWS) % 97 * 1.5})
    assert protected(frame, word={"rare": 1}, number={"rare": 1}).equals(frame)
    assert set(protected(frame, word={"rare": 400})["word"]) == {"often"}
    table = Table.from_frame(frame)
    assert pooled(table, protect(table, 0, CodecConfig())) == "word in 2"


def test_booleans_and_the_target_are_pooled_too() -> None:
    frame = pd.DataFrame({"flag": [True] * 3 + [False] * 997, "class": words("yes", 600, "odd")})
    table = protect(Table.from_frame(frame, target="class"), 0, CodecConfig())
    assert not table.frame["flag"].any() and table.frame["flag"].dtype == bool
    assert set(table.frame["class"]) == {"yes", "other"}


def test_missing_stays_missing_and_types_stay_what_they_are() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "whole": pd.array(np.where(rng.random(ROWS) < 0.1, None, rng.integers(0, 10**6, ROWS)), dtype="Int64"),
            "small": rng.integers(0, 256, ROWS).astype("uint8"),
            "short": rng.normal(size=ROWS).astype("float32"),
            "money": pd.Series(rng.normal(100, 30, ROWS).round(2)).where(rng.random(ROWS) > 0.1),
            "flag": pd.array([None, True, *[False] * (ROWS - 2)], dtype="boolean"),
            "word": pd.Series([None, "x", *["y"] * (ROWS - 2)], dtype=object),
            "day": (
                pd.Timestamp("2024-01-01", tz="Europe/Lisbon") + pd.to_timedelta(rng.integers(0, 10**7, ROWS), "s")
            ),
        }
    )
    after = protected(frame)
    assert after.dtypes.equals(frame.dtypes)
    assert after.isna().equals(frame.isna())
    assert np.array_equal(after["money"].dropna(), after["money"].dropna().round(2))
    for name in ("whole", "small", "short", "money", "day"):
        real, drawn = frame[name].dropna(), after[name].dropna()
        outermost = set(real.nsmallest(5)) | set(real.nlargest(5))
        assert name == "small" or not outermost & set(drawn)
        assert drawn.min() >= real.min() and drawn.max() <= real.max()
        assert (real != drawn).sum() <= 10


@pytest.mark.parametrize(
    ("numbers", "low", "high"),
    [
        (np.arange(1000), 4.0, 994.0),  # half way from 4 to 5, on the grid of integers
        (np.arange(1000) / 10, 0.4, 99.4),
        ([*range(990), *[99999] * 10], 4.0, 984.0),  # a top code is nobody's; what lies below it is protected
        ([*[-1] * 20, *range(100, 1080)], 104.0, 1074.0),
        ([*[0] * 500, *range(1, 501)], 6.0, 496.0),
        ([*[7] * 999, 1000], 7.0, 7.0),
    ],
)
def test_numbers_that_lie_densely_count_as_the_value_half_way_to_the_next(
    numbers: Any, low: float, high: float
) -> None:
    frame = pd.DataFrame({"x": np.random.default_rng(0).permutation(np.asarray(numbers))})
    before, after = frame["x"].to_numpy(), protected(frame, x="integer" if frame["x"].dtype == int else "float")["x"]
    kept = after.value_counts()[lambda counts: counts >= 5].index
    inner = after[~((before == 99999) | (before == -1) | (before == 0))]
    assert (inner.min(), inner.max()) == (low, high)
    assert {low, high} <= set(kept)
    for code in (99999, -1, 0):
        if (before == code).sum() >= 5:
            assert ((after == code) == (before == code)).all()


def test_the_outermost_numbers_lie_in_even_steps_as_far_out_as_they_do_on_average() -> None:
    inner = np.arange(1000, 2000) / 10
    below, above = [12.1, 40.3, 80.2, 95.5, 97.2], [203.1, 211.3, 230.2, 240.4, 280.3]
    order = np.random.default_rng(0).permutation(1010)
    frame = pd.DataFrame({"x": np.concatenate([below, inner, above])[order]})
    after = protected(frame)["x"].iloc[np.argsort(frame["x"])].to_numpy()
    assert np.array_equal(after[5:-5], inner)
    # 1.4, 3.1, 18.4, 58.3 and 86.5 below 98.6, the last two counted as 36.8, twice the median: 19.3 on average
    assert after[:5] == pytest.approx([63.9, 71.6, 79.3, 87.0, 94.7])
    assert after[-5:] == pytest.approx([207.0, 217.9, 228.8, 239.7, 250.6])


def test_one_persons_number_does_not_set_how_far_out_the_others_lie() -> None:
    farthest = []
    for largest in (300.3, 3_000.3, 3e9):
        after = protected(pd.DataFrame({"x": [*(np.arange(1000) / 10), 103.2, 111.3, 120.1, 130.4, largest]}))["x"]
        farthest.append(after.max())
    assert farthest[0] == farthest[1] == farthest[2]
    assert 130.4 < farthest[0] < 200


def test_the_outermost_of_few_values_are_one_level_near_their_average_that_nobody_has() -> None:
    inner = [0] * 500 + [1, 2, 3] * 150
    far = protected(pd.DataFrame({"x": [*inner, 41, 51, 55, 58, 275]}))["x"]
    # 19, 29, 33, 36 and 253 above 22, the last counted as 66, twice the median: 36.6 on average
    assert far.tolist() == [*inner, *[59] * 5]


def test_how_many_values_are_few_is_said_by_the_settings_of_the_generator_that_is_fitted() -> None:
    """Nine values: as few they get one level for the outermost, as many the outermost are spread."""
    outer = [41, 51, 55, 58, 275]
    table = Table.from_frame(pd.DataFrame({"x": [*[0] * 500, *[1, 2, 3] * 150, *outer]}))
    few, many = CodecConfig(), CodecConfig(max_levels=8)
    shown = {config: protect(table, 0, config).frame["x"].tolist()[-5:] for config in (few, many)}
    assert shown[few] == [59] * 5
    assert len(set(shown[many])) == 5 and not {*outer} & set(shown[many])
    for config in (few, many):
        (levels,) = Independent.fit(table, config, seed=0).codec.levels
        largest = levels.atoms[-1] if config is few else levels.ends[1]
        assert largest == max(shown[config])


@pytest.mark.parametrize("kind", list(GENERATORS))
def test_every_generator_says_how_many_values_are_few(kind: str) -> None:
    settings = GENERATORS.find(kind).config_cls(max_levels=7, bins=9)
    assert settings.codec == CodecConfig(max_levels=7, bins=9)


@pytest.mark.parametrize("fifth", [[100], [100, 100]])  # half way from 100 to 101 is 100; or the sixth is 100 too
def test_the_fifth_is_not_left_alone_where_there_is_no_room_between_it_and_the_next(fifth: list[int]) -> None:
    frame = pd.DataFrame({"x": [10, 40, 60, 90, *fifth, *range(101, 1101)]})
    assert protected(frame, x="integer")["x"].tolist()[:6] == [100, 100, 100, 100, *fifth, 101][:6]


FORMS = {
    "whole": lambda numbers: np.round(numbers),
    "cents": lambda numbers: np.round(numbers, 2),
    "products": lambda numbers: np.round(numbers * 10) * 0.1,  # 3 * 0.1 is not the float 0.3
    "short": lambda numbers: numbers.astype(np.float32),
    "short cents": lambda numbers: np.round(numbers, 2).astype(np.float32),
    "half": lambda numbers: (numbers / 100).astype(np.float16),
}


@settings(max_examples=settings.default.max_examples // 4)  # each is a table, read and protected
@given(st.lists(st.floats(-1e6, 1e6), min_size=12, max_size=60, unique=True), st.sampled_from(sorted(FORMS)))
def test_none_of_the_outermost_numbers_comes_back_and_none_lies_beyond_them(numbers: list[float], form: str) -> None:
    before = np.sort(FORMS[form](np.array(numbers)))
    shown = np.round(before.astype(float), 6)
    apart = np.unique(np.round(shown, 1), return_index=True)[1]
    before, shown = before[apart], shown[apart]
    assume(len(before) >= 12)
    after = protected(pd.DataFrame({"x": before}), x="float")["x"].to_numpy()
    assert np.array_equal(after[5:-5], before[5:-5])
    after = np.round(after.astype(float), 6)
    assert (np.diff(after) >= 0).all() and shown[0] <= after[0] and after[-1] <= shown[-1]
    for was, now, start in ((shown[:5], after[:5], after[4]), (shown[-5:], after[-5:], after[-5])):
        assert set(was) & set(now) <= {start}  # half way to the next, on the grid that may be one of them ...
        assert start not in was or (now == start).all()  # ... and all have it then


def test_what_lies_below_several_codes_is_drawn_in_too() -> None:
    numbers = [*range(1000), 61234, *[99998] * 7, *[99999] * 9]
    after = protected(pd.DataFrame({"x": numbers}), x="integer")["x"]
    assert after[1001:].tolist() == numbers[1001:]
    assert not {997, 998, 999, 61234} & set(after) and after[:1001].max() < 1100
    low = [*[-9] * 6, *[-8] * 6, *range(0, 4000, 4)]
    after = protected(pd.DataFrame({"x": low}), x="integer")["x"]
    assert after[:12].tolist() == low[:12] and after[12:17].tolist() == [18] * 5
    heavy = [*[0] * 6, *[100] * 6, *[200] * 6, *range(207, 1207)]  # no code: as near to the next as to each other
    assert protected(pd.DataFrame({"x": heavy}), x="integer")["x"][:500].tolist() == heavy[:500]


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "%m/%d/%Y %H:%M", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d"])
def test_dates_as_text_stay_text_that_can_be_read(form: str) -> None:
    days = pd.date_range("2024-01-01 03:07:09.5", periods=200, freq="37h")
    table = Table.from_frame(pd.DataFrame({"day": days.strftime(form).astype(object)}), overrides={"day": "datetime"})
    after = protect(table, 0, CodecConfig()).frame["day"]
    assert after.dtype == object
    read, real = (pd.to_datetime(each) for each in (after, table.frame["day"]))
    assert read.is_monotonic_increasing and (read[5:-5] == real[5:-5]).all()
    assert not set(read[:4]) & set(real[:4])


@pytest.mark.parametrize("rows", [5, 6, 11, 12])
def test_a_small_table_of_numbers_stays_one(rows: int) -> None:
    frame = pd.DataFrame({"x": np.arange(rows) * 1.5, "flag": [True, *[False] * (rows - 1)]})
    after = protected(frame)
    assert after["x"].is_monotonic_increasing
    assert after["x"].nunique() >= 2


@pytest.mark.parametrize("rows", [1, 4])
def test_a_table_of_fewer_rows_than_may_share_a_value_is_refused(rows: int) -> None:
    with pytest.raises(DataError, match=f"the table has {rows} rows, and a value of 'x' is learnt only if 5 share it"):
        protected(pd.DataFrame({"x": np.arange(rows) * 1.5}))


@pytest.mark.parametrize(
    "values",
    [[f"w{each // 4}" for each in range(60)], pd.Categorical(np.arange(200) // 4 * 7.5), 2**60 + np.arange(300) // 3],
    ids=["text", "category of numbers", "keys"],
)
def test_a_column_none_of_whose_values_is_shared_is_refused_with_a_way_on(values: Any) -> None:
    with pytest.raises(DataError, match=r"no value of column 'x' is shared by 5 rows.*to id .*to personal"):
        protected(pd.DataFrame({"x": values}), **({"x": "float"} if isinstance(values, pd.Categorical) else {}))


def test_values_of_fewer_rows_than_may_share_one_become_missing() -> None:
    frame = pd.DataFrame({"x": [12345.5] * 4 + [None] * 96, "word": [None] * 96 + ["Zoe"] * 4, "y": [1, 2] * 50})
    after = protected(frame)
    assert after[["x", "word"]].isna().all(axis=None)
    assert after["y"].equals(frame["y"])


def test_columns_that_say_the_same_go_on_doing_so() -> None:
    rng = np.random.default_rng(0)
    code = rng.choice([10, 7, 99, 3], ROWS, p=[0.5, 0.4, 0.097, 0.003])
    label = pd.Series(code).map({10: "ten", 7: "seven", 99: "many", 3: "rare"})
    after = protected(
        pd.DataFrame({"code": code, "label": label, "rank": pd.Series(code).map({10: 1, 7: 2, 99: 3, 3: 4})})
    )
    assert set(after["label"]) == {"ten", "seven", "many"}
    assert len(after.drop_duplicates()) == 3


def test_only_categories_of_a_row_stay_in_the_type() -> None:
    values = pd.Categorical(words("often", 700, "once"), categories=["once", "never", "other", "often"], ordered=True)
    for rare in (5, 1):
        table = Table.from_frame(pd.DataFrame({"word": values}), overrides={"word": {"rare": rare}})
        after = protect(table, 0, CodecConfig())
        left = ("other", "often") if rare == 5 else ("once", "other", "often")
        assert after.schema["word"].categories == left
        assert after.frame["word"].cat.categories.tolist() == list(left)
        assert after.frame["word"].cat.ordered and after.frame["word"].notna().all()


def test_ids_and_personal_columns_are_left_alone() -> None:
    frame = pd.DataFrame(
        {"key": np.arange(ROWS), "name": [f"n{each}" for each in range(ROWS)], "word": words("a", 600, "b")}
    )
    after = protected(frame, key="id", name="personal")
    assert after[["key", "name"]].equals(frame[["key", "name"]])


def of_patients(**columns: Any) -> Table:
    """A table of 100 patients with 20 rows each."""
    frame = pd.DataFrame({"patient": np.arange(100).repeat(20), **columns})
    table = Table.from_frame(frame, overrides={"patient": "id"})
    return Table(table.frame, dataclasses.replace(table.schema, entity="patient"))


def test_the_name_of_a_patient_of_twenty_rows_is_one_patients() -> None:
    names = [f"Name {each}" for each in range(100)]
    with pytest.raises(DataError, match="no value of column 'name' is shared by 5 entities"):
        protect(of_patients(name=np.repeat(names, 20)), 0, CodecConfig())
    ward = np.where(np.arange(100) < 96, "north", "south").repeat(20)  # four patients
    assert set(protect(of_patients(ward=ward), 0, CodecConfig()).frame["ward"]) == {"north"}


@pytest.mark.parametrize("numbers", [np.arange(100) * 10_007, np.arange(100) * 10_007 / 100])
def test_a_number_of_a_patient_of_twenty_rows_does_not_come_back(numbers: Any) -> None:
    table = of_patients(account=numbers.repeat(20))
    drawn = Independent.fit(table, seed=0).sample(20_000, seed=0).frame["account"]
    assert drawn.isin(numbers).mean() < 0.002
