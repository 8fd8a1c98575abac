"""How a model is fitted and drawn from in an environment of its own: a job as JSON in, rows and a record out.

Imports pandas alone, which every environment has; clocks start when libraries are loaded and the table is in memory.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Job:
    """What is to be fitted to which table."""

    model: str
    seed: int
    threads: int
    rows: int
    """To be drawn."""
    target: str
    kinds: Mapping[str, str]
    """Of each column: integer, float, category, ..."""
    quick: bool
    """The shortest fit that there is: does it run at all?"""

    def of(self, *kinds: str) -> list[str]:
        """The columns of these kinds."""
        return [name for name, kind in self.kinds.items() if kind in kinds]


@dataclass(frozen=True)
class Fitted:
    """A fitted model, and the precision it was computed in."""

    sample: Callable[[int], pd.DataFrame]
    precision: str = "float32"


def write(job: Job, folder: Path) -> None:
    """Put the job beside train.parquet."""
    (folder / "job.json").write_text(json.dumps(asdict(job)))


def main(fit: Callable[[pd.DataFrame, Job], Fitted], packages: tuple[str, ...]) -> None:
    """Do the job in the folder that the command line names: synthetic.parquet, and record.json with the seconds."""
    folder = Path(sys.argv[1])
    job = Job(**json.loads((folder / "job.json").read_text()))
    train = pd.read_parquet(folder / "train.parquet")
    clock = time.process_time if job.threads == 1 else time.perf_counter  # of one thread equal, but for other work
    started = clock()
    model = fit(train, job)
    fitted = clock()
    rows = model.sample(job.rows)
    sampled = clock()
    rows.to_parquet(folder / "synthetic.parquet", index=False)
    record: dict[str, Any] = {
        "fit_s": round(fitted - started, 2),
        "sample_s": round(sampled - fitted, 3),
        "rows_per_s": round(len(rows) / (sampled - fitted)),
        "precision": model.precision,
        "versions": {name: _version(name) for name in packages},
    }
    (folder / "record.json").write_text(json.dumps(record))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # a worktree that is on the path without being installed
        return str(__import__(name).__version__)
