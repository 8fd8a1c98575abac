"""Column kinds, and conversion of a column's cells to numbers or codes and back.

:func:`from_numbers` inverts :func:`as_numbers`, in the column's own dtype and on its grid.
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
REPLACED: frozenset[str] = frozenset({"id", "personal"})  # kinds that are never learnt: new values are generated

RARE = 5  # default minimum of rows per value: fewer may identify a person (statistical offices use 3 to 10)
MAX_MAGNITUDE = 1e150  # the square of a larger number overflows; no measurement is larger
MAX_EXACT_INTEGER = 2.0**53  # larger integers are keys, not quantities: float64 does not hold all of them


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column: its ``kind``, the pandas ``dtype`` it is restored to, and the form of its values."""

    name: str
    kind: Kind
    dtype: str
    step: float | None = None
    """Grid of its numbers, such as 1.0 or 0.01 (datetimes: in seconds); None if it is continuous."""
    categories: tuple[Any, ...] | None = None
    """Categories of a pandas ``category`` column, in order; None for other dtypes."""
    ordered: bool = False
    declared: bool = False
    """Whether the user declared its kind."""
    rare: int = RARE
    """Minimum number of training rows with a value for it to be repeated, and number of smallest and of largest numbers
    that are never repeated; 1 allows all values."""
    form: str | None = None
    """Form of a personal column: one of :data:`geratriz.table.data.forms.FORMS`; None infers it from the values."""
    locale: str = "en_US"
    """Language and country of a personal column's new values."""

    def snap(self, numbers: np.ndarray) -> np.ndarray:
        """Round ``numbers`` to the column's grid."""
        if self.step is None:
            return numbers
        if self.step < 1:  # rounding to decimals gives the float nearest to the decimal number; a product does not
            return np.round(numbers, round(-math.log10(self.step)))
        return np.round(numbers / self.step) * self.step

    def restore(self, values: pd.Series) -> pd.Series:
        """Convert ``values`` to this column's dtype. Missing values in a dtype without any raise as in pandas."""
        if self.dtype == "category":
            categories = None if self.categories is None else list(self.categories)
            return values.astype(pd.CategoricalDtype(categories, ordered=self.ordered))
        return cast("pd.Series", values.astype(self.dtype))  # type: ignore[call-overload]


def as_codes(values: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Integer codes of the cells, -1 where missing, in the smallest dtype; and the distinct values they index.

    The distinct values of a pandas ``category`` column are all its categories, otherwise those that occur, in order of
    first appearance.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.codes.to_numpy(), values.cat.categories.astype(object).tolist()
    codes, distinct = pd.factorize(values)
    return codes.astype(np.min_scalar_type(-1 - len(distinct))), distinct.tolist()


def as_numbers(name: str, values: pd.Series, kind: str) -> np.ndarray:
    """A numeric column as float64, missing as NaN; datetimes in seconds since 1970 (UTC).

    Raises:
        DataError: the values are not numbers, or one is infinite or beyond :data:`MAX_MAGNITUDE`.
    """
    try:
        if kind == "datetime":
            elapsed = pd.to_datetime(values, utc=True) - pd.Timestamp(0, unit="s", tz="UTC")
            return elapsed.dt.total_seconds().to_numpy(dtype=np.float64, na_value=np.nan)
        numbers = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as problem:
        raise DataError(
            f"column {name!r} is declared {kind} but cannot be read as such: {problem}. Correct data.schema.{name}."
        ) from None
    beyond = np.abs(numbers) > MAX_MAGNITUDE
    if beyond.any():
        row = int(beyond.argmax())
        found = "an infinite value" if np.isinf(numbers[row]) else f"{numbers[row]:g}, which is too large,"
        raise DataError(f"column {name!r} holds {found} (row {row}). Replace it with a number or leave it missing.")
    return numbers


def from_numbers(column: Column, numbers: np.ndarray) -> pd.Series:
    """Inverse of :func:`as_numbers`, in the column's own dtype; NaN becomes missing."""
    if column.kind == "datetime":
        return to_datetime(column, numbers)
    return column.restore(pd.Series(numbers))


def as_shown(column: Column, numbers: np.ndarray) -> np.ndarray:
    """``numbers`` after a round trip through the column: on its grid and in its precision.

    0.1 + 0.2 becomes 0.3, float32 columns keep single precision, dates far from 1970 keep whole microseconds.
    """
    return column.snap(as_numbers(column.name, from_numbers(column, numbers), column.kind))


def to_datetime(column: Column, seconds: np.ndarray) -> pd.Series:
    """Seconds since 1970 as dates in the column's dtype; NaN becomes missing."""
    present = ~np.isnan(seconds)
    stamps = np.full(len(seconds), "NaT", dtype="datetime64[us]")  # nanoseconds would end in 2262
    stamps[present] = np.round(seconds[present] * 1e6).astype(np.int64).astype("datetime64[us]")
    moments = pd.Series(stamps).dt.tz_localize("UTC")
    if column.dtype.startswith("datetime64") and "," not in column.dtype:
        moments = moments.dt.tz_localize(None)
    elif not column.dtype.startswith("datetime64"):  # dates stored as text stay text
        form = "%Y-%m-%d" if column.step == 86400.0 else "%Y-%m-%dT%H:%M:%S" + (".%f" if column.step is None else "")
        moments = moments.dt.strftime(form).astype(object)
    return column.restore(moments)
