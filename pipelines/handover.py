"""Execution of a stage on another machine: inputs and outputs travel through the Git remote and the DVC remote.

The two machines share only these remotes and the servers. An interruption loses nothing: a worker first looks for
outputs that another one has already pushed, and a fit resumes from its checkpoint.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast, get_args

import httpx
import yaml
from prefect import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling, Crashed

from geratriz.errors import PipelineError
from geratriz.workspace.git import REMOTE, commit, git, has_remote, push
from pipelines import graph
from pipelines.heartbeat import is_lost
from pipelines.stage import FROM_REMOTE, Outcome, RunEnded, StageFailed, Stages

REFUSED = "Refused"  # state of a job that failed for a reason only the user can correct
FLOW = "stage"  # flow of pipelines/job.py; its deployment for a pool has the name of the pool
POLL_INTERVAL_S = 1.0
SERVER_TIMEOUT_S = 600.0
RETRY_DELAYS_S = (5.0, 20.0, 60.0)  # between pushes to a remote that does not answer


def obstacle(root: Path, pool: str) -> str | None:
    """Why stages cannot be handed over to ``pool``: None if they can, '' if the pool does not exist."""
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(pool)
        except ObjectNotFound:
            return ""
        try:
            client.read_deployment_by_name(f"{FLOW}/{pool}")
        except ObjectNotFound:
            return f"it has no deployment (`prefect --no-prompt deploy --name {pool}`)"
    if not has_remote(root):
        return f"there is no Git remote {REMOTE!r} for the hand-over"
    if graph.remote(root) is None:
        return "there is no default DVC remote for the data (`dvc remote add --default`)"
    return None


def repro(stages: Stages, root: Path, stage: graph.Stage, pool: str, say: Callable[[str], None]) -> Outcome:
    """Run a stage on a worker of ``pool``, and pull its outputs into ``root``.

    A stage that is up to date here, or in the cache of this machine, is not handed over.

    Raises:
        StageFailed: the stage failed on the worker, or the worker was lost.
        RunEnded: this run was ended, and the job with it.
    """
    if not stages.needs_to_run(stage.name):
        return stages.repro(stage.name, say)
    to, started = str(graph.remote(root)), time.monotonic()
    if stage.needs or stage.sources:
        push_with_retries(lambda: stages.push(*stage.needs, *stage.sources, to=to), say, stages)
    with _handed_over(stages, root, stage, say) as (ref, sha):
        job = run_deployment(
            f"{FLOW}/{pool}",
            parameters={"name": stage.name, "ref": ref, "commit": sha, "timeout_s": stage.meta.timeout_s},
            flow_run_name=f"{stage.name} {sha[:8]}",
            timeout=0,
            idempotency_key=uuid.uuid4().hex,  # a retry is a new job, and must not get the result of the failed one
        )
        outcome = _wait(cast(FlowRun, job), stage.name, pool, stages, say)
    here = stages.repro(stage.name, say, how=FROM_REMOTE)
    if here == "Ran":
        say(f"the outputs of the worker were not found on {to!r}, so the stage was run here")
    say(f"handed over and back in {time.monotonic() - started:.1f} s")
    return outcome


def push_with_retries(push: Callable[[], None], say: Callable[[str], None], stages: Stages) -> None:
    """Push, with retries if the remote does not answer.

    Raises:
        StageFailed: all attempts failed; the message is that of the last one.
    """
    for delay in (*RETRY_DELAYS_S, None):
        try:
            return push()
        except PipelineError as problem:
            if isinstance(problem, RunEnded):
                raise
            if delay is None:
                raise StageFailed(str(problem), retryable=True) from None
            say(f"{str(problem).splitlines()[0].rstrip(':')}; trying again in {delay:.0f} s")
            stages.pause(delay)


@contextmanager
def _handed_over(
    stages: Stages, root: Path, stage: graph.Stage, say: Callable[[str], None]
) -> Iterator[tuple[str, str]]:
    """Push the tracked files and dvc.lock as they are now to a ref at the Git remote, which is deleted afterwards."""
    sha = commit(root, ["dvc.lock"], f"Hand over {stage.name}\n")
    while not _is_complete(git(root, "show", f"{sha}:dvc.lock")):  # DVC was writing it for another stage
        stages.pause(0.2)
        sha = commit(root, ["dvc.lock"], f"Hand over {stage.name}\n")
    ref = f"refs/heads/handover/{uuid.uuid4().hex[:12]}"
    push_with_retries(lambda: push(root, f"{sha}:{ref}"), say, stages)
    try:
        yield ref, sha
    finally:
        try:
            push(root, f":{ref}")
        except PipelineError:
            say(f"{ref} could not be deleted at {REMOTE}; `geratriz gc` deletes it")


def _is_complete(lock: str) -> bool:
    try:
        return isinstance(yaml.safe_load(lock), dict)
    except yaml.YAMLError:
        return False


def _wait(job: FlowRun, name: str, pool: str, stages: Stages, say: Callable[[str], None]) -> Outcome:
    """Wait for the end of the job and return its outcome."""
    announced, answered = "", time.monotonic()
    with get_client(sync_client=True) as client:
        try:
            while True:
                try:
                    job, answered = client.read_flow_run(job.id), time.monotonic()
                    state = job.state
                    assert state is not None
                    if state.is_final():
                        break
                    now = f"{str(state.name).lower()} on pool {pool}, as {job.name!r}"
                    if state.name == "Late":
                        now += f": is a worker running and free? `geratriz worker {pool}` starts one"
                    if now != announced:
                        say(now)
                        announced = now
                    if state.is_running() and is_lost(client, job):
                        client.set_flow_run_state(job.id, Crashed(message="No heartbeat."), force=True)
                except httpx.HTTPError as problem:
                    if time.monotonic() - answered > SERVER_TIMEOUT_S:
                        raise StageFailed(f"Prefect's server does not answer: {problem!r}", retryable=True) from None
                stages.pause(POLL_INTERVAL_S)
        except BaseException:  # this run has ended: the job must not continue
            with suppress(httpx.HTTPError):
                client.set_flow_run_state(job.id, Cancelling(), force=True)
            raise
    if state.type is StateType.COMPLETED:
        return cast(Outcome, state.name) if state.name in get_args(Outcome) else "Ran"
    if state.type is StateType.FAILED:
        raise StageFailed(state.message or f"stage {name} failed on pool {pool}.", retryable=state.name != REFUSED)
    if state.type is StateType.CRASHED:
        raise StageFailed(f"stage {name}: its worker of pool {pool} was lost. {state.message or ''}", retryable=True)
    raise StageFailed(f"stage {name} was cancelled on pool {pool}.", retryable=False)
