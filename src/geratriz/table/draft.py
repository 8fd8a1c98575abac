"""Draft a contract from a table: a description of the data that a person turns into requirements.

A draft cannot always decide the kind of a column: whether texts are personal, whether numbers are keys. Such columns
are listed under ``meta.decide`` with the evidence, and the draft is no contract until a person has decided.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geratriz.column import Column, as_numbers
from geratriz.table.data import forms
from geratriz.table.data.levels import IDENTIFYING_SHARE
from geratriz.table.data.schema import MIN_ROWS_FOR_ID
from geratriz.table.data.table import Table

MAX_LEVELS = 60  # levels of a column; with more, there is no expectation of a set
MAX_PAIRS = 200  # pairs of a row rule; more are not readable
SLACK = 0.1  # allowed excess on both sides, as a share of the observed range
MIN_ROWS_PER_LEVEL = 20  # mean rows per level; fewer are no evidence of a dependence
MAX_SPACING = 2  # mean spacing of distinct integers; if they are closer, they may number the rows


def draft(path: Path, name: str, declared: Mapping[str, Any]) -> dict[str, Any]:
    """Draft a suite called ``name`` that the table at ``path`` satisfies; ``declared`` are the user's declarations."""
    return suite_of(Table.read(path, overrides=declared), name)


def suite_of(table: Table, name: str) -> dict[str, Any]:
    """Draft a suite that ``table`` satisfies, for :func:`geratriz.contract.check`.

    Columns, kinds, sets of levels, absence of missing values and dependences between columns are critical; ranges, with
    some slack, and the number of rows are warnings. An undeclared column that looks personal, or may be a key, is
    listed in ``meta.decide``; none of its values is in the suite.
    """
    frame, columns = table.frame, table.schema.columns
    questions = {column.name: question(column, frame[column.name]) for column in columns}
    decide = {name: item for name, item in questions.items() if item is not None}
    expectations = [_expect("expect_table_columns_to_match_ordered_list", column_list=list(questions))]
    for column in columns:
        expectations += _column_expectations(column, frame[column.name], decided=column.name not in decide)
    expectations += _dependences(table, decide)
    expectations.append(_expect("expect_table_row_count_to_be_between", "warning", min_value=len(frame) // 2))
    return {
        "name": name,
        "meta": {
            "kinds": {column.name: column.kind for column in columns if column.name not in decide},
            **({"decide": decide} if decide else {}),
        },
        "expectations": expectations,
    }


def question(column: Column, values: pd.Series) -> dict[str, Any] | None:
    """Question about a column that may be personal or a key; None if it was declared, or seems to be neither.

    It is the JSON object in ``meta.decide``: what the column looks like, the evidence, and the kinds to choose from. It
    contains no value.
    """
    if column.declared:
        return None
    numeric = column.kind in ("integer", "float")

    def ask(looks_like: str, because: str, **form: str) -> dict[str, Any]:
        choose = ["personal", "id", column.kind if numeric else "category"]
        return {"looks_like": looks_like, **form, "because": because, "choose": choose}

    present = values.dropna()
    count, few = present.nunique(), len(present) < MIN_ROWS_FOR_ID
    suspicion = forms.recognise(values, column.name) if numeric or column.kind in ("id", "category") else None
    if suspicion is not None:
        return ask("personal", suspicion.because, form=suspicion.form)
    if column.kind == "id":
        return ask("id", "no two rows have the same value")
    distinct = column.kind == "integer" and count == len(present) and not few
    if distinct and np.ptp(as_numbers(column.name, present, "integer")) < MAX_SPACING * count:
        return ask("id", "no two rows have the same integer, and few integers between them are missing")
    if column.kind == "category" and forms.is_text(values) and not few and count > IDENTIFYING_SHARE * len(present):
        because = f"{count:,} of {len(present):,} texts are different"
        return ask("personal", because, form=forms.form_of(values, column.name))
    return None


def _column_expectations(column: Column, values: pd.Series, *, decided: bool) -> list[dict[str, Any]]:
    """Expectations that ``values`` satisfy; if the column's kind is not ``decided``, none that quotes values."""
    found = []
    if values.notna().all():
        found.append(_expect("expect_column_values_to_not_be_null", column=column.name))
    if not decided:
        return found
    if column.kind == "id":
        found.append(_expect("expect_column_values_to_be_unique", "warning", column=column.name))
    if column.kind in ("integer", "float") and values.notna().any():
        low, high = _range(column, as_numbers(column.name, values, column.kind))
        found.append(
            _expect("expect_column_values_to_be_between", "warning", column=column.name, min_value=low, max_value=high)
        )
    if column.kind == "category":
        levels = _levels(values)
        if 0 < len(levels) <= MAX_LEVELS:
            found.append(_expect("expect_column_values_to_be_in_set", column=column.name, value_set=levels))
    return found


def _range(column: Column, numbers: np.ndarray) -> tuple[float | int, float | int]:
    """Observed range with slack on both sides; without negative values, the lower end is not negative."""
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    slack = SLACK * (high - low)
    wide = (max(low - slack, 0.0) if low >= 0 else low - slack, high + slack)
    if column.kind == "integer":
        return int(np.floor(wide[0])), int(np.ceil(wide[1]))
    return float(f"{wide[0]:.6g}"), float(f"{wide[1]:.6g}")


def _dependences(table: Table, decide: Collection[str]) -> list[dict[str, Any]]:
    """Row rules for pairs of columns of few levels, the first of which determines the second without exception."""
    frame = table.frame
    few = [
        column.name
        for column in table.schema.learnt
        if column.name not in decide
        and column.kind in ("category", "integer", "boolean")
        and 2 <= frame[column.name].nunique() <= MAX_LEVELS
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
            if len(pairs) == levels <= MAX_PAIRS and levels > 2 and len(frame) >= MIN_ROWS_PER_LEVEL * levels:
                ruled.add(frozenset((a, b)))
                known = sorted(([_plain(x), _plain(y)] for x, y in pairs.itertuples(index=False)), key=str)
                rules.append(
                    _expect("expect_column_pair_values_to_be_in_set", column_A=a, column_B=b, value_pairs_set=known)
                )
    return rules


def _levels(values: pd.Series) -> list[Any]:
    return sorted((_plain(value) for value in pd.unique(values.dropna())), key=str)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _expect(kind: str, severity: str = "critical", **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs, "severity": severity}
