"""What every network here shares: where and how it computes, batches, EMA, checkpoints."""

import copy
import hashlib
import inspect
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from geratriz.errors import ConfigError

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Runtime:
    """Where and how a network computes. The same runtime, data and seed give the same bytes."""

    device: str
    threads: int
    precision: str

    @classmethod
    def choose(cls, *, device: str, threads: int | None, precision: Precision) -> "Runtime":
        """Resolve ``auto`` by what the machine says it can do, never by timing it.

        bfloat16 is chosen on CUDA devices that have it and on processors with AMX tiles, where matrix products are
        several times faster in it; plain AVX-512 gains too little to pay for the rounding.

        Raises:
            ConfigError: the device is not there.
        """
        cuda = torch.cuda.is_available()
        chosen = ("cuda" if cuda else "cpu") if device == "auto" else device
        if chosen.startswith("cuda") and not cuda:
            raise ConfigError(f"device is {device!r}, but torch sees no CUDA device. Use 'auto' or 'cpu'.")
        if precision == "auto":
            fast = torch.cuda.is_bf16_supported() if chosen.startswith("cuda") else torch.cpu._is_amx_tile_supported()
            precision = "bfloat16" if fast else "float32"
        return cls(device=chosen, threads=threads or _processors(), precision=precision)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Set threads and deterministic algorithms inside the block, and restore them after it."""
        threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with this set
        torch.set_num_threads(self.threads)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)

    def autocast(self) -> AbstractContextManager[Any]:
        """Matrix products in this runtime's precision."""
        return torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.precision == "bfloat16")


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def epoch_of_batches(rows: Tensor, size: int, rng: torch.Generator) -> Iterator[Tensor]:
    """An epoch: slices of the resident ``rows`` in a fresh order; a last short one is left out if there are others."""
    order = torch.randperm(len(rows), generator=rng, device=rng.device)
    whole = max(len(rows) // size, 1) * size
    for start in range(0, whole, size):
        yield rows[order[start : start + size]]


class Ema:
    """An exponential moving average of a network's parameters: what is sampled from in place of the last step's."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.average = copy.deepcopy(network).requires_grad_(False)
        self._decay = decay
        self._averages: list[Tensor] = list(self.average.parameters())
        self._current: list[Tensor] = list(network.parameters())

    def update(self, step: int) -> None:
        """Move towards the network; early on faster, so that the start is forgotten."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._averages, self._current, 1 - decay)


class Checkpoint:
    """The state of a fit on disk, replaced whole after each epoch and used only by the very same fit."""

    def __init__(self, folder: Path | None, **identity: Any) -> None:
        text = json.dumps(identity, sort_keys=True, default=str)
        self._path = None if folder is None else folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.pt"

    def load(self) -> dict[str, Any] | None:
        """The state that :meth:`save` left, or None. Reading it runs no code from the file."""
        if self._path is None or not self._path.exists():
            return None
        state: dict[str, Any] = torch.load(self._path, weights_only=True)
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the state on disk; a kill at any moment leaves the old one or the new one."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        torch.save(dict(state), partial)
        os.replace(partial, self._path)

    def clear(self) -> None:
        """The fit is done: nothing is left to go on from."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def code_of(*modules: ModuleType) -> str:
    """A fingerprint of the source of ``modules``: a checkpoint of other code is not gone on from."""
    return hashlib.sha256("".join(inspect.getsource(each) for each in modules).encode()).hexdigest()
