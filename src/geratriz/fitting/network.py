"""Common parts of networks: random numbers, dropout, state as arrays, the schedule of the learning rate."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn


def uniform(rng: torch.Generator, *shape: int) -> Tensor:
    """Draw uniform numbers in [0, 1) on the device of ``rng``."""
    return torch.rand(shape, generator=rng, device=rng.device)


def normal(rng: torch.Generator, *shape: int) -> Tensor:
    """Draw standard normal numbers on the device of ``rng``."""
    return torch.randn(shape, generator=rng, device=rng.device)


def dropout_mask(rng: torch.Generator, like: Tensor, rate: float) -> Tensor:
    """Draw the factors of units under dropout (Srivastava et al. 2014), in the shape of ``like``.

    Unlike torch's own dropout, which uses global random state, it draws from ``rng``, whose state is in checkpoints.
    """
    return (uniform(rng, *like.shape) >= rate) / (1 - rate)


def arrays_of(network: nn.Module) -> dict[str, np.ndarray]:
    """Return the state of ``network`` for a bundle; :func:`restore` is the inverse."""
    return {f"network.{name}": tensor.cpu().numpy() for name, tensor in network.state_dict().items()}


N = TypeVar("N", bound=nn.Module)


def restore(network: N, arrays: Mapping[str, np.ndarray], prefix: str = "") -> N:
    """Load the state of :func:`arrays_of`, its names after ``prefix``, and return ``network`` ready to sample."""
    names = network.state_dict()
    network.load_state_dict({name: torch.from_numpy(arrays[f"{prefix}network.{name}"]) for name in names})
    return network.eval().requires_grad_(False)


def one_cycle(optimiser: torch.optim.Optimizer, rate: float, steps: int) -> torch.optim.lr_scheduler.OneCycleLR:
    """Schedule a rate that rises to its peak in a tenth of the steps and then falls (Smith, arXiv 1803.09820)."""
    minimum_steps = 11  # torch divides by the number of rising steps minus one
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=max(steps, minimum_steps), pct_start=0.1)
