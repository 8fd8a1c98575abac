"""What servers, workers and hand-over cost, and whether many retrainings at once are all done, once; run by run.py.

On the servers of the stack tests: PostgreSQL, S3, MLflow and Prefect with passwords, all on this machine.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.stack.conftest import Project, Stack, rows

MODELS = 20
AGAIN = 5


def measured(parts: tuple[str, ...]) -> dict[str, Any]:
    """Seconds of each part, and what became of the twenty."""
    with tempfile.TemporaryDirectory() as folder, _servers(Path(folder)) as stack:
        found: dict[str, Any] = {"up_production_s": round(stack.seconds_to_start, 1)}
        if "handover" in parts:
            found |= _handover(stack)
        if "twenty" in parts:
            found |= _twenty(stack)
    return found


@contextmanager
def _servers(folder: Path) -> Iterator[Stack]:
    stack = Stack(folder)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in stack.variables.items():
                if name.startswith(("MLFLOW_", "PREFECT_", "AWS_")):
                    patch.setenv(name, value)
            yield stack
    finally:
        stack.close()


def _handover(stack: Stack) -> dict[str, Any]:
    """The flow where nothing changed, beside plain DVC; and a stage that a worker finds done, there and back."""
    project = Project(stack, stack.folder / "bench", "bench", ["independent"])
    try:
        project.worker("local").end()
        project.worker("gpu", "worker-a")
        project.deploy()
        project.retrain_in_place("--no-register")
        stages = 7
        flow, dvc = (
            statistics.median(_timed(project, command) for _ in range(AGAIN))
            for command in (["-m", "pipelines.retrain", "--no-register"], ["-m", "dvc", "repro"])
        )
        there_and_back = [_once_more(project, number) for number in range(AGAIN)]
    finally:
        project.close()
    return {
        "flow_unchanged_s": round(flow, 2),
        "repro_unchanged_s": round(dvc, 2),
        "above_repro_a_stage_s": round((flow - dvc) / stages, 2),
        "handover_s": [round(each, 1) for each in there_and_back],
        "handover_median_s": round(statistics.median(there_and_back), 1),
    }


def _timed(project: Project, command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *command], cwd=project.head, env=project.variables, check=True, capture_output=True)
    return time.perf_counter() - started


def _once_more(project: Project, number: int) -> float:
    """The head forgets what the training made: the worker has it, so nothing is trained."""
    import shutil

    shutil.rmtree(project.head / ".dvc" / "cache" / "runs", ignore_errors=True)
    shutil.rmtree(project.head / "models" / "independent")
    output = project.retrain_in_place("--no-register")
    job = project.jobs()[-1]
    assert job.state.name in ("Unchanged", "Cached"), f"{number}: {job.state.name}"
    lines = [line for line in output.splitlines() if line.startswith("train@independent")]
    (line,) = [line for line in lines if "handed over and back" in line]
    return float(line.split()[-2])


def _twenty(stack: Stack) -> dict[str, Any]:
    """Twenty projects, each with a model of its own, queued at once on two workers."""
    from mlflow import MlflowClient
    from prefect import get_client

    first = Project(stack, stack.folder / "m0", "m0", ["independent"])
    others = [Project(stack, stack.folder / f"m{i}", f"m{i}", ["independent"]) for i in range(1, MODELS)]
    projects = [first, *others]
    try:
        for number, each in enumerate(projects):
            rows(number, 1500).to_parquet(each.source)
        with get_client(sync_client=True) as client:
            first.worker("local").end()
            first.deploy("retrain")
            base = client.read_deployment_by_name("retrain-scheduled/retrain")
            started = time.perf_counter()
            runs = []
            for each in projects:
                deployment = client.create_deployment(
                    flow_id=base.flow_id,
                    name=f"retrain-{each.name}",
                    entrypoint=base.entrypoint,
                    pull_steps=base.pull_steps,
                    work_pool_name="local",
                    parameters={"root": str(each.head)},
                )
                runs.append(client.create_flow_run_from_deployment(deployment))
            for number in range(2):
                first.worker("local", None, "--limit", "1", "--name", f"bench-{number}")
            ended = [first.wait(run, 3600) for run in runs]
            seconds = time.perf_counter() - started
        versions = {each.name: MlflowClient().search_model_versions(f"name = '{each.name}'") for each in projects}
        commits = {
            each.name: each.git("for-each-ref", "--format=%(refname)", "refs/heads/retrain", cwd=each.hub).split()
            for each in projects
        }
    finally:
        for each in projects:
            each.close()
    return {
        "twenty_states": sorted({run.state.name for run in ended}),
        "twenty_messages": sorted({run.state.message for run in ended if run.state.name != "Completed"}),
        "twenty_registered": sum(len(each) > 0 for each in versions.values()),
        "twenty_versions_each": sorted({len(each) for each in versions.values()}),
        "twenty_branches_each": sorted({len(each) for each in commits.values()}),
        "twenty_minutes": round(seconds / 60, 1),
    }
