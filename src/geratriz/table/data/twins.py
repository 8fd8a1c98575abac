"""Columns that are one-to-one with another column."""

from dataclasses import dataclass

import numpy as np

from geratriz.table.data.levels import Levels, encode_cells
from geratriz.table.data.table import Table

MIN_ROWS_PER_LEVEL = 20  # mean rows per level; with fewer, two columns may be one-to-one by chance


@dataclass(frozen=True, slots=True)
class Twin:
    """A column that is filled in from another: each level of either occurs with exactly one level of the other."""

    column: int
    of: int
    """Position of the source column; both positions are among the learnt columns."""
    codes: tuple[int, ...]
    """Code of the column for each code of the source column."""


def find_twins(levels: tuple[Levels, ...], table: Table, rng: np.random.Generator) -> tuple[Twin, ...]:
    """Find columns with exact levels that are one-to-one with an earlier column in every row."""
    max_levels = len(table) // MIN_ROWS_PER_LEVEL
    alike: dict[int, list[int]] = {}  # columns by their number of levels
    for i, column in enumerate(levels):
        if not column.bins and 2 <= column.size <= max_levels:
            alike.setdefault(column.size, []).append(i)
    found: dict[int, Twin] = {}
    for size, columns in alike.items():
        codes = {}
        for j in columns if len(columns) > 1 else ():
            codes[j] = encode_cells(levels[j], table.frame[levels[j].column.name], rng, gaps=False)[0]
            for i in (i for i in codes if i != j and i not in found):
                mapping = _one_to_one(codes[i], codes[j], size)
                if mapping is not None:
                    found[j] = Twin(j, i, mapping)
                    break
    return tuple(found[j] for j in sorted(found))


def _one_to_one(codes: np.ndarray, others: np.ndarray, size: int) -> tuple[int, ...] | None:
    """Other code for each of ``size`` codes; None unless the codes are one-to-one."""
    for rows in (slice(1000), slice(None)):  # most pairs of columns differ in the first rows
        mapping = np.full(size, -1)
        mapping[codes[rows]] = others[rows]
        if (mapping[codes[rows]] != others[rows]).any():
            return None
    return tuple(mapping.tolist()) if len(np.unique(mapping)) == size and mapping.min() >= 0 else None
