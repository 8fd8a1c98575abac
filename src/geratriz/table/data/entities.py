"""Entities that rows belong to, such as the persons of a table with several rows each, and how many share a value.

Where no column names entities, every row is its own. A row without a key is its own, too, as in a split.
"""

import numpy as np

from geratriz.table.data.table import Table


def entities(table: Table) -> np.ndarray | None:
    """Number of the entity of each row, int64 (N,); None where every row is its own entity."""
    if table.schema.entity is None:
        return None
    codes, known = table.frame[table.schema.entity].factorize()
    alone = codes < 0
    return np.where(alone, len(known) + np.cumsum(alone) - 1, codes).astype(np.int64)


def entity_of_rows(table: Table) -> np.ndarray:
    """Number of the entity of each row from 0 without gaps, int64 (N,); the row's number where each is its own."""
    found = entities(table)
    return np.arange(len(table)) if found is None else found


def sharing(codes: np.ndarray, owners: np.ndarray | None, count: int) -> np.ndarray:
    """Number of entities with each code, (count,).

    Args:
        codes: of each row, from 0 to ``count`` - 1.
        owners: entity of each row, (N,); None where every row is its own.
        count: number of codes.
    """
    if owners is None:
        return np.bincount(codes, minlength=count)
    width = int(owners.max(initial=0)) + 1
    return np.bincount(np.unique(codes.astype(np.int64) * width + owners) // width, minlength=count)


def newcomers(codes: np.ndarray, owners: np.ndarray | None, count: int) -> np.ndarray:
    """Number of entities whose smallest code each code is, (count,); its sum is the number of entities."""
    if owners is None:
        return np.bincount(codes, minlength=count)
    order = np.argsort(codes, kind="stable")
    first = np.unique(owners[order], return_index=True)[1]
    return np.bincount(codes[order][first], minlength=count)
