"""The story the whole stack is there for, told once from the first row to the rollback; the tests run in order."""

import datetime
from collections.abc import Iterator
from typing import Any

import pytest

from tests.stack.conftest import Project, Stack, rows
from tests.stack.servers import wait_for

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
