"""Order of rows or images to draw, the provenance they carry, and drawing on one thread."""

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
    """Request for items ``start`` to ``start + rows`` of the endless data that ``seed`` and ``where`` define."""

    rows: int
    seed: int
    where: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Required values of columns, or of the label."""
    start: int = 0

    def blocks(self, generator: Fitted[D, Any]) -> Iterator[D]:
        """Draw the data, block by block.

        Raises:
            RequestError: the order cannot be met; raised when the first block is requested.
        """
        return generator.blocks(self.rows, seed=self.seed, where=self.where, start=self.start)

    def provenance(self, generator: Fitted[Any, Any], origin: Origin) -> Provenance:
        """Return the provenance of the data that ``generator``, described by ``origin``, draws for this order."""
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
    """Limit torch, if it is loaded, to one thread inside the block."""
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
