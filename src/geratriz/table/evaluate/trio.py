"""The three tables that every metric compares, and the settings of an evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from geratriz import seeding
from geratriz.table.data.entities import entities
from geratriz.table.data.table import Table
from geratriz.table.evaluate.features import Features, encode

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateConfig:
    """Settings of an evaluation of synthetic tables."""

    seed: int = 0
    bootstrap: int = 200
    """Resamples per interval."""
    max_rows: int = 10_000
    """Most rows per side; more rows narrow the intervals and cost time."""

    def __post_init__(self) -> None:
        if self.bootstrap < 20 or self.max_rows < 10:
            raise ValueError(f"bootstrap must be at least 20 and max_rows 10, got {self.bootstrap} and {self.max_rows}")


@dataclass(frozen=True, kw_only=True, eq=False)  # hashed by identity, because results are cached by trio
class Trio:
    """The three tables that a metric compares, each subsampled to ``rows`` rows and encoded once for all metrics.

    ``train`` is the training data of the generator, ``test`` real rows it has not seen. All have one schema. Attacks
    are not limited to the subsample, and use further unseen rows, ``fresh``, where there are any.
    """

    train: Table
    test: Table
    synthetic: Table
    config: EvaluateConfig = EvaluateConfig()
    fresh: Table | None = None
    """Further real rows that the generator has not seen."""
    rows: int | None = None
    """Rows per side; those of the shortest table when None."""
    suite: Mapping[str, Any] | None = None
    """Contract of the data, if there is one."""

    @cached_property
    def size(self) -> int:
        """Rows per side."""
        shortest = min(len(self.train), len(self.test), len(self.synthetic), self.config.max_rows)
        return shortest if self.rows is None else min(self.rows, shortest)

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows in each part, and compared per side."""
        return {
            "train": len(self.train),
            "test": len(self.test),
            "synthetic": len(self.synthetic),
            "compared": self.size,
        }

    @cached_property
    def cut(self) -> tuple[Table, Table, Table]:
        """Train, test and synthetic rows subsampled to equal size, without replacement, under the seed."""
        parts = (("train", self.train), ("test", self.test), ("synthetic", self.synthetic))
        return tuple(subsample(table, self.size, self.config.seed, name) for name, table in parts)  # type: ignore[return-value]

    @cached_property
    def unseen(self) -> Table:
        """All real rows that the generator has not seen."""
        if self.fresh is None:
            return self.test
        return Table(pd.concat([self.test.frame, self.fresh.frame], ignore_index=True), self.test.schema)

    @cached_property
    def features(self) -> tuple[Features, Features, Features]:
        """The three subsampled tables as arrays in one encoding."""
        return tuple(encode(self.cut))  # type: ignore[return-value]


def subsample(table: Table, rows: int, seed: int, name: str) -> Table:
    """Draw ``rows`` rows of ``table`` without replacement, in their order; all rows if it has no more."""
    if len(table) <= rows:
        return table
    chosen = seeding.generator(seed, "sample", name).choice(len(table), rows, replace=False)
    chosen.sort()
    return table.take(chosen)


def in_order(table: Table, seed: int, name: str) -> np.ndarray:
    """Positions of the rows of ``table`` in random order, in which the rows of an entity follow each other, (N,)."""
    rng, owners = seeding.generator(seed, name), entities(table)
    if owners is None:
        return rng.permutation(len(table))
    return np.argsort(rng.permutation(int(owners.max()) + 1)[owners], kind="stable")


def two_sides(table: Table, seed: int, name: str, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of a third of the rows, at most ``most``, and of the others, in random order; no entity is on both."""
    order, owners = in_order(table, seed, name), entities(table)
    cut = min(len(order) // 3, most)
    if owners is not None:
        while 0 < cut < len(order) and owners[order[cut - 1]] == owners[order[cut]]:
            cut -= 1
    return order[:cut], order[cut:]
