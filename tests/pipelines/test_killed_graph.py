"""`dvc repro` killed at random moments, with all that it started: run again, it ends in the bytes of one that was not.

Half a minute a moment: every stage of the graph runs, on a small table. KILLS=200 tries 200 moments.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from geratriz import seeding
from geratriz.table.draft import suite_of
from tests.shared import ROOT, files_of_the_checkout
from tests.tables import mixed, told

pytestmark = pytest.mark.thorough

NEEDED = ("src/", "dvc.yaml", "params.yaml", "libraries.yaml", ".dvc/config", ".dvcignore", ".gitignore")
KILLS = int(os.environ.get("KILLS", 3))
RAW = "data/raw/rows.parquet"


def start(root: Path, *command: str) -> "subprocess.Popen[str]":
    variables = {**os.environ, "PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", *command],
        cwd=root,
        env=variables,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def run(root: Path, *command: str) -> None:
    process = start(root, *command)
    said = process.communicate(timeout=600)[0]
    assert process.returncode == 0, said


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the real graph, a small table and one model, before its first run."""
    root = tmp_path_factory.mktemp("graph") / "project"
    for name in files_of_the_checkout():
        if name.startswith(NEEDED):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    table = mixed(400)
    (root / RAW).parent.mkdir(parents=True)
    table.write(root / RAW)
    (root / "contract.json").write_text(json.dumps(suite_of(told(table), "rows")))
    settings = yaml.safe_load((root / "params.yaml").read_text())
    settings["data"] |= {"raw": RAW, "contract": "contract.json", "target": "sold"}
    settings["models"] = ["independent"]
    settings["evaluate"] |= {"bootstrap": 20, "max_rows": 100}
    (root / "params.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    run(root, "add", "-q", RAW)
    return root


def test_whatever_moment_it_is_killed_at_the_next_run_ends_in_the_same_bytes(project: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(project, tmp_path / "whole", symlinks=True)
    started = time.monotonic()
    run(whole, "repro", "-q")
    seconds = time.monotonic() - started
    lock = (whole / "dvc.lock").read_bytes()
    rng = np.random.default_rng(seeding.derive(0, "kills", 0))
    for number in range(KILLS):
        root = shutil.copytree(project, tmp_path / f"killed-{number}", symlinks=True)
        moment = rng.uniform(0, seconds)
        process = start(root, "repro", "-q")
        try:
            process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        run(root, "repro", "-q")
        assert (root / "dvc.lock").read_bytes() == lock, f"killed after {moment:.2f} of {seconds:.0f} s"
        run(root, "status", "-q")
        shutil.rmtree(root)
