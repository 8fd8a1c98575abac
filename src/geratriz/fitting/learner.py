"""Optimiser steps, and how a network is trained: AdamW, a one-cycle rate, clipped gradients, a moving average."""

from collections.abc import Iterable
from typing import Any, Generic

import torch
from torch import Tensor, nn

from geratriz.fitting.average import Ema
from geratriz.fitting.network import N, one_cycle


class Learner(Generic[N]):
    """Network, optimiser, schedule and moving average, stepped together."""

    def __init__(
        self, network: N, *, rate: float, steps: int, ema: float, weight_decay: float = 1e-2, clip: float = 1.0
    ) -> None:
        """Train for ``steps`` steps with peak rate ``rate``; ``clip`` is the maximum norm of a gradient."""
        self.network, self._clip = network, clip
        self.ema = Ema(network, ema)
        self._optimiser = torch.optim.AdamW(
            network.parameters(), lr=rate, weight_decay=weight_decay, betas=(0.9, 0.99), fused=True
        )
        self._schedule = one_cycle(self._optimiser, rate, steps)
        self.parts: dict[str, Any] = {
            "network": network,
            "optimiser": self._optimiser,
            "schedule": self._schedule,
        }

    def step(self, loss: Tensor, number: int) -> None:
        """Take step ``number``, counted from 0, down the gradient of ``loss``."""
        descend(loss, self._optimiser, self.network.parameters(), clip=self._clip)
        self._schedule.step()
        self.ema.update(number + 1)


def descend(
    loss: Tensor,
    optimiser: torch.optim.Optimizer,
    parameters: Iterable[nn.Parameter] = (),
    *,
    clip: float | None = None,
) -> None:
    """Take one step down the gradient of ``loss``, the norm of the gradient of ``parameters`` clipped to ``clip``."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if clip is not None:
        nn.utils.clip_grad_norm_(parameters, clip)
    optimiser.step()
