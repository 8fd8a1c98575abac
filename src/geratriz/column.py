"""The kinds of column, and how the cells of one become numbers or codes and come back.

Every conversion between cells and numbers is here: what goes in by :func:`as_numbers` comes back by
:func:`from_numbers` in the column's own dtype, on its grid.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
import pandas as pd

from geratriz.errors import DataError

Kind = Literal["integer", "float", "boolean", "category", "datetime", "id", "personal"]
KINDS: tuple[str, ...] = get_args(Kind)
NUMERIC: frozenset[str] = frozenset({"integer", "float", "datetime"})  # kinds with an order and a distance
REPLACED: frozenset[str] = frozenset({"id", "personal"})  # kinds that are never learnt: new values are made instead

RARE = 5  # a value that fewer rows share may tell whose it is (the usual threshold of statistical offices is 3 to 10)
LARGEST = 1e150  # the square of a larger number overflows; none is a measurement
EXACT = 2.0**53  # whole numbers beyond are keys, not quantities: as floats they would become others


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column: its ``kind``, the pandas ``dtype`` it comes back with, and what its values look like."""

    name: str
    kind: Kind
    dtype: str
    step: float | None = None
    """The grid its numbers stand on, such as 1.0 or 0.01 (datetimes: in seconds); None where it is continuous."""
    categories: tuple[Any, ...] | None = None
    """The categories of a pandas ``category`` column, in order; None for other dtypes."""
    ordered: bool = False
    declared: bool = False
    """Whether the user gave its kind."""
    rare: int = RARE
    """A value that fewer training rows have is not repeated, nor are as many of the smallest and largest numbers; 1
    lets all of them be repeated."""
    form: str | None = None
    """What a personal column's values look like: one of geratriz.data.forms.FORMS, or None to tell by the values."""
    locale: str = "en_US"
    """The language and country of a personal column's new values."""

    def snap(self, numbers: np.ndarray) -> np.ndarray:
        """``numbers`` on the column's grid."""
        if self.step is None:
            return numbers
        if self.step < 1:  # rounding to decimals gives the float nearest to the decimal number; a product does not
            return np.round(numbers, round(-math.log10(self.step)))
        return np.round(numbers / self.step) * self.step

    def restore(self, values: pd.Series) -> pd.Series:
        """``values`` in this column's dtype. Missing values in a dtype that has none raise as pandas does."""
        if self.dtype == "category":
            kept = None if self.categories is None else list(self.categories)
            return values.astype(pd.CategoricalDtype(kept, ordered=self.ordered))
        return cast("pd.Series", values.astype(self.dtype))  # type: ignore[call-overload]


def as_codes(values: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Cells as numbers of the distinct values beside them, -1 where missing, in as few bytes as will do.

    Of a pandas ``category`` column the distinct values are all its categories; else those that occur, as they first do.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.codes.to_numpy(), values.cat.categories.astype(object).tolist()
    codes, distinct = pd.factorize(values)
    return codes.astype(np.min_scalar_type(-1 - len(distinct))), distinct.tolist()


def as_numbers(name: str, values: pd.Series, kind: str) -> np.ndarray:
    """A numeric column as float64, missing as NaN; datetimes in seconds since 1970 (UTC).

    Raises:
        DataError: the values are no numbers, or one is infinite or beyond :data:`LARGEST`.
    """
    try:
        if kind == "datetime":
            since = pd.to_datetime(values, utc=True) - pd.Timestamp(0, unit="s", tz="UTC")
            return since.dt.total_seconds().to_numpy(dtype=np.float64, na_value=np.nan)
        numbers = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as problem:
        raise DataError(
            f"column {name!r} is declared {kind} but cannot be read so: {problem}. Set data.schema.{name} to its kind."
        ) from None
    beyond = np.abs(numbers) > LARGEST
    if beyond.any():
        row = int(beyond.argmax())
        what = "an infinite value" if np.isinf(numbers[row]) else f"{numbers[row]:g}, as good as infinite,"
        raise DataError(f"column {name!r} holds {what} (row {row}). Replace it by a number or leave it missing.")
    return numbers


def from_numbers(column: Column, numbers: np.ndarray) -> pd.Series:
    """The inverse of :func:`geratriz.data.schema.as_numbers`, in the column's own dtype; NaN becomes missing."""
    if column.kind == "datetime":
        return to_datetime(column, numbers)
    return column.restore(pd.Series(numbers))


def as_shown(column: Column, numbers: np.ndarray) -> np.ndarray:
    """``numbers`` as they come back from the column: on its grid, in its precision.

    0.1 + 0.2 is the number 0.3 there, a short float another one beside its decimals, a far date of whole microseconds.
    """
    return column.snap(as_numbers(column.name, from_numbers(column, numbers), column.kind))


def to_datetime(column: Column, seconds: np.ndarray) -> pd.Series:
    """Seconds since 1970 as the dates of ``column``; NaN becomes missing."""
    present = ~np.isnan(seconds)
    stamps = np.full(len(seconds), "NaT", dtype="datetime64[us]")  # nanoseconds would end in 2262
    stamps[present] = np.round(seconds[present] * 1e6).astype(np.int64).astype("datetime64[us]")
    moments = pd.Series(stamps).dt.tz_localize("UTC")
    if column.dtype.startswith("datetime64") and "," not in column.dtype:
        moments = moments.dt.tz_localize(None)
    elif not column.dtype.startswith("datetime64"):  # dates that were text stay text
        form = "%Y-%m-%d" if column.step == 86400.0 else "%Y-%m-%dT%H:%M:%S" + (".%f" if column.step is None else "")
        moments = moments.dt.strftime(form).astype(object)
    return column.restore(moments)
