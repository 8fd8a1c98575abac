"""Draft a contract from a table: what the data are, for a person to turn into what they must be.

What a column *is* may not be for a draft to say: whether texts tell of persons, whether numbers are keys. Such columns
stand under ``meta.decide`` with what was seen, and a contract is none until a person has decided.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geratriz.column import Column, as_numbers
from geratriz.table.data import forms
from geratriz.table.data.levels import OWN_SHARE
from geratriz.table.data.schema import MIN_ROWS_FOR_ID
from geratriz.table.data.table import Table

MAX_SET = 60  # a column with more levels is not held to a set
MAX_PAIRS = 200  # a row rule with more pairs is not readable
SLACK = 0.1  # of the range seen, allowed beyond it
ROWS_PER_LEVEL = 20  # fewer rows a level prove no dependence
DENSE = 2  # times as many numbers as rows between the first and the last: they count something


def draft(path: Path, name: str, declared: Mapping[str, Any]) -> dict[str, Any]:
    """A suite called ``name`` that the table at ``path`` keeps; ``declared`` is what the user says of columns."""
    return suite_of(Table.read(path, overrides=declared), name)


def suite_of(table: Table, name: str) -> dict[str, Any]:
    """A suite that ``table`` keeps, for :func:`geratriz.data.contract.check`.

    Columns, kinds, sets of levels, what is never missing and dependences between columns are critical; ranges, which
    get some slack, and the number of rows only warn. A column that was not declared and looks personal, or is a key by
    a guess, is asked about in ``meta.decide``; of its values nothing stands in the suite.
    """
    frame, columns = table.frame, table.schema.columns
    decide = {c.name: asked for c in columns if (asked := question(c, frame[c.name])) is not None}
    expectations = [_expect("expect_table_columns_to_match_ordered_list", column_list=[c.name for c in columns])]
    for column in columns:
        expectations += _of_column(column, frame[column.name], told=column.name not in decide)
    expectations += _dependences(table, decide)
    least = len(frame) // 2
    expectations.append(_expect("expect_table_row_count_to_be_between", "warning", min_value=least))
    return {
        "name": name,
        "meta": {
            "kinds": {column.name: column.kind for column in columns if column.name not in decide},
            **({"decide": decide} if decide else {}),
        },
        "expectations": expectations,
    }


def question(column: Column, values: pd.Series) -> dict[str, Any] | None:
    """What to ask about a column that may be personal or a key; None where it was declared, or seems to be neither.

    The JSON object that stands in ``meta.decide``: what the column looks like, because of what, and what to choose
    from. It holds no value.
    """
    if column.declared:
        return None
    numeric = column.kind in ("integer", "float")

    def ask(looks_like: str, because: str, **form: str) -> dict[str, Any]:
        choose = ["personal", "id", column.kind if numeric else "category"]
        return {"looks_like": looks_like, **form, "because": because, "choose": choose}

    present = values.dropna()
    different, few = present.nunique(), len(present) < MIN_ROWS_FOR_ID
    suspicion = forms.recognise(values, column.name) if numeric or column.kind in ("id", "category") else None
    if suspicion is not None:
        return ask("personal", suspicion.because, form=suspicion.form)
    if column.kind == "id":
        return ask("id", "no two rows have the same value")
    distinct = column.kind == "integer" and different == len(present) and not few
    if distinct and np.ptp(as_numbers(column.name, present, "integer")) < DENSE * different:
        return ask("id", "no two rows have the same whole number, and few numbers between them are left out")
    if column.kind == "category" and forms.is_text(values) and not few and different > OWN_SHARE * len(present):
        because = f"{different:,} of {len(present):,} texts are different"
        return ask("personal", because, form=forms.form_of(values, column.name))
    return None


def _of_column(column: Column, values: pd.Series, *, told: bool) -> list[dict[str, Any]]:
    """What ``values`` keep; where the column's kind is not ``told``, nothing that says what they are."""
    found = []
    if values.notna().all():
        found.append(_expect("expect_column_values_to_not_be_null", column=column.name))
    if not told:
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


def _dependences(table: Table, decide: Collection[str]) -> list[dict[str, Any]]:
    """A row rule for every pair of columns of few levels where the first determines the second without exception."""
    frame = table.frame
    few = [
        column.name
        for column in table.schema.learnt
        if column.name not in decide
        and column.kind in ("category", "integer", "boolean")
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
