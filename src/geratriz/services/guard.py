"""Stands before one process: runs it, and leaves nothing of it behind, whatever becomes of who started it.

    python -m geratriz.services.guard COMMAND...

The guard's standard input is a pipe from its starter. When the starter is gone, killed included, the system closes it:
then, or on SIGTERM, the process is asked to end, and what is left of it and of all it started, workers' runs in
sessions of their own included, is ended.
"""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil

SECONDS_TO_END = 15.0  # Prefect's worker takes some to say goodbye to its runs
SECONDS_BETWEEN_LOOKS = 1.0


def main(command: list[str]) -> int:
    """Run ``command`` until it ends or is to end; its exit code."""
    done = threading.Event()  # it ended, or is to end

    def end(*_: object) -> None:
        done.set()

    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, end)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def watch_starter() -> None:
        while os.read(0, 1024):
            pass
        done.set()

    def watch_process() -> None:
        process.wait()
        done.set()

    for watch in (watch_starter, watch_process):
        threading.Thread(target=watch, daemon=True).start()
    seen: set[psutil.Process] = set()
    while not done.wait(SECONDS_BETWEEN_LOOKS):
        seen |= _below(process.pid)  # an orphan cannot be found from above: it is noted while it has a parent
    _end(process, seen)  # by itself it may have ended without its children
    code = process.wait()
    return code if code >= 0 else 128 - code  # as shells tell a signal


def _below(pid: int) -> set[psutil.Process]:
    try:
        return set(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return set()


def _end(process: subprocess.Popen[bytes], seen: set[psutil.Process]) -> None:
    """Ask the process first, if it is there: it knows how to end its children; then end what is left."""
    seen |= _below(process.pid)
    if process.poll() is None:
        process.terminate()
    until = time.monotonic() + SECONDS_TO_END
    while process.poll() is None and time.monotonic() < until:
        seen |= _below(process.pid)
        time.sleep(0.1)
    left = [each for each in seen if each.is_running()]  # by start time too: a number given anew is another process
    for each in left:
        each.terminate()
    _, left = psutil.wait_procs(left, timeout=max(2.0, until - time.monotonic()))
    for each in left:
        each.kill()
    if process.poll() is None:
        process.kill()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
