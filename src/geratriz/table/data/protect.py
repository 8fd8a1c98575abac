"""Protection of rare values: those of fewer than k entities are replaced before a fit, and so are outermost numbers.

An entity is a row, or what several rows belong to (:mod:`geratriz.table.data.entities`); k is a column's ``rare``. A
category or boolean of fewer entities is replaced, cell by cell, by the value of another row. The numbers of the k
smallest and the k largest entities are moved inwards if the outermost one belongs to few: codes such as 99998 and
99999 that k entities share stay, and the numbers below them are protected. The moved numbers begin half way to the next
number and form even steps, on average as far out as before; in a column of few values all become their average, as in
microaggregation (Domingo-Ferrer and Mateo-Sanz, IEEE TKDE 14, 2002). A column that fewer than k entities have a value
in becomes missing. Missing cells stay missing; ids and personal columns, which get new values, stay as they are. (Rare
numbers between the outermost ones are the codec's: :mod:`geratriz.table.data.levels`.)
"""

import dataclasses
from collections import Counter

import numpy as np
import pandas as pd

from geratriz import seeding
from geratriz.column import NUMERIC, Column, as_codes, as_numbers, as_shown, from_numbers
from geratriz.errors import DataError
from geratriz.table.data.entities import entities, newcomers, sharing
from geratriz.table.data.levels import CodecConfig, is_few
from geratriz.table.data.table import Table
from geratriz.table.data.twins import MIN_ROWS_PER_LEVEL

MIN_AGGREGATE = 3  # entities: an average of fewer reveals one of them, by the rule of statistical offices


def protect(table: Table, seed: int, codec: CodecConfig) -> Table:
    """Replace the rare values of ``table``; a pandas ``category`` column keeps only categories that are left in a row.

    In a column of the numbers of fewer than 2k + 2 entities fewer of them are moved: a small table stays usable.
    ``seed`` chooses the rows that values are taken from. A row takes the values of all its columns from about the same
    position, so that columns that are one-to-one (a code and its label) stay so. ``codec`` defines how many distinct
    numbers are few.

    Raises:
        DataError: there are fewer than k entities, or no value of a column is shared by as many, so that there is
            nothing to replace the others by.
    """
    owners = entities(table)
    count = len(table) if owners is None else len(np.unique(owners))
    donors = seeding.generator(seed, "protect").random(len(table))
    coded = {column.name: _codes_by_appearance(table.frame[column.name]) for column in table.schema.learnt}
    alike = _alike(coded)
    changed = {}
    columns = []
    for column in table.schema.columns:
        values = before = table.frame[column.name]
        if column.name in coded and column.rare > 1:
            codes = coded[column.name]
            shares = _shares(codes, owners)
            if column.kind != "boolean":  # its two values are nobody's
                _check_entities(table, column, count)
            if column.kind != "boolean" and 0 < _people(owners, codes >= 0) < column.rare:
                values = values.mask(np.ones(len(values), dtype=bool))
            elif column.kind in NUMERIC and not (column.name in alike and _is_shared(column, shares)):
                values = _move_inwards(column, values, owners, codec)
            else:
                values = _pool(column, values, codes, shares, donors)
        if column.name in coded:
            column, values = _keep_used(column, values)
        if values is not before:
            changed[column.name] = values
        columns.append(column)
    schema = dataclasses.replace(table.schema, columns=tuple(columns))
    if not changed and schema == table.schema:
        return table
    return Table(table.frame.assign(**changed) if changed else table.frame, schema)


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


def _check_entities(table: Table, column: Column, count: int) -> None:
    if count < column.rare:
        unit = f"values of {table.schema.entity!r}" if table.schema.entity else "rows"
        raise DataError(
            f"the table has {count} {unit}, and a value of {column.name!r} is learnt only if {column.rare} share it. "
            f"Bring more, or set data.schema.{column.name} to {{rare: 1}} if its values may be repeated."
        )


def _shares(codes: np.ndarray, owners: np.ndarray | None) -> np.ndarray:
    """Number of entities with each value; ``codes`` are -1 where missing."""
    present = codes >= 0
    return sharing(codes[present], None if owners is None else owners[present], int(codes.max(initial=-1)) + 1)


def _is_shared(column: Column, shares: np.ndarray) -> bool:
    """Whether enough entities share at least one value."""
    return bool(shares.max(initial=0) >= column.rare)


def _pool(column: Column, values: pd.Series, codes: np.ndarray, shares: np.ndarray, donors: np.ndarray) -> pd.Series:
    """Replace rare values by those of rows chosen by ``donors``.

    Args:
        column: the column; ``rare`` is k.
        values: its cells, (N,).
        codes: number of each cell's value, -1 where missing, (N,).
        shares: number of entities with each value.
        donors: position of the row that a cell is taken from among those with a common value, in [0, 1), (N,).

    Raises:
        DataError: no value is common. The two values of a boolean are then kept: they are nobody's.
    """
    present = codes >= 0
    common = shares >= column.rare
    if not common.any():
        if column.kind == "boolean" or not present.any():
            return values
        raise DataError(
            f"no value of column {column.name!r} is shared by {column.rare}{_unit(shares, codes)}: they are keys, "
            f"names or other values of one each, which synthetic rows would repeat. Declare its kind: set "
            f"data.schema.{column.name} (geratriz fit: --schema) to id for new keys, to personal for new values of the "
            "same form, to {rare: 1} if its values may be repeated, or leave the column out."
        )
    is_common = present.copy()
    is_common[present] = common[codes[present]]
    rare = present & ~is_common
    if not rare.any():
        return values
    sources = np.flatnonzero(is_common)
    taken = np.arange(len(values))
    taken[rare] = sources[(donors[rare] * len(sources)).astype(np.int64)]
    return values.take(taken).reset_index(drop=True)


def _unit(shares: np.ndarray, codes: np.ndarray) -> str:
    return " rows" if shares.sum() == (codes >= 0).sum() else " entities"


def _move_inwards(column: Column, values: pd.Series, owners: np.ndarray | None, codec: CodecConfig) -> pd.Series:
    numbers = as_numbers(column.name, values, column.kind)
    if column.dtype != "category":
        numbers = column.snap(numbers)  # 3 * 0.1, and 0.3 in single precision, are the number 0.3
    present = np.flatnonzero(~np.isnan(numbers))
    owners = None if owners is None else owners[present]
    distinct, index = np.unique(numbers[present], return_inverse=True)
    few = is_few(column, len(distinct), len(present), codec)
    shares = sharing(index, owners, len(distinct))
    shared = shares >= column.rare
    if column.dtype == "category":  # there may be no category between two, nor one near an average
        if not shared.any():
            _pool(column, values, _codes_by_appearance(values), shares, np.empty(0))  # raises
        return values  # the codec takes rare ones for the nearest shared one
    limit = 1 if few else len(distinct)  # the codec maps rare ones among few values to the nearest
    low, high = _count_codes(distinct, shared, limit), _count_codes(distinct[::-1], shared[::-1], limit)
    inner = (index >= low) & (index < len(distinct) - high)
    if _people(owners, inner) < 2 * column.rare + 2:
        low, high, inner = 0, 0, np.ones(len(index), dtype=bool)
    k = min(column.rare, (_people(owners, inner) - 2) // 2)
    if k < 1:
        return values
    part = slice(low, len(distinct) - high)
    own, size = index[inner] - low, len(distinct[part])
    inner_owners = None if owners is None else owners[inner]
    moved, touched = numbers.copy(), np.zeros(len(numbers), dtype=bool)
    for sign, ordered, sharers, places in (
        (1, distinct[part], shares[part], own),
        (-1, -distinct[part][::-1], shares[part][::-1], size - 1 - own),
    ):
        bound = _bound(column, sign, ordered, sharers, newcomers(places, inner_owners, size), k)
        outer = np.flatnonzero((sign * numbers >= ordered[0]) & (sign * numbers < bound))
        outer = outer[np.argsort(-sign * numbers[outer], kind="stable")]
        beyond = _people(owners, np.isin(present, outer))
        at_bound = sharers[ordered == bound].sum()
        alone = beyond < k and at_bound < column.rare  # the k-th is at the bound
        outermost = sign * numbers[outer]
        replacement = bound if alone or beyond < MIN_AGGREGATE else _spread(column, sign, bound, outermost, few)
        moved[outer] = sign * replacement + 0.0  # never -0.0
        touched[outer] = True
    if not touched.any():
        return values
    if column.kind == "datetime" and not column.dtype.startswith("datetime64"):
        return from_numbers(column, moved)  # dates as text in two formats could not be read again
    result = values.copy()
    result[touched] = from_numbers(column, moved[touched]).array
    return result


def _people(owners: np.ndarray | None, rows: np.ndarray) -> int:
    """Number of entities among the ``rows`` of a mask."""
    return int(rows.sum()) if owners is None else len(np.unique(owners[rows]))


def _count_codes(distinct: np.ndarray, shared: np.ndarray, limit: int) -> int:
    """Count the first of the ordered ``distinct`` numbers that are codes rather than quantities, such as -9 and -8.

    One that is ``shared`` by enough rows is a code; so are several that are closer to each other than to the next one.
    """
    run = min(len(shared) if shared.all() else int(np.argmin(shared)), limit)
    widths, gaps = np.abs(distinct[:run] - distinct[:1]), np.abs(np.diff(distinct[: run + 1]))
    apart = np.flatnonzero(gaps > widths[: len(gaps)])
    return int(apart[-1]) + 1 if len(apart) else 0


def _bound(column: Column, sign: int, distinct: np.ndarray, shares: np.ndarray, fresh: np.ndarray, k: int) -> float:
    """Bound of the numbers of the k smallest entities: half way from the k-th to the next, or the smallest if shared.

    ``shares`` are the entities with each distinct number, ``fresh`` those whose smallest it is.
    """
    if shares[0] >= column.rare:
        return float(distinct[0])
    at = int(np.searchsorted(np.cumsum(fresh), k - 1, side="right"))
    if shares[at] >= column.rare:
        return float(distinct[at])
    last, following = distinct[at : at + 2]
    return float(sign * as_shown(column, column.snap(sign * np.array([last + (following - last) / 2])))[0])


def _spread(column: Column, sign: int, bound: float, outermost: np.ndarray, few: bool) -> np.ndarray:
    """Replacements of the ``outermost`` numbers, all below ``bound``, in the same order: the nearest first.

    They are even steps that reach as far out as the numbers do on average: cutting the tail off would narrow the range
    and everything binned by range. In a column of ``few`` values all become their average, or the nearest free number,
    so that k rows make a level. No number counts as farther out than twice the median, so that no single one decides. A
    replacement equal to a real number, or beyond all of them, is not used.
    """
    count = len(outermost)
    excess = bound - outermost
    average = np.minimum(excess, 2 * np.median(excess)).mean()
    steps = np.linspace(0.1, 1, 10) if few else (2 * np.arange(count) + 1) / count
    spread = bound - average * steps
    spread = np.where(spread < outermost[-1], bound, spread)
    spread = sign * as_shown(column, column.snap(sign * spread))
    spread[np.isin(spread, outermost) | (spread < outermost[-1])] = bound
    spread = np.minimum.accumulate(spread)
    return np.full(count, spread[-1]) if few else spread


def _keep_used(column: Column, values: pd.Series) -> tuple[Column, pd.Series]:
    """Remove categories that no row has from a column: words of rows that are not learnt, or of nobody."""
    if column.categories is None:
        return column, values
    used = set(values.dropna().unique())
    if len(used) == len(column.categories):
        return column, values
    column = dataclasses.replace(column, categories=tuple(name for name in column.categories if name in used))
    return column, column.restore(values)
