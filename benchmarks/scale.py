"""Fits of many rows, many columns and many words: processor seconds, and the most memory, of a process a fit.

A fit that would train for longer than ``CUT`` is stopped there, and the rest of its rounds is counted at the price of
those that were measured: what is asked is what a fit costs, and a round costs what the one before it did.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import tables
from benchmarks.cells import Cell
from benchmarks.ours import QUICK

KINDS = ("tvae", "ctgan", "autoregressive")
ROWS = (32_000, 320_000, 3_200_000, 10_000_000)
SHAPES = ("columns", "words")  # a table of many columns, and one of a column of many words
CUT = 15  # processor seconds of training that are measured
COLUMNS = 200
WORDS = 10_000
PART = 500_000  # rows that are made and written at once
NOISE = {"age": 1.0, "fnlwgt": 5_000.0, "hours-per-week": 0.5}  # standard deviations


def measured(kind: str, shape: str) -> Cell:
    """One cell: a fit of a generator of this ``kind`` on so many rows, or on a table of one of :data:`SHAPES`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.parquet"
        made = {"columns": many_columns, "words": many_words}.get(shape)
        target = made(path) if made is not None else adult(int(shape), path)
        command = [sys.executable, "-m", "benchmarks.scale", kind, shape, str(path), target]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: Cell = json.loads(done.stdout.splitlines()[-1])
    return figures


def adult(rows: int, path: Path) -> str:
    """Write ``rows`` rows of Adult's training part, resampled, with a little noise on numbers, words as plain text."""
    frame = tables.parts("adult")[0]
    words = frame.columns[[isinstance(each, pd.CategoricalDtype) for each in frame.dtypes]]
    frame = frame.astype(dict.fromkeys(words, "str"))
    rng = np.random.default_rng(rows)

    def part(size: int) -> pd.DataFrame:
        drawn = frame.iloc[rng.integers(0, len(frame), size)].reset_index(drop=True)
        for name, width in NOISE.items():
            moved = np.round(drawn[name] + rng.normal(0, width, size)).astype("int64")
            drawn[name] = moved.clip(frame[name].min(), frame[name].max())
        return drawn

    _write(path, (part(min(PART, rows - first)) for first in range(0, rows, PART)))
    return "income"


def many_columns(path: Path, rows: int = 32_000) -> str:
    """Write a table of 200 columns in groups of ten that hang on one normal number each: 80 of 3 to 30 words, 60 of
    small integers, 60 of continuous numbers."""
    rng = np.random.default_rng(COLUMNS)
    hidden = rng.standard_normal((rows, COLUMNS // 10))
    columns: dict[str, Any] = {}
    for i in range(COLUMNS):
        number = 0.8 * hidden[:, i // 10] + 0.6 * rng.standard_normal(rows)
        if i % 10 < 4:
            edges = np.sort(rng.standard_normal(rng.integers(2, 30)))
            columns[f"word_{i}"] = pd.Series(np.searchsorted(edges, number)).map(lambda code: f"w{code:02d}")
        elif i % 10 < 7:
            columns[f"count_{i}"] = rng.poisson(np.exp(1 + 0.5 * number))
        else:
            columns[f"size_{i}"] = np.exp(number) if i % 2 else number
    _write(path, [pd.DataFrame(columns)])
    return "word_0"


def many_words(path: Path, rows: int = 100_000) -> str:
    """Write Adult, resampled, with a column ``place`` of 10,000 words, half of whose rows tell the sex."""
    adult(rows, path)
    frame = pd.read_parquet(path)
    rng = np.random.default_rng(WORDS)
    spread = rng.permutation(np.arange(rows) % WORDS)  # each word in as many rows
    first = np.where(frame["sex"] == "Male", 0, WORDS // 2)  # the halves of the words lean to one sex
    lean = (first + spread // 2) % WORDS
    _write(
        path, [frame.assign(place=np.char.add("place ", np.where(rng.random(rows) < 0.5, spread, lean).astype(str)))]
    )
    return "income"


def _write(path: Path, parts: Any) -> None:
    import pyarrow
    import pyarrow.parquet

    writer = None
    for part in parts:
        table = pyarrow.Table.from_pandas(part, preserve_index=False)
        writer = writer or pyarrow.parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


class _Cut(Exception):
    """Enough was measured."""


def _fit(kind: str, shape: str, path: Path, target: str) -> Cell:
    """Read, fit and measure in this process; as `geratriz fit` does it."""
    import geratriz
    from geratriz.table.data import compact
    from geratriz.table.generators.catalog import GENERATORS
    from geratriz.tracking import NullTracker

    GENERATORS.find(kind)
    started, ends, rounds = time.process_time(), [], 0

    class Clock(NullTracker):
        def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
            nonlocal rounds
            ends.append(time.process_time())
            rounds = steps
            if ends[-1] - ends[0] > CUT and len(ends) < steps:
                raise _Cut

        def note(self, text: str) -> None:
            print(text, file=sys.stderr, flush=True)

    table = compact.read(path, target=target)
    read = time.process_time()
    generator = None
    try:
        generator = geratriz.fit(table, kind=kind, seed=0, tracker=Clock())
        seconds = time.process_time() - started
        if len(ends) < rounds:
            rounds = len(ends)  # held-out rows ended it
    except _Cut:
        pass
    price = (ends[-1] - ends[0]) / max(len(ends) - 1, 1)
    before = max(ends[0] - started - price, read - started)  # the first round may be the cheapest
    if generator is None:
        seconds = before + price * rounds
    cell = {
        "kind": kind,
        "shape": shape,
        "rows": len(table),
        "columns": len(table.schema.columns),
        "seconds": round(seconds, 1),
        "read_s": round(read - started, 2),
        "before_s": round(before, 2),
        "round_s": round(price, 3),
        "rounds": rounds,
        "rounds_measured": len(ends),
        "memory_gb": _most(),
    }
    if shape in SHAPES:  # of many levels sampling may be what takes most
        generator = generator or geratriz.fit(table, kind=kind, seed=0, **QUICK[kind])
        since = time.process_time()
        generator.sample(8_192, seed=0)
        cell |= {"block_s": round(time.process_time() - since, 2), "memory_sampling_gb": _most()}
    return cell


def _most() -> float:
    """The most memory this process held, in GB."""
    import resource

    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 2)


if __name__ == "__main__":
    print(json.dumps(_fit(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4])))
