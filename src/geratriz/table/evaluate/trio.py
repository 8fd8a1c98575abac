"""What every metric takes and gives: three tables in, a score with its interval out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import pandas as pd

from geratriz import seeding
from geratriz.table.data.table import Table
from geratriz.table.evaluate.features import Features, encode

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateConfig:
    """How thoroughly synthetic data are judged."""

    seed: int = 0
    bootstrap: int = 200
    """Resamples behind each interval."""
    max_rows: int = 10_000
    """At most so many rows a side; more narrow the intervals and cost time."""

    def __post_init__(self) -> None:
        if self.bootstrap < 20 or self.max_rows < 10:
            raise ValueError(f"bootstrap must be at least 20 and max_rows 10, got {self.bootstrap} and {self.max_rows}")


@dataclass(frozen=True, kw_only=True, eq=False)  # equal to itself alone: what was found out about it is kept by it
class Trio:
    """The three tables a metric compares, each side cut to ``rows`` rows; encoded once for all metrics.

    ``train`` is what the generator saw, ``test`` real rows it did not see. All have one schema. Attacks use more
    unseen rows, ``fresh``, where there are some, and no cut: an attacker would not hold back.
    """

    train: Table
    test: Table
    synthetic: Table
    config: EvaluateConfig = EvaluateConfig()
    fresh: Table | None = None
    """More real rows the generator did not see."""
    rows: int | None = None
    """Rows a side; as many as the shortest of the three has when None."""
    suite: Mapping[str, Any] | None = None
    """The data's contract, where there is one."""

    @cached_property
    def size(self) -> int:
        """Rows a side."""
        shortest = min(len(self.train), len(self.test), len(self.synthetic), self.config.max_rows)
        return shortest if self.rows is None else min(self.rows, shortest)

    @property
    def counts(self) -> dict[str, int]:
        """How many there are in each part, and how many per side are compared."""
        return {
            "train": len(self.train),
            "test": len(self.test),
            "synthetic": len(self.synthetic),
            "compared": self.size,
        }

    @cached_property
    def cut(self) -> tuple[Table, Table, Table]:
        """Train, test and synthetic at equal size: rows drawn without replacement under the seed."""
        parts = (("train", self.train), ("test", self.test), ("synthetic", self.synthetic))
        return tuple(subsample(table, self.size, self.config.seed, name) for name, table in parts)  # type: ignore[return-value]

    @cached_property
    def unseen(self) -> Table:
        """All real rows the generator did not see."""
        if self.fresh is None:
            return self.test
        return Table(pd.concat([self.test.frame, self.fresh.frame], ignore_index=True), self.test.schema)

    @cached_property
    def features(self) -> tuple[Features, Features, Features]:
        """The three cut sides as arrays under one encoding."""
        return tuple(encode(self.cut))  # type: ignore[return-value]


def subsample(table: Table, rows: int, seed: int, name: str) -> Table:
    """``rows`` rows of ``table`` in their order, drawn without replacement; all of it where it has no more."""
    if len(table) <= rows:
        return table
    chosen = seeding.generator(seed, "sample", name).choice(len(table), rows, replace=False)
    chosen.sort()
    return table.take(chosen)
