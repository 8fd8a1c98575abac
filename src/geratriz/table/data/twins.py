"""Columns that say the same as another: each level of either goes with exactly one level of the other."""

from dataclasses import dataclass

import numpy as np

from geratriz.table.data.levels import Levels, encode_cells
from geratriz.table.data.table import Table

ROWS_PER_LEVEL = 20  # in fewer rows a level, two columns may be one-to-one by chance


@dataclass(frozen=True, slots=True)
class Twin:
    """A column that is filled in from another: each level of either goes with exactly one level of the other."""

    column: int
    of: int
    """Both are positions among the learnt columns."""
    codes: tuple[int, ...]
    """The column's code for each code of its twin."""


def find_twins(levels: tuple[Levels, ...], table: Table, rng: np.random.Generator) -> tuple[Twin, ...]:
    """Later columns that are one-to-one with an earlier one in every row, all levels exact."""
    most = len(table) // ROWS_PER_LEVEL
    alike: dict[int, list[int]] = {}  # columns by their number of levels
    for i, each in enumerate(levels):
        if not each.bins and 2 <= each.size <= most:
            alike.setdefault(each.size, []).append(i)
    found: dict[int, Twin] = {}
    for size, columns in alike.items():
        codes = {}
        for j in columns if len(columns) > 1 else ():
            codes[j] = encode_cells(levels[j], table.frame[levels[j].column.name], rng, gaps=False)[0]
            for i in (i for i in codes if i != j and i not in found):
                of_each = _one_to_one(codes[i], codes[j], size)
                if of_each is not None:
                    found[j] = Twin(j, i, of_each)
                    break
    return tuple(found[j] for j in sorted(found))


def _one_to_one(codes: np.ndarray, others: np.ndarray, size: int) -> tuple[int, ...] | None:
    """The other code of each of ``size`` codes; None where one has several, or none, or two have the same."""
    for rows in (slice(1000), slice(None)):  # most columns part in the first rows
        of_each = np.full(size, -1)
        of_each[codes[rows]] = others[rows]
        if (of_each[codes[rows]] != others[rows]).any():
            return None
    return tuple(of_each.tolist()) if len(np.unique(of_each)) == size and of_each.min() >= 0 else None
