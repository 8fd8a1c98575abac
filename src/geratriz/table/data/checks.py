"""Which rows keep an expectation about single rows, evaluated with pandas as Great Expectations would.

Missing values compare as unequal here; whether that counts is the matter of :func:`ignored`.
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
        known = [_bound(values, each) for each in known]
    return ~values.isin(known)


def _between(frame: pd.DataFrame, kwargs: Mapping[str, Any]) -> Any:
    values, kept = _uncategorical(frame[kwargs["column"]]), np.ones(len(frame), dtype=bool)
    if kwargs.get("min_value") is not None:
        low = _bound(values, kwargs["min_value"])
        kept &= as_mask(values > low if kwargs.get("strict_min") else values >= low)
    if kwargs.get("max_value") is not None:
        high = _bound(values, kwargs["max_value"])
        kept &= as_mask(values < high if kwargs.get("strict_max") else values <= high)
    return kept


def _match(frame: pd.DataFrame, kwargs: Mapping[str, Any]) -> Any:
    codes, words = pd.factorize(frame[kwargs["column"]])
    return pd.Series(words).astype(str).str.contains(kwargs["regex"]).to_numpy(dtype=bool)[codes]


def _pair_in_set(frame: pd.DataFrame, kwargs: Mapping[str, Any]) -> Any:
    pairs = kwargs["value_pairs_set"]
    if pairs is None:
        return np.ones(len(frame), dtype=bool)
    (a, index_a), (b, index_b) = (coded(frame[kwargs[each]]) for each in ("column_A", "column_B"))
    known = [index_a[x] * len(index_b) + index_b[y] for x, y in pairs if x in index_a and y in index_b]
    return np.isin(a * len(index_b) + b, known)


def _greater(frame: pd.DataFrame, kwargs: Mapping[str, Any]) -> Any:
    a, b = (_uncategorical(frame[kwargs[each]]) for each in ("column_A", "column_B"))
    return a >= b if kwargs.get("or_equal") else a > b


def _equal(frame: pd.DataFrame, kwargs: Mapping[str, Any]) -> Any:
    a, b = (_uncategorical(frame[kwargs[each]]) for each in ("column_A", "column_B"))
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
    """Rows that a rule passes over for what is missing in its ``cells``, bool (N,)."""
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
    """A mask of pandas or NumPy as bool (N,), what is neither as False."""
    return np.array(mask.to_numpy(dtype=bool, na_value=False) if isinstance(mask, pd.Series) else mask, dtype=bool)


def _uncategorical(values: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.astype(values.cat.categories.dtype)
    return values


def _bound(values: pd.Series, given: Any) -> Any:
    """A bound as it can be compared with ``values``: text becomes a moment beside moments."""
    if not (isinstance(given, str) and pd.api.types.is_datetime64_any_dtype(values.dtype)):
        return given
    moment, zone = pd.Timestamp(given), getattr(values.dtype, "tz", None)
    return moment.tz_localize(zone) if zone is not None and moment.tzinfo is None else moment


def coded(values: pd.Series) -> tuple[np.ndarray, dict[Any, int]]:
    """A number for each cell, and the number of each value; None stands for missing."""
    codes, words = pd.factorize(values)
    index = {word: code for code, word in enumerate(words.tolist())}
    return np.where(codes < 0, len(index), codes), {**index, None: len(index)}
