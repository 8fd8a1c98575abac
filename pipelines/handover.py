"""A stage on another machine: what it needs goes there by Git and DVC's remote, what a worker made comes back by it.

The two machines share nothing but the Git remote, the DVC remote and the servers. Whoever is cut off loses nothing:
what a worker has pushed is found by the next one before it starts to work, and a fit goes on from its checkpoint.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast, get_args

import httpx
import yaml
from prefect import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.deployments import run_deployment
from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling, Crashed

from geratriz.errors import PipelineError
from geratriz.workspace.git import REMOTE, commit, git, has_remote, push
from pipelines import graph
from pipelines.stage import FROM_THE_REMOTE, Outcome, RunEnded, StageFailed, Stages

REFUSED = "Refused"  # the state of a job that failed for what only the user can mend
FLOW = "stage"  # of pipelines/job.py; its deployment for a pool has the pool's name
SECONDS_BETWEEN_LOOKS = 1.0
SILENT_AFTER_S = 100.0  # three heartbeats of a worker's run
SERVER_MAY_BE_AWAY_S = 600.0
PAUSES_S = (5.0, 20.0, 60.0)  # before a remote that did not answer is tried again


def why_here(root: Path, pool: str) -> str | None:
    """Why a stage of ``pool`` runs on this machine: None when it can go to a worker, '' when there is no such pool."""
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(pool)
        except ObjectNotFound:
            return ""
        try:
            client.read_deployment_by_name(f"{FLOW}/{pool}")
        except ObjectNotFound:
            return f"nothing is deployed for it (`prefect --no-prompt deploy --name {pool}`)"
    if not has_remote(root):
        return f"there is no Git remote {REMOTE!r} to hand work over by"
    if graph.remote(root) is None:
        return "there is no default DVC remote to hand data over by (`dvc remote add --default`)"
    return None


def repro(stages: Stages, root: Path, stage: graph.Stage, pool: str, say: Callable[[str], None]) -> Outcome:
    """Bring a stage up to date on a worker of ``pool``, and its outputs into ``root``.

    What is up to date here, or in this machine's cache, is not handed over.

    Raises:
        StageFailed: it failed there, or its worker was lost.
        RunEnded: this run was ended; so is the job.
    """
    if not stages.needs_to_run(stage.name):
        return stages.repro(stage.name, say)
    to, started = str(graph.remote(root)), time.monotonic()
    if stage.needs or stage.sources:
        patiently(lambda: stages.push(*stage.needs, *stage.sources, to=to), say, stages)
    with _handed_over(stages, root, stage, say) as (ref, sha):
        job = run_deployment(
            f"{FLOW}/{pool}",
            parameters={"name": stage.name, "ref": ref, "commit": sha, "timeout_s": stage.meta.timeout_s},
            flow_run_name=f"{stage.name} {sha[:8]}",
            timeout=0,
            idempotency_key=uuid.uuid4().hex,  # a retry is a new job, else it would be answered by the one that failed
        )
        outcome = _wait(cast(FlowRun, job), stage.name, pool, stages, say)
    here = stages.repro(stage.name, say, how=FROM_THE_REMOTE)
    if here == "Ran":
        say(f"what the worker made was not found on {to!r}, so it was made here")
    say(f"there and back in {time.monotonic() - started:.1f} s")
    return outcome


def patiently(push: Callable[[], None], say: Callable[[str], None], stages: Stages) -> None:
    """Try a push again for a while: stores go away and come back.

    Raises:
        StageFailed: it failed to the end, with what it said last.
    """
    for pause in (*PAUSES_S, None):
        try:
            return push()
        except PipelineError as problem:
            if isinstance(problem, RunEnded):
                raise
            if pause is None:
                raise StageFailed(str(problem), again=True) from None
            say(f"{str(problem).splitlines()[0].rstrip(':')}; trying again in {pause:.0f} s")
            stages.pause(pause)


@contextmanager
def _handed_over(
    stages: Stages, root: Path, stage: graph.Stage, say: Callable[[str], None]
) -> Iterator[tuple[str, str]]:
    """A ref at the Git remote with the tracked files as they are now, dvc.lock among them; gone when it was used."""
    sha = commit(root, ["dvc.lock"], f"Hand over {stage.name}\n")
    while not _is_whole(git(root, "show", f"{sha}:dvc.lock")):  # DVC was just writing it, for the stage beside this one
        stages.pause(0.2)
        sha = commit(root, ["dvc.lock"], f"Hand over {stage.name}\n")
    ref = f"refs/heads/handover/{uuid.uuid4().hex[:12]}"
    patiently(lambda: push(root, f"{sha}:{ref}"), say, stages)
    try:
        yield ref, sha
    finally:
        try:
            push(root, f":{ref}")
        except PipelineError:
            say(f"{ref} is left at {REMOTE}; `geratriz gc` takes it away")


def _is_whole(lock: str) -> bool:
    try:
        return isinstance(yaml.safe_load(lock), dict)
    except yaml.YAMLError:
        return False


def _wait(job: FlowRun, name: str, pool: str, stages: Stages, say: Callable[[str], None]) -> Outcome:
    """Wait for the job; what came of it."""
    told, answered = "", time.monotonic()
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
                        now += f": is a worker there, and free? `geratriz worker {pool}` starts one"
                    if now != told:
                        say(now)
                        told = now
                    if state.is_running() and _silent(client, job):
                        client.set_flow_run_state(job.id, Crashed(message="No sign of life."), force=True)
                except httpx.HTTPError as problem:
                    if time.monotonic() - answered > SERVER_MAY_BE_AWAY_S:
                        raise StageFailed(f"Prefect's server does not answer: {problem!r}", again=True) from None
                stages.pause(SECONDS_BETWEEN_LOOKS)
        except BaseException:  # this run is over: the job must not go on for nobody
            with suppress(httpx.HTTPError):
                client.set_flow_run_state(job.id, Cancelling(), force=True)
            raise
    if state.type is StateType.COMPLETED:
        return cast(Outcome, state.name) if state.name in get_args(Outcome) else "Ran"
    if state.type is StateType.FAILED:
        raise StageFailed(state.message or f"stage {name} failed on pool {pool}.", again=state.name != REFUSED)
    if state.type is StateType.CRASHED:
        raise StageFailed(f"stage {name}: its worker of pool {pool} was lost. {state.message or ''}", again=True)
    raise StageFailed(f"stage {name} was cancelled on pool {pool}.", again=False)


def _silent(client: Any, job: FlowRun) -> bool:
    """Whether the job has given no sign of life for too long: its machine is gone, or it was killed."""
    filters = EventFilter(
        event=EventNameFilter(prefix=["prefect.flow-run."]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{job.id}"]),
    )
    seen = [each.occurred for each in client.read_events(filters, limit=1).events]
    if job.start_time is not None:
        seen.append(job.start_time)
    return bool(seen) and (datetime.now(UTC) - max(seen)).total_seconds() > SILENT_AFTER_S
