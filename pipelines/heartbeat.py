"""Runs whose machine was lost: found by their silence, and ended as Crashed by Prefect's server or by who waits.

A worker's run sends a heartbeat (PREFECT_FLOWS_HEARTBEAT_FREQUENCY, set by `geratriz worker` and `geratriz up`). An
automation at the server ends a run that has gone silent, also if nobody waits for it, as for the head of a retraining.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from prefect import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import PrefectException

TIMEOUT_S = 100.0  # three heartbeats
NAME = "geratriz: a run without a heartbeat has crashed"
RUN = "prefect.flow-run"
FINAL = (  # names of the final states, Prefect's and those of our flows: an event has the name of its state
    *("Completed", "Failed", "Cancelled", "Crashed", "TimedOut"),
    *("Ran", "Unchanged", "Cached", "Skipped", "Refused", "Declined", "Drift", "No drift"),
)


def is_lost(client: Any, run: FlowRun) -> bool:
    """Whether a run has sent no heartbeat for too long, because its machine failed or it was killed."""
    filters = EventFilter(
        event=EventNameFilter(prefix=[f"{RUN}."]), resource=EventResourceFilter(id=[f"{RUN}.{run.id}"])
    )
    seen = [event.occurred for event in client.read_events(filters, limit=1).events]
    if run.start_time is not None:
        seen.append(run.start_time)
    return bool(seen) and (datetime.now(UTC) - max(seen)).total_seconds() > TIMEOUT_S


def watch() -> str | None:
    """Create the automation at the server unless it exists; return why it could not be, or None."""
    try:
        with get_client(sync_client=True) as client:
            if not client.read_automations_by_name(NAME):
                client.create_automation(_automation())
    except (httpx.HTTPError, PrefectException) as problem:
        return f"runs whose machine is lost will not be ended by the server ({problem!r})"
    return None


def _automation() -> AutomationCore:
    return AutomationCore(
        name=NAME,
        description=f"A run that has sent nothing for {TIMEOUT_S:g} s after a heartbeat is set to Crashed.",
        trigger=EventTrigger(
            after={f"{RUN}.heartbeat"},
            # not every state: that of Running may arrive after the first heartbeat, and would end the wait for good
            expect={f"{RUN}.{name}" for name in ("heartbeat", *FINAL)},
            match=ResourceSpecification({"prefect.resource.id": [f"{RUN}.*"]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=TIMEOUT_S),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name=None,
                message=f"No heartbeat for {TIMEOUT_S:g} s: its machine or its worker was lost.",
                force=False,
            )
        ],
    )
