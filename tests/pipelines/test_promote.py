"""The flow that asks a person, run by real Prefect over a real registry; the person is a thread.

Rows from elsewhere take longest: Git and DVC bring them, and two generators are compared on them.
"""

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geratriz.registry import promoting, release
from geratriz.registry.history import history
from geratriz.workspace.git import git
from tests.pipelines.conftest import dvc, new_project
from tests.projects import Project, Stations, aliases, table

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_server")]


@pytest.fixture
def project(stations: Stations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Version 1 is the challenger; a flow that waits looks at once whether it was answered."""
    from pipelines import promote

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(promote, "POLL_INTERVAL_S", 0.1)
    return stations.registered.copy(tmp_path)


@pytest.fixture
def client(project: Project) -> Any:
    from geratriz.registry.client import default_uri, mlflow_client

    return mlflow_client(default_uri(project.root), timeout=5)


def run(project: Project, **parameters: Any) -> Any:
    """The state in which the flow ends."""
    from pipelines.promote import promote

    return promote("people", root=str(project.root), return_state=True, **parameters)


def answering(before: Callable[[], None] | None = None, **answer: Any) -> threading.Thread:
    """Somebody who waits until they are asked, and answers."""
    from prefect import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateName

    def wait_and_answer() -> None:
        paused = FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Paused"])))
        with get_client(sync_client=True) as client:
            until = time.monotonic() + 60
            while not (found := client.read_flow_runs(flow_run_filter=paused)):
                assert time.monotonic() < until, "nobody was asked"
                time.sleep(0.1)
            if before is not None:
                before()
            client.resume_flow_run(found[0].id, run_input=answer)

    thread = threading.Thread(target=wait_and_answer)
    thread.start()
    return thread


def test_a_yes_moves_the_champion_and_the_record_says_whose_it_was(project: Project, client: Any) -> None:
    person = answering(approve=True, by="Ada", reason="looks right")
    state = run(project, timeout_s=60)
    person.join()
    assert state.name == "Completed", state.message
    assert aliases(client) == {"champion": 1}
    (record,) = history(project.root, "people")
    assert (record.by, record.reason) == ("Ada", "looks right") and record.how.startswith("Prefect flow run ")


def test_a_no_moves_nothing(project: Project, client: Any) -> None:
    person = answering(approve=False, by="Ada", reason="not this week")
    state = run(project, timeout_s=60)
    person.join()
    assert state.name == "Declined" and "not this week" in state.message
    assert aliases(client) == {"challenger": 1} and not history(project.root, "people")


def test_no_answer_means_no(project: Project, client: Any) -> None:
    state = run(project, timeout_s=1)
    assert state.name == "Declined" and "Nobody answered" in state.message, state.message
    assert aliases(client) == {"challenger": 1}


def test_what_the_gates_refuse_nobody_is_asked_about(project: Project, client: Any) -> None:
    project.gates = {"detection": {"min": 0.9}}
    project.compare("small")
    started = time.monotonic()
    state = run(project, timeout_s=600)
    assert state.name == "Refused" and "the gate requires at least 0.900" in state.message
    assert time.monotonic() - started < 60
    assert aliases(client) == {"challenger": 1}


def test_a_yes_to_what_is_no_longer_so_is_refused(project: Project, client: Any) -> None:
    def somebody_else_promotes() -> None:
        project.model("small", 0.6, seed=1)
        project.compare("small")
        release.register(project.root)
        client.set_registered_model_alias("people", "champion", "2")

    person = answering(somebody_else_promotes, approve=True, by="Ada")
    state = run(project, version=1, timeout_s=60)
    person.join()
    assert state.name == "Refused" and "has changed: its champion is now" in state.message
    assert aliases(client)["champion"] == 2


GRAPH = """
stages:
  prepare:
    cmd: mkdir -p data/prepared && cp rows/* data/prepared/
    deps: [rows]
    outs: [data/prepared]
"""


def prepared(project: Project, seed: int) -> str:
    """Hold out other rows, as the graph does, and commit; the commit."""
    rows = project.root / "rows"
    rows.mkdir(exist_ok=True)
    held = table(60, seed)
    held.write(rows / "test.parquet")
    held.schema.write(rows / "schema.json")
    dvc(project.root, "repro", "--quiet")
    git(project.root, "add", "rows", "dvc.yaml", "dvc.lock", ".dvc", ".gitignore", "data/.gitignore")
    who = {f"GIT_{each}_{what}": "test@example.com" for each in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    git(project.root, "commit", "--quiet", "-m", f"rows {seed}", variables=who)
    return git(project.root, "rev-parse", "HEAD")


@pytest.mark.parametrize("with_remote", [True, False])
def test_rows_that_are_not_in_the_workspace_are_brought_from_the_commit_that_made_the_version(
    project: Project, client: Any, tmp_path_factory: pytest.TempPathFactory, with_remote: bool
) -> None:
    root = project.root
    new_project(root)
    (root / ".gitignore").write_text("/.geratriz\n")
    (root / "dvc.lock").unlink()
    (root / "dvc.yaml").write_text(GRAPH)
    promoting.promote(root, "people")
    if with_remote:
        dvc(root, "remote", "add", "--quiet", "--default", "beside", str(tmp_path_factory.mktemp("remote")))
    commit = prepared(project, seed=5)
    project.model("small", 0.6, seed=1)
    project.compare("small")
    release.register(root)
    client.set_model_version_tag("people", "2", "geratriz.commit", commit)
    if with_remote:
        dvc(root, "push", "--quiet")
    prepared(project, seed=6)
    if with_remote:
        shutil.rmtree(root / ".dvc" / "cache")
    person = answering(approve=True, by="Ada")
    state = run(project, timeout_s=60)
    person.join()
    assert state.name == "Completed", state.message
    assert aliases(client) == {"champion": 2, "previous": 1}
    assert (history(root, "people")[-1].comparison or {})["outcome"] == "equal"
    assert not list((root / ".geratriz" / "worktrees").glob("judge-*"))
