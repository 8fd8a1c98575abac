"""Inputs of a fit, the record of how it was done, and its progress."""

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from geratriz.fitting import libraries
from geratriz.tracking import NullTracker, Tracker

PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """Record of a fit: what another fit must share to give the same bytes."""

    seed: int
    rows: int
    """Number of training rows or images."""
    data: str = ""
    """Empty. In bundles of before, the SHA-256 of the training data: who knows all rows but one cell confirms that cell
    by it, so it does not leave the project any more."""
    device: str
    """``cpu`` or ``cuda``."""
    threads: int
    """CPU threads; floating-point sums depend on how they are divided among threads."""
    precision: str
    """Precision of matrix products: ``float32``, ``bfloat16``, or ``float64`` without a network."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    """Versions of Python and of the libraries that computed; empty in a bundle of before they were recorded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FitRun:
    """Inputs of a fit besides data and config."""

    seed: int
    device: str
    """Device as requested: ``auto``, ``cpu``, ``cuda`` ..."""
    tracker: Tracker
    checkpoint: Path | None
    """Folder for checkpoints, or None to keep none."""
    data: str
    """SHA-256 of the training data. A checkpoint keeps it, a bundle does not."""
    code: str
    """Fingerprint of the code that the fit depends on; see :func:`code_of`."""

    def record(self, rows: int, *, device: str = "cpu", threads: int = 1, precision: str = "float64") -> Record:
        """Return the record of this fit on ``rows`` rows."""
        return Record(
            seed=self.seed,
            rows=rows,
            device=device,
            threads=threads,
            precision=precision,
            libraries=libraries.recorded(),
        )


def code_of(generator: type) -> str:
    """Return the SHA-256 of the code that a fit of ``generator`` depends on; checkpoints of other code are not resumed.

    It covers the code shared by all fits and, of the generator's domain, the data and network packages, the base of the
    generators and the generator's own file. Protection and schema are included, and so are the rows the network sees.
    """
    own = [Path(inspect.getfile(cls)) for cls in generator.__mro__ if cls.__module__.startswith("geratriz.")]
    domains = {path.parents[1] for path in own if path.parent.name == "generators"}
    folders = [PACKAGE / "fitting", *(domain / part for domain in sorted(domains) for part in ("data", "nets"))]
    files = {*own, PACKAGE / "column.py", PACKAGE / "seeding.py", *(path for f in folders for path in f.glob("*.py"))}
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()


class Progress(NullTracker):
    """Tracker that remembers how far a fit got."""

    def __init__(self) -> None:
        self._step = self._steps = 0

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Remember the number of the round."""
        self._step, self._steps = step, steps

    def summary(self, checkpoint: Path | None) -> str:
        """Describe how far the fit got and what was saved, as the end of a sentence."""
        if not self._step:
            return "before its first round was done: run it again."
        done = f"after round {self._step} of {self._steps}"
        if checkpoint is None:
            return f"{done}; no checkpoint folder was given, so nothing was saved."
        return f"{done}. Its checkpoint is in {checkpoint}: run the same fit again and it resumes from there."
