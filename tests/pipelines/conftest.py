"""A small DVC project and one Prefect server for all tests of the flow: both the real thing."""

import contextlib
import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.projects import Stations
from tests.shared import folder_of_all_workers, once

ROOT = Path(__file__).parents[2]

GRAPH = """
stages:
  prepare:
    cmd: cp data/raw/rows.txt prepared.txt
    deps: [data/raw/rows.txt]
    outs: [prepared.txt]
  landmarks:
    cmd: cp prepared.txt landmarks.txt
    deps: [prepared.txt]
    outs: [landmarks.txt]
  train:
    matrix: {model: "${models}"}
    cmd: echo fitting ${item.model}; echo ${train.epochs} > ${item.model}.model
    deps: [prepared.txt]
    outs: ["${item.model}.model"]
  evaluate:
    matrix: {model: "${models}"}
    cmd: cat ${item.model}.model landmarks.txt > ${item.model}.report
    deps: ["${item.model}.model", landmarks.txt]
    outs: ["${item.model}.report"]
  compare:
    cmd: cat a.report b.report > winner.txt
    deps: [a.report, b.report]
    outs: [winner.txt]
"""


def dvc(root: Path, *arguments: str) -> str:
    """What DVC says, when it succeeds; in this process, where it takes a tenth of the time."""
    from dvc.cli import main

    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        patch.setenv("DVC_NO_ANALYTICS", "1")
        patch.chdir(root)
        code = main(list(arguments))
    assert code == 0, said.getvalue()
    return said.getvalue()


class Project:
    """A project's folder and its files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, content: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def has(self, name: str) -> bool:
        return (self.root / name).exists()

    def params(self, *, epochs: int = 1, parallel: int = 2) -> None:
        settings = {"models": ["a", "b"], "train": {"epochs": epochs}, "flow": {"parallel": parallel}}
        self.write("params.yaml", yaml.safe_dump(settings))

    def stage(self, name: str, cmd: str, **rest: object) -> None:
        """Put one stage in the place of the graph."""
        self.write("dvc.yaml", yaml.safe_dump({"stages": {name: {"cmd": cmd, **rest}}}))


def new_project(root: Path) -> None:
    """Git and DVC, and nothing in them."""
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    dvc(root, "init", "--quiet")


@pytest.fixture(scope="session")
def empty_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("empty")
    new_project(root)
    return root


@pytest.fixture(scope="session")
def graph_project(empty_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("graph") / "project"
    shutil.copytree(empty_project, root)
    project = Project(root)
    project.write("dvc.yaml", GRAPH)
    project.params()
    project.write("data/raw/rows.txt", "1\n2\n3\n")
    project.write("data/raw/other.txt", "no stage reads it\n")
    dvc(root, "add", "--quiet", "data/raw/rows.txt", "data/raw/other.txt")
    return root


@pytest.fixture
def project(graph_project: Path, tmp_path: Path) -> Project:
    """Raw data, a matrix, two branches that meet, and a stage that every branch needs."""
    shutil.copytree(graph_project, tmp_path / "project")
    return Project(tmp_path / "project")


@pytest.fixture
def bare(empty_project: Path, tmp_path: Path) -> Project:
    """A project without a graph."""
    shutil.copytree(empty_project, tmp_path / "project")
    made = Project(tmp_path / "project")
    made.params()
    return made


@pytest.fixture(scope="session")
def stations(mlflow_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Stations:
    return Stations(folder_of_all_workers(tmp_path_factory) / "stations", mlflow_template)


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the empty database of a Prefect server. It takes longer to make than a server to start."""

    def make(folder: Path) -> None:
        variables = {**os.environ, "PREFECT_HOME": str(folder), "DO_NOT_TRACK": "1"}
        command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
        subprocess.run(command, env=variables, check=True, capture_output=True)

    return once(folder_of_all_workers(tmp_path_factory) / "prefect", make)


def prefect_copy(prefect_home: Path, folder: Path, name: str = "prefect.db") -> Path:
    """A folder of a server's own, with a database in it."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(prefect_home / "prefect.db", folder / name)
    return folder


@pytest.fixture(scope="session")
def prefect_server(prefect_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prefect server with a database of its own."""
    from prefect.settings import PREFECT_API_URL
    from prefect.testing import utilities

    import pipelines.retrain  # noqa: F401 - what it sets must be set before Prefect is imported

    with pytest.MonkeyPatch.context() as patch:
        made = prefect_copy(prefect_home, tmp_path_factory.mktemp("server") / "prefect", "prefect-test.db")
        patch.setattr(utilities, "mkdtemp", lambda: str(made))  # where it looks for its database
        with utilities.prefect_test_harness(server_startup_timeout=120):
            address = PREFECT_API_URL.value()
            assert address is not None
            yield address


def running(marker: str) -> list[int]:
    """The processes that a marker in their command line gives away."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
        if marker in line:
            found.append(int(path.parent.name))
    return found


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)
