"""Tables as arrays that classifiers and distances can work on: one encoding for all sides."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from geratriz.data.schema import NUMERIC, as_numbers
from geratriz.data.table import Table

MAX_LEVELS = 254  # scikit-learn's boosted trees take no more; rarer levels share one


@dataclass(frozen=True, slots=True)
class Features:
    """The learnt columns of one side: numbers as they are, categories as codes, missing as NaN."""

    names: tuple[str, ...]
    values: np.ndarray
    """float64 (N, C)."""
    categorical: np.ndarray
    """bool (C,): which columns hold codes."""

    def __len__(self) -> int:
        return len(self.values)

    def index(self, name: str) -> int:
        """The position of a column."""
        return self.names.index(name)


def encode(tables: Sequence[Table]) -> list[Features]:
    """Encode ``tables`` of one schema alike: a category has one code on every side, whichever side knows it."""
    columns = tables[0].schema.learnt
    names = tuple(column.name for column in columns)
    categorical = np.array([column.kind not in NUMERIC for column in columns])
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
    """Codes by falling frequency over all sides; missing is NaN."""
    words = pd.concat([side.astype(object) for side in sides], ignore_index=True).map(str, na_action="ignore")
    order = {word: float(min(code, MAX_LEVELS - 1)) for code, word in enumerate(words.value_counts().index)}
    codes = words.map(order).to_numpy(dtype=np.float64, na_value=np.nan)
    ends = np.cumsum([len(side) for side in sides])
    return np.split(codes, ends[:-1])
