"""Batches of resident rows: a fresh order per epoch, and any step's batch without those before it."""

import torch
from torch import Tensor

from geratriz import seeding


class Batches:
    """Slices of resident rows, an epoch in a fresh order each; any step's batch can be had without those before it."""

    def __init__(self, rows: Tensor, size: int, seed: int) -> None:
        self._rows, self._size, self._seed = rows, min(size, len(rows)), seed
        self._steps = len(rows) // self._size  # an epoch; what does not fill a batch comes in the next one
        self._order: tuple[int, Tensor] | None = None

    def at(self, step: int) -> Tensor:
        """The rows of ``step``, counted from 0, (size, C)."""
        epoch, place = divmod(step, self._steps)
        if self._order is None or self._order[0] != epoch:
            rng = torch.Generator().manual_seed(seeding.derive(self._seed, "epoch", epoch))
            self._order = (epoch, torch.randperm(len(self._rows), generator=rng).to(self._rows.device))
        return self._rows[self._order[1][place * self._size : (place + 1) * self._size]]
