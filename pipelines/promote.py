"""Flow that promotes a version to champion: gates, comparison with the champion, approval by a person, move.

The deployment `promote` in prefect.yaml runs it. The comparison needs the rows held out when the version was made. If
the workspace holds others, they are pulled into a worktree at the commit that made the version.
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
from geratriz.registry.holdout import PREPARED, HoldoutError
from geratriz.registry.promoting import Offer, Promoted
from geratriz.workspace import worktree
from geratriz.workspace.git import REMOTE, git, has_remote, succeeds
from pipelines import graph
from pipelines.stage import Stages

POLL_INTERVAL_S = 5  # between checks for an answer


class Approval(RunInput):
    """Answer of a person to a promotion. No answer in time declines it."""

    approve: bool = False
    by: str = Field(min_length=1, description="Your name, for the record.")
    reason: str = ""


@flow(name="promote", persist_result=False)
def promote(name: str, root: str = ".", version: int | None = None, timeout_s: int = 86400) -> "State[Any]":
    """Check a version of ``name`` (the challenger if None), ask for approval, and make it the champion.

    Ends as Refused (failed), without asking, if the gates or the comparison with the champion refuse it, and as
    Declined (cancelled) if a person declines, or nobody answers within ``timeout_s``. Nothing moves in either case.

    Raises:
        PipelineError: the rows to compare on cannot be found.
        RegistryError: MLflow does not answer, or the model or version does not exist.
    """
    home = Path(root).resolve()
    try:
        offer = _examine(home, name, version)
        if isinstance(offer, Promoted):
            return Completed(message=" ".join(offer.reasons))
        description = _publish(offer)
        try:
            request = Approval.with_initial_data(description=description)
            answer = pause_flow_run(wait_for_input=request, timeout=timeout_s, poll_interval=POLL_INTERVAL_S)
        except FlowPauseTimeout:
            _resume()
            return Cancelled(name="Declined", message=f"Nobody answered within {timeout_s} s. Nothing moved.")
        if not answer.approve:
            return Cancelled(name="Declined", message=f"{answer.by} declined: {answer.reason or 'no reason given'}")
        how = f"Prefect flow run {flow_run.get_id()}"
        done = promoting.carry_out(home, offer, by=answer.by, reason=answer.reason, how=how)
    except GateError as refusal:
        get_run_logger().error(str(refusal))
        return Failed(name="Refused", message=str(refusal))
    verb = "is the champion now" if done.moved else "was the champion already"
    return Completed(message=f"{done.name} version {done.version} {verb}.")


def _resume() -> None:
    """Leave the pause after a timeout: Prefect's server treats a result returned from a paused run as a failure."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(flow_run.get_id()), Running(), force=True)


def _examine(home: Path, name: str, version: int | None) -> Offer | Promoted:
    try:
        return promoting.examine(home, name, version=version)
    except HoldoutError as problem:
        if problem.commit is None:
            raise
        get_run_logger().info("comparing on the rows of commit %s", problem.commit[:8])
        with _rows_of(home, problem.commit) as folder:
            return promoting.examine(home, name, version=version, rows_in=folder)


@contextmanager
def _rows_of(home: Path, commit: str) -> Iterator[Path]:
    """Check out a worktree at a commit and pull its prepared rows, but no other data."""
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
        raise PipelineError(f"the rows of {commit[:8]} are in use by {other}. Run it again later.") from None


def _publish(offer: Offer) -> str:
    """Create artifacts with the reasons for a promotion, and return them as Markdown."""
    champion = "There is no champion yet." if offer.previous is None else f"The champion is version {offer.previous}."
    markdown = "\n".join([f"# Make {offer.name} version {offer.version} the champion?", "", champion, ""])
    markdown += "\n".join(f"- {reason}" for reason in offer.reasons)
    create_markdown_artifact(key="promotion", markdown=markdown, description=f"{offer.name} version {offer.version}")
    if offer.comparison is not None and offer.comparison.figures:
        rows: list[dict[str, Any]] = [{"metric": name, **figures} for name, figures in offer.comparison.figures.items()]
        create_table_artifact(key="promotion-figures", table=rows, description="On the same held-out rows")
    create_link_artifact(key="promotion-page", link=offer.page, link_text="Evaluation")
    return f"{markdown}\n\n[Evaluation]({offer.page})"
