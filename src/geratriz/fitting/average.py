"""Moving average of a network's weights, used for sampling."""

import copy
from typing import Generic

import torch
from torch import Tensor

from geratriz.fitting.network import N


class Ema(Generic[N]):
    """Exponential moving average of a network's parameters, used for sampling instead of those of the last step."""

    def __init__(self, network: N, decay: float) -> None:
        self.average: N = copy.deepcopy(network).requires_grad_(False)
        self._decay = decay
        self._averages: list[Tensor] = list(self.average.parameters())
        self._current: list[Tensor] = list(network.parameters())

    def update(self, step: int) -> None:
        """Move the average towards the network, faster in early steps so that the initial weights are forgotten."""
        decay = min(self._decay, (1 + step) / (10 + step))
        with torch.no_grad():  # otherwise the average would keep the graph of every step alive
            torch._foreach_lerp_(self._averages, self._current, 1 - decay)
