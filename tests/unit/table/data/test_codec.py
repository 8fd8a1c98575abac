"""The codec brings cells back, and tells apart what it should."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from geratriz.errors import DataError, RequestError
from geratriz.table.data.codec import Codec
from geratriz.table.data.levels import CodecConfig
from geratriz.table.data.table import Table
from tests.tables import mixed


def codec_of(table: Table, **config: int) -> Codec:
    return Codec.fit(table, CodecConfig(**config), np.random.default_rng(0))


def there_and_back(table: Table) -> pd.DataFrame:
    codec = codec_of(table)
    return codec.decode(codec.encode(table, np.random.default_rng(1))).frame


def test_atoms_words_dates_and_missing_values_come_back_exactly() -> None:
    table = Table.from_frame(mixed().frame, overrides={"size": {"rare": 1}})
    back = there_and_back(table)
    for name in ("group", "size", "sold", "rating", "note", "day"):
        pd.testing.assert_series_equal(back[name], table.frame[name])


def test_continuous_cells_come_back_on_their_grid_and_close() -> None:
    table = mixed(5000)
    back = there_and_back(table)
    for name, tolerance in (("price", 0.011), ("weight", 0.01)):
        assert back[name].dtype == table.frame[name].dtype
        assert np.abs(back[name] - table.frame[name]).max() <= tolerance
    assert np.array_equal(back["price"], back["price"].round(2))


def test_columns_of_few_values_keep_each_and_others_get_bins_and_heavy_atoms() -> None:
    rng = np.random.default_rng(0)
    many = np.where(rng.random(4000) < 0.3, 0.0, rng.normal(100, 20, 4000))
    table = Table.from_frame(pd.DataFrame({"few": rng.integers(0, 50, 4000), "many": many}))
    few, continuous = codec_of(table, bins=32).levels
    assert (len(few.atoms), few.bins) == (50, 0)
    assert continuous.atoms == (0.0,)
    assert continuous.bins == 32


def test_a_short_table_is_not_learnt_value_by_value() -> None:
    table = Table.from_frame(pd.DataFrame({"x": np.random.default_rng(0).normal(size=120)}))
    (levels,) = codec_of(table).levels
    assert levels.atoms == ()
    assert levels.bins == 6


def test_bins_are_about_equally_full_and_unbin_stays_inside_them() -> None:
    table = mixed(5000)
    codec = codec_of(table, bins=20)
    binned = codec.bin(codec.encode(table, np.random.default_rng(0)))
    index = [levels.column.name for levels in codec.levels].index("weight")
    counts = np.bincount(binned[:, index], minlength=20)
    assert counts.min() > 0.7 * 250
    assert counts.max() < 1.3 * 250
    again = codec.bin(codec.unbin(binned, np.random.default_rng(1)))
    assert np.array_equal(again, binned)


def test_the_distribution_of_a_column_is_kept_through_bins() -> None:
    table = mixed(5000)
    codec = codec_of(table)
    back = codec.decode(codec.unbin(codec.bin(codec.encode(table, np.random.default_rng(0))), np.random.default_rng(1)))
    assert ks_2samp(table.frame["weight"], back.frame["weight"]).statistic < 0.01


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([True, False, None] * 30, dtype="boolean"),
        pd.Series([1.5, None, 2.5] * 30, dtype="float32"),
        pd.Series(pd.to_datetime(["2024-01-01 10:00:01", None, "2025-05-05 11:00:02"] * 30)),
        pd.Series(pd.to_datetime(["2024-01-01", "2025-05-05"] * 30, utc=True)),
        pd.Series(pd.Categorical(["lo", "hi", "mid"] * 30, categories=["lo", "mid", "hi", "never"], ordered=True)),
        pd.Series([3, 1, 2] * 30, dtype="UInt8"),
        pd.Series(["x", None, "\u00e9 \u6f22"] * 30, dtype="str"),
        pd.Series([10**12, 10**12 + 1] * 40, dtype="int64"),
        pd.Series([-0.1, 0.0, 0.1] * 30),
    ],
    ids=lambda values: str(values.dtype),
)
def test_every_dtype_comes_back_as_it_was(values: pd.Series) -> None:
    pd.testing.assert_series_equal(
        there_and_back(Table.from_frame(values.to_frame("x")))["x"], values, check_names=False
    )


def test_a_number_as_category_stays_a_number() -> None:
    table = Table.from_frame(pd.DataFrame({"code": [10, 20, 30] * 30}), overrides={"code": "category"})
    assert there_and_back(table)["code"].tolist() == table.frame["code"].tolist()


def test_the_state_rebuilds_the_codec() -> None:
    table = mixed()
    codec = codec_of(table)
    again = Codec.from_state(*codec.to_state())
    encoded = codec.encode(table, np.random.default_rng(0))
    pd.testing.assert_frame_equal(again.decode(encoded).frame, codec.decode(encoded).frame)


def test_missing_and_strange_values_in_other_data_name_themselves() -> None:
    codec = codec_of(mixed())
    for change, message in (({"group": "z"}, "'z', never seen"), ({"price": np.nan}, "'price' is missing in row 0")):
        frame = mixed(5).frame.assign(**change)
        with pytest.raises(RequestError, match=message):
            codec.encode(Table(frame, mixed().schema), np.random.default_rng(0))


def test_a_table_of_ids_and_a_column_of_lists_are_refused() -> None:
    with pytest.raises(DataError, match="every column is an id"):
        codec_of(Table.from_frame(pd.DataFrame({"id": np.arange(100)})))
    with pytest.raises(DataError, match="holds a list in a cell"):
        codec_of(Table.from_frame(pd.DataFrame({"x": [[1], [2]] * 30})))


def twins() -> Table:
    rng = np.random.default_rng(0)
    rank = rng.integers(0, 4, 400)
    words = np.array(["none", "some", "more", "all"])[rank]
    return Table.from_frame(pd.DataFrame({"word": words, "rank": rank + 1, "other": rng.integers(0, 4, 400)}))


def test_a_column_that_says_the_same_as_another_is_filled_in_from_it() -> None:
    codec = codec_of(twins())
    assert [codec.levels[i].column.name for i in codec.modelled] == ["word", "other"]
    assert len(codec.sizes) == 2
    rows = np.random.default_rng(0).integers(0, 4, (500, 2))
    drawn = codec.decode(codec.unbin(rows, np.random.default_rng(0))).frame
    assert drawn.groupby("word")["rank"].nunique().eq(1).all()
    assert set(zip(drawn["word"], drawn["rank"], strict=True)) == {("none", 1), ("some", 2), ("more", 3), ("all", 4)}


def test_a_condition_on_a_twin_is_one_on_the_column_it_is_filled_in_from() -> None:
    codec = codec_of(twins())
    assert codec.condition({"rank": 3})[0] == codec.condition({"word": "more"})[0]
    assert codec.condition({"rank": 3, "word": "more"})[0] == codec.condition({"rank": 3})[0]
    with pytest.raises(RequestError, match="they never occur together"):
        codec.condition({"rank": 3, "word": "all"})


def column(values: object) -> Codec:
    return codec_of(Table.from_frame(pd.DataFrame({"x": values})))


@pytest.mark.parametrize("missing", [None, np.nan, pd.NaT, pd.NA])
def test_whatever_says_missing_can_be_asked_for(missing: object) -> None:
    codec = column(pd.to_datetime(["2024-01-01", None] * 30))
    assert codec.condition({"x": missing}) == ({0: 1}, {"x": None})


def test_the_ends_of_a_column_on_a_grid_can_be_asked_for() -> None:
    codec = column([0, 1])  # too few to be atoms: spread over half a step, neither end reaches its number
    assert [codec.condition({"x": number})[1]["x"] for number in (0, 1)] == [0, 1]
    with pytest.raises(RequestError, match="the training data, 0 to 1"):
        codec.condition({"x": 2})


def test_a_sum_that_misses_its_grid_by_a_bit_is_found_by_its_number() -> None:
    codec = column([0.1 + 0.2, 0.5] * 30)
    assert codec.condition({"x": 0.3}) == ({0: 0}, {"x": 0.1 + 0.2})


def test_a_far_date_that_floats_round_is_found_as_it_is_shown() -> None:
    codec = column(pd.Series(["3112-01-01T00:00:00.000409"] * 60, dtype="datetime64[us]"))
    drawn = codec.decode(codec.unbin(np.zeros((1, 1), dtype=np.int32), np.random.default_rng(0))).frame["x"].iloc[0]
    assert codec.condition({"x": drawn}) == ({0: 0}, {"x": drawn})


def test_what_was_seen_of_dates_is_said_in_dates() -> None:
    few, many = (pd.date_range("2024-01-01", periods=n, freq="h").repeat(60 // n) for n in (2, 60))
    for values, message in (
        (few, "Nearest: 2024-01-01 01:00:00, 2024-01-01 00"),
        (many, "data, 2024-01-01 00:00:00 to"),
    ):
        with pytest.raises(RequestError, match=message):
            column(values).condition({"x": "2025-01-01"})


def test_moments_far_from_today_come_back() -> None:
    moments = pd.Series(
        pd.to_datetime(["0001-01-01", "9999-12-31 23:59:59", "1969-12-31 23:59:59.999999"] * 30, format="ISO8601")
    )
    back = there_and_back(Table.from_frame(moments.to_frame("x")))["x"]
    pd.testing.assert_series_equal(back, moments, check_names=False)


def test_the_cells_of_a_grid_are_the_whole_and_each_gives_its_number() -> None:
    numbers = np.round(np.random.default_rng(0).normal(1000, 200, 3000))
    (levels,) = codec_of(Table.from_frame(pd.DataFrame({"x": numbers.astype(int)}))).levels
    first, last = levels.ends
    grid = np.arange(first, last + 1)
    low, high = levels.cell(grid)
    assert low[0] == 0 and high[-1] == 1
    assert np.allclose(low[1:], high[:-1])
    assert (high > low).all()
    assert np.array_equal(levels.to_number((low + high) / 2), grid)
    beyond = levels.cell(np.array([first - 50, last + 50]))
    assert np.array_equal(beyond, levels.cell(np.array([first, last])))


def test_the_slope_of_a_distribution_function_adds_up_to_it() -> None:
    (levels,) = codec_of(Table.from_frame(pd.DataFrame({"x": np.random.default_rng(0).gamma(2, 3, 3000)}))).levels
    low, high = levels.cell(levels.knots)
    assert np.array_equal(low, high)
    middles = (levels.knots[1:] + levels.knots[:-1]) / 2
    assert levels.slope(middles) @ np.diff(levels.knots) == pytest.approx(1)


def test_with_gaps_a_cell_may_be_missing_where_none_ever_was() -> None:
    codec = codec_of(mixed())
    holed = mixed().frame.assign(group=None)
    table = Table.from_frame(holed, schema=codec.schema)
    with pytest.raises(RequestError, match="but never in the training data"):
        codec.encode(table, np.random.default_rng(0))
    encoded = codec.encode(table, np.random.default_rng(0), gaps=True)
    position = [each.column.name for each in codec.levels].index("group")
    assert (encoded.codes[:, position] == -1).all()
    assert (np.delete(encoded.codes, position, axis=1) >= 0).all()


def test_codes_are_what_bins_of_encoded_cells_are_in_fewer_bytes() -> None:
    table = mixed()
    codec = Codec.fit(table, CodecConfig(bins=16), np.random.default_rng(0))
    binned = codec.bin(codec.encode(table, np.random.default_rng(1)))
    codes = codec.codes(table, np.random.default_rng(1))
    assert codes.dtype == np.int16
    assert np.array_equal(codes, binned)


def test_columns_that_part_in_one_late_row_are_no_twins() -> None:
    a = np.arange(3000) % 3
    frame = pd.DataFrame({"a": a, "b": (a + 1) % 3, "c": np.where(np.arange(3000) == 2999, 0, a)})
    codec = Codec.fit(Table.from_frame(frame), CodecConfig(), np.random.default_rng(0))
    assert [(twin.column, twin.of, twin.codes) for twin in codec.twins] == [(1, 0, (1, 2, 0))]
