"""The story the whole stack is there for, told once from the first row to the rollback; the tests run in order."""

import datetime
import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from geratriz.workspace import worktree
from tests.stack.conftest import Project, Stack, Started, rows
from tests.stack.servers import answers, free_port, wait_for

RETRAIN = "retrain-scheduled/retrain"


@pytest.fixture(scope="module")
def project(stack: Stack) -> Iterator[Project]:
    made = Project(stack, stack.folder / "story", "story", ["independent"])
    made.worker("local")
    made.worker("gpu", "worker-a")
    made.worker("gpu", "worker-b")
    made.deploy()
    yield made
    made.close()


def versions(project: Project) -> list[Any]:
    from mlflow import MlflowClient

    found = MlflowClient().search_model_versions(f"name = '{project.name}'")
    return sorted(found, key=lambda each: int(each.version))


def test_a_first_run_trains_on_a_worker_and_leaves_a_version_and_a_branch(project: Project) -> None:
    before = project.git("rev-parse", "main"), project.git("status", "--short")
    run = project.wait(project.start(RETRAIN))
    assert run.state.name == "Completed", project.story_of(run)

    jobs = project.jobs()
    assert [each.state.name for each in jobs] == ["Ran"], "the worker trained once"
    assert jobs[0].work_pool_name == "gpu"

    (version,) = versions(project)
    branch, commit = version.tags["geratriz.branch"], version.tags["geratriz.commit"]
    assert branch.startswith("retrain/")
    project.git("fetch", "-q")
    assert project.git("rev-parse", f"origin/{branch}") == commit
    assert project.git("rev-parse", f"{commit}^") == before[0], "one commit, on what main was"
    trailers = dict(
        line.split(": ", 1) for line in project.git("log", "-1", "--format=%(trailers:only)", commit).splitlines()
    )
    assert trailers == {
        "Prefect-Flow-Run": str(run.id),
        "MLflow-Run": version.run_id,
        "Data-Md5": version.tags["geratriz.data_md5"],
        "Trigger": "schedule",
    }
    assert "refs/heads/handover" not in project.git("ls-remote", "origin")
    assert (project.git("rev-parse", "main"), project.git("status", "--short")) == before
    assert not (project.head / "models" / "independent").exists(), "the workspace of the head is nobody's business"


def test_everything_a_run_made_can_be_had_from_its_branch_alone(project: Project, stack: Stack) -> None:
    branch = versions(project)[0].tags["geratriz.branch"]
    other = project.folder / "somebody"
    project.git("clone", "-q", "-b", branch, str(project.hub), str(other))
    project.dvc("pull", "-q", cwd=other)
    assert (other / "models" / "independent").is_dir()
    assert project.dvc("status", cwd=other).strip().endswith("Data and pipelines are up to date.")


def test_where_nothing_is_new_a_run_is_skipped_and_leaves_nothing(project: Project) -> None:
    before = project.git("show-ref"), sorted((project.head / ".geratriz" / "worktrees").glob("*/"))
    run = project.wait(project.start(RETRAIN))
    assert run.state.name == "Skipped" and "Nothing new" in run.state.message, project.story_of(run)
    assert (project.git("show-ref"), sorted((project.head / ".geratriz" / "worktrees").glob("*/"))) == before
    assert len(project.jobs()) == 1 and len(versions(project)) == 1


def test_two_at_once_for_one_model_the_second_ends_as_cancelled_with_the_reason(project: Project) -> None:
    both = [project.start(RETRAIN), project.start(RETRAIN)]
    ended = [project.wait(run) for run in both]
    assert sorted(run.state.name for run in ended) == ["Cancelled", "Skipped"]
    with worktree.held(project.head, "of-story", why="a run of another deployment"):
        third = project.wait(project.start(RETRAIN))
    assert third.state.name == "Cancelled", project.story_of(third)
    assert third.state.message == "story is already being retrained by a run of another deployment."


def test_the_schedule_fires_and_new_data_become_a_new_version(project: Project) -> None:
    from prefect import get_client
    from prefect.client.schemas.schedules import IntervalSchedule

    rows(1, shift=3).to_parquet(project.source)
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(RETRAIN)
        often = IntervalSchedule(interval=datetime.timedelta(seconds=15))
        (schedule,) = client.create_deployment_schedules(deployment.id, [(often, True)])
        wait_for(lambda: len(versions(project)) == 2, 300, "a second version is registered")
        client.delete_deployment_schedule(deployment.id, schedule.id)
    new, old = versions(project)[1], versions(project)[0]
    assert new.tags["geratriz.data_md5"] != old.tags["geratriz.data_md5"]
    wait_for(lambda: "geratriz.commit" in versions(project)[1].tags, 60, "its commit is noted")
    assert [each.state.name for each in project.jobs()] == ["Ran", "Ran"]


def approve(project: Project, *, version: int, approve: bool = True) -> Any:
    """Promote through the flow, and answer as a person does in Prefect's UI; the flow run when it has ended."""
    from prefect import get_client

    run = project.start("promote/promote", name=project.name, version=version)
    with get_client(sync_client=True) as client:
        wait_for(
            lambda: (state := client.read_flow_run(run.id).state) and (state.is_paused() or state.is_final()),
            240,
            "somebody is asked",
        )
        if client.read_flow_run(run.id).state.is_paused():
            client.resume_flow_run(run.id, run_input={"approve": approve, "by": "Ada", "reason": "read the page"})
    return project.wait(run)


def aliases(project: Project) -> dict[str, int]:
    from mlflow import MlflowClient

    return {name: int(each) for name, each in MlflowClient().get_registered_model(project.name).aliases.items()}


def test_a_person_says_no_and_nothing_moves_then_yes_and_the_champion_moves(project: Project) -> None:
    declined = approve(project, version=1, approve=False)
    assert declined.state.name == "Declined", project.story_of(declined)
    assert "champion" not in aliases(project)
    first = approve(project, version=1)
    assert first.state.name == "Completed", project.story_of(first)
    assert aliases(project)["champion"] == 1


def test_the_monitor_finds_that_the_data_moved_on(project: Project) -> None:
    run = project.wait(project.start("monitor/monitor"))
    assert run.state.name == "Drift", project.story_of(run)
    page = Path(run.state.message.split()[-1])
    assert "wage" in page.read_text() and "wage" in page.with_name("drift.json").read_text()
    wait_for(lambda: project.runs("retrain-scheduled", trigger="drift"), 120, "the event starts a retraining")
    (retraining,) = project.runs("retrain-scheduled", trigger="drift")
    assert project.wait(retraining).state.name == "Skipped", "the data it drifted to are trained on already"


def test_the_new_version_is_held_against_the_champion_on_the_new_rows_and_takes_its_place(project: Project) -> None:
    second = approve(project, version=2)
    assert second.state.name == "Completed", project.story_of(second)
    assert aliases(project)["champion"] == 2 and aliases(project)["previous"] == 1
    told = project.geratriz("history", project.name)
    assert "Ada" in told and "read the page" in told
    assert not list((project.head / ".geratriz" / "worktrees").glob("judge-*/"))


def test_the_served_champion_answers_rows(project: Project, stack: Stack) -> None:
    port = free_port()
    command = ["models", "serve", "-m", f"models:/{project.name}@champion", "--env-manager", "local", "-p", str(port)]
    log = project.folder / "serve.log"
    served = Started([sys.executable, "-m", "mlflow", *command], project.folder, project.variables, log)
    try:
        wait_for(lambda: answers(port), 240, f"the model is served: {log}")
        body = json.dumps({"dataframe_split": {"columns": ["n_rows"], "data": [[7]]}, "params": {"seed": 3}}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            rows_of = json.loads(answer.read())["predictions"]
    finally:
        served.kill_all()
    assert len(rows_of) == 7 and set(rows_of[0]) == {"age", "hours", "trade", "wage", "saves"}


def test_rollback_brings_the_old_one_back_and_history_and_audit_agree(project: Project) -> None:
    project.geratriz("audit", project.name)
    project.geratriz("rollback", project.name, "--yes", "--reason", "customers complained")
    assert aliases(project)["champion"] == 1 and aliases(project)["previous"] == 2
    told = json.loads(project.geratriz("history", project.name, "--json"))
    assert [each["version"] for each in told] in ([1, 2, 1], [1, 2, 1][::-1])
    project.geratriz("audit", project.name)

    from mlflow import MlflowClient

    MlflowClient().set_registered_model_alias(project.name, "champion", "2")
    found = project.geratriz("audit", project.name, fails=True)
    assert "champion" in found, "moved behind the record's back"
    MlflowClient().set_registered_model_alias(project.name, "champion", "1")
    project.geratriz("audit", project.name)
