"""Workers and heads that are lost: nothing is trained twice, nothing is left running, and the head knows why."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from geratriz.workspace.git import commit, git
from tests.stack.conftest import Project, Stack, Started
from tests.stack.servers import wait_for

STAGE = "train@tvae"
CHECKPOINT = ".geratriz/worktrees/job-train-tvae/.cache/checkpoints/tvae"


@pytest.fixture(scope="module")
def project(stack: Stack) -> Iterator[Project]:
    """A project whose head has run everything above a training that takes a while."""
    made = Project(stack, stack.folder / "faults", "faults", ["tvae"], tvae={"epochs": 400, "beta": 1.0})
    made.worker("gpu", "worker-a").end()  # its pool must exist to be deployed for
    made.worker("local").end()
    made.deploy()
    for stage in ("validate", "prepare"):
        made.dvc("repro", "-q", "--single-item", "--pull", stage)
    yield made
    made.close()


@pytest.fixture
def handed_over(project: Project) -> Iterator[dict[str, Any]]:
    """What a head does before it asks for a job: data pushed, a commit of dvc.lock on a ref of its own."""
    project.dvc("push", "-q", "prepare")
    sha = commit(project.head, ["dvc.lock"], "Hand over\n")
    ref = f"refs/heads/handover/{os.urandom(4).hex()}"
    git(project.head, "push", "-q", "origin", f"{sha}:{ref}")
    yield {"name": STAGE, "ref": ref, "commit": sha}
    git(project.head, "push", "-q", "origin", f":{ref}")


def trains(project: Project, clone: str) -> bool:
    """Whether a fit in that clone has come far enough to leave a checkpoint."""
    return any((project.folder / clone / CHECKPOINT).glob("*.pt"))  # not what is being written still


def in_training(folder: Path) -> list[int]:
    """Fits that run somewhere in that folder."""
    found = []
    for each in psutil.process_iter(["cmdline", "cwd"]):
        if "geratriz.stages.train" in (each.info["cmdline"] or []) and str(each.info["cwd"] or "").startswith(
            str(folder)
        ):
            found.append(each.pid)
    return found


def epochs(params: Path, count: int) -> None:
    settings = yaml.safe_load(params.read_text())
    settings["train"]["tvae"]["epochs"] = count
    params.write_text(yaml.safe_dump(settings, sort_keys=False))


def test_a_worker_that_is_killed_while_training_goes_on_from_its_checkpoint(
    project: Project, handed_over: dict[str, Any]
) -> None:
    worker = project.worker("gpu", "worker-a")
    first = project.start("stage/gpu", **handed_over)
    wait_for(lambda: trains(project, "worker-a"), 120, "the fit leaves a checkpoint")
    worker.kill_all()
    wait_for(lambda: not in_training(project.folder), 10, "the guard ends what the worker started, untold")
    project.worker("gpu", "worker-a")
    second = project.wait(project.start("stage/gpu", **handed_over))
    assert second.state.name == "Ran", project.story_of(second)
    assert "resuming from a checkpoint" in project.story_of(second)
    first = project.wait(first, 200)  # nobody waits for it: the server finds it silent
    assert (first.state.name, first.state.message[:24]) == ("Crashed", "No heartbeat for 100 s: ")


def test_what_a_lost_worker_has_pushed_is_not_trained_again_by_another(
    project: Project, handed_over: dict[str, Any]
) -> None:
    project.close()  # of the worker before
    project.worker("gpu", "worker-b")  # an empty clone, with an empty cache
    job = project.wait(project.start("stage/gpu", **handed_over))
    assert job.state.name == "Cached", project.story_of(job)
    assert not trains(project, "worker-b")


def test_a_stage_that_takes_longer_than_its_timeout_is_ended(project: Project) -> None:
    epochs(project.head / "params.yaml", 500)
    sha = commit(project.head, ["dvc.lock"], "Hand over\n")
    git(project.head, "push", "-q", "origin", f"{sha}:refs/heads/handover/late")
    job = project.wait(
        project.start("stage/gpu", name=STAGE, ref="refs/heads/handover/late", commit=sha, timeout_s=20.0)
    )
    assert job.state.name == "Failed" and "took longer than its timeout_s of 20" in job.state.message
    assert not in_training(project.folder)


def test_a_head_that_is_ended_ends_its_job_too(project: Project) -> None:
    log = project.folder / "head.log"
    head = Started([sys.executable, "-m", "pipelines.retrain", "--no-register"], project.head, project.variables, log)
    wait_for(lambda: in_training(project.folder / "worker-b"), 180, f"the worker trains; {log}")
    head.process.send_signal(signal.SIGTERM)
    assert head.process.wait(timeout=90) != 0
    wait_for(lambda: not in_training(project.folder), 60, "nobody trains any more")
    job = project.wait(project.jobs()[-1], 60)
    assert job.state.name in ("Cancelled", "Cancelling"), project.story_of(job)
    assert (
        not subprocess.run(
            ["git", "ls-remote", "origin", "refs/heads/handover/*"], cwd=project.head, capture_output=True, text=True
        )
        .stdout.replace("refs/heads/handover/late", "")
        .strip()
        .count("refs/heads")
    )


def test_a_head_finds_its_worker_silent_and_hands_over_again(project: Project) -> None:
    epochs(project.head / "params.yaml", 60)
    log = project.folder / "head-2.log"
    head = Started([sys.executable, "-m", "pipelines.retrain", "--no-register"], project.head, project.variables, log)
    wait_for(lambda: in_training(project.folder / "worker-b"), 180, f"the worker trains; {log}")
    project.lose("worker-b")
    project.worker("gpu", "worker-b")
    assert head.process.wait(timeout=600) == 0, head.said()
    assert "its worker of pool gpu was lost" in head.said()
    assert [each.state.name for each in project.jobs()[-2:]] == ["Crashed", "Ran"]
