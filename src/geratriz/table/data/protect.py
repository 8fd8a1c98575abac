"""Values that fewer than k rows share are not learnt: rare words are pooled, the outermost numbers are drawn in.

k is a column's ``rare``. A word, a boolean or a class that fewer rows have is replaced, cell by cell, by what another
row has there. The k smallest numbers are drawn in and so are the k largest, where the outermost is a person's: codes
such as 99998 and 99999 that k rows share stay, and what lies below them is protected. They begin half way to the next
number and lie in even steps, as far out as they did on average; in a column of few values they are their average, as in
microaggregation (Domingo-Ferrer and Mateo-Sanz, IEEE TKDE 14, 2002). Missing stays missing, ids and personal columns
are made anew and left alone. (Other rare numbers of a column of few values go to the nearest common one in the codec.)
"""

import dataclasses
from collections import Counter

import numpy as np
import pandas as pd

from geratriz import seeding
from geratriz.column import NUMERIC, Column, as_codes, as_numbers, as_shown, from_numbers
from geratriz.table.data.levels import CodecConfig, is_few
from geratriz.table.data.table import Table
from geratriz.table.data.twins import ROWS_PER_LEVEL

AGGREGATE = 3  # the fewest numbers whose average says nobody's, as offices of statistics have it


def protect(table: Table, seed: int, codec: CodecConfig) -> Table:
    """``table`` without its rare values; of a pandas ``category`` column their categories are gone too.

    Where fewer than k rows share even the most frequent word, the words that as many share stay, and in a column of
    fewer than 2k + 2 numbers fewer of them are drawn in: a tiny table stays a table. ``seed`` chooses the rows that
    words are taken from. A row takes them for all its columns from about the same place, so columns that say the same
    (a code and its label) go on doing so. ``codec`` says how many values of a number are few.
    """
    donors = seeding.generator(seed, "protect").random(len(table))
    coded = {column.name: _as_they_appear(table.frame[column.name]) for column in table.schema.learnt}
    alike = _alike(coded)
    changed = {}
    columns = []
    for column in table.schema.columns:
        values = before = table.frame[column.name]
        if column.name in coded and column.rare > 1:
            if column.kind in NUMERIC and column.name not in alike:
                values = _draw_in(column, values, codec)
            else:
                values = _pool(column, values, coded[column.name], donors)
        if values is not before:
            column, values = _without_gone(column, before, values)
            changed[column.name] = values
        columns.append(column)
    if not changed:
        return table
    return Table(table.frame.assign(**changed), dataclasses.replace(table.schema, columns=tuple(columns)))


def pooled(before: Table, after: Table) -> str:
    """How much was pooled, for a note: the columns of words and in how many rows; empty where nothing was."""
    rows = {}
    for column in before.schema.learnt:
        if column.kind not in NUMERIC and column.rare > 1:
            (was, words), (now, left) = (as_codes(table.frame[column.name]) for table in (before, after))
            code_of = {word: code for code, word in enumerate(words)}
            same = np.array([*(code_of[word] for word in left), -1])[now] == was
            rows[column.name] = int((~same & (was >= 0)).sum())
    return ", ".join(f"{name} in {count:,}" for name, count in rows.items() if count)


def _as_they_appear(values: pd.Series) -> np.ndarray:
    """A number a value, as they first appear, -1 where missing; columns that say the same have the same numbers."""
    codes, distinct = pd.factorize(values)
    return codes.astype(np.min_scalar_type(-1 - len(distinct)))  # eight bytes a cell would be the table once more


def _alike(coded: dict[str, np.ndarray]) -> set[str]:
    """Columns of few values that are one-to-one with another: numbered as they first appear, they are equal."""
    few = {
        name: codes for name, codes in coded.items() if (int(codes.max(initial=-1)) + 1) * ROWS_PER_LEVEL <= len(codes)
    }
    patterns = {name: hash(codes.tobytes()) for name, codes in few.items()}
    times = Counter(patterns.values())
    return {name for name, pattern in patterns.items() if times[pattern] > 1}


def _pool(column: Column, values: pd.Series, codes: np.ndarray, donors: np.ndarray) -> pd.Series:
    """``values`` with rare levels replaced by those of rows chosen by ``donors``; ``codes`` are -1 where missing."""
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


def _draw_in(column: Column, values: pd.Series, codec: CodecConfig) -> pd.Series:
    numbers = as_numbers(column.name, values, column.kind)
    if column.dtype != "category":
        numbers = column.snap(numbers)  # 3 * 0.1, and 0.3 in single precision, are the number 0.3
    distinct, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
    few = is_few(len(distinct), int(counts.sum()), codec)
    shared = counts >= column.rare
    most = 1 if few else len(distinct)  # rare ones among few values go to the nearest
    inner = slice(_codes(distinct, shared, most), len(distinct) - _codes(distinct[::-1], shared[::-1], most))
    if counts[inner].sum() >= 2 * column.rare + 2:
        distinct, counts = distinct[inner], counts[inner]
    k = min(column.rare, (int(counts.sum()) - 2) // 2)
    if k < 1:
        return values
    kept, touched = numbers.copy(), np.zeros(len(numbers), dtype=bool)
    for sign, ordered, times in ((1, distinct, counts), (-1, -distinct[::-1], counts[::-1])):
        bound = _bound(column, sign, ordered, times, k)
        outer = np.flatnonzero((sign * numbers >= ordered[0]) & (sign * numbers < bound))
        outer = outer[np.argsort(-sign * numbers[outer], kind="stable")]
        alone = len(outer) < k and np.count_nonzero(sign * numbers == bound) < column.rare  # the k-th lies at the bound
        away = bound if alone else _spread(column, sign, bound, sign * numbers[outer], few)
        kept[outer] = sign * away + 0.0  # never -0.0
        touched[outer] = True
    if not touched.any():
        return values
    if column.kind == "datetime" and not column.dtype.startswith("datetime64"):
        return from_numbers(column, kept)  # dates as text in two forms could not be read again
    drawn_in = values.copy()
    drawn_in[touched] = from_numbers(column, kept[touched]).array
    return drawn_in


def _codes(distinct: np.ndarray, shared: np.ndarray, most: int) -> int:
    """How many of the first of the ``distinct`` numbers, in order, stand for something else, as -9 and -8 do.

    One that is ``shared`` is a code; so are several that lie nearer to each other than to the next number.
    """
    run = min(len(shared) if shared.all() else int(np.argmin(shared)), most)
    widths, gaps = np.abs(distinct[:run] - distinct[:1]), np.abs(np.diff(distinct[: run + 1]))
    apart = np.flatnonzero(gaps > widths[: len(gaps)])
    return int(apart[-1]) + 1 if len(apart) else 0


def _bound(column: Column, sign: int, distinct: np.ndarray, counts: np.ndarray, k: int) -> float:
    """Where the k smallest begin: half way from the k-th to the next, or the smallest if rows share it."""
    if counts[0] >= column.rare:
        return float(distinct[0])
    last, following = distinct[np.searchsorted(np.cumsum(counts), [k - 1, k], side="right")]
    if column.dtype == "category":  # half way there may be no category
        return float(last)
    return float(sign * as_shown(column, column.snap(sign * np.array([last + (following - last) / 2])))[0])


def _spread(column: Column, sign: int, bound: float, outermost: np.ndarray, few: bool) -> np.ndarray:
    """What the ``outermost`` numbers, all below ``bound``, count as; the nearest first, as they are given.

    Even steps that reach as far as the numbers do on average: a tail cut off squeezes the range, and all that is binned
    by range with it. In a column of ``few`` values all are their average, or as near to it as is free: k rows make a
    level. None counts as farther out than twice the median, so that no one's number decides. What falls on a number
    that was there, or beyond all that were, is not taken. Fewer than three have no average to hide in.
    """
    count = len(outermost)
    if count < AGGREGATE or column.dtype == "category":  # where there may be no such category
        return np.full(count, bound)
    excess = bound - outermost
    average = np.minimum(excess, 2 * np.median(excess)).mean()
    places = np.linspace(0.1, 1, 10) if few else (2 * np.arange(count) + 1) / count
    spread = bound - average * places
    spread = np.where(spread < outermost[-1], bound, spread)
    spread = sign * as_shown(column, column.snap(sign * spread))
    spread[np.isin(spread, outermost) | (spread < outermost[-1])] = bound
    spread = np.minimum.accumulate(spread)
    return np.full(count, spread[-1]) if few else spread


def _without_gone(column: Column, before: pd.Series, after: pd.Series) -> tuple[Column, pd.Series]:
    """A column without the categories that were there and are not any more; those that no row ever had stay."""
    if column.categories is None:
        return column, after
    gone = set(before.dropna().unique()) - set(after.dropna().unique())
    kept = dataclasses.replace(column, categories=tuple(each for each in column.categories if each not in gone))
    return kept, kept.restore(after)
