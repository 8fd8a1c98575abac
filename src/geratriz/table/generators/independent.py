"""Independent columns, each drawn from its training frequencies: the baseline that every model must beat.

Marginals are exact up to sampling noise, and there is no dependence between columns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np

from geratriz import seeding
from geratriz.fitting.record import FitRun
from geratriz.table.data.codec import Codec
from geratriz.table.data.levels import CodecConfig
from geratriz.table.data.table import Table
from geratriz.table.generators.base import CodeGenerator


@final
@dataclass(frozen=True, slots=True)
class Independent(CodeGenerator[CodecConfig]):
    """Product of the columns' marginal distributions over codec levels."""

    kind: ClassVar[str] = "independent"
    config_cls: ClassVar[type[Any]] = CodecConfig

    frequencies: tuple[np.ndarray, ...]
    """Share of each code, per modelled column; shape (levels,), sums to 1."""

    @classmethod
    def _fit(cls, data: Table, config: CodecConfig, run: FitRun) -> Self:
        codec = Codec.fit(data, config, seeding.generator(run.seed, "codec"))
        codes = codec.codes(data, seeding.generator(run.seed, "encode"))
        frequencies = tuple(np.bincount(codes[:, i], minlength=size) / len(codes) for i, size in enumerate(codec.sizes))
        return cls(config, run.record(len(data)), codec, frequencies)

    def _sample(self, rows: int, rng: np.random.Generator, codes: Mapping[int, int]) -> np.ndarray:
        drawn = [np.searchsorted(np.cumsum(p[:-1]), rng.random(rows), side="right") for p in self.frequencies]
        for index, code in codes.items():
            drawn[index] = np.full(rows, code)
        return np.stack(drawn, axis=1)

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {}, {f"frequencies.{i}": shares for i, shares in enumerate(self.frequencies)}

    @staticmethod
    def _from_state(
        config: CodecConfig, codec: Codec, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> tuple[Any, ...]:
        frequencies = tuple(arrays[f"frequencies.{i}"] for i in range(len(codec.sizes)))
        if (found := tuple(len(each) for each in frequencies)) != codec.sizes:
            raise ValueError(f"it has frequencies of {found} levels, the codec {codec.sizes}")
        return (frequencies,)
