"""A fit that is killed or interrupted, for real, goes on where it was and ends in the bytes of one that never was."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tables import mixed

SETTINGS = {
    "ctgan": ["steps=400", "width=16", "noise=4", "batch=64"],
    "tvae": ["epochs=60", "width=16", "latent=2", "batch=64", "components=2"],
}


def start(kind: str, folder: Path, name: str) -> "subprocess.Popen[str]":
    pairs = [word for setting in [*SETTINGS[kind], "threads=1", "precision=float32"] for word in ("--set", setting)]
    command = [sys.executable, "-m", "geratriz", "fit", str(folder / "rows.parquet"), "--kind", kind]
    return subprocess.Popen(
        [*command, "-o", str(folder / name), *pairs],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )


def end_after_a_round(process: "subprocess.Popen[str]", checkpoint: Path, how: signal.Signals) -> str:
    """Wait for a checkpoint, then a little, and send the signal; what the process printed."""
    until = time.monotonic() + 90
    while not list(checkpoint.glob("*.pt")):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(how)
    return process.communicate()[0]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("kind", SETTINGS)
def test_killed_and_run_again_it_ends_in_the_same_bytes(kind: str, tmp_path: Path) -> None:
    mixed(600).write(tmp_path / "rows.parquet")
    whole = start(kind, tmp_path, "whole")
    checkpoint = tmp_path / "cut.checkpoint"
    cut = start(kind, tmp_path, "cut")
    end_after_a_round(cut, checkpoint, signal.SIGKILL)
    assert cut.returncode == -signal.SIGKILL
    assert not (tmp_path / "cut").exists()
    again = start(kind, tmp_path, "cut")
    assert again.communicate() and again.returncode == 0
    assert whole.communicate() and whole.returncode == 0
    assert content(tmp_path / "cut") == content(tmp_path / "whole")
    assert not checkpoint.exists()


def test_ctrl_c_says_where_the_fit_stands_and_how_to_go_on(tmp_path: Path) -> None:
    mixed(600).write(tmp_path / "rows.parquet")
    process = start("tvae", tmp_path, "mine")
    printed = end_after_a_round(process, tmp_path / "mine.checkpoint", signal.SIGINT)
    assert process.returncode == 130
    assert "Traceback" not in printed
    words = " ".join(printed.split())
    assert "fitting tvae was interrupted after round" in words
    assert "run the same fit again and it resumes from there" in words
