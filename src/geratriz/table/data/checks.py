"""Expectations about single rows, evaluated with pandas as Great Expectations evaluates them.

Missing values compare as unequal here; :func:`ignored` decides whether that counts.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd


def _in_set(frame: pd.DataFrame, kwargs: Mapping[str, Any]) -> Any:
    known = kwargs["value_set"]
    return np.ones(len(frame), dtype=bool) if known is None else frame[kwargs["column"]].isin(known)


def _not_in_set(frame: pd.DataFrame, kwargs: Mapping[str, Any]) -> Any:
    values, known = frame[kwargs["column"]], kwargs["value_set"] or []
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        known = [_bound(values, value) for value in known]
    return ~values.isin(known)


def _between(frame: pd.DataFrame, kwargs: Mapping[str, Any]) -> Any:
    values, mask = _uncategorical(frame[kwargs["column"]]), np.ones(len(frame), dtype=bool)
    if kwargs.get("min_value") is not None:
        low = _bound(values, kwargs["min_value"])
        mask &= as_mask(values > low if kwargs.get("strict_min") else values >= low)
    if kwargs.get("max_value") is not None:
        high = _bound(values, kwargs["max_value"])
        mask &= as_mask(values < high if kwargs.get("strict_max") else values <= high)
    return mask


def _match(frame: pd.DataFrame, kwargs: Mapping[str, Any]) -> Any:
    codes, distinct = pd.factorize(frame[kwargs["column"]])
    return pd.Series(distinct).astype(str).str.contains(kwargs["regex"]).to_numpy(dtype=bool)[codes]


def _pair_in_set(frame: pd.DataFrame, kwargs: Mapping[str, Any]) -> Any:
    pairs = kwargs["value_pairs_set"]
    if pairs is None:
        return np.ones(len(frame), dtype=bool)
    (a, index_a), (b, index_b) = (code_cells(frame[kwargs[key]]) for key in ("column_A", "column_B"))
    known = [index_a[x] * len(index_b) + index_b[y] for x, y in pairs if x in index_a and y in index_b]
    return np.isin(a * len(index_b) + b, known)


def _greater(frame: pd.DataFrame, kwargs: Mapping[str, Any]) -> Any:
    a, b = (_uncategorical(frame[kwargs[key]]) for key in ("column_A", "column_B"))
    return a >= b if kwargs.get("or_equal") else a > b


def _equal(frame: pd.DataFrame, kwargs: Mapping[str, Any]) -> Any:
    a, b = (_uncategorical(frame[kwargs[key]]) for key in ("column_A", "column_B"))
    return a == b


def _sum(frame: pd.DataFrame, kwargs: Mapping[str, Any]) -> Any:
    return frame[list(kwargs["column_list"])].sum(axis=1, skipna=False) == kwargs["sum_total"]


NOT_NULL, PAIRS, EQUAL, SUM = (
    "expect_column_values_to_not_be_null",
    "expect_column_pair_values_to_be_in_set",
    "expect_column_pair_values_to_be_equal",
    "expect_multicolumn_sum_to_equal",
)
CHECKS: dict[str, Callable[[pd.DataFrame, Mapping[str, Any]], Any]] = {
    NOT_NULL: lambda frame, kwargs: frame[kwargs["column"]].notna(),
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_not_be_in_set": _not_in_set,
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_match_regex": _match,
    PAIRS: _pair_in_set,
    "expect_column_pair_values_a_to_be_greater_than_b": _greater,
    EQUAL: _equal,
    SUM: _sum,
}


def ignored(cells: pd.DataFrame, kind: str, kwargs: Mapping[str, Any]) -> np.ndarray:
    """Rows that a rule ignores because of missing values in its ``cells``, bool (N,)."""
    absent = cells.isna().to_numpy()
    if "column" in kwargs:
        return absent[:, 0] & (kind != NOT_NULL)
    match kwargs.get("ignore_row_if") or "both_values_are_missing":
        case "both_values_are_missing" | "all_values_are_missing":
            return np.asarray(absent.all(axis=1))
        case "either_value_is_missing" | "any_value_is_missing":
            return np.asarray(absent.any(axis=1))
    return np.zeros(len(cells), dtype=bool)


def as_mask(mask: Any) -> np.ndarray:
    """Convert a mask of pandas or NumPy to bool (N,); missing becomes False."""
    return np.array(mask.to_numpy(dtype=bool, na_value=False) if isinstance(mask, pd.Series) else mask, dtype=bool)


def _uncategorical(values: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.astype(values.cat.categories.dtype)
    return values


def _bound(values: pd.Series, bound: Any) -> Any:
    """Make a bound comparable with ``values``: text becomes a timestamp if they are datetimes."""
    if not (isinstance(bound, str) and pd.api.types.is_datetime64_any_dtype(values.dtype)):
        return bound
    moment, zone = pd.Timestamp(bound), getattr(values.dtype, "tz", None)
    return moment.tz_localize(zone) if zone is not None and moment.tzinfo is None else moment


def code_cells(values: pd.Series) -> tuple[np.ndarray, dict[Any, int]]:
    """Integer code per cell, and the code of each value; None stands for missing."""
    codes, distinct = pd.factorize(values)
    index = {value: code for code, value in enumerate(distinct.tolist())}
    return np.where(codes < 0, len(index), codes), {**index, None: len(index)}
