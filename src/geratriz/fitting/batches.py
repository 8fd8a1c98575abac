"""Batches of rows in memory, shuffled again in each epoch; the batch of any step can be computed on its own."""

import torch
from torch import Tensor

from geratriz import seeding


class Batches:
    """Batches of rows in memory, shuffled again in each epoch; the batch of any step can be computed on its own."""

    def __init__(self, rows: Tensor, size: int, seed: int) -> None:
        self._rows, self._size, self._seed = rows, min(size, len(rows)), seed
        self._steps = len(rows) // self._size  # per epoch; rows that fill no batch wait for the next epoch
        self._order: tuple[int, Tensor] | None = None

    def at(self, step: int) -> Tensor:
        """Rows of ``step``, counted from 0, (size, C)."""
        epoch, index = divmod(step, self._steps)
        if self._order is None or self._order[0] != epoch:
            rng = torch.Generator().manual_seed(seeding.derive(self._seed, "epoch", epoch))
            self._order = (epoch, torch.randperm(len(self._rows), generator=rng).to(self._rows.device))
        return self._rows[self._order[1][index * self._size : (index + 1) * self._size]]
