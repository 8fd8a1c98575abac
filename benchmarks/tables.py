"""One cell of the tables that set ours beside peers: a data set, a model and a seed, fitted, drawn from and judged.

Every model, ours too, is fitted by a script of its own in a fresh process (fit.py): ours in this environment, a peer in
the one that its requirements file describes. All get the same rows, the same threads and the time they ask for.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks import fit
from benchmarks.cells import Cell
from benchmarks.ours import VARIANTS

if TYPE_CHECKING:
    from geratriz.table.data.table import Table

HERE = Path(__file__).parent
ROOT = HERE.parent
SETS = {"adult": "income", "bank_marketing": "y", "magic": "class", "beijing_pm25": "pm2.5"}  # and their targets
KINDS = ("independent", "ctgan", "tvae", "autoregressive")
OURS = (*KINDS, *VARIANTS)
PEERS = {"peer_ctgan": "ctgan", "peer_tvae": "ctgan", "peer_tabularargn": "mostlyai", "peer_gaussian_copula": "sdv"}
REAL = "real"  # held-out rows in a generator's place: what a perfect one would show
MODELS = (REAL, *OURS, *PEERS)
ADULT_TEST = 16_281  # the official test part; the bundled table begins with it
HELD_OUT = 0.1  # of every other table
OWN = ("detection", "shape_error", "trend_error", "utility", "copy_rate", "mia_auc")  # our own metrics that are shown
OF_A_USER = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "2000"}  # as our command line sets it: cli.py says why
QUICK_ROWS = 1_500


def plan(sets: Mapping[str, str], models: tuple[str, ...], seeds: tuple[int, ...]) -> Iterator[tuple[str, str, int]]:
    """Data set, model and seed of every cell: each seed for ours, the first for peers and fresh real rows.

    Variants of ours answer a question each and are fitted to Adult alone.
    """
    for name in sets:
        for model in (each for each in models if name == "adult" or each not in VARIANTS):
            for seed in seeds if model in OURS else seeds[:1]:
                yield name, model, seed


def measured(*, table: str, target: str, model: str, seed: int, quick: bool = False) -> Cell:
    """One cell. ``quick`` cuts the table and the fit short, to see whether all of it runs."""
    from geratriz.table.data.table import Table
    from geratriz.table.evaluate import suite
    from geratriz.table.evaluate.trio import Trio

    _python(HERE / ".venv")  # the judge's: better known before minutes of a fit than after
    train_frame, test_frame = parts(table)
    if quick:
        train_frame, test_frame = train_frame.head(QUICK_ROWS), test_frame.head(QUICK_ROWS)
    train = Table.from_frame(train_frame, target=target)
    test = Table.from_frame(test_frame, schema=train.schema)
    fresh, held = suite.halve(test)
    threads = len(os.sched_getaffinity(0))  # `taskset -c 0 make bench` gives every model one core, ours and peers
    about = {"table": table, "target": target, "model": model, "seed": seed, "threads": threads}
    about |= {"rows": len(train), "held_out": len(test)}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        train.write(folder / "train.parquet")
        if model == REAL:
            fresh.write(folder / "synthetic.parquet")
            test, record = held, {}
        else:
            record = run(_job(model, seed, threads, train, quick), folder)
        test.write(folder / "test.parquet")
        synthetic = Table.read(folder / "synthetic.parquet", schema=train.schema)
        trio = Trio(
            train=train, test=held, fresh=None if model == REAL else fresh, synthetic=synthetic
        )  # as evaluate does
        return {**about, **judged(folder, target), "own": own(trio), **record}


def timed(model: str, seed: int) -> Cell:
    """The seconds of a fit to Adult and of a draw of as many rows, with all cores; the rows are not judged."""
    from geratriz.table.data.table import Table

    table = Table.from_frame(parts("adult")[0], target=SETS["adult"])
    job = _job(model, seed, os.cpu_count() or 1, table, quick=False)
    with tempfile.TemporaryDirectory() as place:
        table.write(Path(place) / "train.parquet")
        return {"model": model, "seed": seed, "threads": job.threads, **run(job, Path(place))}


def _job(model: str, seed: int, threads: int, train: "Table", quick: bool) -> fit.Job:
    """To fit to ``train`` and to draw as many rows."""
    kinds = {column.name: column.kind for column in train.schema.columns}
    return fit.Job(model, seed, threads, len(train), str(train.schema.target), kinds, quick)


def run(job: fit.Job, folder: Path) -> Cell:
    """Fit and draw in a process of its own, into ``folder``; what it says of itself.

    Raises:
        RuntimeError: it failed; says how, in its last words.
    """
    environment = {name: value for name, value in os.environ.items() if name not in (*OF_A_USER, "PYTHONPATH")}
    environment["OMP_NUM_THREADS"] = str(job.threads)
    if job.model in PEERS:
        peer = PEERS[job.model]
        python, module = _python(HERE / "peers" / ".venv" / peer), f"benchmarks.peers.{peer}"
    else:
        python, module = Path(sys.executable), "benchmarks.ours"
        environment |= {"PYTHONPATH": str(ROOT / "src"), **OF_A_USER}
    fit.write(job, folder)
    command = [str(python), "-m", module, str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if line.strip()]
        sys.stderr.write(done.stderr)
        raise RuntimeError(words[-1].replace(f"{ROOT}/", "") if words else f"it ended with {done.returncode}")
    record: Cell = json.loads((folder / "record.json").read_text())
    return record


def judged(folder: Path, target: str) -> Cell:
    """What SDMetrics and XGBoost say, in an environment that knows nothing of Geratriz."""
    command = [str(_python(HERE / ".venv")), str(HERE / "judge.py"), "--target", target]
    for part in ("train", "test", "synthetic"):
        command += [f"--{part}", str(folder / f"{part}.parquet")]
    figures: Cell = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return figures


def _python(environment: Path) -> Path:
    python = environment / "bin" / "python"
    if not python.exists():
        raise RuntimeError(f"its environment {environment.relative_to(HERE.parent)} is missing; `make bench` makes it")
    return python


def own(trio: object) -> dict[str, list[float]]:
    """What our own metrics say: value and the ends of the interval."""
    from geratriz.table.evaluate import suite

    scores = {name: suite.METRICS[name].compute(trio) for name in OWN}  # type: ignore[arg-type]
    return {
        name: [round(each, 4) for each in (score.value, score.low, score.high)]
        for name, score in scores.items()
        if score is not None
    }


def parts(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and held-out rows: Adult's official parts; else 90 and 10 % of a shuffle that is always the same."""
    frame = raw(name)
    if name == "adult":
        return frame.iloc[ADULT_TEST:].reset_index(drop=True), frame.iloc[:ADULT_TEST].reset_index(drop=True)
    order = np.random.default_rng(0).permutation(len(frame))
    held, kept = np.split(order, [round(HELD_OUT * len(frame))])
    return frame.iloc[kept].reset_index(drop=True), frame.iloc[held].reset_index(drop=True)


def raw(name: str) -> pd.DataFrame:
    """A bundled table; any other is looked for in the folder that GERATRIZ_DATA names."""
    if name not in SETS:
        return pd.read_parquet(Path(os.environ.get("GERATRIZ_DATA", ".")) / f"{name}.parquet")
    path = ROOT / "data" / "raw" / f"{name}.parquet"
    if not path.exists():
        subprocess.run([sys.executable, "-m", "dvc", "pull", "-q", f"{path}.dvc"], cwd=ROOT, check=True)
    return pd.read_parquet(path)
