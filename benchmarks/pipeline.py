"""What the pipeline takes on a clean clone: the whole job, the job again, `dvc repro`, `geratriz --help`; one cell."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.cells import Cell

ROOT = Path(__file__).parent.parent


def measured() -> Cell:
    """Seconds of each."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        environment = {**os.environ, "PYTHONPATH": str(clone / "src")}
        environment.pop("MLFLOW_TRACKING_URI", None)
        first, output = _timed([sys.executable, "-m", "pipelines.retrain"], clone, environment)
        again, _ = _timed([sys.executable, "-m", "pipelines.retrain"], clone, environment)
        (clone / "dvc.lock").unlink()  # else DVC takes what stands in it from the cache
        shutil.rmtree(clone / ".dvc" / "cache" / "runs", ignore_errors=True)
        graph, _ = _timed([sys.executable, "-m", "dvc", "repro"], clone, environment)
        nothing = [_timed([sys.executable, "-m", "dvc", "repro"], clone, environment)[0] for _ in range(3)]
        geratriz = shutil.which("geratriz") or "geratriz"
        imported = [_timed([sys.executable, "-c", "import geratriz"], clone, environment)[0] for _ in range(3)]
        bare = [_timed([sys.executable, "-c", "pass"], clone, environment)[0] for _ in range(3)]
        help_text = [_timed([geratriz, "--help"], clone, environment)[0] for _ in range(3)]
    train = sum(float(line.split("done in ")[1].split()[0]) for line in output.splitlines() if _is_training(line))
    return {
        "demo_s": round(first, 1),
        "demo_train_s": round(train, 1),
        "demo_again_s": round(again, 1),
        "repro_s": round(graph, 1),
        "import_s": round(statistics.median(imported) - statistics.median(bare), 3),
        "repro_nothing_s": round(statistics.median(nothing), 2),
        "help_s": round(statistics.median(help_text), 2),
    }


def _is_training(line: str) -> bool:
    return line.startswith("train@") and "done in " in line


def _timed(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, str]:
    """Seconds and output of a command that must succeed."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return time.perf_counter() - started, done.stdout
