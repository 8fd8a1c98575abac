"""`geratriz up` on SQLite, as a person at a laptop runs it."""

import os
import signal
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.stack.conftest import ROOT, Started
from tests.stack.servers import free_port, wait_for


class Up:
    """A project with a stage for a pool, and `geratriz up` in it."""

    def __init__(self, root: Path) -> None:
        (root / "dvc.yaml").write_text("stages:\n  train: {cmd: 'true', meta: {pool: gpu}}\n")
        self.mlflow, self.prefect = free_port(), free_port()
        kept = {name: each for name, each in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
        variables = {**kept, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PREFECT_HOME": str(root / "prefect")}
        ports = [f"--mlflow-port={self.mlflow}", f"--prefect-port={self.prefect}"]
        self.started = Started([sys.executable, "-m", "geratriz", "up", *ports], root, variables, root / "up.log")
        wait_for(lambda: "Ready." in self.said() or self.started.process.poll() is not None, 150, "it is ready")
        assert self.started.process.poll() is None, self.said()
        self.family = psutil.Process(self.started.process.pid).children(recursive=True)

    def running(self, *arguments: str) -> psutil.Process:
        """The one of its processes that Python was started with these arguments for."""
        (found,) = [each for each in self.family if command(each)[1 : 1 + len(arguments)] == list(arguments)]
        return found

    def said(self) -> str:
        return self.started.said()

    def get(self, address: str) -> str:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return str(answer.read().decode())

    def left(self, seconds: float = 60) -> list[psutil.Process]:
        """What is still there of all it started."""
        _, alive = psutil.wait_procs(self.family, timeout=seconds)
        return alive


def command(process: psutil.Process) -> list[str]:
    """How it was started; nothing where it has ended since, as a worker's own short ones do."""
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:  # a zombie is one, too
        return []


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    made = Up(tmp_path)
    yield made
    if made.started.process.poll() is None:
        made.started.end()
    assert not made.left()


def test_it_says_how_each_is_answers_and_stops_all_on_ctrl_c(up: Up) -> None:
    for name in ("mlflow", "prefect", "worker local", "worker gpu"):
        assert f"{name:<14} ready" in up.said()
    assert up.get(f"http://127.0.0.1:{up.mlflow}/health") == "OK"
    assert up.get(f"http://127.0.0.1:{up.prefect}/api/health") == "true"
    assert f"export PREFECT_API_URL=http://127.0.0.1:{up.prefect}/api" in up.said()
    up.started.process.send_signal(signal.SIGINT)
    assert up.started.process.wait(timeout=60) == 0
    assert up.said().count("stopped") == 4
    assert not up.left()


def test_killing_it_leaves_nothing_behind(up: Up) -> None:
    up.started.process.kill()
    assert not up.left()


def test_one_that_ends_by_itself_is_named_and_takes_the_others_with_it(up: Up) -> None:
    up.running("-m", "mlflow", "server").kill()
    assert up.started.process.wait(timeout=60) == 1
    assert "mlflow ended by itself. The end of" in up.said()
    assert not up.left()
