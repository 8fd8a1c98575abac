"""The whole stack on loopback, every part of it the real one: one set of servers for all tests, projects on it.

PostgreSQL, S3, MLflow and Prefect (`geratriz up --profile production`); a bare Git repository as the remote; a head and
workers, each in a clone of its own with a DVC cache of its own.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from geratriz.services.profiles import COMMON_VARIABLES
from tests.shared import ROOT, files_of_the_checkout
from tests.stack.servers import PASSWORD, ObjectStore, Postgres, free_port, wait_for

NOT_NEEDED = ("tests/", "docs/", "benchmarks/", "examples/", "data/bundled/", "contracts/")
ROWS = 6000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.stack)


def run(command: Sequence[str], cwd: Path, variables: dict[str, str], *, fails: bool | None = False) -> str:
    """What a command says; ``fails`` None: it may succeed or not."""
    done = subprocess.run(
        command, cwd=cwd, env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900
    )
    assert fails is None or (done.returncode != 0) is fails, f"{command} in {cwd}:\n{done.stdout}"
    return done.stdout


class Started:
    """A process of ours with a log, ended with all it started.

    ``background``: as a shell in a script starts `COMMAND &`, with SIGINT ignored.
    """

    def __init__(
        self, command: Sequence[str], cwd: Path, variables: dict[str, str], log: Path, *, background: bool = False
    ) -> None:
        self.log = log
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log.open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN) and None) if background else None,
        )

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(timeout=60)

    def kill_all(self) -> None:
        """Kill it and everything under it, as when the machine loses power."""
        import psutil

        family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        for each in family:
            each.kill()
        self.process.wait(timeout=60)


class Stack:
    """The servers, and the environment of who uses them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.up: Started | None = None
        self.postgres = Postgres()
        try:
            self.store = ObjectStore()
        except BaseException:
            self.postgres.close()
            raise
        self.ports = {"mlflow": free_port(), "prefect": free_port()}
        home = folder / "servers"  # a project in which `up` runs, with no stages of its own
        home.mkdir()
        (home / "dvc.yaml").write_text("stages: {}\n")
        self.variables = {
            **{name: each for name, each in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_", "AWS_"))},
            **COMMON_VARIABLES,
            **self.store.variables,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),  # `up` starts a worker
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
            "MLFLOW_BACKEND_STORE_URI": self.postgres.url("mlflow"),
            "MLFLOW_ARTIFACTS_DESTINATION": "s3://mlflow/artifacts",
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "a-secret-for-tests",
            "MLFLOW_TRACKING_USERNAME": "admin",
            "MLFLOW_TRACKING_PASSWORD": PASSWORD,
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": self.postgres.url("prefect", "postgresql+asyncpg"),
            "PREFECT_SERVER_API_AUTH_STRING": f"geratriz:{PASSWORD}",
            "PREFECT_API_AUTH_STRING": f"geratriz:{PASSWORD}",
            "PREFECT_HOME": str(folder / "prefect"),
            "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{self.ports['mlflow']}",
            "PREFECT_API_URL": f"http://127.0.0.1:{self.ports['prefect']}/api",
            "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "1",
            "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
        }
        self._servers = home
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """`geratriz up --profile production`, until it says that it is ready."""
        ports = [f"--mlflow-port={self.ports['mlflow']}", f"--prefect-port={self.ports['prefect']}"]
        log = self.folder / "up.log"
        log.unlink(missing_ok=True)
        command = [sys.executable, "-m", "geratriz", "up", "--profile", "production", "--pool", "idle", *ports]
        self.up = up = Started(command, self._servers, self.variables, log)
        started = time.monotonic()
        wait_for(lambda: "Ready." in up.said() or up.process.poll() is not None, 150, "the servers are ready")
        assert up.process.poll() is None, up.said()
        self.seconds_to_start = time.monotonic() - started

    def close(self) -> None:
        if self.up is not None:
            self.up.end()
        self.store.close()
        self.postgres.close()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("stack"))
    patch = pytest.MonkeyPatch()  # for MLflow's and Prefect's clients in the tests themselves
    for name, value in made.variables.items():
        if name.startswith(("MLFLOW_", "PREFECT_", "AWS_")):
            patch.setenv(name, value)
    yield made
    patch.undo()
    made.close()


def rows(seed: int, count: int = ROWS, shift: float = 0.0) -> pd.DataFrame:
    """People: age, hours, wage, a trade and whether they have savings; ``shift`` moves the wage."""
    random = np.random.default_rng(seed)
    age = random.normal(42, 12, count).clip(18, 90).round()
    hours = random.choice([20, 30, 38, 40, 45, 60], count, p=[0.1, 0.1, 0.2, 0.4, 0.1, 0.1])
    trade = random.choice(["baker", "clerk", "nurse", "smith"], count, p=[0.2, 0.4, 0.3, 0.1])
    wage = np.exp(2.4 + 0.01 * age + 0.3 * (trade == "smith") + random.normal(0, 0.3, count)).round(2) + shift
    saves = np.where(random.random(count) < 1 / (1 + np.exp(3 - wage / 8)), "yes", "no")
    return pd.DataFrame({"age": age.astype(int), "hours": hours, "trade": trade, "wage": wage, "saves": saves})


class Project:
    """A project on the stack: a Git remote, its source of data, the head's clone, and clones for workers."""

    def __init__(self, stack: Stack, folder: Path, name: str, models: Sequence[str], **train: Any) -> None:
        self.stack, self.name, self.folder = stack, name, folder
        self.hub, self.head, self.source = folder / "hub.git", folder / "head", folder / "source.parquet"
        self.variables = {**stack.variables, "PYTHONPATH": os.pathsep.join([str(self.head / "src"), str(self.head)])}
        self._started: list[Started] = []
        folder.mkdir(parents=True, exist_ok=True)
        rows(0).to_parquet(self.source)
        (folder.parent / "gitconfig").touch()
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.hub)], check=True)
        subprocess.run(["git", "clone", "-q", str(self.hub), str(self.head)], check=True, capture_output=True)
        self._copy_code()
        self._write_settings(models, train)
        self.git("checkout", "-q", "-b", "main")
        self.dvc("remote", "add", "-q", "--default", "store", f"s3://dvc/{name}")
        self.dvc("import-url", "-q", str(self.source), "data/raw/rows.parquet")
        self.git("add", "-A")
        self.git("-c", "user.name=someone", "-c", "user.email=someone@example.org", "commit", "-qm", "start")
        self.git("push", "-q", "-u", "origin", "main")
        self.dvc("push", "-q")

    # What a person types ----------------------------------------------------------------------------------------------

    def git(self, *arguments: str, cwd: Path | None = None, fails: bool | None = False) -> str:
        return run(["git", *arguments], cwd or self.head, self.variables, fails=fails).strip()

    def dvc(self, *arguments: str, cwd: Path | None = None) -> str:
        return run([sys.executable, "-m", "dvc", *arguments], cwd or self.head, self.variables)

    def geratriz(self, *arguments: str, fails: bool = False) -> str:
        return run([sys.executable, "-m", "geratriz", *arguments], self.head, self.variables, fails=fails)

    def deploy(self, *which: str) -> None:
        """`prefect deploy`, of all that stands in prefect.yaml, or of some."""
        options = [each for name in which for each in ("--name", name)] or ["--all"]
        run([sys.executable, "-m", "prefect", "--no-prompt", "deploy", *options], self.head, self.variables)

    def retrain_in_place(self, *arguments: str, fails: bool = False) -> str:
        command = [sys.executable, "-m", "pipelines.retrain", *arguments]
        return run(command, self.head, self.variables, fails=fails)

    def worker(self, pool: str, clone: str | None = None, *options: str) -> Started:
        """`geratriz worker POOL`, in a clone of its own, or in the head's."""
        home = self.head if clone is None else self.folder / clone
        if not home.exists():
            subprocess.run(["git", "clone", "-q", str(self.hub), str(home)], check=True)
        variables = {**self.stack.variables, "PYTHONPATH": str(home / "src")}
        log = self.folder / f"worker-{pool}-{clone or 'head'}-{len(self._started)}.log"
        command = [sys.executable, "-m", "geratriz", "worker", pool, *options]
        started = Started(command, home, variables, log, background=True)
        self._started.append(started)
        wait_for(lambda: "started!" in started.said(), 60, f"the worker of {pool} starts")
        return started

    def start(self, deployment: str, **parameters: Any) -> Any:
        """Start a run of a deployment; the flow run."""
        from prefect import get_client

        with get_client(sync_client=True) as client:
            found = client.read_deployment_by_name(deployment)
            return client.create_flow_run_from_deployment(found.id, parameters=parameters)

    def runs(self, flow: str, **parameters: Any) -> list[Any]:
        """The runs of a flow with these parameters, oldest first."""
        from prefect import get_client
        from prefect.client.schemas.filters import FlowFilter, FlowFilterName
        from prefect.client.schemas.sorting import FlowRunSort

        with get_client(sync_client=True) as client:
            found = client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])), sort=FlowRunSort.EXPECTED_START_TIME_ASC
            )
        return [each for each in found if parameters.items() <= each.parameters.items()]

    def jobs(self) -> list[Any]:
        """The runs that workers of this project made of single stages, oldest first."""
        found = self.runs("stage")
        return [each for each in found if self.git("cat-file", "-t", each.parameters["commit"], fails=None) == "commit"]

    def wait(self, flow_run: Any, seconds: float = 600) -> Any:
        """The flow run when it has ended."""
        from prefect import get_client

        with get_client(sync_client=True) as client:

            def ended() -> bool:
                state = client.read_flow_run(flow_run.id).state
                return state is not None and state.is_final()

            wait_for(ended, seconds, f"{flow_run.name} ends")
            return client.read_flow_run(flow_run.id)

    def lose(self, clone: str) -> None:
        """The machine of a clone loses power."""
        for each in self._started:
            if f"-{clone}-" in each.log.name and each.process.poll() is None:
                each.kill_all()

    def story_of(self, flow_run: Any) -> str:
        """How a run ended, and its log: for the message of a test that fails."""
        from prefect import get_client
        from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

        with get_client(sync_client=True) as client:
            logs = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run.id])))
        return "\n".join([f"{flow_run.state.name}: {flow_run.state.message}", *(each.message for each in logs)])

    def close(self) -> None:
        for each in self._started:
            if each.process.poll() is None:
                each.end()

    # ------------------------------------------------------------------------------------------------------------------

    def _copy_code(self) -> None:
        for name in files_of_the_checkout():
            if name.startswith(NOT_NEEDED) or name.endswith((".dvc", "dvc.lock", "scores.json")):
                continue
            (self.head / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.head / name)

    def _write_settings(self, models: Sequence[str], train: dict[str, Any]) -> None:
        settings = yaml.safe_load((ROOT / "params.yaml").read_text())
        settings["data"] |= {"raw": "data/raw/rows.parquet", "contract": "contracts/rows.json", "target": "saves"}
        settings["models"] = list(models)
        settings["evaluate"] |= {"bootstrap": 50, "max_rows": 1000}
        settings["release"] |= {"name": self.name, "gates": {"shape_error": {"max": 60}}}
        limits = {"mia_auc": 0.7, "mia_auc_outliers": 0.95, "mia_tpr_at_1pct": 0.2, "mia_tpr_at_1pct_outliers": 0.6}
        limits |= dict.fromkeys(("attribute_advantage", "singling_out"), 0.4)  # few rows: little can be ruled out
        limits |= dict.fromkeys(("copy_excess", "rare_excess", "extreme_excess"), 0.1)
        settings["release"]["privacy"] = {**settings["release"]["privacy"], **limits}
        for model, values in train.items():
            settings["train"][model] |= values
        (self.head / "params.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
        deployments = (self.head / "prefect.yaml").read_text()
        (self.head / "prefect.yaml").write_text(
            deployments.replace("geratriz.model.adult", f"geratriz.model.{self.name}")
        )
        expectations = [
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": name}} for name in rows(0, 1)
        ]
        suite = {"name": "rows", "expectations": [{**each, "severity": "critical"} for each in expectations]}
        (self.head / "contracts").mkdir(exist_ok=True)
        import json

        (self.head / "contracts" / "rows.json").write_text(json.dumps(suite))
        (self.head / "data" / "raw").mkdir(parents=True, exist_ok=True)
