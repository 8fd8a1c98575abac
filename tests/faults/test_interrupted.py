"""A fit that is killed or interrupted, for real, goes on where it was and ends in the bytes of one that never was."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Command, content
from tests.tables import mixed

pytestmark = pytest.mark.slow

NETWORK = {"width": 16, "batch": 64, "blocks": 1, "max_levels": 24, "bins": 8, "threads": 1, "precision": "float32"}
SETTINGS = {  # some thirty short rounds: time enough to be killed in
    "tvae": {**NETWORK, "epochs": 150, "latent": 2, "components": 2},
    "ctgan": {**NETWORK, "steps": 400, "noise": 4},
}


def fit(kind: str, folder: Path, name: str) -> list[str]:
    """The command line of a fit."""
    settings = [word for key, value in SETTINGS[kind].items() for word in ("--set", f"{key}={value}")]
    return ["fit", str(folder / "rows.parquet"), "--kind", kind, "-o", str(folder / name), *settings]


def start(command: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "geratriz", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )


def end_after_a_round(process: "subprocess.Popen[str]", checkpoint: Path, how: signal.Signals) -> str:
    """Wait for a checkpoint and send the signal; what the process printed."""
    until = time.monotonic() + 90
    while not list(checkpoint.glob("*.pt")):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(how)
    return process.communicate()[0]


@pytest.mark.parametrize("kind", ["tvae", pytest.param("ctgan", marks=pytest.mark.thorough)])
def test_killed_and_run_again_it_ends_in_the_same_bytes(kind: str, tmp_path: Path, works: Command) -> None:
    """Takes seconds: only a process of its own can be killed."""
    mixed(200).write(tmp_path / "rows.parquet")
    works(*fit(kind, tmp_path, "whole"))
    checkpoint = tmp_path / "killed.checkpoint"
    killed = start(fit(kind, tmp_path, "killed"))
    end_after_a_round(killed, checkpoint, signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed").exists()
    works(*fit(kind, tmp_path, "killed"))
    assert content(tmp_path / "killed") == content(tmp_path / "whole")
    assert not checkpoint.exists()


def test_ctrl_c_says_where_the_fit_stands_and_how_to_go_on(tmp_path: Path) -> None:
    """Takes seconds: the exit code is that of a process of its own."""
    mixed(200).write(tmp_path / "rows.parquet")
    process = start(fit("tvae", tmp_path, "mine"))
    printed = end_after_a_round(process, tmp_path / "mine.checkpoint", signal.SIGINT)
    assert process.returncode == 130
    assert "Traceback" not in printed
    words = " ".join(printed.split())
    assert "fitting tvae was interrupted after round" in words
    assert "run the same fit again and it resumes from there" in words
