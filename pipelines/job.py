"""The flow of a worker: make one stage from a commit, in a worktree of the worker's clone, and push what came of it.

A worker's machine shares only Git, the DVC remote and the servers with the one that handed the stage over. The worktree
of a stage is kept: a fit that was cut off goes on from the checkpoint in it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import State, flow, get_run_logger
from prefect.states import Completed, Failed

from geratriz.errors import PipelineError
from geratriz.workspace import worktree
from geratriz.workspace.git import REMOTE, git
from pipelines import graph
from pipelines.handover import REFUSED, patiently
from pipelines.home import home
from pipelines.stage import WITH_WHAT_IS_ABOVE, StageFailed, Stages


@flow(name="stage", persist_result=False)
def stage(name: str, ref: str, commit: str, timeout_s: float | None = None) -> State[Any]:
    """Make the stage ``name`` of the commit, which ``ref`` at the Git remote leads to.

    The state's name says what DVC did: Unchanged, Cached or Ran; Refused when only a person can mend what failed.
    """
    clone, say = home(), get_run_logger().info
    try:
        git(clone, "fetch", "--quiet", REMOTE, ref)
        with _worktree(clone, name, commit) as root:
            stages = Stages(root)
            outcome = stages.repro(name, say, timeout_s=timeout_s, how=WITH_WHAT_IS_ABOVE)
            to = str(graph.remote(root))
            patiently(lambda: stages.push("--run-cache", name, to=to), say, stages)
    except StageFailed as problem:
        return Failed(name="Failed" if problem.again else REFUSED, message=str(problem))
    except PipelineError as problem:  # Git, or DVC before the stage: another attempt may find them well
        return Failed(message=str(problem))
    return Completed(name=outcome, message=f"{name} of {commit[:8]}")


@contextmanager
def _worktree(clone: Path, name: str, commit: str) -> Iterator[Path]:
    """A worktree at the commit that nobody else works in: two workers may share a clone, one per GPU."""
    base, number = f"job-{name.replace('@', '-')}", 1
    while True:
        place = base if number == 1 else f"{base}-{number}"
        try:
            with worktree.held(clone, place, why=f"{name} of {commit[:8]}"):
                yield graph.checkout(clone, place, revision=commit)
                return
        except worktree.Busy:
            number += 1
