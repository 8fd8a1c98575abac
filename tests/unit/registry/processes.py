"""What other processes do to a registry: die at some write, promote at once, fight for the lock."""

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.projects import NOT_COPIED

WRITES = ("create_", "log_", "set_", "delete_", "update_", "finalize_", "rename_")
started = multiprocessing.get_context("forkserver")  # forks a process that has imported the slow parts already
SLOW = ("mlflow", "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store")
started.set_forkserver_preload([*SLOW, "sqlalchemy.dialects.sqlite", "mlflow.pyfunc", "geratriz.registry.release"])


def killed_at(write: int, command: Callable[..., Any], *arguments: Any) -> bool:
    """Run ``command`` in a process that SIGKILL ends before its ``write``-th write to MLflow; False: it has fewer."""
    process = started.Process(target=_until, args=(write, command, arguments))
    process.start()
    process.join(120)
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def stops(root: Path, into: Path, command: Callable[..., Any], *arguments: Any) -> dict[int, Path]:
    """Run ``command`` in a process and copy ``root`` before each of its writes to MLflow: copies by number, from 1.

    Each is what is there when the process is killed at that write: what it knew is gone with it.
    """
    process = started.Process(target=_copying, args=(root, into, command, arguments))
    process.start()
    process.join(240)
    assert process.exitcode == 0, process.exitcode
    return {int(each.name): each for each in sorted(into.iterdir(), key=lambda each: int(each.name))}


def _until(write: int, command: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    def die(number: int) -> None:
        if number == write:
            os.kill(os.getpid(), signal.SIGKILL)

    _before_each_write(die)
    command(*arguments)


def _copying(root: Path, into: Path, command: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    _before_each_write(lambda number: shutil.copytree(root, into / str(number), ignore=NOT_COPIED))
    command(*arguments)


def _before_each_write(act: Callable[[int], Any]) -> None:
    """Call ``act`` with the number of each write that this process is going to make."""
    from geratriz.registry.patience import RetryingClient

    original, made = RetryingClient.__getattr__, 0

    def counting(self: RetryingClient, verb: str) -> Callable[..., Any]:
        nonlocal made
        if verb.startswith(WRITES):
            made += 1
            act(made)
        return original(self, verb)

    RetryingClient.__getattr__ = counting  # type: ignore[method-assign]


def promote(root: Path, offer: Any, by: str, together: Any, answers: Any) -> None:
    """Promote as offered when everybody has come so far; what came of it goes to ``answers``."""
    from geratriz.errors import GeratrizError
    from geratriz.registry import promoting

    together.wait(60)
    try:
        promoting.carry_out(root, offer, by=by)
        answers.put((offer.version, "won"))
    except GeratrizError as problem:
        answers.put((offer.version, str(problem)))


def take(root: Path, times: int, log: Path) -> None:
    """Hold the lock ``times`` times, and write down when."""
    from geratriz.registry import lock
    from geratriz.registry.mlflow import Registry

    registry, lock.POLL_INTERVAL_S = Registry(root), 0.02
    for _ in range(times):
        with lock.held(registry, "people", by=str(os.getpid())):
            _append(log, "in")
            time.sleep(0.05)
            _append(log, "out")


def _append(log: Path, word: str) -> None:
    with log.open("a") as file:
        file.write(f"{word} {os.getpid()}\n")
