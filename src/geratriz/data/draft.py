"""Draft a contract from a table: what the data are, for a person to turn into what they must be."""

from typing import Any

import numpy as np
import pandas as pd

from geratriz.data.schema import Column, as_numbers
from geratriz.data.table import Table

MAX_SET = 60  # a column with more levels is not held to a set
MAX_PAIRS = 200  # a row rule with more pairs is not readable
SLACK = 0.1  # of the range seen, allowed beyond it
ROWS_PER_LEVEL = 20  # fewer rows a level prove no dependence


def draft(table: Table, name: str) -> dict[str, Any]:
    """A suite that ``table`` keeps, for :func:`geratriz.data.contract.check`.

    Columns, kinds, sets of levels, what is never missing and dependences between columns are critical; ranges, which
    get some slack, and the number of rows only warn.
    """
    frame, columns = table.frame, table.schema.columns
    expectations = [_expect("expect_table_columns_to_match_ordered_list", column_list=[c.name for c in columns])]
    expectations += [each for column in columns for each in _of_column(column, frame[column.name])]
    expectations += _dependences(table)
    least = len(frame) // 2
    expectations.append(_expect("expect_table_row_count_to_be_between", "warning", min_value=least))
    return {
        "name": name,
        "meta": {"kinds": {column.name: column.kind for column in columns}},
        "expectations": expectations,
    }


def _of_column(column: Column, values: pd.Series) -> list[dict[str, Any]]:
    found = []
    if values.notna().all():
        found.append(_expect("expect_column_values_to_not_be_null", column=column.name))
    if column.kind == "id":
        found.append(_expect("expect_column_values_to_be_unique", "warning", column=column.name))
    if column.kind in ("integer", "float") and values.notna().any():
        low, high = _range(column, as_numbers(column.name, values, column.kind))
        found.append(
            _expect("expect_column_values_to_be_between", "warning", column=column.name, min_value=low, max_value=high)
        )
    if column.kind == "category":
        levels = _levels(values)
        if 0 < len(levels) <= MAX_SET:
            found.append(_expect("expect_column_values_to_be_in_set", column=column.name, value_set=levels))
    return found


def _range(column: Column, numbers: np.ndarray) -> tuple[float | int, float | int]:
    """The range seen with slack on both sides; where no value is negative, none is allowed to be."""
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    slack = SLACK * (high - low)
    wide = (max(low - slack, 0.0) if low >= 0 else low - slack, high + slack)
    if column.kind == "integer":
        return int(np.floor(wide[0])), int(np.ceil(wide[1]))
    return float(f"{wide[0]:.6g}"), float(f"{wide[1]:.6g}")


def _dependences(table: Table) -> list[dict[str, Any]]:
    """A row rule for every pair of columns of few levels where the first determines the second without exception."""
    frame = table.frame
    few = [
        column.name
        for column in table.schema.learnt
        if column.kind in ("category", "integer", "boolean")
        and 2 <= frame[column.name].nunique() <= MAX_SET
        and frame[column.name].notna().all()
    ]
    rules: list[dict[str, Any]] = []
    ruled: set[frozenset[str]] = set()
    for a in few:
        for b in few:
            if a == b or frozenset((a, b)) in ruled:
                continue
            pairs = frame[[a, b]].drop_duplicates()
            levels = frame[a].nunique()
            if len(pairs) == levels <= MAX_PAIRS and levels > 2 and len(frame) >= ROWS_PER_LEVEL * levels:
                ruled.add(frozenset((a, b)))
                known = sorted(([_plain(x), _plain(y)] for x, y in pairs.itertuples(index=False)), key=str)
                rules.append(
                    _expect("expect_column_pair_values_to_be_in_set", column_A=a, column_B=b, value_pairs_set=known)
                )
    return rules


def _levels(values: pd.Series) -> list[Any]:
    return sorted((_plain(each) for each in pd.unique(values.dropna())), key=str)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _expect(kind: str, severity: str = "critical", **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs, "severity": severity}
