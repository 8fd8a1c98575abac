"""One server or worker as a process of its own: started behind a guard, asked whether it is well, ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

from geratriz.services.guard import SECONDS_TO_END

SECONDS_FOR_AN_ANSWER = 2.0
LAST_LINES = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """What is started, and how one knows that it is ready."""

    name: str
    command: tuple[str, ...]
    shown: str
    """What a person is told of it: where it answers, or what it works on."""
    variables: Mapping[str, str]
    """Its environment, beside this process's own."""
    health: str | None = None
    """An address that answers 200 when it is ready; None for one that is ready when it says ``ready``."""
    ready: str = ""
    """A part of a line in its log that says so."""
    needs: str | None = None
    """The name of the service it must not start before."""
    authorization: str | None = field(default=None, repr=False)
    """A header for ``health``."""


class Running:
    """A service that was started."""

    def __init__(self, service: Service, *, root: Path, logs: Path) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self.told = False  # whether a person was told that it is ready
        self.service, self.log = service, logs / f"{service.name.replace(' ', '-')}.log"
        self._file = self.log.open("wb")
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "geratriz.services.guard", *service.command],
            cwd=root,
            env={**os.environ, **service.variables},
            stdin=subprocess.PIPE,  # closed by the system when this process is gone: then the guard ends the service
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is for this process alone
        )

    def ended(self) -> bool:
        """Whether it ended."""
        return self._guard.poll() is not None

    def healthy(self) -> bool:
        """Whether it answers as it should."""
        if self.ended():
            return False
        if self.service.health is None:
            return self.service.ready in self.log.read_text(encoding="utf-8", errors="replace")
        request = Request(self.service.health)
        if self.service.authorization:
            request.add_header("Authorization", self.service.authorization)
        try:
            with urlopen(request, timeout=SECONDS_FOR_AN_ANSWER) as answer:
                return bool(answer.status == 200)
        except OSError:  # refused, too late, or an answer that is none
            return False

    def last_lines(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-LAST_LINES:])

    def ask_to_end(self) -> None:
        """Begin to end it; :meth:`wait` waits."""
        if not self.ended():
            self._guard.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Wait until nothing of it is left."""
        try:
            self._guard.wait(timeout=2 * SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        self._file.close()
