"""Tables as arrays for classifiers and distances, in one encoding for all sides."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd

from geratriz.column import NUMERIC, as_numbers
from geratriz.errors import DataError
from geratriz.table.data.table import Table

MAX_LEVELS = 254  # limit of scikit-learn's boosted trees; the rarest levels share one code there


@dataclass(frozen=True, slots=True)
class Features:
    """The learnt columns of one side: numbers unchanged, categories as codes, missing values as NaN."""

    names: tuple[str, ...]
    values: np.ndarray
    """float64 (N, C)."""
    categorical: np.ndarray
    """Mask of the columns that hold codes, bool (C,)."""

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: np.ndarray | slice) -> "Features":
        """Rows at the given positions."""
        return Features(self.names, self.values[rows], self.categorical)

    def index(self, name: str) -> int:
        """Position of a column."""
        return self.names.index(name)

    def for_trees(self) -> np.ndarray:
        """Values with at most :data:`MAX_LEVELS` codes per column, float64 (N, C)."""
        capped: np.ndarray = np.where(self.categorical, np.minimum(self.values, MAX_LEVELS - 1), self.values)
        return capped


def encode(tables: Sequence[Table]) -> list[Features]:
    """Encode ``tables`` of one schema together, so that a category has the same code on every side.

    Raises:
        DataError: all columns are ids, or a value of a numeric column is not a number.
    """
    columns = tables[0].schema.learnt
    if not columns:
        raise DataError("the table has no column but ids, so there is nothing to compare. Set data.schema.COLUMN.")
    names = tuple(column.name for column in columns)
    categorical = np.array([column.kind not in NUMERIC for column in columns], dtype=bool)
    sides = [np.empty((len(table), len(columns))) for table in tables]
    for i, column in enumerate(columns):
        if categorical[i]:
            encoded = _codes([table.frame[column.name] for table in tables])
        else:
            encoded = [as_numbers(column.name, table.frame[column.name], column.kind) for table in tables]
        for side, cells in zip(sides, encoded, strict=True):
            side[:, i] = cells
    return [Features(names, side, categorical) for side in sides]


def _codes(sides: Sequence[pd.Series]) -> list[np.ndarray]:
    """Codes by descending frequency over all sides, ties by name; missing is NaN."""
    words = pd.concat([_words(side) for side in sides], ignore_index=True)
    counts = words.value_counts().to_dict()
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    codes = words.map({word: float(code) for code, word in enumerate(ranked)}).to_numpy(np.float64, na_value=np.nan)
    return np.split(codes, np.cumsum([len(side) for side in sides])[:-1])


def _words(side: pd.Series) -> pd.Series:
    """Categories as text; each distinct category is converted once."""
    cells = side.astype(object)
    return cells.map({value: _word(value) for value in cells.dropna().unique()})


def _word(value: object) -> str:
    """A category as text; numbers are equal in every dtype: 3 is written as 3.0, as in a column with missing values."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return str(float(value)) if is_number else str(value)  # type: ignore[arg-type]
