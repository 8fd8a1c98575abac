"""Divide a table into train, fresh and test: by content or entity, which new data do not affect, or by time."""

from typing import Any

import numpy as np
import pandas as pd

from geratriz.column import REPLACED, as_codes, as_numbers
from geratriz.errors import ConfigError, DataError, nearest
from geratriz.parts import PARTS, SplitConfig
from geratriz.table.data.table import Table

_ABSENT = pd.util.hash_array(np.array(["\0"], dtype=object))[0]


def split(table: Table, config: SplitConfig) -> dict[str, Table]:
    """Divide ``table`` into parts by name (:data:`PARTS`), with rows in their original order.

    By ``hash`` and ``group`` no row changes its part when data grow, so that two fits, months apart, can be evaluated
    on the same rows. By ``time`` the parts move with the data, and the ceiling is the score of data from the time
    before ``test``: it includes what changed between the two.

    Raises:
        ConfigError: the column to divide by is not in the table, or holds no times.
        DataError: a part would be empty, all rows belong to one entity, or a row has no time.
    """
    if config.group is not None:
        position, units = _by_group(table, config.group)
    elif config.time is not None:
        position, units = _by_time(table, config.time)
    else:
        position, units = row_positions(table.frame), f"{len(table)} rows"
    assigned = np.searchsorted(np.cumsum([config.train, config.fresh]), position, side="right")
    parts = {name: table.take(np.flatnonzero(assigned == i)) for i, name in enumerate(PARTS)}
    for name, part in parts.items():
        if not len(part):
            raise DataError(
                f"the part {name!r} of the split is empty: {units} are too few for a share of "
                f"{getattr(config, name)}. Raise data.split.{name} or bring more rows."
            )
    return parts


def span(table: Table, time: str) -> tuple[Any, Any]:
    """First and last value of the column ``time``."""
    moments = _moments(table, time)
    first, last = table.frame[time].iloc[[int(moments.argmin()), int(moments.argmax())]]
    return first, last


def row_hashes(frame: pd.DataFrame) -> np.ndarray:
    """Hash of each row's values, uint64 (N,): independent of dtype (39 = 39.0), column order, process and machine."""
    combined = np.zeros(len(frame), dtype=np.uint64)
    for name in frame.columns:
        salt = pd.util.hash_array(np.array([str(name)], dtype=object))[0]
        combined += _mix(_cell_hashes(frame[name]) ^ salt)
    return _mix(combined)


def row_positions(frame: pd.DataFrame) -> np.ndarray:
    """Position of each row in [0, 1), (N,): a hash of its values and of the number of equal rows before it."""
    hashes = row_hashes(frame)
    occurrence = pd.Series(hashes).groupby(hashes).cumcount().to_numpy().astype(np.uint64)
    return _mix(hashes + _mix(occurrence)) / 2.0**64


def _by_group(table: Table, name: str) -> tuple[np.ndarray, str]:
    """Position of each row by its key alone, not the column's name, so that tables of the same entities divide alike;
    and the number of entities in words."""
    keys = _column(table, name)
    absent = keys.isna().to_numpy()
    hashes = _cell_hashes(keys)
    entities = len(np.unique(hashes[~absent])) + int(absent.sum())
    if entities < 2:
        raise DataError(
            f"data.split.by is 'group:{name}', but all {len(table)} rows are of one entity{_such(table, name, ': ')}. "
            "Name the column that identifies entities, or divide by hash."
        )
    return np.where(absent, row_positions(table.frame), _mix(hashes) / 2.0**64), f"{entities} entities"


def _by_time(table: Table, name: str) -> tuple[np.ndarray, str]:
    """Position of each row in time: the share of rows before it, equal for equal times; and the number of times."""
    moments = _moments(table, name)
    absent = np.isnan(moments)
    if absent.any():
        raise DataError(
            f"data.split.by is 'time:{name}', but {int(absent.sum())} rows have no time, the first of them row "
            f"{int(absent.argmax())}. Fill it in or leave those rows out."
        )
    rank = pd.Series(moments).rank(method="average").to_numpy()
    return (rank - 0.5) / len(rank), f"{len(np.unique(moments))} different times"


def _moments(table: Table, name: str) -> np.ndarray:
    values = _column(table, name)
    if table.schema[name].kind == "datetime":
        return as_numbers(name, values, "datetime")
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        return as_numbers(name, values, "float")
    raise ConfigError(
        f"data.split.by is 'time:{name}', but the column is a {table.schema[name].kind}{_such(table, name)}, "
        f"neither a datetime nor a number. Name another one, or set data.schema.{name} to datetime if it holds dates."
    )


def _such(table: Table, name: str, before: str = " such as ") -> str:
    """Example value of a column for a message, unless the column is personal or holds keys."""
    return "" if table.schema[name].kind in REPLACED else f"{before}{table.frame[name].iloc[0]!r}"


def _column(table: Table, name: str) -> pd.Series:
    if name not in table.schema.names:
        hint = nearest(name, table.schema.names)
        raise ConfigError(f"data.split.by names the column {name!r}, which the table does not have.{hint}")
    return table.frame[name]


def _cell_hashes(values: pd.Series) -> np.ndarray:
    """Hash of each cell, uint64 (N,). Missing cells hash alike in every dtype, and no hash depends on other cells: a
    column whose dtype changes as it grows (a gap in integers, a time among dates) moves no row."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        cells: np.ndarray = as_numbers("", values, "datetime")
    elif pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        cells = values.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0  # + 0.0 makes -0.0 the same as 0.0
    elif pd.api.types.is_object_dtype(values.dtype) and pd.api.types.infer_dtype(values) != "string":
        cells = np.array([str(cell) for cell in values.tolist()], dtype=object)  # 1 and True are equal, hashes differ
    else:
        codes, distinct = as_codes(values)
        texts = np.array([*map(str, distinct), ""], dtype=object)
        distinct_hashes: np.ndarray = np.append(pd.util.hash_array(texts)[:-1], _ABSENT)
        cell_hashes: np.ndarray = distinct_hashes[codes]
        return cell_hashes
    hashes: np.ndarray = np.where(values.isna().to_numpy(), _ABSENT, pd.util.hash_array(cells))
    return hashes


def _mix(words: np.ndarray) -> np.ndarray:
    """Finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit affects every output bit."""
    with np.errstate(over="ignore"):
        words = words + np.uint64(0x9E3779B97F4A7C15)
        words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: np.ndarray = words ^ (words >> np.uint64(31))
    return result
