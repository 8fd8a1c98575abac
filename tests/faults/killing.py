"""Commands in processes of their own that a test ends at a moment of its choice, or that find no room on the disk.

A server that has imported everything forks them, so each takes as long as its command and not seconds to start.
"""

import os
import resource
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

FORKING = get_context("forkserver")
FORKING.set_forkserver_preload(["tests.faults.preloaded"])
PATIENCE_S = 60


def started(cwd: Path, *words: object, room: int | None = None) -> BaseProcess:
    """The command line in a process of its own; what it says is in ``said`` below ``cwd``."""
    return _started(_command, (cwd, [*map(str, words)], room))


def called(function: Callable[..., None], *arguments: object) -> BaseProcess:
    """A function in a process of its own."""
    return _started(function, arguments)


def _started(target: Callable[..., None], arguments: tuple[object, ...]) -> BaseProcess:
    process = FORKING.Process(target=target, args=arguments)
    process.start()
    return process


def ended(process: BaseProcess) -> int:
    """Wait for the end; the exit code."""
    process.join(PATIENCE_S)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


def kill(process: BaseProcess, *, after: float, watched: Path | None = None) -> None:
    """End a process ``after`` seconds with SIGKILL; if a folder is ``watched``, after a partial appeared in it."""
    until = time.monotonic() + PATIENCE_S
    while watched is not None and process.is_alive() and time.monotonic() < until:
        if any(name.endswith((".partial", ".decided")) for name in os.listdir(watched)):  # noqa: PTH208
            break
    process.join(after)
    process.kill()
    process.join()


def _command(cwd: Path, words: list[str], room: int | None) -> None:
    from geratriz.cli import app

    os.chdir(cwd)
    with Path("said").open("w", encoding="utf-8") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    if room is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    sys.argv = ["geratriz", *words]
    app.main()
