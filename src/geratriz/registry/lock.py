"""One promotion at a time, for everybody who shares an MLflow server.

MLflow cannot compare and swap, but no two registered models have one name, on any of its stores. So the lock on NAME is
a registered model ``NAME.promoting`` without versions: who creates it holds the lock, and its tags say who that is. It
is held for the seconds in which aliases move, never while a person is asked.

A holder that crashed leaves it behind. It is stale when its process is known to be gone, or when it is older than a
lease that no living holder uses up. A stale lock is not deleted but renamed, to a name made of the holder's own token:
of those who saw the same stale lock one can do that, and nobody can take away a lock that was made after they looked.
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

if TYPE_CHECKING:
    from geratriz.registry.mlflow import Registry

SUFFIX = ".promoting"
LEASE_S = 120.0  # older ones are stale; clocks of machines may differ by half a minute
HOLD_S = 25.0  # then a holder makes no further call; the last one, to a server that is away, ends 93 s later
WAIT_S = 20.0
POLL_S = 0.5
SECONDS_OFF = 5.0  # the system's clock may have been set since; another process of that number starts later
KEEP_S = 3600.0  # a broken lock's name is taken that long: whoever saw the lock has looked again by then
BY, AT, TOKEN = "geratriz.by", "geratriz.at", "geratriz.token"
WHERE, PROCESS, STARTED = "geratriz.where", "geratriz.process", "geratriz.started"

Step = Callable[[], None]


class BusyError(RegistryError):
    """Somebody else is moving the aliases of the model right now."""


@contextmanager
def held(registry: "Registry", name: str, *, by: str) -> Iterator[Step]:
    """Hold the lock on ``name``; waits a little for who holds it now.

    Yields a function to call before each write: it raises RegistryError when the lock was held too long to be sure of
    it, and what was begun is then finished by the next command.

    Raises:
        BusyError: somebody else holds it. Nothing moved.
        RegistryError: MLflow does not answer.
    """
    place, until = name + SUFFIX, time.monotonic() + WAIT_S
    while True:
        taken, tags = time.monotonic(), _who(by)
        if registry.create_mark(place, tags):
            break
        other = registry.read_mark(place)
        if other is None:
            continue
        if is_stale(other):
            registry.rename_mark(place, f"{place}.{other.get(TOKEN, 'unknown')}")
        elif time.monotonic() > until:
            raise BusyError(
                f"{name} is being promoted by {holder(other)}. Nothing moved; try again when that is done. "
                f"One who crashed is passed over after {LEASE_S:g} seconds. (The lock is the registered model {place}.)"
            )
        else:
            time.sleep(POLL_S)

    def step() -> None:
        if time.monotonic() - taken > HOLD_S:
            raise RegistryError(
                f"moving the aliases of {name} took longer than {HOLD_S:g} s and was stopped. The next promote, "
                "rollback or register goes on where it stopped."
            )

    try:
        yield step
    finally:
        with suppress(RegistryError):  # what was to be done is done or has failed already; a lease ends by itself
            if (registry.read_mark(place) or {}).get(TOKEN) == tags[TOKEN]:
                registry.delete_mark(place)
            _sweep(registry, place)


def left(registry: "Registry", name: str) -> Mapping[str, str] | None:
    """The tags of a lock that a crashed holder left behind, or None."""
    found = registry.read_mark(name + SUFFIX)
    return found if found is not None and is_stale(found) else None


def is_stale(tags: Mapping[str, str]) -> bool:
    """Whether the holder of a lock is gone."""
    try:
        age = time.time() - datetime.fromisoformat(tags[AT]).timestamp()
    except (KeyError, ValueError):
        return False  # none of ours: a model of somebody's that has this name by chance
    return age > LEASE_S or (tags.get(WHERE) == _here() and not _lives(tags))


def holder(tags: Mapping[str, str]) -> str:
    """Who holds a lock, in words."""
    return f"{tags.get(BY, 'somebody')}, since {tags.get(AT, 'some time')}, process {tags.get(PROCESS, '?')}"


def _sweep(registry: "Registry", place: str) -> None:
    """Delete what is left of locks that were broken long ago."""
    for name, created in registry.marks(place + "."):
        if time.time() - created / 1000 > KEEP_S:
            registry.delete_mark(name)


def _who(by: str) -> dict[str, str]:
    import psutil

    return {
        BY: by,
        AT: datetime.now(UTC).isoformat(timespec="seconds"),
        TOKEN: uuid4().hex,
        WHERE: _here(),
        PROCESS: str(os.getpid()),
        STARTED: str(psutil.Process().create_time()),
    }


def _here() -> str:
    """The machine, as far as process numbers mean the same: containers may share a host's name."""
    space = Path("/proc/self/ns/pid")
    boot = Path("/proc/sys/kernel/random/boot_id")
    parts = [socket.gethostname(), str(space.readlink()) if space.is_symlink() else ""]
    return " ".join([*parts, boot.read_text(encoding="ascii").strip() if boot.exists() else ""])


def _lives(tags: Mapping[str, str]) -> bool:
    import psutil

    try:
        process = psutil.Process(int(tags[PROCESS]))
        same = abs(process.create_time() - float(tags[STARTED])) < SECONDS_OFF
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except (KeyError, ValueError, psutil.NoSuchProcess):
        return False
    except psutil.AccessDenied:
        return True
