"""What networks of every kind share: random numbers, dropout, their state as arrays, the schedule of the rate."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn


def uniform(rng: torch.Generator, *shape: int) -> Tensor:
    """Numbers in [0, 1) on the generator's device."""
    return torch.rand(shape, generator=rng, device=rng.device)


def normal(rng: torch.Generator, *shape: int) -> Tensor:
    """Standard normal numbers on the generator's device."""
    return torch.randn(shape, generator=rng, device=rng.device)


def kept(rng: torch.Generator, like: Tensor, dropped: float) -> Tensor:
    """What units are multiplied by under dropout (Srivastava et al. 2014), of the shape of ``like``.

    From a generator whose state a checkpoint keeps: torch's own dropout draws from the global one.
    """
    return (uniform(rng, *like.shape) >= dropped) / (1 - dropped)


def arrays_of(network: nn.Module) -> dict[str, np.ndarray]:
    """The state of ``network`` for a bundle; :func:`restore` is its inverse."""
    return {f"network.{name}": each.cpu().numpy() for name, each in network.state_dict().items()}


N = TypeVar("N", bound=nn.Module)


def restore(network: N, arrays: Mapping[str, np.ndarray], prefix: str = "") -> N:
    """``network`` in the state that :func:`arrays_of` gave, ready to sample; the names begin with ``prefix``."""
    names = network.state_dict()
    network.load_state_dict({name: torch.from_numpy(arrays[f"{prefix}network.{name}"]) for name in names})
    return network.eval().requires_grad_(False)


def one_cycle(optimiser: torch.optim.Optimizer, rate: float, steps: int) -> torch.optim.lr_scheduler.OneCycleLR:
    """A rate that rises to its peak over a tenth of the steps and falls for the rest (Smith, arXiv 1803.09820)."""
    least = 11  # torch divides by the steps of the rise less one
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=max(steps, least), pct_start=0.1)
