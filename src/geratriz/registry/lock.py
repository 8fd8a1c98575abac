"""A lock that allows one promotion at a time among all users of an MLflow server.

MLflow has no compare-and-swap, but on all of its stores the name of a registered model is unique. The lock on NAME is
therefore a registered model ``NAME.promoting`` without versions: the process that creates it holds the lock, and its
tags name the holder. It is held for the seconds in which aliases move, never while a person is asked.

A holder that crashes leaves the lock behind. A lock is stale if its process is known to have ended, or if it is older
than a lease that no running holder reaches. A stale lock is not deleted but renamed, to a name with the holder's own
token: only one of several waiting processes succeeds, and none can remove a lock that was created in the meantime.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from geratriz.errors import RegistryError
from geratriz.registry.patience import ForbiddenError

if TYPE_CHECKING:
    from geratriz.registry.mlflow import Registry

SUFFIX = ".promoting"
LEASE_S = 120.0  # an older lock is stale; the clocks of two machines may differ by half a minute
MAX_HOLD_S = 25.0  # a holder makes no call after this; its last one, to a server that is down, ends 93 s later
MAX_WAIT_S = 20.0
POLL_INTERVAL_S = 0.5
START_TOLERANCE_S = 5.0  # between two readings of a process's start time: the system clock may have been set
BROKEN_LOCK_TTL_S = 3600.0  # until a renamed stale lock is deleted: longer than any process waits
HOLDER, SINCE, TOKEN = "geratriz.by", "geratriz.at", "geratriz.token"  # tags of a lock
MACHINE, PROCESS, STARTED = "geratriz.where", "geratriz.process", "geratriz.started"

CheckLease = Callable[[], None]


class BusyError(RegistryError):
    """Another process is moving the aliases of the model."""


@contextmanager
def held(registry: "Registry", name: str, *, by: str) -> Iterator[CheckLease]:
    """Hold the lock on ``name``; waits a short while if another process holds it.

    Yields a function to call before each write. It raises RegistryError if the lock was held too long to be relied on;
    the next command then finishes the pending moves.

    Raises:
        BusyError: another process holds the lock, or left it behind and this user may not remove it. Nothing moved.
        RegistryError: MLflow does not answer.
    """
    lock, until = name + SUFFIX, time.monotonic() + MAX_WAIT_S
    while True:
        acquired, tags = time.monotonic(), _lock_tags(by)
        if registry.create_mark(lock, tags):
            break
        other = registry.read_mark(lock)  # None: it was just released, or this user may not see it
        if time.monotonic() > until:
            raise BusyError(
                f"{name} is being promoted by {describe_holder(other)}. Nothing moved; try again when that is done. "
                f"If that process crashed, its lock expires after {LEASE_S:g} seconds. (The lock is the registered "
                f"model {lock}.)"
            )
        if is_stale(other):
            _remove(registry, lock, other or {}, name)
        time.sleep(POLL_INTERVAL_S)

    def check_lease() -> None:
        if time.monotonic() - acquired > MAX_HOLD_S:
            raise RegistryError(
                f"moving the aliases of {name} took longer than {MAX_HOLD_S:g} s and was stopped. The next promote, "
                "rollback or register resumes where it stopped."
            )

    try:
        yield check_lease
    finally:
        with suppress(RegistryError):  # the work is done or has failed; a lock that stays expires
            if (registry.read_mark(lock) or {}).get(TOKEN) == tags[TOKEN]:
                registry.delete_mark(lock)
            for broken, created in registry.marks(lock + "."):
                if time.time() - created / 1000 > BROKEN_LOCK_TTL_S:
                    registry.delete_mark(broken)


def _remove(registry: "Registry", lock: str, stale: Mapping[str, str], name: str) -> None:
    """Rename a stale lock; another process may have been faster.

    Raises:
        BusyError: MLflow lets only the user who created the lock, or an administrator, remove it.
    """
    try:
        registry.rename_mark(lock, f"{lock}.{stale.get(TOKEN, 'unknown')}")
    except ForbiddenError as refusal:
        raise BusyError(
            f"{name} was being promoted by {describe_holder(stale)}, which ended and left its lock. Your MLflow user "
            f"may not remove it. Nothing moved. {stale.get(HOLDER, 'That user')} removes it with the next promote, "
            f"rollback or register of {name}; an administrator removes it with "
            f'MlflowClient().delete_registered_model("{lock}"). ({refusal})'
        ) from None


def is_stale(tags: Mapping[str, str] | None) -> bool:
    """Whether ``tags`` are those of a lock whose holder has ended; False for None, no lock."""
    tags = tags or {}
    try:
        age = time.time() - datetime.fromisoformat(tags[SINCE]).timestamp()
    except (KeyError, ValueError):
        return False  # not a lock but an unrelated model of the same name
    return age > LEASE_S or (tags.get(MACHINE) == _machine_id() and not _is_running(tags))


def describe_holder(tags: Mapping[str, str] | None) -> str:
    """Holder of a lock, since when and in which process, for messages."""
    tags = tags or {}
    return f"{tags.get(HOLDER, 'somebody')}, since {tags.get(SINCE, 'some time')}, process {tags.get(PROCESS, '?')}"


def _lock_tags(by: str) -> dict[str, str]:
    import psutil

    return {
        HOLDER: by,
        SINCE: datetime.now(UTC).isoformat(timespec="seconds"),
        TOKEN: uuid4().hex,
        MACHINE: _machine_id(),
        PROCESS: str(os.getpid()),
        STARTED: str(psutil.Process().create_time()),
    }


def _machine_id() -> str:
    """Id of a machine, or of a container, within which process ids are unique: containers may share a host name."""
    namespace = Path("/proc/self/ns/pid")
    boot = Path("/proc/sys/kernel/random/boot_id")
    parts = [socket.gethostname(), str(namespace.readlink()) if namespace.is_symlink() else ""]
    return " ".join([*parts, boot.read_text(encoding="ascii").strip() if boot.exists() else ""])


def _is_running(tags: Mapping[str, str]) -> bool:
    import psutil

    try:
        process = psutil.Process(int(tags[PROCESS]))
        same = abs(process.create_time() - float(tags[STARTED])) < START_TOLERANCE_S
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except (KeyError, ValueError, psutil.NoSuchProcess):
        return False
    except psutil.AccessDenied:
        return True
