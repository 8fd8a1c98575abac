"""The flow that makes a version the champion: gates, the champion on the same rows, a person's yes, then the move.

The deployment `promote` in prefect.yaml runs it. The rows to judge on are those held out when the version was
made; where the workspace holds others, they are brought into a worktree at the commit that made it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import State, flow, get_client, get_run_logger, pause_flow_run
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.exceptions import FlowPauseTimeout
from prefect.input import RunInput
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed, Running
from pydantic import Field

from geratriz.errors import GateError, PipelineError
from geratriz.registry import promoting
from geratriz.registry.holdout import PREPARED, ElsewhereError
from geratriz.registry.promoting import Offer, Promoted
from geratriz.workspace import worktree
from geratriz.workspace.git import REMOTE, git, has_remote, succeeds
from pipelines import graph
from pipelines.stage import Stages

POLL_S = 5  # how often the flow looks whether somebody answered


class Approval(RunInput):
    """What a person says to a promotion. No answer in time means no."""

    approve: bool = False
    by: str = Field(min_length=1, description="Your name, for the record.")
    reason: str = ""


@flow(name="promote", persist_result=False)
def promote(name: str, root: str = ".", version: int | None = None, timeout_s: int = 86400) -> "State[Any]":
    """Judge a version of ``name`` (the challenger when None), ask, and make it the champion.

    Ends as Refused (failed) when the gates or the comparison with the champion refuse it: nobody is asked then; as
    Declined (cancelled) when a person says no, or nobody says anything within ``timeout_s``. Nothing moved in both.

    Raises:
        PipelineError: the rows to judge on are nowhere to be had.
        RegistryError: MLflow does not answer, or there is no such model or version.
    """
    home = Path(root).resolve()
    try:
        offer = _examine(home, name, version)
        if isinstance(offer, Promoted):
            return Completed(message=" ".join(offer.reasons))
        words = _show(offer)
        try:
            asked = Approval.with_initial_data(description=words)
            answer = pause_flow_run(wait_for_input=asked, timeout=timeout_s, poll_interval=POLL_S)
        except FlowPauseTimeout:
            _run_on()
            return Cancelled(name="Declined", message=f"Nobody answered within {timeout_s} s. Nothing moved.")
        if not answer.approve:
            return Cancelled(name="Declined", message=f"{answer.by} said no: {answer.reason or 'no reason given'}")
        how = f"Prefect flow run {flow_run.get_id()}"
        done = promoting.carry_out(home, offer, by=answer.by, reason=answer.reason, how=how)
    except GateError as refusal:
        get_run_logger().error(str(refusal))
        return Failed(name="Refused", message=str(refusal))
    verb = "is the champion now" if done.moved else "was the champion already"
    return Completed(message=f"{done.name} version {done.version} {verb}.")


def _run_on() -> None:
    """Leave the pause that nobody ended: Prefect's server would take what is returned from it for a failure."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(flow_run.get_id()), Running(), force=True)


def _examine(home: Path, name: str, version: int | None) -> Offer | Promoted:
    try:
        return promoting.examine(home, name, version=version)
    except ElsewhereError as elsewhere:
        if elsewhere.commit is None:
            raise
        get_run_logger().info("judging on the rows of commit %s", elsewhere.commit[:8])
        with _rows_of(home, elsewhere.commit) as place:
            return promoting.examine(home, name, version=version, rows_in=place)


@contextmanager
def _rows_of(home: Path, commit: str) -> Iterator[Path]:
    """A worktree at a commit with the rows that were prepared there, and nothing else of DVC's."""
    if not succeeds(home, "cat-file", "-e", f"{commit}^{{commit}}") and has_remote(home):
        git(home, "fetch", "--quiet", REMOTE)
    name = f"judge-{commit[:12]}"
    try:
        with worktree.held(home, name, why=f"flow run {flow_run.get_name()}"):
            path = graph.checkout(home, name, revision=commit)
            try:
                Stages(path).pull(PREPARED)
                yield path
            finally:
                worktree.remove(home, path)
    except worktree.Busy as other:
        raise PipelineError(f"the rows of {commit[:8]} are used by {other} already. Run it again later.") from None


def _show(offer: Offer) -> str:
    """Put what speaks for the promotion before people; the same in words."""
    was = "There is no champion yet." if offer.previous is None else f"The champion is version {offer.previous}."
    words = "\n".join([f"# Make {offer.name} version {offer.version} the champion?", "", was, ""])
    words += "\n".join(f"- {reason}" for reason in offer.reasons)
    create_markdown_artifact(key="promotion", markdown=words, description=f"{offer.name} version {offer.version}")
    if offer.comparison is not None and offer.comparison.figures:
        rows: list[dict[str, Any]] = [{"metric": name, **each} for name, each in offer.comparison.figures.items()]
        create_table_artifact(key="promotion-figures", table=rows, description="On the same held-out rows")
    create_link_artifact(key="promotion-page", link=offer.page, link_text="Its evaluation")
    return f"{words}\n\n[Its evaluation]({offer.page})"
