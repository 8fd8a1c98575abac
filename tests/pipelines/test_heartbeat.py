"""The automation that ends runs whose machine was lost; that it does is a test of the stack. Slow: a Prefect server."""

import re
from pathlib import Path
from typing import get_args

import pytest

from pipelines import heartbeat
from pipelines.handover import REFUSED
from pipelines.stage import Outcome

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("prefect_server")
def test_it_is_created_once_however_many_workers_start() -> None:
    from prefect import get_client

    assert heartbeat.watch() is None
    assert heartbeat.watch() is None
    with get_client(sync_client=True) as client:
        (ours,) = (each for each in client.read_automations() if each.name == heartbeat.NAME)
    assert ours.enabled
    assert ours.trigger.within.total_seconds() == heartbeat.TIMEOUT_S  # type: ignore[union-attr]
    assert "prefect.flow-run.heartbeat" in ours.trigger.expect  # type: ignore[union-attr]


def test_it_knows_the_names_of_all_states_that_flows_end_in() -> None:
    sources = [path.read_text() for path in Path(heartbeat.__file__).parent.glob("*.py")]
    named = {
        name for text in sources for name in re.findall(r"\b(?:Completed|Failed|Cancelled)\(name=\"([^\"]+)\"", text)
    }
    assert {"Skipped", "Declined"} <= named <= set(heartbeat.FINAL)
    assert {REFUSED, *get_args(Outcome)} <= set(heartbeat.FINAL)


def test_a_server_that_is_away_is_a_warning_and_no_failure() -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert "will not be ended by the server" in str(heartbeat.watch())
