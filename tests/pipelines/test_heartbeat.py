"""The automation that ends runs whose machine was lost; that it does is a test of the stack. Slow: a Prefect server."""

import pytest

from pipelines import heartbeat

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("prefect_server")
def test_it_is_created_once_however_many_runs_start() -> None:
    from prefect import get_client

    assert heartbeat.watch() is None
    assert heartbeat.watch() is None
    with get_client(sync_client=True) as client:
        (ours,) = (each for each in client.read_automations() if each.name == heartbeat.NAME)
    assert ours.enabled
    assert ours.trigger.within.total_seconds() == heartbeat.TIMEOUT_S  # type: ignore[union-attr]
    assert ours.trigger.expect == {"prefect.flow-run.*"}  # type: ignore[union-attr]


def test_a_server_that_is_away_is_a_warning_and_no_failure() -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert "will not be ended by the server" in str(heartbeat.watch())
