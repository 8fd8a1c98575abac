"""A guard that runs one process and ends it, with all its children, when the process that started the guard ends.

    python -m geratriz.services.guard COMMAND...

The guard's standard input is a pipe from its parent, which the system closes when the parent ends or is killed. Then,
or on SIGTERM, the guard terminates the process, and kills whatever is left of it and of its children. These include
the runs of a worker, which have sessions of their own.
"""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil

SHUTDOWN_TIMEOUT_S = 15.0  # Prefect's worker needs some of it to end its runs
POLL_INTERVAL_S = 1.0


def main(command: list[str]) -> int:
    """Run ``command`` until it ends or must be ended; return its exit code."""
    done = threading.Event()  # the process has ended or must be ended

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: done.set())
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def watch_parent() -> None:
        while os.read(0, 1024):
            pass
        done.set()

    def watch_process() -> None:
        process.wait()
        done.set()

    for watch in (watch_parent, watch_process):
        threading.Thread(target=watch, daemon=True).start()
    children: set[psutil.Process] = set()
    while not done.wait(POLL_INTERVAL_S):
        children |= _children(process.pid)  # recorded now: an orphan is no longer listed under its parent
    _end(process, children)  # even if it has ended: its children may still run
    code = process.wait()
    return code if code >= 0 else 128 - code  # exit code of a signal, as in a shell


def _children(pid: int) -> set[psutil.Process]:
    try:
        return set(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return set()


def _end(process: subprocess.Popen[bytes], children: set[psutil.Process]) -> None:
    """Terminate the process first, so that it can end its children itself; then end those that are left."""
    children |= _children(process.pid)
    if process.poll() is None:
        process.terminate()
    until = time.monotonic() + SHUTDOWN_TIMEOUT_S
    while process.poll() is None and time.monotonic() < until:
        children |= _children(process.pid)
        time.sleep(0.1)
    left = [child for child in children if child.is_running()]  # compares start times: process ids are reused
    for child in left:
        child.terminate()
    _, left = psutil.wait_procs(left, timeout=max(2.0, until - time.monotonic()))
    for child in left:
        child.kill()
    if process.poll() is None:
        process.kill()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
