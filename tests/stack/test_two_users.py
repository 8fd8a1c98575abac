"""Two users of one MLflow server, on which everybody may read what others created, and no more."""

import time
from pathlib import Path

import pytest

from geratriz.registry import lock
from geratriz.registry.mlflow import Registry
from tests.stack.conftest import Stack
from tests.stack.servers import PASSWORD


@pytest.fixture
def address(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of the server; ann and bob have accounts."""
    from mlflow.server import get_app_client

    address = stack.variables["MLFLOW_TRACKING_URI"]
    for name in ("ann", "bob"):
        get_app_client("basic-auth", tracking_uri=address).create_user(name, PASSWORD)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    return address


def test_a_lock_left_by_another_user_is_named_at_once_and_removed_by_its_owner(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    registry = Registry(tmp_path, address)
    stale = {lock.HOLDER: "ann", lock.SINCE: "2020-01-01T00:00:00+00:00", lock.TOKEN: "abc"}
    assert registry.create_mark("adult.promoting", stale)

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bob")
    started = time.monotonic()
    with (
        pytest.raises(lock.BusyError, match=r"by ann.*Nothing moved. ann removes it .*administrator") as caught,
        lock.held(registry, "adult", by="bob"),
    ):
        pass
    assert time.monotonic() - started < lock.MAX_WAIT_S / 2
    assert 'delete_registered_model("adult.promoting")' in str(caught.value)

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    with lock.held(registry, "adult", by="ann"):
        assert (registry.read_mark("adult.promoting") or stale)[lock.TOKEN] != stale[lock.TOKEN]
    assert registry.read_mark("adult.promoting") is None
