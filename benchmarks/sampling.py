"""Many rows to Parquet by the command line, start-up and all: seconds, and the most memory its processes held."""

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import tables
from benchmarks.cells import Cell

MANY = 5_000_000
QUICK = {"ctgan": "steps=100", "tvae": "epochs=1"}  # how long a fit took says nothing of how fast it samples


def measured(kind: str) -> Cell:
    """One cell: a generator of this ``kind``, fitted to Adult."""
    import psutil

    with tempfile.TemporaryDirectory() as folder:
        train, output = Path(folder) / "train.parquet", Path(folder) / "rows.parquet"
        tables.parts("adult")[0].to_parquet(train, index=False)
        fit = [sys.executable, "-m", "geratriz", "fit", str(train), "--kind", kind, "-o", f"{folder}/model"]
        subprocess.run([*fit, *(["--set", QUICK[kind]] if kind in QUICK else [])], check=True, capture_output=True)
        command = [sys.executable, "-m", "geratriz", "sample", f"{folder}/model", "-n", str(MANY), "-o", str(output)]
        started, most = time.perf_counter(), 0
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                most = max(most, sum(each.memory_full_info().pss for each in family))
            time.sleep(0.2)
        seconds = time.perf_counter() - started
        assert process.returncode == 0
        size = output.stat().st_size
    return {
        "rows": MANY,
        "seconds": round(seconds, 1),
        "rows_per_s": round(MANY / seconds),
        "memory_gb": round(most / 1e9, 2),
        "file_mb": round(size / 1e6),
    }
