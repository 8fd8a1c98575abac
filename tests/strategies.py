"""Tables of every kind for property-based tests: from one row and one column up, with what real files hold."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

ROWS = 90  # more than make an id, few enough for hundreds of cases
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=6).filter(str.strip)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=5)  # pandas writes \r to CSV unquoted
NUMBERS = st.floats(-1e150, 1e150) | st.floats(-1e150, 1e150) | st.floats(allow_nan=False, allow_infinity=False)
Cells = st.SearchStrategy[Any]
Draw = Callable[[Cells], Any]


def _cells(draw: Draw, values: Cells, rows: int, *, gaps: bool = False) -> list[object]:
    """``rows`` cells, either each drawn on its own or all from a few values, some of them missing if ``gaps``."""
    few = draw(st.none() | st.lists(values, min_size=1, max_size=4))
    cell = values if few is None else st.sampled_from(few)
    drawn = draw(st.lists(cell, min_size=min(rows, 12), max_size=min(rows, 12)))
    pool = np.empty(len(drawn), dtype=object)
    pool[:] = drawn
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    cells = pool[rng.integers(0, len(pool), rows)] if draw(st.booleans()) else np.resize(pool, rows)
    if gaps and draw(st.booleans()):
        cells = np.where(rng.random(rows) < 0.3, None, cells)
    return list(cells)


def _of(values: Cells, dtype: object, *, gaps: bool = False) -> Callable[[Draw, int], pd.Series]:
    return lambda draw, rows: pd.Series(_cells(draw, values, rows, gaps=gaps), dtype=dtype)


def _whole(low: int, high: int) -> Cells:
    return st.integers(low, high) | st.integers(-5, 5).filter(lambda each: low <= each <= high)


def _moments(unit: str, zone: str | None, *, wide: bool) -> Callable[[Draw, int], pd.Series]:
    years = (1, 9999) if wide else (1900, 2200)
    moments = st.datetimes(pd.Timestamp(years[0], 1, 2), pd.Timestamp(years[1], 12, 30))
    days = moments.map(lambda each: each.replace(hour=0, minute=0, second=0, microsecond=0))

    def series(draw: Draw, rows: int) -> pd.Series:
        cells = pd.Series(_cells(draw, draw(st.sampled_from([moments, days])), rows, gaps=True))
        values = cells.astype(f"datetime64[{unit}]")
        return values if zone is None else values.dt.tz_localize("UTC").dt.tz_convert(zone)

    return series


def _continuous(dtype: str) -> Callable[[Draw, int], pd.Series]:
    """Many different numbers of one size, on a grid or on none."""

    def series(draw: Draw, rows: int) -> pd.Series:
        rng = np.random.default_rng(draw(st.integers(0, 2**16)))
        centre, exponent, digits = (
            draw(each) for each in (st.floats(-3, 3), st.integers(-20, 20), st.none() | st.integers(0, 4))
        )
        values = (rng.normal(centre, 1.0, rows)) * 10.0**exponent
        values = values if digits is None else np.round(values, digits)
        return pd.Series(np.where(rng.random(rows) < draw(st.sampled_from([0, 0.2])), np.nan, values), dtype=dtype)

    return series


def _categorical(draw: Draw, rows: int) -> pd.Series:
    levels = draw(st.one_of(*(st.lists(each, min_size=1, max_size=6, unique=True) for each in (WORDS, _whole(-9, 9)))))
    cells = _cells(draw, st.sampled_from(levels), rows, gaps=True)
    return pd.Series(pd.Categorical(cells, categories=levels, ordered=draw(st.booleans())))


def _keys(draw: Draw, rows: int) -> pd.Series:
    first, step = draw(st.integers(-100, 10**9)), draw(st.sampled_from([1, -1, 3]))
    numbers = pd.Series(first + step * np.arange(rows))
    return numbers if draw(st.booleans()) else "k" + numbers.astype("str")


COLUMNS: dict[str, Callable[[Draw, int], pd.Series]] = {
    "integers": _of(_whole(-(2**31), 2**31 - 1), "int64"),
    "large integers": _of(_whole(-(2**63), 2**63 - 1), "int64"),
    "small integers": _of(_whole(0, 255), "uint8"),
    "large naturals": _of(_whole(0, 2**64 - 1), "uint64"),
    "integers with gaps": _of(_whole(-(2**40), 2**40), "Int64", gaps=True),
    "large integers with gaps": _of(_whole(-(2**63), 2**63 - 1), "Int64", gaps=True),
    "floats": _of(NUMBERS, "float64", gaps=True),
    "short floats": _of(st.floats(allow_nan=False, allow_infinity=False, width=32), "float32", gaps=True),
    "nullable floats": _of(NUMBERS, "Float64", gaps=True),
    "continuous": _continuous("float64"),
    "short continuous": _continuous("float32"),
    "money": _of(st.decimals(-(10**6), 10**6, places=2).map(float), "float64", gaps=True),
    "booleans": _of(st.booleans(), "bool"),
    "booleans with gaps": _of(st.booleans(), "boolean", gaps=True),
    "booleans as objects": _of(st.booleans(), object, gaps=True),
    "words": _of(WORDS, "str", gaps=True),
    "words as objects": _of(WORDS, object, gaps=True),
    "nullable words": _of(WORDS, "string", gaps=True),
    "numbers as objects": _of(st.integers(-9, 9), object, gaps=True),
    "categories": _categorical,
    "moments": _moments("us", None, wide=True),
    "nanoseconds": _moments("ns", None, wide=False),
    "seconds": _moments("s", None, wide=True),
    "moments in a zone": _moments("us", "Europe/Lisbon", wide=False),
    "keys": _keys,
    "nothing": lambda draw, rows: pd.Series([None] * rows, dtype=draw(st.sampled_from(["float64", object, "Int64"]))),
}


@st.composite
def frames(draw: Draw, columns: int = 5) -> pd.DataFrame:
    """A frame of one to ``ROWS`` rows and one to ``columns`` columns of any kind."""
    rows = draw(st.integers(1, 4) | st.integers(1, ROWS))
    names = draw(st.lists(NAMES, min_size=1, max_size=columns, unique=True))
    kinds = [draw(st.sampled_from(sorted(COLUMNS))) for _ in names]
    frame = pd.DataFrame({name: COLUMNS[kind](draw, rows) for name, kind in zip(names, kinds, strict=True)})
    if len(names) > 1 and draw(st.booleans()):
        frame[names[-1]] = pd.factorize(frame[names[0]])[0]  # says the same as another column
    return frame
