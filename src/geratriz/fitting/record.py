"""The inputs of a fit, the record of how it was done, and how far it got."""

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from geratriz.tracking import NullTracker, Tracker

PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """How a generator was fitted: what another fit must share to give the same bytes."""

    seed: int
    rows: int
    """Rows or images it was fitted on."""
    data: str
    """Fingerprint of the training data, SHA-256."""
    device: str
    """``cpu`` or ``cuda``."""
    threads: int
    """CPU threads; floating-point sums depend on how they are shared out."""
    precision: str
    """``float32`` or ``bfloat16``: what matrix products were computed in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FitRun:
    """The inputs of a fit beside data and config."""

    seed: int
    device: str
    """As the user asked: ``auto``, ``cpu``, ``cuda`` ..."""
    tracker: Tracker
    checkpoint: Path | None
    """Folder for checkpoints, or None to keep none."""
    data: str
    """Fingerprint of the training data, as in :class:`Record`."""
    code: str
    """Fingerprint of the code that the fit depends on; see :func:`code_of`."""

    def record(self, rows: int, *, device: str = "cpu", threads: int = 1, precision: str = "float64") -> Record:
        """The record of this fit on ``rows`` rows."""
        return Record(seed=self.seed, rows=rows, data=self.data, device=device, threads=threads, precision=precision)


def code_of(generator: type) -> str:
    """SHA-256 of the code that a fit of ``generator`` depends on: a checkpoint of other code is not resumed from.

    That is what is shared by all fits, and of the generator's domain the data, the networks, the generators' base and
    its own file. Protection and schema are among it, so the rows as the network sees them are covered too.
    """
    own = [Path(inspect.getfile(each)) for each in generator.__mro__ if each.__module__.startswith("geratriz.")]
    domains = {path.parents[1] for path in own if path.parent.name == "generators"}
    folders = [PACKAGE / "fitting", *(domain / room for domain in sorted(domains) for room in ("data", "nets"))]
    files = {*own, PACKAGE / "column.py", PACKAGE / "seeding.py", *(each for f in folders for each in f.glob("*.py"))}
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()


class Progress(NullTracker):
    """Remembers how far a fit got."""

    def __init__(self) -> None:
        self._step = self._steps = 0

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Keep the numbers of the round."""
        self._step, self._steps = step, steps

    def where(self, checkpoint: Path | None) -> str:
        """How far the fit got and what is kept, as the end of a sentence."""
        if not self._step:
            return "before its first round was done: run it again."
        done = f"after round {self._step} of {self._steps}"
        if checkpoint is None:
            return f"{done}; no checkpoint was asked for, so nothing is kept."
        return f"{done}. Its checkpoint is in {checkpoint}: the same fit, run again, goes on from there."
