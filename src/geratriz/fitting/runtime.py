"""What every network here shares: where and how it computes, batches, EMA, checkpoints."""

import copy
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from geratriz import seeding
from geratriz.errors import ConfigError, TrainingError

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

        bfloat16 is chosen on CUDA devices that have it and on processors with instructions for it, where networks learn
        in half to four fifths of the time (docs/log.md); elsewhere it gains nothing.

        Raises:
            ConfigError: the device is not there.
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
        memory.fill_uninitialized_memory = False  # a tenth of a step, and nothing here reads such
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)
            memory.fill_uninitialized_memory = fill

    def autocast(self) -> AbstractContextManager[Any]:
        """Matrix products in this runtime's precision."""
        return autocast(self.device, self.precision)


def autocast(device: str, precision: str) -> AbstractContextManager[Any]:
    """Matrix products in ``precision``, of a fit or of what was fitted in it."""
    return torch.autocast(device.split(":")[0], torch.bfloat16, enabled=precision == "bfloat16")


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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


class Checkpoint:
    """The state of a fit on disk, replaced whole after each round and used only by the very same fit."""

    def __init__(self, folder: Path | None, **identity: Any) -> None:
        """``folder`` is where it is kept, or None to keep nothing; ``identity`` is all that the fit depends on."""
        text = json.dumps({**identity, "torch": torch.__version__, "code": _code()}, sort_keys=True, default=str)
        self._path = None if folder is None else folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.pt"

    def load(self) -> dict[str, Any] | None:
        """The state that :meth:`save` left, or None. Reading it runs no code from the file."""
        if self._path is None or not self._path.exists():
            return None
        state: dict[str, Any] = torch.load(self._path, weights_only=True)
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the state on disk; a kill at any moment leaves the old one or the new one.

        Raises:
            TrainingError: it cannot be written; the last one is left as it was.
        """
        if self._path is None:
            return
        content = io.BytesIO()
        torch.save(dict(state), content)
        partial = self._path.with_suffix(".partial")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content.getbuffer())
            os.replace(partial, self._path)
        except OSError as problem:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise TrainingError(
                f"{problem.strerror} while writing the checkpoint {self._path}. Mend that and run the same fit again: "
                "it goes on from the last round that was kept."
            ) from None

    @property
    def path(self) -> Path | None:
        """The file that holds the last state, or None where there is none."""
        return self._path if self._path is not None and self._path.exists() else None

    def clear(self) -> None:
        """The fit is done: nothing is left to go on from, and no empty folder."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            with suppress(OSError):
                self._path.parent.rmdir()


def _code() -> str:
    """A fingerprint of the code of generators and codec: a checkpoint of other code is not gone on from."""
    here = Path(__file__).parent
    files = [*sorted(here.glob("*.py")), here.parent / "data" / "codec.py"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
