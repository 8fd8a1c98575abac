"""Flow of a worker: run one stage of a commit in a worktree of the worker's clone, and push its outputs.

The machine of a worker shares only Git, the DVC remote and the servers with the machine that handed the stage over. The
worktree of a stage is kept, so that an interrupted fit resumes from the checkpoint in it.
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
from pipelines.handover import REFUSED, push_with_retries
from pipelines.home import home
from pipelines.stage import WITH_UPSTREAM, StageFailed, Stages


@flow(name="stage", persist_result=False)
def stage(name: str, ref: str, commit: str, timeout_s: float | None = None) -> State[Any]:
    """Run the stage ``name`` of a commit, which is fetched from ``ref`` at the Git remote.

    The name of the final state is Unchanged, Cached or Ran, or Refused if only the user can correct the failure.
    """
    clone, say = home(), get_run_logger().info
    try:
        git(clone, "fetch", "--quiet", REMOTE, ref)
        with _worktree(clone, name, commit) as root:
            stages = Stages(root)
            outcome = stages.repro(name, say, timeout_s=timeout_s, how=WITH_UPSTREAM)
            to = str(graph.remote(root))
            push_with_retries(lambda: stages.push("--run-cache", name, to=to), say, stages)
    except StageFailed as problem:
        return Failed(name="Failed" if problem.retryable else REFUSED, message=str(problem))
    except PipelineError as problem:  # from Git, or from DVC before the stage: a retry may succeed
        return Failed(message=str(problem))
    return Completed(name=outcome, message=f"{name} of {commit[:8]}")


@contextmanager
def _worktree(clone: Path, name: str, commit: str) -> Iterator[Path]:
    """Lock and check out a worktree at the commit; two workers, one per GPU, may share a clone."""
    base, number = f"job-{name.replace('@', '-')}", 1
    while True:
        folder = base if number == 1 else f"{base}-{number}"
        try:
            with worktree.held(clone, folder, why=f"{name} of {commit[:8]}"):
                yield graph.checkout(clone, folder, revision=commit)
                return
        except worktree.Busy:
            number += 1
