"""Divide a table by content: a row's side depends on its own values alone, so no row changes side when data grow."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from geratriz.data.table import Table
from geratriz.errors import DataError

PARTS = ("train", "fresh", "test")


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitConfig:
    """Which share of the rows goes where, and what counts as one unit."""

    by: str = "hash"
    """``hash``: each row by its content and occurrence number."""
    train: float = 0.8
    """Share the generator learns from."""
    fresh: float = 0.1
    """Share that stands in for a perfect synthetic table: the ceiling of every metric."""
    test: float = 0.1
    """Share that synthetic data are judged against."""

    def __post_init__(self) -> None:
        shares = (self.train, self.fresh, self.test)
        if self.by != "hash":
            raise ValueError(f"by is {self.by!r}; known: 'hash'")
        if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
            raise ValueError(f"train, fresh and test are {shares}; they must be positive and add up to 1")


def split(table: Table, config: SplitConfig) -> dict[str, Table]:
    """The parts of ``table`` by name (:data:`PARTS`), rows in their original order.

    Raises:
        DataError: a part would be empty.
    """
    position = places(table.frame)
    edges = np.cumsum([config.train, config.fresh])
    side = np.searchsorted(edges, position, side="right")
    parts = {name: table.take(np.flatnonzero(side == i)) for i, name in enumerate(PARTS)}
    for name, part in parts.items():
        if not len(part):
            raise DataError(
                f"the part {name!r} of the split is empty: {len(table)} rows are too few for a share of "
                f"{getattr(config, name)}. Raise data.split.{name} or bring more rows."
            )
    return parts


def row_hashes(frame: pd.DataFrame) -> np.ndarray:
    """A uint64 per row from its values: independent of dtype (39 = 39.0), of column order, process and machine."""
    combined = np.zeros(len(frame), dtype=np.uint64)
    for name in frame.columns:
        salt = pd.util.hash_array(np.array([str(name)], dtype=object))[0]
        combined += _mix(pd.util.hash_array(_canonical(frame[name])) ^ salt)
    return _mix(combined)


def places(frame: pd.DataFrame) -> np.ndarray:
    """Each row's place in [0, 1): the hash of its values and of how many equal rows came before it."""
    hashes = row_hashes(frame)
    occurrence = pd.Series(hashes).groupby(hashes).cumcount().to_numpy().astype(np.uint64)
    return _mix(hashes + _mix(occurrence)) / 2.0**64


def _canonical(values: pd.Series) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values.astype("str").fillna("").to_numpy(dtype=object)
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0  # + 0.0 makes -0.0 the same as 0.0
    objects: list[object] = values.astype(object).where(values.notna(), None).tolist()
    return np.array(["\0" if each is None else str(each) for each in objects], dtype=object)


def _mix(words: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit moves every output bit."""
    with np.errstate(over="ignore"):
        words = words + np.uint64(0x9E3779B97F4A7C15)
        words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: np.ndarray = words ^ (words >> np.uint64(31))
    return result
