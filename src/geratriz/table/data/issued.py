"""Columns that are never learnt: new ids are issued instead, and personal values are made up."""

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
    """Schema of new tables, without values of id and personal columns, and the sources of new personal values."""
    columns, sources, secret = [], {}, b""
    for column in table.schema.columns:
        values = table.frame[column.name]
        if column.kind == "id" and column.dtype == "category":  # new keys are not a fixed set: restore their own dtype
            column = dataclasses.replace(column, dtype=str(values.cat.categories.dtype), categories=None, ordered=False)
        if column.kind == "personal":
            secret = secret or row_hashes(table.frame).tobytes()
            key = hashlib.sha256(f"personal/{column.name}/".encode() + secret).digest()
            column, sources[column.name] = personal.fit(column, values, int.from_bytes(key, "big"))
        columns.append(column)
    return dataclasses.replace(table.schema, columns=tuple(columns)), sources


def issue_ids(column: Column, first_row: int, rows: int) -> pd.Series:
    """New ids: row numbers from 1; if ids are text, as text after the column's name."""
    numbers = pd.Series(np.arange(first_row + 1, first_row + rows + 1))
    if column.dtype.lower().startswith(("int", "uint", "float")):
        return column.restore(numbers)
    return column.restore(column.name + "-" + numbers.astype(str).str.zfill(9))
