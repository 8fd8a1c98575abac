"""One server or worker as a guarded process: start, health check, stop."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

from geratriz.services.guard import SHUTDOWN_TIMEOUT_S

HEALTH_TIMEOUT_S = 2.0
LOG_TAIL_LINES = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A server or worker to start, and how to tell that it is ready."""

    name: str
    command: tuple[str, ...]
    summary: str
    """Its address, or what it works on, for the terminal."""
    variables: Mapping[str, str]
    """Environment variables added to those of this process."""
    health: str | None = None
    """Address that answers 200 when the service is ready; None if its log shows that it is, by ``ready``."""
    ready: str = ""
    """Text in its log once it is ready."""
    needs: str | None = None
    """Name of the service that must be ready before it starts."""
    authorization: str | None = field(default=None, repr=False)
    """Authorization header for ``health``."""


class Running:
    """A started service."""

    def __init__(self, service: Service, *, root: Path, logs: Path) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self.announced = False  # whether the terminal shows that it is ready
        self.service, self.log = service, logs / f"{service.name.replace(' ', '-')}.log"
        self._file = self.log.open("wb")
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "geratriz.services.guard", *service.command],
            cwd=root,
            env={**os.environ, **service.variables},
            stdin=subprocess.PIPE,  # closed by the system when this process ends: then the guard ends the service
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal reaches this process only
        )

    def ended(self) -> bool:
        """Whether the service has ended."""
        return self._guard.poll() is not None

    def healthy(self) -> bool:
        """Whether the service is ready."""
        if self.ended():
            return False
        if self.service.health is None:
            return self.service.ready in self.log.read_text(encoding="utf-8", errors="replace")
        request = Request(self.service.health)
        if self.service.authorization:
            request.add_header("Authorization", self.service.authorization)
        try:
            with urlopen(request, timeout=HEALTH_TIMEOUT_S) as answer:
                return bool(answer.status == 200)
        except OSError:  # connection refused, timeout or invalid answer
            return False

    def last_lines(self) -> str:
        """Last lines of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])

    def terminate(self) -> None:
        """Ask the service to end; :meth:`wait` waits for it."""
        if not self.ended():
            self._guard.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Wait until the service and all its children have ended."""
        try:
            self._guard.wait(timeout=2 * SHUTDOWN_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        self._file.close()
