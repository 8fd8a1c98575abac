"""Outages at the worst moment: a server killed, a database gone when a stage ends, a store that dies in mid-push.

Other faults of the kind: test_faults_servers.py; with nothing but DVC, tests/pipelines/test_stage.py (its lock is taken
when a stage ends; a stage that hangs) and test_retrain.py (SIGTERM of the flow); with workers test_faults_workers.py.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from geratriz.errors import AwayError, PipelineError
from geratriz.registry import release
from geratriz.registry.client import mlflow_client
from geratriz.tracking import read_history
from pipelines.stage import Stages
from tests.pipelines.conftest import Project as Bare
from tests.pipelines.conftest import dvc, new_project
from tests.projects import Project as Trained
from tests.stack.conftest import ROOT, Project, Stack, Started
from tests.stack.servers import free_port, wait_for

OUTAGE_S = 60.0
EPOCHS = 200
PAUSED_AT = 40  # a quick machine would be done before the minute is over: there the fit waits for the server


class Mlflow:
    """An MLflow server beside that of the stack, on the same database: `geratriz up` would end with its own."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._port = stack, free_port()
        self.address = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        given = self._stack.variables
        options = [f"--port={self._port}", "--host=127.0.0.1", "--workers=1"]
        options += [f"--backend-store-uri={given['MLFLOW_BACKEND_STORE_URI']}"]
        options += [f"--artifacts-destination={given['MLFLOW_ARTIFACTS_DESTINATION']}"]
        command = [sys.executable, "-m", "mlflow", "server", *options]
        self._server = Started(command, self._stack.folder, given, self._stack.folder / "mlflow-2.log")
        wait_for(self._lists, 120, f"MLflow answers: {self._server.log}")

    def _lists(self) -> bool:
        """Whether it is warm: its first answer takes longer than a fit waits for one."""
        try:
            mlflow_client(self.address, timeout=20).search_experiments()
        except Exception:
            return False
        return True

    def kill(self) -> None:
        self._server.kill_all()


@pytest.fixture
def mlflow(stack: Stack) -> Iterator[Mlflow]:
    made = Mlflow(stack)
    yield made
    made.kill()


def fit_in(folder: Path) -> psutil.Process | None:
    """The fit that runs in a project."""
    for each in psutil.process_iter(["cmdline", "cwd"]):
        command = each.info["cmdline"] or []
        if "geratriz.stages.train" in command and command[0] != "/bin/sh" and each.info["cwd"] == str(folder):
            return each
    return None


def history_at(address: str, run_id: str, name: str) -> dict[int, float]:
    """The values of a metric by step, as an MLflow server has them."""
    found = mlflow_client(address, timeout=20).get_metric_history(run_id, name)
    return {each.step: each.value for each in found}


def runs_at(address: str, experiment: str) -> list[Any]:
    """The runs of an experiment, as an MLflow server has them."""
    client = mlflow_client(address, timeout=20)
    found = client.get_experiment_by_name(experiment)
    return [] if found is None else list(client.search_runs([found.experiment_id]))


def test_a_minute_without_mlflow_while_training_costs_nothing(stack: Stack, mlflow: Mlflow) -> None:
    project = Project(stack, stack.folder / "outage", "outage", ["tvae"], tvae={"epochs": EPOCHS, "beta": 1.0})
    graph = project.head / "dvc.yaml"
    graph.write_text(graph.read_text().replace(", pool: gpu", ""))  # of the workers of other tests
    reported = project.head / ".cache" / "checkpoints" / "tvae" / "history.jsonl"

    def steps() -> int:
        return len(read_history(reported)) if reported.exists() else 0

    variables = {**project.variables, "MLFLOW_TRACKING_URI": mlflow.address}
    command = [sys.executable, "-m", "pipelines.retrain"]
    flow = Started(command, project.head, variables, project.folder / "flow.log")
    wait_for(lambda: steps() >= 2 or flow.process.poll() is not None, 300, "the fit reports")
    fit = fit_in(project.head)
    assert fit is not None, flow.said()
    fit.suspend()
    (cut_off,) = runs_at(mlflow.address, "outage")
    name = "reconstruction"
    assert history_at(mlflow.address, cut_off.info.run_id, name), f"it was tracked until now: {flow.said()}"
    before = steps()

    mlflow.kill()
    fit.resume()
    back = time.monotonic() + OUTAGE_S
    while time.monotonic() < back:
        if steps() >= PAUSED_AT:
            fit.suspend()
        time.sleep(0.02)
    assert fit.is_running() and steps() > before, "it went on without the server, and has not ended"
    mlflow.start()
    fit.resume()

    assert flow.process.wait(timeout=600) == 0, flow.said()
    assert flow.said().count("so this run is not shown there") == 1
    (version,) = mlflow_client(mlflow.address, timeout=20).search_model_versions("name = 'outage'")
    assert version.run_id != cut_off.info.run_id
    kept = read_history(project.head / "models" / "tvae" / "history.jsonl")
    assert len(kept) > PAUSED_AT and [line["step"] for line in kept] == list(range(1, len(kept) + 1))
    for name in set(kept[0]) - {"step"}:
        assert history_at(mlflow.address, version.run_id, name) == {line["step"]: line[name] for line in kept}


# PostgreSQL, of Prefect's server and of MLflow's ---------------------------------------------------------------------


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A project with a stage that ends when it may, and a winner to register."""
    made = Trained(tmp_path)
    made.model("small", 0.5, seed=int.from_bytes(os.urandom(2)))
    made.compare("small")
    new_project(tmp_path)
    Bare(tmp_path).stage("slow", "touch started; while [ ! -e may-end ]; do sleep 0.1; done")
    return tmp_path


def last_flow() -> Any:
    from prefect import get_client
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        return client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)[0]


def test_a_flow_goes_on_although_postgres_is_restarted_and_a_stage_ends_meanwhile(stack: Stack, trained: Path) -> None:
    variables = {**stack.variables, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    flow = Started([sys.executable, "-m", "pipelines.retrain"], trained, variables, trained / "flow.log")
    wait_for((trained / "started").exists, 120, "the stage runs")
    stack.postgres.stop()
    try:
        (trained / "may-end").touch()
        wait_for(lambda: "slow" in (trained / "flow.log").read_text(), 60, "the stage has ended")
        time.sleep(8)  # the flow has something to tell the server meanwhile
        assert flow.process.poll() is None, flow.said()
    finally:
        stack.postgres.start()
    assert flow.process.wait(timeout=180) == 0, flow.said()
    assert "registered as people version" in flow.said()
    wait_for(lambda: last_flow().state.is_final(), 60, "the server knows how the flow ended")
    assert last_flow().state.name == "Completed"


def test_a_registry_whose_database_is_away_is_no_refusal_and_goes_on_when_it_is_back(
    stack: Stack, trained: Path
) -> None:
    stack.postgres.stop()
    try:
        with pytest.raises(AwayError, match="does not answer"):
            release.register(trained)
    finally:
        stack.postgres.start()
    assert release.register(trained).created


# S3, DVC's remote ----------------------------------------------------------------------------------------------------


@pytest.fixture
def pushable(stack: Stack, tmp_path: Path) -> Path:
    """A project with a folder of many files and a large file, and a remote on S3 that has none of it."""
    new_project(tmp_path)
    (tmp_path / "many").mkdir()
    for number in range(40):
        (tmp_path / "many" / f"{number}.bin").write_bytes(os.urandom(20_000))
    (tmp_path / "large.bin").write_bytes(os.urandom(40_000_000))
    dvc(tmp_path, "add", "-q", "many", "large.bin")
    dvc(tmp_path, "remote", "add", "-q", "--default", "store", f"s3://dvc/{tmp_path.name}")
    return tmp_path


def there(stack: Stack, project: Path) -> int:
    """How many objects of a project's the store has."""
    listed: Any = stack.store.client()
    return int(listed.list_objects_v2(Bucket="dvc", Prefix=f"{project.name}/")["KeyCount"])


def fetched_anew(project: Path) -> dict[str, bytes]:
    """The files as an empty cache gets them from the remote."""
    clone = project / "clone"
    clone.mkdir()
    subprocess.run(["git", "init", "-q", str(clone)], check=True)
    for name in (".dvc/config", "many.dvc", "large.bin.dvc"):
        (clone / name).parent.mkdir(exist_ok=True)
        shutil.copy(project / name, clone / name)
    dvc(clone, "pull", "-q")
    return content(clone)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in [*(folder / "many").iterdir(), folder / "large.bin"]}


def test_a_push_that_is_cut_off_says_so_and_the_next_one_completes_it(stack: Stack, pushable: Path) -> None:
    stages = Stages(pushable)
    with ThreadPoolExecutor(1) as pool:
        push = pool.submit(stages.push, to="store")
        wait_for(lambda: there(stack, pushable) or push.done(), 60, "something of it has arrived")
        stack.store.stop()
        try:
            with pytest.raises(PipelineError, match=r"^DVC's remote 'store' did not accept the data:\n") as caught:
                push.result(timeout=300)
        finally:
            stack.store.start()
    assert len(str(caught.value).splitlines()) == 3 and "Could not connect" in str(caught.value), "one of many, and all"
    assert 0 < there(stack, pushable) < 42, "it was cut off in the middle"
    stages.push(to="store")
    assert fetched_anew(pushable) == content(pushable)
