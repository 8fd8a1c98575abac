"""Start the services of a profile, say how each is, watch them, and stop them together."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from geratriz.errors import PipelineError
from geratriz.services.profiles import FOLDER, Profile
from geratriz.services.service import Running, Service

SECONDS_TO_START = 120  # the first start makes databases, on a busy machine
SECONDS_BETWEEN_LOOKS = 0.25
ASKED_TO_END = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def up(root: Path, profile: Profile, say: Callable[[str], None], ready: Callable[[], None]) -> None:
    """Run the services until this process is asked to end (Ctrl-C, SIGTERM), then stop all of them.

    Args:
        root: the project.
        profile: what is started.
        say: told of each service when it is ready, and at the end.
        ready: called once, when all are.

    Raises:
        PipelineError: one did not start, or ended by itself; the rest is stopped. The message has its last lines.
    """
    with _asked_to_end() as asked, _stopped_together(say) as running:
        started = time.monotonic()
        waiting = list(profile.services)
        while (waiting or _not_ready(running)) and not asked.is_set():
            healthy = {name for name, each in running.items() if each.healthy()}
            for service in [each for each in waiting if each.needs is None or each.needs in healthy]:
                waiting.remove(service)
                running[service.name] = Running(service, root=root, logs=root / FOLDER / "logs")
            for name in healthy & _not_ready(running):
                running[name].told = True
                say(_line(running[name].service, time.monotonic() - started))
            _need_alive(running)
            if time.monotonic() - started > SECONDS_TO_START:
                late = running[min(_not_ready(running))]
                raise PipelineError(
                    f"{late.service.name} is not ready after {SECONDS_TO_START} s. The end of {late.log}:\n"
                    f"{late.last_lines()}"
                )
            asked.wait(SECONDS_BETWEEN_LOOKS)
        if not asked.is_set():
            ready()
        while not asked.wait(SECONDS_BETWEEN_LOOKS):
            _need_alive(running)


def _line(service: Service, seconds: float) -> str:
    return f"{service.name:<14} ready    {service.shown}  ({seconds:.0f} s)"


def _not_ready(running: dict[str, Running]) -> set[str]:
    return {name for name, each in running.items() if not each.told}


def _need_alive(running: dict[str, Running]) -> None:
    for each in running.values():
        if each.ended():
            raise PipelineError(f"{each.service.name} ended by itself. The end of {each.log}:\n{each.last_lines()}")


@contextmanager
def _asked_to_end() -> Iterator[threading.Event]:
    """An event that is set by the signals that ask a process to end."""
    asked = threading.Event()
    before = {each: signal.signal(each, lambda *_: asked.set()) for each in ASKED_TO_END}
    try:
        yield asked
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _stopped_together(say: Callable[[str], None]) -> Iterator[dict[str, Running]]:
    """What was started and put into the mapping is stopped: workers before the servers that they report to."""
    running: dict[str, Running] = {}
    try:
        yield running
    finally:
        for workers in (True, False):
            group = [each for each in running.values() if (each.service.needs is not None) is workers]
            for each in group:
                each.ask_to_end()
            for each in group:
                each.wait()
                say(f"{each.service.name:<14} stopped")
