"""The guard: nothing of what it runs is left, however its starter ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow

GUARD = [  # one that looks ten times a second who is there
    sys.executable,
    "-c",
    "import sys; from geratriz.services import guard; guard.POLL_INTERVAL_S = 0.1\n"
    "raise SystemExit(guard.main(sys.argv[1:]))",
]
SEEN_S = 0.8  # after which it has looked
FAMILY = (  # a process with a child in a session of its own, as a worker has its runs; both are deaf to SIGTERM
    "import pathlib, signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN) if sys.argv[2] == 'deaf' else None\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
    "pathlib.Path(sys.argv[1]).write_text(str(child.pid))\n"
    "time.sleep(600)"
)


def started(tmp_path: Path, how: str = "") -> tuple[subprocess.Popen[bytes], int]:
    note = tmp_path / "child"
    guard = subprocess.Popen([*GUARD, sys.executable, "-c", FAMILY, str(note), how], stdin=subprocess.PIPE)
    return guard, child_in(note)


def child_in(note: Path) -> int:
    """The process that the family noted, once it is there."""
    until = time.monotonic() + 30
    while not (note.exists() and note.read_text()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return int(note.read_text())


@pytest.mark.parametrize("command", [GUARD, [sys.executable, "-m", "geratriz.services.guard"]])
def test_what_it_runs_ends_with_its_own_code(command: list[str]) -> None:
    with subprocess.Popen([*command, sys.executable, "-c", "raise SystemExit(7)"], stdin=subprocess.PIPE) as guard:
        assert guard.wait(timeout=30) == 7


@pytest.mark.parametrize("how", ["closed", "asked"])
def test_when_it_is_to_end_the_whole_family_ends(tmp_path: Path, how: str) -> None:
    guard, child = started(tmp_path)
    if how == "closed":  # as when the starter is killed
        assert guard.stdin is not None
        guard.stdin.close()
    else:
        guard.send_signal(signal.SIGTERM)
    guard.wait(timeout=30)
    assert not psutil.pid_exists(child)


def test_when_it_is_killed_what_it_had_started_ends_too(tmp_path: Path) -> None:
    guard, child = started(tmp_path)
    time.sleep(SEEN_S)  # what it never saw under the process it cannot find once that is gone
    (process,) = psutil.Process(guard.pid).children()
    process.kill()
    assert guard.wait(timeout=30) == 128 + signal.SIGKILL
    assert not psutil.pid_exists(child)


def test_a_starter_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    note = tmp_path / "child"
    code = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen({GUARD!r} + [sys.executable, '-c', {FAMILY!r}, {str(note)!r}, ''], stdin=subprocess.PIPE)\n"
        "time.sleep(600)"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    child_in(note)
    family = psutil.Process(starter.pid).children(recursive=True)
    assert len(family) == 3
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive
