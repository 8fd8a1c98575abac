"""An order of rows or images: which ones are drawn, on one thread, and the provenance they carry."""

import dataclasses
import operator
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from geratriz.fitting.generator import D, Fitted
from geratriz.output import Origin, Provenance


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """Items ``start`` to ``start + rows`` of the endless data that ``seed`` and ``where`` name."""

    rows: int
    seed: int
    where: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Values that columns, or the label, must have."""
    start: int = 0

    def blocks(self, generator: Fitted[D, Any]) -> Iterator[D]:
        """The data, block by block.

        Raises:
            RequestError: at the first step, if the order cannot be met.
        """
        return generator.blocks(self.rows, seed=self.seed, where=self.where, start=self.start)

    def provenance(self, generator: Fitted[Any, Any], origin: Origin) -> Provenance:
        """The provenance of the data that ``generator``, which is ``origin``, draws for this order."""
        return Provenance(
            **dataclasses.asdict(origin),
            kind=generator.kind,
            record=dataclasses.asdict(generator.record),
            seed=self.seed,
            where=self.where,
            start=operator.index(self.start),
            rows=operator.index(self.rows),
            block=generator.block,
            acceptance=generator.acceptance(seed=self.seed, where=self.where),
        )


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread inside the block, if it is there."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
