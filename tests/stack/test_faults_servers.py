"""Servers that go away in the middle: the flow waits or goes on, and nothing is lost."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from geratriz.errors import PipelineError
from geratriz.tracking import read_history
from pipelines.handover import patiently
from pipelines.stage import Stages
from tests.stack.conftest import Project, Stack, Started, run
from tests.stack.servers import wait_for

MLFLOW_IS_AWAY_S = 60


@pytest.fixture(scope="module")
def project(stack: Stack) -> Iterator[Project]:
    made = Project(stack, stack.folder / "servers-gone", "servers-gone", ["tvae"], tvae={"epochs": 400, "beta": 1.0})
    yield made
    made.close()


def processes(stack: Stack, *words: str) -> list[psutil.Process]:
    """What `geratriz up` runs whose command line has all these words."""
    assert stack.up is not None
    family = psutil.Process(stack.up.process.pid).children(recursive=True)
    return [each for each in family if all(word in " ".join(each.cmdline()) for word in words)]


def head(project: Project, name: str) -> Started:
    """`python -m pipelines.retrain` in the head's checkout."""
    command = [sys.executable, "-m", "pipelines.retrain"]
    return Started(command, project.head, project.variables, project.folder / f"{name}.log")


def test_what_mlflow_missed_of_a_fit_while_it_was_away_is_filled_in(project: Project, stack: Stack) -> None:
    flow = head(project, "mlflow-away")
    checkpoint = project.head / ".cache" / "checkpoints" / "tvae"
    wait_for(lambda: any(checkpoint.glob("*")), 120, f"the fit is under way: {flow.log}")
    server = processes(stack, "mlflow", f"{stack.ports['mlflow']}")
    assert server
    for each in server:
        each.send_signal(signal.SIGSTOP)  # it takes connections and never answers: worse than to be gone
    try:
        time.sleep(MLFLOW_IS_AWAY_S)
    finally:
        for each in server:
            each.send_signal(signal.SIGCONT)
    assert flow.process.wait(timeout=400) == 0, flow.said()

    from mlflow import MlflowClient

    client = MlflowClient()
    (version,) = client.search_model_versions(f"name = '{project.name}'")
    lines = read_history(project.head / "models" / "tvae" / "history.jsonl")
    logged = client.get_metric_history(version.run_id, "reconstruction")
    assert sorted(each.step for each in logged) == [line["step"] for line in lines]


def test_a_restart_of_postgresql_does_not_end_a_flow(project: Project, stack: Stack) -> None:
    settings = project.head / "params.yaml"
    params: dict[str, Any] = yaml.safe_load(settings.read_text())
    params["train"]["tvae"]["epochs"] = 60
    settings.write_text(yaml.safe_dump(params, sort_keys=False))
    flow = head(project, "postgresql")
    wait_for(lambda: "train@tvae" in flow.said(), 120, f"the fit is under way: {flow.log}")
    stack.postgres.stop()
    time.sleep(5)
    stack.postgres.start()
    assert flow.process.wait(timeout=400) == 0, flow.said()
    assert "registered" in flow.said()


def test_a_push_into_a_store_that_is_gone_says_so_and_is_whole_after_another_try(
    project: Project, stack: Stack
) -> None:
    stages = Stages(project.head)
    (project.head / "data" / "more.txt").write_text("more\n" * 1000)
    project.dvc("add", "-q", "data/more.txt")
    stack.store.stop()
    started = threading.Timer(25, stack.store.start)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in project.variables.items():
            patch.setenv(name, value)
        try:
            with pytest.raises(PipelineError, match="'store' did not take the data"):
                stages.push("data/more.txt.dvc", to="store")
            started.start()
            said: list[str] = []
            patiently(lambda: stages.push("data/more.txt.dvc", to="store"), said.append, stages)
        finally:
            started.join()
    assert any("trying again" in line for line in said)
    other = project.folder / "other"
    subprocess.run(["git", "clone", "-q", str(project.hub), str(other)], check=True)
    (other / "data" / "more.txt.dvc").write_text((project.head / "data" / "more.txt.dvc").read_text())
    run([sys.executable, "-m", "dvc", "pull", "-q", "data/more.txt.dvc"], other, project.variables)
    assert Path(other / "data" / "more.txt").read_text() == "more\n" * 1000
