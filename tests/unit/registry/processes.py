"""What other processes do to a registry: die at some write, promote at once, fight for the lock."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WRITES = ("create_", "log_", "set_", "delete_", "update_", "finalize_", "rename_")
started = multiprocessing.get_context("forkserver")  # forks a process that has imported the slow parts already
SLOW = ("mlflow", "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store")
started.set_forkserver_preload([*SLOW, "sqlalchemy.dialects.sqlite", "sklearn.ensemble", "geratriz.registry.release"])


def killed_at(write: int, command: Callable[..., Any], *arguments: Any) -> bool:
    """Run ``command`` in a process that SIGKILL ends before its ``write``-th write to MLflow; False: it has fewer."""
    process = started.Process(target=_until, args=(write, command, arguments))
    process.start()
    process.join(120)
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def _until(write: int, command: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    from geratriz.registry.patience import RetryingClient

    original, made = RetryingClient.__getattr__, 0

    def counting(self: RetryingClient, verb: str) -> Callable[..., Any]:
        nonlocal made
        made += verb.startswith(WRITES)
        if made == write:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(self, verb)

    RetryingClient.__getattr__ = counting  # type: ignore[method-assign]
    command(*arguments)


def promote(root: Path, version: int, by: str, together: Any, answers: Any) -> None:
    """Promote when everybody has judged; what came of it goes to ``answers``."""
    from geratriz.errors import GeratrizError
    from geratriz.registry import promoting

    def confirm(offer: promoting.Offer) -> bool:
        together.wait(60)
        return True

    try:
        promoting.promote(root, "people", version=version, by=by, confirm=confirm)
        answers.put((version, "won"))
    except GeratrizError as problem:
        answers.put((version, str(problem)))


def take(root: Path, times: int, log: Path) -> None:
    """Hold the lock ``times`` times, and write down when."""
    from geratriz.registry import lock
    from geratriz.registry.mlflow import Registry

    registry = Registry(root)
    for _ in range(times):
        with lock.held(registry, "people", by=str(os.getpid())):
            _append(log, "in")
            time.sleep(0.05)
            _append(log, "out")


def _append(log: Path, word: str) -> None:
    with log.open("a") as file:
        file.write(f"{word} {os.getpid()}\n")
