"""What a fit of any generator is told, how far it got, and what is kept of how it was done."""

import operator
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from geratriz import bundle, config
from geratriz.errors import BundleError, ConfigError, RequestError
from geratriz.tracking import NullTracker, Tracker

C = TypeVar("C")


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """How a generator came to be: what a fit must share with another to give the same bytes."""

    seed: int
    rows: int
    """Rows it was fitted on."""
    data: str
    """SHA-256 over the rows' hashes, in order."""
    device: str
    """``cpu`` or ``cuda``."""
    threads: int
    """CPU threads; floating-point sums depend on how they are shared out."""
    precision: str
    """``float32`` or ``bfloat16``: what matrix products were computed in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """What the ``_fit`` hook gets beside data and config."""

    seed: int
    device: str
    """As the user asked: ``auto``, ``cpu``, ``cuda`` ..."""
    tracker: Tracker
    checkpoint: Path | None
    """Folder for checkpoints, or None to keep none."""
    data: str
    """The data's fingerprint, as in :class:`Record`."""

    def record(self, rows: int, *, device: str = "cpu", threads: int = 1, precision: str = "float64") -> Record:
        """The record of this fit on ``rows`` rows."""
        return Record(seed=self.seed, rows=rows, data=self.data, device=device, threads=threads, precision=precision)


def settings(kind: str, config_cls: type[C], given: C | None) -> C:
    """``given``, or the defaults of ``config_cls`` when None.

    Raises:
        ConfigError: they are another generator's.
    """
    chosen = config_cls() if given is None else given
    if not isinstance(chosen, config_cls):
        raise ConfigError(f"{kind} takes a {config_cls.__name__}, got a {type(chosen).__name__}.")
    return chosen


def saved(folder: Path, kind: str, config_cls: type[C]) -> tuple[C, Record, bundle.Bundle]:
    """Config, record and all else in the bundle of a generator of this ``kind``.

    Raises:
        BundleError: it is missing, damaged, of a newer format or of another kind.
    """
    found = bundle.read(folder)
    if found.kind != kind:
        raise BundleError(f"{folder} holds a {found.kind!r} generator, not {kind!r}. catalog.load() finds the class.")
    chosen = config.load(config_cls, found.head["config"], "config")
    return chosen, config.load(Record, found.head["record"], "record"), found


@contextmanager
def interruptible(kind: str, progress: "Progress", checkpoint: Path | None) -> Iterator[None]:
    """Let an interrupt inside the block say how far the fit got and what is kept."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"fitting {kind} was interrupted {progress.where(checkpoint)}") from None


class Progress(NullTracker):
    """Remembers how far a fit got."""

    def __init__(self) -> None:
        self._step = self._steps = 0

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        self._step, self._steps = step, steps

    def where(self, checkpoint: Path | None) -> str:
        if not self._step:
            return "before its first round was done: run it again."
        done = f"after round {self._step} of {self._steps}"
        if checkpoint is None:
            return f"{done}; no checkpoint was asked for, so nothing is kept."
        return f"{done}. Its checkpoint is in {checkpoint}: the same fit, run again, goes on from there."


def whole(what: str, given: Any, *, least: int) -> int:
    try:
        number = operator.index(given)  # NumPy's integers too
    except TypeError:
        raise RequestError(f"{what} is {given!r}; it must be a whole number.") from None
    if number < least:
        raise RequestError(f"{what} is {number}; it must be at least {least}.")
    return number
