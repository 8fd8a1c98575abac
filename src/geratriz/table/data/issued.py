"""Columns that are never learnt: new ids are issued in their place, and personal values are made up."""

import dataclasses
import hashlib

import numpy as np
import pandas as pd

from geratriz.column import Column
from geratriz.table.data import personal
from geratriz.table.data.schema import Schema
from geratriz.table.data.split import row_hashes
from geratriz.table.data.table import Table


def replaced(table: Table) -> tuple[Schema, dict[str, personal.Source]]:
    """The schema of new tables, without a value of an id or a personal column, and what the latter are made from."""
    columns, sources, secret = [], {}, b""
    for column in table.schema.columns:
        values = table.frame[column.name]
        if column.kind == "id" and column.dtype == "category":  # new keys are no set: they come back as what they are
            column = dataclasses.replace(column, dtype=str(values.cat.categories.dtype), categories=None, ordered=False)
        if column.kind == "personal":
            secret = secret or row_hashes(table.frame).tobytes()
            key = hashlib.sha256(f"personal/{column.name}/".encode() + secret).digest()
            column, sources[column.name] = personal.fit(column, values, int.from_bytes(key, "big"))
        columns.append(column)
    return Schema(columns=tuple(columns), target=table.schema.target), sources


def issue_ids(column: Column, first_row: int, rows: int) -> pd.Series:
    """New ids: row numbers from 1, as text behind the column's name where ids are text."""
    numbers = pd.Series(np.arange(first_row + 1, first_row + rows + 1))
    if column.dtype.lower().startswith(("int", "uint", "float")):
        return column.restore(numbers)
    return column.restore(column.name + "-" + numbers.astype(str).str.zfill(9))
