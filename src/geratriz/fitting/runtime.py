"""Device, threads and precision of a network, and the settings that make its computations deterministic."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch

from geratriz.errors import ConfigError

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Runtime:
    """Device, threads and precision of a network. The same runtime, data and seed give the same bytes."""

    device: str
    threads: int
    precision: str

    @classmethod
    def choose(cls, *, device: str, threads: int | None, precision: Precision) -> "Runtime":
        """Resolve ``auto`` by the capabilities that the machine reports, never by timing it.

        bfloat16 is chosen on CUDA devices and processors with instructions for it, where networks train in half to four
        fifths of the time (docs/log.md); elsewhere it gains nothing.

        Raises:
            ConfigError: the device is not available.
        """
        cuda = torch.cuda.is_available()
        chosen = ("cuda" if cuda else "cpu") if device == "auto" else device
        if chosen.startswith("cuda") and not cuda:
            raise ConfigError(f"device is {device!r}, but torch sees no CUDA device. Use 'auto' or 'cpu'.")
        if precision == "auto":
            fast = (
                torch.cuda.is_bf16_supported() if chosen.startswith("cuda") else torch.cpu._is_avx512_bf16_supported()
            )
            precision = "bfloat16" if fast else "float32"
        return cls(device=chosen, threads=threads or _processors(), precision=precision)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Set threads and deterministic algorithms inside the block, and restore them after it."""
        threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
        memory: Any = torch.utils.deterministic
        fill = memory.fill_uninitialized_memory
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with this set
        torch.set_num_threads(self.threads)
        torch.use_deterministic_algorithms(True)
        memory.fill_uninitialized_memory = False  # filling takes a tenth of a step, and nothing here reads such memory
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)
            memory.fill_uninitialized_memory = fill

    def autocast(self) -> AbstractContextManager[Any]:
        """Compute matrix products inside the block in this runtime's precision."""
        return autocast(self.device, self.precision)


def autocast(device: str, precision: str) -> AbstractContextManager[Any]:
    """Compute matrix products inside the block in ``precision``, when fitting or sampling."""
    return torch.autocast(device.split(":")[0], torch.bfloat16, enabled=precision == "bfloat16")


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
