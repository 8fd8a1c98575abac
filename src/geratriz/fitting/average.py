"""The moving average of a network's weights, which is what is sampled from."""

import copy
from typing import Generic

import torch
from torch import Tensor

from geratriz.fitting.network import N


class Ema(Generic[N]):
    """An exponential moving average of a network's parameters: what is sampled from in place of the last step's."""

    def __init__(self, network: N, decay: float) -> None:
        self.average: N = copy.deepcopy(network).requires_grad_(False)
        self._decay = decay
        self._averages: list[Tensor] = list(self.average.parameters())
        self._current: list[Tensor] = list(network.parameters())

    def update(self, step: int) -> None:
        """Move towards the network; early on faster, so that the start is forgotten."""
        decay = min(self._decay, (1 + step) / (10 + step))
        with torch.no_grad():  # else the average would keep every step's graph alive
            torch._foreach_lerp_(self._averages, self._current, 1 - decay)
