"""What holds for every table, of whatever columns: more cases with `pytest --hypothesis-profile=thorough`.

Here tests take seconds: each case is a table of its own that is fitted, sampled, saved and loaded.
"""

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

import geratriz
from geratriz.column import NUMERIC, as_numbers
from geratriz.errors import GeratrizError
from geratriz.table.data.codec import Codec
from geratriz.table.data.levels import CodecConfig, Levels
from geratriz.table.data.table import Table
from geratriz.table.generators.base import Generator
from geratriz.table.generators.catalog import GENERATORS
from tests.strategies import frames

SMALL = CodecConfig(max_levels=20, bins=8)
NETWORK = {"width": 8, "batch": 32, "blocks": 1, "threads": 1}
TINY: dict[str, dict[str, Any]] = {
    "autoregressive": {**NETWORK, "epochs": 1, "components": 2},
    "ctgan": {**NETWORK, "steps": 5, "noise": 4},
    "tvae": {**NETWORK, "epochs": 1, "latent": 2, "components": 2},
}
CASES = settings().max_examples
FITS = min(CASES, 25) if CASES < 1000 else CASES  # of the generator that is fitted soonest
NETWORKS = max(CASES // 8, 1)
A_CENTURY_OR_SO = 2.0**32  # seconds from 1970 that a float holds to the microsecond


@pytest.fixture(autouse=True)
def _numbers_that_overflow_are_errors() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


def codec_of(frame: pd.DataFrame) -> tuple[Table, Codec] | None:
    """The table and its codec, or None where a message says why there is none."""
    try:
        every_value = {str(name): {"rare": 1} for name in frame.columns}
        table = Table.from_frame(frame, overrides=every_value)
        return table, Codec.fit(table, SMALL, np.random.default_rng(0))
    except GeratrizError as problem:
        assert str(problem).endswith(".")
        return None


def numbers(levels: Levels, values: pd.Series) -> np.ndarray:
    found = as_numbers(levels.column.name, values, levels.column.kind)
    return found[~np.isnan(found)]


def assert_promised(levels: Levels, given_: pd.Series, back: pd.Series) -> None:
    """What the codec's docstring says of a column that went through it."""
    assert back.dtype == given_.dtype
    assert back.isna().equals(given_.isna())
    if levels.column.kind == "datetime":
        before, after = numbers(levels, given_), numbers(levels, back)
        near = np.abs(before) < A_CENTURY_OR_SO
        if not levels.bins:
            assert np.abs(before - after)[near].max(initial=0) < 1e-6
            assert np.abs(before - after)[~near].max(initial=0) < 1e-3
    elif not levels.bins:
        pd.testing.assert_series_equal(back, given_)
    if levels.bins:
        before, after = numbers(levels, given_), numbers(levels, back)
        slack = 1e-3 if levels.column.kind == "datetime" else 0.0
        assert before.min() - slack <= after.min()
        assert after.max() <= before.max() + slack
        if levels.column.step is None:
            assert np.abs(levels.to_probability(after) - levels.to_probability(before)).max() < 1e-3


@given(frame=frames())
def test_the_codec_brings_back_what_it_promises(frame: pd.DataFrame) -> None:
    made = codec_of(frame)
    if made is None:
        return
    table, codec = made
    encoded = codec.encode(table, np.random.default_rng(1))
    back = codec.decode(encoded)
    assert list(back.frame.columns) == list(table.frame.columns)
    for levels in codec.levels:
        assert_promised(levels, table.frame[levels.column.name], back.frame[levels.column.name])
    again = Codec.from_state(*codec.to_state()).decode(encoded)
    pd.testing.assert_frame_equal(again.frame, back.frame)


@given(frame=frames())
def test_any_codes_decode_to_values_that_encode_to_them(frame: pd.DataFrame) -> None:
    made = codec_of(frame)
    if made is None:
        return
    table, codec = made
    drawn = np.random.default_rng(2).integers(0, codec.sizes, (40, len(codec.sizes)), dtype=np.int32)
    encoded = codec.unbin(drawn, np.random.default_rng(3))
    assert np.array_equal(codec.bin(encoded), drawn)
    back = codec.decode(encoded).frame
    assert back.dtypes.equals(table.frame.dtypes)


def cells(table: Table) -> list[list[object]]:
    """Every cell as Python has it, missing as None."""
    frame = table.frame.astype(object)
    plain: list[list[object]] = frame.where(table.frame.notna(), None).to_numpy().tolist()
    return plain


def check(kind: str, frame: pd.DataFrame, config: dict[str, Any]) -> None:
    generator_cls = GENERATORS.find(kind)
    try:
        table = Table.from_frame(frame)
        generator = generator_cls.fit(table, generator_cls.config_cls(**config), seed=0, device="cpu")
    except GeratrizError as problem:
        assert str(problem).endswith(".")
        return
    sample = generator.sample(20, seed=1)
    assert sample.schema.names == table.schema.names
    assert sample.frame.dtypes.astype(str).equals(table.frame.dtypes.astype(str))  # but for categories too rare to stay
    assert_nothing_rare_is_repeated(table, sample)
    with tempfile.TemporaryDirectory() as folder:
        generator.save(Path(folder) / "model")
        loaded = GENERATORS.load(Path(folder) / "model")
        pd.testing.assert_frame_equal(loaded.sample(20, seed=1).frame, sample.frame)
        for ending in ("parquet", "csv")[: len(table.schema.names)]:  # a line of CSV that is one blank cell is skipped
            path = geratriz.sample(loaded, 20, seed=1, out=Path(folder) / f"rows.{ending}")
            read = Table.read(path, schema=table.schema)
            assert len(read) == 20
            assert ending == "csv" or cells(read) == cells(sample)
    assert_a_value_of_a_row_can_be_asked_for(generator, sample)


def assert_nothing_rare_is_repeated(table: Table, sample: Table) -> None:
    """``rare`` rows share each word; the outermost number does not come back unless as many share it."""
    for column in table.schema.learnt:
        real, drawn = table.frame[column.name].dropna(), sample.frame[column.name].dropna()
        if column.kind not in NUMERIC:
            counts = real.value_counts().to_dict()
            assert all(counts[each] >= min(column.rare, max(counts.values())) for each in drawn.unique())
            continue
        before, after = (as_numbers(column.name, each, column.kind) for each in (real, drawn))
        shared = np.unique(before, return_counts=True)[1]
        inner = shared[1:-1].sum() + sum(each for each in shared[[0, -1]] if each < column.rare) if len(shared) else 0
        if len(after) and inner >= 2 * column.rare + 2:
            slack = 1e-3 if column.kind == "datetime" else 0.0
            for sign in (-1, 1):
                outermost, reached = (sign * before).max(), (sign * after).max()
                if (sign * before >= outermost - slack).sum() >= column.rare:
                    assert reached <= outermost + slack
                else:
                    assert reached < outermost


def assert_a_value_of_a_row_can_be_asked_for(generator: Generator[Any], sample: Table) -> None:
    for levels in generator.codec.levels[:2]:
        name = levels.column.name
        wanted = sample.frame[name].iloc[0]
        rows = generator.sample(3, seed=2, where={name: wanted}).frame[name]
        if pd.isna(wanted):
            assert rows.isna().all()
        elif levels.column.kind == "datetime":
            assert ((rows - wanted).abs() < pd.Timedelta(milliseconds=1)).all() or levels.bins
        elif not levels.bins:
            assert rows.eq(wanted).all()


@settings(max_examples=FITS)
@given(frame=frames())
def test_fit_sample_save_and_load_never_fail_without_a_message(frame: pd.DataFrame) -> None:
    check("independent", frame, {})


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(set(GENERATORS) - {"independent"}))
@settings(max_examples=NETWORKS)
@given(frame=frames(columns=3))
def test_nor_does_a_network(kind: str, frame: pd.DataFrame) -> None:
    check(kind, frame, TINY[kind])
