"""Protection of rare values: values in fewer than k rows are replaced before a fit, and so are the outermost numbers.

k is a column's ``rare``. A category or boolean in fewer rows is replaced, cell by cell, by the value of another row.
The k smallest and the k largest numbers are moved inwards if the outermost one belongs to few rows: codes such as 99998
and 99999 that k rows share stay, and the numbers below them are protected. The moved numbers begin half way to the next
number and form even steps, on average as far out as before; in a column of few values all become their average, as in
microaggregation (Domingo-Ferrer and Mateo-Sanz, IEEE TKDE 14, 2002). Missing cells stay missing; ids and personal
columns, which get new values, stay as they are. (In columns of few values the codec maps other rare numbers to the
nearest common one.)
"""

import dataclasses
from collections import Counter

import numpy as np
import pandas as pd

from geratriz import seeding
from geratriz.column import NUMERIC, Column, as_codes, as_numbers, as_shown, from_numbers
from geratriz.table.data.levels import CodecConfig, is_few
from geratriz.table.data.table import Table
from geratriz.table.data.twins import MIN_ROWS_PER_LEVEL

MIN_AGGREGATE = 3  # numbers whose average reveals none of them, by the rule of statistical offices


def protect(table: Table, seed: int, codec: CodecConfig) -> Table:
    """Replace the rare values of ``table``, and remove their categories from pandas ``category`` columns.

    If even the most frequent category is in fewer than k rows, categories of the same frequency stay, and in a column
    of fewer than 2k + 2 numbers fewer of them are moved: a tiny table stays usable. ``seed`` chooses the rows that
    values are taken from. A row takes the values of all its columns from about the same position, so that columns that
    are one-to-one (a code and its label) stay so. ``codec`` defines how many distinct numbers are few.
    """
    donors = seeding.generator(seed, "protect").random(len(table))
    coded = {column.name: _codes_by_appearance(table.frame[column.name]) for column in table.schema.learnt}
    alike = _alike(coded)
    changed = {}
    columns = []
    for column in table.schema.columns:
        values = before = table.frame[column.name]
        if column.name in coded and column.rare > 1:
            if column.kind in NUMERIC and column.name not in alike:
                values = _move_inwards(column, values, codec)
            else:
                values = _pool(column, values, coded[column.name], donors)
        if values is not before:
            column, values = _drop_categories(column, before, values)
            changed[column.name] = values
        columns.append(column)
    if not changed:
        return table
    return Table(table.frame.assign(**changed), dataclasses.replace(table.schema, columns=tuple(columns)))


def pooled(before: Table, after: Table) -> str:
    """Summary of replaced categories for a note: each column with its number of rows; empty if there are none."""
    rows = {}
    for column in before.schema.learnt:
        if column.kind not in NUMERIC and column.rare > 1:
            (old_codes, old), (new_codes, new) = (as_codes(table.frame[column.name]) for table in (before, after))
            code_of = {value: code for code, value in enumerate(old)}
            same = np.array([*(code_of[value] for value in new), -1])[new_codes] == old_codes
            rows[column.name] = int((~same & (old_codes >= 0)).sum())
    return ", ".join(f"{name} in {count:,}" for name, count in rows.items() if count)


def _codes_by_appearance(values: pd.Series) -> np.ndarray:
    """Codes in order of first appearance, -1 where missing; columns that are one-to-one have equal codes."""
    codes, distinct = pd.factorize(values)
    return codes.astype(np.min_scalar_type(-1 - len(distinct)))  # eight bytes per cell would be the size of the table


def _alike(coded: dict[str, np.ndarray]) -> set[str]:
    """Names of columns of few values that are one-to-one with another: their codes by appearance are equal."""
    levels = {name: int(codes.max(initial=-1)) + 1 for name, codes in coded.items()}
    few = [name for name, codes in coded.items() if levels[name] * MIN_ROWS_PER_LEVEL <= len(codes)]
    hashes = {name: hash(coded[name].tobytes()) for name in few}
    counts = Counter(hashes.values())
    return {name for name in few if counts[hashes[name]] > 1}


def _pool(column: Column, values: pd.Series, codes: np.ndarray, donors: np.ndarray) -> pd.Series:
    """Replace rare values by those of rows chosen by ``donors``; ``codes`` are -1 where missing."""
    present = codes >= 0
    counts = np.bincount(codes[present])
    common = counts >= min(column.rare, counts.max(initial=0))
    is_common = present.copy()
    is_common[present] = common[codes[present]]
    rare = present & ~is_common
    if not rare.any():
        return values
    sources = np.flatnonzero(is_common)
    taken = np.arange(len(values))
    taken[rare] = sources[(donors[rare] * len(sources)).astype(np.int64)]
    return values.take(taken).reset_index(drop=True)


def _move_inwards(column: Column, values: pd.Series, codec: CodecConfig) -> pd.Series:
    numbers = as_numbers(column.name, values, column.kind)
    if column.dtype != "category":
        numbers = column.snap(numbers)  # 3 * 0.1, and 0.3 in single precision, are the number 0.3
    distinct, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
    few = is_few(len(distinct), int(counts.sum()), codec)
    shared = counts >= column.rare
    limit = 1 if few else len(distinct)  # the codec maps rare ones among few values to the nearest
    low, high = _count_codes(distinct, shared, limit), _count_codes(distinct[::-1], shared[::-1], limit)
    inner = slice(low, len(distinct) - high)
    if counts[inner].sum() >= 2 * column.rare + 2:
        distinct, counts = distinct[inner], counts[inner]
    k = min(column.rare, (int(counts.sum()) - 2) // 2)
    if k < 1:
        return values
    moved, touched = numbers.copy(), np.zeros(len(numbers), dtype=bool)
    for sign, ordered, frequencies in ((1, distinct, counts), (-1, -distinct[::-1], counts[::-1])):
        bound = _bound(column, sign, ordered, frequencies, k)
        outer = np.flatnonzero((sign * numbers >= ordered[0]) & (sign * numbers < bound))
        outer = outer[np.argsort(-sign * numbers[outer], kind="stable")]
        alone = len(outer) < k and np.count_nonzero(sign * numbers == bound) < column.rare  # the k-th is at the bound
        replacement = bound if alone else _spread(column, sign, bound, sign * numbers[outer], few)
        moved[outer] = sign * replacement + 0.0  # never -0.0
        touched[outer] = True
    if not touched.any():
        return values
    if column.kind == "datetime" and not column.dtype.startswith("datetime64"):
        return from_numbers(column, moved)  # dates as text in two formats could not be read again
    result = values.copy()
    result[touched] = from_numbers(column, moved[touched]).array
    return result


def _count_codes(distinct: np.ndarray, shared: np.ndarray, limit: int) -> int:
    """Count the first of the ordered ``distinct`` numbers that are codes rather than quantities, such as -9 and -8.

    One that is ``shared`` by enough rows is a code; so are several that are closer to each other than to the next one.
    """
    run = min(len(shared) if shared.all() else int(np.argmin(shared)), limit)
    widths, gaps = np.abs(distinct[:run] - distinct[:1]), np.abs(np.diff(distinct[: run + 1]))
    apart = np.flatnonzero(gaps > widths[: len(gaps)])
    return int(apart[-1]) + 1 if len(apart) else 0


def _bound(column: Column, sign: int, distinct: np.ndarray, counts: np.ndarray, k: int) -> float:
    """Bound of the k smallest numbers: half way from the k-th to the next, or the smallest if enough rows share it."""
    if counts[0] >= column.rare:
        return float(distinct[0])
    last, following = distinct[np.searchsorted(np.cumsum(counts), [k - 1, k], side="right")]
    if column.dtype == "category":  # there may be no category half way
        return float(last)
    return float(sign * as_shown(column, column.snap(sign * np.array([last + (following - last) / 2])))[0])


def _spread(column: Column, sign: int, bound: float, outermost: np.ndarray, few: bool) -> np.ndarray:
    """Replacements of the ``outermost`` numbers, all below ``bound``, in the same order: the nearest first.

    They are even steps that reach as far out as the numbers do on average: cutting the tail off would narrow the range
    and everything binned by range. In a column of ``few`` values all become their average, or the nearest free number,
    so that k rows make a level. No number counts as farther out than twice the median, so that no single one decides. A
    replacement equal to a real number, or beyond all of them, is not used. Fewer than three have no safe average.
    """
    count = len(outermost)
    if count < MIN_AGGREGATE or column.dtype == "category":  # the average may be no category
        return np.full(count, bound)
    excess = bound - outermost
    average = np.minimum(excess, 2 * np.median(excess)).mean()
    steps = np.linspace(0.1, 1, 10) if few else (2 * np.arange(count) + 1) / count
    spread = bound - average * steps
    spread = np.where(spread < outermost[-1], bound, spread)
    spread = sign * as_shown(column, column.snap(sign * spread))
    spread[np.isin(spread, outermost) | (spread < outermost[-1])] = bound
    spread = np.minimum.accumulate(spread)
    return np.full(count, spread[-1]) if few else spread


def _drop_categories(column: Column, before: pd.Series, after: pd.Series) -> tuple[Column, pd.Series]:
    """Remove categories that no row has any more from a column; those that no row ever had stay."""
    if column.categories is None:
        return column, after
    gone = set(before.dropna().unique()) - set(after.dropna().unique())
    column = dataclasses.replace(column, categories=tuple(name for name in column.categories if name not in gone))
    return column, column.restore(after)
