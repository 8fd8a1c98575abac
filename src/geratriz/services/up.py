"""Start the services of a profile, report and watch their state, and stop all of them together."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from geratriz.errors import PipelineError
from geratriz.project import STATE
from geratriz.services.profiles import Profile
from geratriz.services.service import Running

START_TIMEOUT_S = 120  # the first start creates databases, on a busy machine
POLL_INTERVAL_S = 0.25
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def up(root: Path, profile: Profile, say: Callable[[str], None], ready: Callable[[], None]) -> None:
    """Run the services until this process receives Ctrl-C or SIGTERM, then stop all of them.

    Args:
        root: the project's root.
        profile: the services.
        say: called with a line when a service is ready and when it has stopped.
        ready: called once, when all services are ready.

    Raises:
        PipelineError: a service did not start, or ended by itself; the others are stopped. The message quotes its log.
    """
    with _stop_requested() as stop, _stopping(say) as running:
        started = time.monotonic()
        waiting = list(profile.services)
        while (waiting or _not_ready(running)) and not stop.is_set():
            healthy = {name for name, process in running.items() if process.healthy()}
            for service in [service for service in waiting if service.needs is None or service.needs in healthy]:
                waiting.remove(service)
                running[service.name] = Running(service, root=root, logs=root / STATE / "logs")
            for name in healthy & _not_ready(running):
                running[name].announced = True
                seconds, service = time.monotonic() - started, running[name].service
                say(f"{name:<14} ready    {service.summary}  ({seconds:.0f} s)")
            _require_running(running)
            if time.monotonic() - started > START_TIMEOUT_S:
                late = running[min(_not_ready(running))]
                raise PipelineError(
                    f"{late.service.name} is not ready after {START_TIMEOUT_S} s. The end of {late.log}:\n"
                    f"{late.last_lines()}"
                )
            stop.wait(POLL_INTERVAL_S)
        if not stop.is_set():
            ready()
        while not stop.wait(POLL_INTERVAL_S):
            _require_running(running)


def _not_ready(running: dict[str, Running]) -> set[str]:
    return {name for name, process in running.items() if not process.announced}


def _require_running(running: dict[str, Running]) -> None:
    for process in running.values():
        if process.ended():
            end = f"The end of {process.log}:\n{process.last_lines()}"
            raise PipelineError(f"{process.service.name} ended by itself. {end}")


@contextmanager
def _stop_requested() -> Iterator[threading.Event]:
    """Yield an event that is set by the signals that ask a process to end."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in STOP_SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _stopping(say: Callable[[str], None]) -> Iterator[dict[str, Running]]:
    """Stop all services in the yielded mapping at the end: workers before the servers that they report to."""
    running: dict[str, Running] = {}
    try:
        yield running
    finally:
        for workers in (True, False):
            group = [process for process in running.values() if (process.service.needs is not None) is workers]
            for process in group:
                process.terminate()
            for process in group:
                process.wait()
                say(f"{process.service.name:<14} stopped")
