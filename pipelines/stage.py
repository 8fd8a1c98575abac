"""One stage of dvc.yaml as one process: ``dvc --wait-for-lock repro --single-item STAGE``.

It avoids problems that were all met in practice. Several such processes can run at once only with ``--single-item``.
Without ``--wait-for-lock`` a finished training is lost if another DVC process holds the lock for 3 seconds. DVC runs
commands with $SHELL, which a service user may not have. Ending DVC leaves its child running, so each stage has its own
process group and a guard, which also ends it when the flow is killed. DVC stops if its output is not read.

``--single-item`` is wrong if upstream outputs are not in the workspace: DVC takes missing ones for unchanged and would
not train on new data. A worker on another machine therefore checks the whole graph upstream of the stage.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from geratriz.errors import GeratrizError, PipelineError
from geratriz.services import guard
from geratriz.workspace.dvc import NO_TELEMETRY, errors_in

Outcome = Literal["Unchanged", "Cached", "Ran"]
SINGLE_ITEM = ("--single-item",)
WITH_UPSTREAM = ("--pull", "--allow-missing")  # pulls the inputs of the stage, and nothing else
FROM_REMOTE = ("--single-item", "--pull")  # correct only if the inputs are in the workspace

GUARD = (sys.executable, guard.__file__)  # by path, which starts faster than the module
MAX_ERROR_LINES = 25
SHUTDOWN_TIMEOUT_S = 10  # between SIGTERM and SIGKILL
USER_ERRORS = tuple(f"{error.__name__}:" for error in GeratrizError.__subclasses__())  # as stages/entry.py prints them
DVC_MESSAGES = (  # beginnings of DVC's own lines
    "Stage '",
    "'",  # 'data/raw/rows.parquet.dvc' didn't change, skipping
    "Pulling data for stage",
    "Running stage '",
    "> ",
    "Generating lock file",
    "Updating lock file",
    "To track the changes with git",
    "\tgit add",
    "To enable auto staging",
    "\tdvc config core.autostage",
    "Use `dvc push`",
    "Data and pipelines are up to date",
)


class StageFailed(PipelineError):
    """A stage failed; ``retryable`` if another attempt could succeed."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class RunEnded(PipelineError):
    """The run was ended, together with its stages."""


class Stages:
    """Runs stages of the checkout in ``root``, possibly in several threads, and can end all of them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._running: set[subprocess.Popen[str]] = set()
        self._ended = threading.Event()
        self._lock = threading.Lock()

    def repro(
        self,
        name: str,
        say: Callable[[str], None],
        *,
        timeout_s: float | None = None,
        how: tuple[str, ...] = SINGLE_ITEM,
    ) -> Outcome:
        """Bring one stage up to date with the options ``how`` of ``dvc repro``; ``say`` receives each line it prints.

        Raises:
            StageFailed: the stage failed; the message has its last lines.
            RunEnded: :meth:`end` was called.
        """
        lines, dvc_line = deque[str](maxlen=MAX_ERROR_LINES), ""
        outcome: Outcome = "Ran"
        with self._dvc("repro", *how, name) as process, _deadline(process, timeout_s) as late:
            assert process.stdout is not None
            for line in map(str.rstrip, process.stdout):
                outcome = _outcome(line, name, outcome)
                if how is WITH_UPSTREAM and (other := _not_as_locked(line, name)):
                    raise StageFailed(
                        f"stage {name} was not started: its upstream stage {other} does not match dvc.lock. "
                        "The commit that was handed over is inconsistent.",
                        retryable=False,
                    )
                if _is_dvc_message(line, name):
                    dvc_line = line or dvc_line
                else:
                    lines.append(line)
                    say(line)
            code = process.wait()
        if late.is_set():
            raise StageFailed(
                f"stage {name} took longer than its timeout_s of {timeout_s:g} and was ended.", retryable=True
            )
        if self._ended.is_set():
            raise RunEnded(f"stage {name} was ended with the run.")
        if code != 0:
            raise _failure(name, list(lines) or [dvc_line])
        return outcome

    def needs_to_run(self, name: str) -> bool:
        """Whether a stage is neither up to date nor in the cache of this machine."""
        _, output = self._capture("repro", *SINGLE_ITEM, "--dry", name)
        return f"Running stage '{name}'" in output

    def changed(self, needs: Mapping[str, Collection[str]]) -> bool:
        """Whether a stage of the graph differs from dvc.lock; missing files count as unchanged.

        A stage in DVC's cache counts as unchanged if no stage upstream of it changed. DVC reports it as cached if it
        writes into a folder of several stages, partly tracked by Git, whose files are missing.

        Args:
            needs: names of the upstream stages by name of the stage.

        Raises:
            PipelineError: DVC cannot determine it.
        """
        code, output = self._capture("repro", "--dry", "--allow-missing")
        if code != 0 and "ERROR: failed to reproduce '" not in output:  # this stage would run, and lacks its files
            raise PipelineError(f"DVC cannot determine what changed in {self._root}:\n{output}")
        unchanged: set[str] = set()
        for line in output.splitlines():
            for name, upstream in needs.items():
                outcome = _outcome(line, name, "Ran")
                if outcome == "Unchanged" or (outcome == "Cached" and upstream and unchanged.issuperset(upstream)):
                    unchanged.add(name)
        return not unchanged.issuperset(needs)

    def update(self, target: str) -> None:
        """Import a file again if its source has changed.

        Raises:
            PipelineError: the source does not answer or does not exist.
        """
        self._run(("update", target), f"the source that {target} names cannot be read")

    def push(self, *options: str, to: str) -> None:
        """Push the targets in ``options``, or everything, to the default remote.

        Raises:
            PipelineError: the push failed; the next one resumes.
        """
        self._run(("push", *options), f"DVC's remote {to!r} did not accept the data")

    def pull(self, target: str) -> None:
        """Pull the data of one ``.dvc`` file into the workspace.

        Raises:
            PipelineError: the data are in no remote.
        """
        self._run(
            ("pull", target),
            f"the data of {target} are not in the workspace and cannot be pulled",
            "Check that their remote is configured (`dvc remote list`) and reachable.",
        )

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            RunEnded: :meth:`end` was called.
        """
        if self._ended.wait(seconds):
            raise RunEnded("the run was ended.")

    def end(self) -> None:
        """End every running process, and start no other."""
        with self._lock:
            self._ended.set()
            running = tuple(self._running)
        for process in running:
            _end(process)

    def _run(self, command: tuple[str, ...], problem: str, advice: str = "") -> None:
        """Run a command; if it fails, raise ``problem`` with DVC's errors and ``advice``."""
        code, output = self._capture(*command)
        if self._ended.is_set():
            raise RunEnded(f"`dvc {' '.join(command)}` was ended with the run.")
        if code != 0:
            raise PipelineError("\n".join(filter(None, (f"{problem}:", errors_in(output), advice))))

    def _capture(self, *arguments: str) -> tuple[int, str]:
        """Run a command and return its exit code and output."""
        with self._dvc(*arguments) as process:
            assert process.stdout is not None
            output = process.stdout.read()  # not `communicate`, which would close the pipe of the guard
            return process.wait(), output.strip()

    @contextmanager
    def _dvc(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Start a DVC process whose output can be read; an exception in the block ends it and its children."""
        with self._lock:
            if self._ended.is_set():
                raise RunEnded(f"`dvc {' '.join(arguments)}` was not started: the run was ended.")
            process = subprocess.Popen(
                [*GUARD, sys.executable, "-m", "dvc", "--wait-for-lock", *arguments],
                cwd=self._root,
                env=_variables(self._root),
                stdin=subprocess.PIPE,  # of the guard; closed when this process ends
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._running.add(process)
        try:
            yield process
        except BaseException:
            _end(process)
            raise
        finally:
            assert process.stdin is not None
            process.stdin.close()
            with self._lock:
                self._running.discard(process)


def _variables(root: Path) -> dict[str, str]:
    """Environment of a stage: the variables of this process, the code of the checkout, this interpreter, /bin/sh."""
    source, path = str(root / "src"), os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        **NO_TELEMETRY,
        "PYTHONPATH": source if not path else os.pathsep.join([source, path]),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",  # otherwise the losses of a fit arrive at its end
        "SHELL": "/bin/sh",
    }


@contextmanager
def _deadline(process: subprocess.Popen[str], seconds: float | None) -> Iterator[threading.Event]:
    """End the process after some seconds; the event is set if that happened."""
    late = threading.Event()
    if seconds is None:
        yield late
        return

    def end() -> None:
        late.set()
        _end(process)

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _end(process: subprocess.Popen[str]) -> None:
    """End a process group, by SIGTERM and then SIGKILL: DVC alone would leave the command of a stage running."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        sent, until = int(number), time.monotonic() + SHUTDOWN_TIMEOUT_S
        while time.monotonic() < until:
            try:
                os.killpg(process.pid, sent)
            except ProcessLookupError:
                return
            sent = 0  # from now on only checks whether a process is left
            process.poll()  # reaps it, or it would count as part of its group forever
            time.sleep(0.1)


def _outcome(line: str, stage: str, default: Outcome) -> Outcome:
    """Outcome of a stage by a line of DVC's output; ``tests/pipelines`` verifies this with DVC."""
    if line == f"Stage '{stage}' didn't change, skipping":
        return "Unchanged"
    if line.startswith(f"Stage '{stage}' is cached - skipping run"):
        return "Cached"
    return default


def _not_as_locked(line: str, stage: str) -> str | None:
    """Name of another stage that DVC is about to run or restore, according to a line; else None."""
    for start, end in (("Running stage '", "':"), ("Stage '", "' is cached - skipping run")):
        if line.startswith(start) and end in line:
            other = line.removeprefix(start).partition(end)[0]
            return None if other == stage else other
    return None


def _is_dvc_message(line: str, stage: str) -> bool:
    """Whether a line is empty or DVC's own, rather than output of the stage."""
    if line.startswith("WARNING: Process '") and "in RWLock-file" in line:  # harmless; left by a run that was ended
        return True
    return not line or line.startswith((*DVC_MESSAGES, f"ERROR: failed to reproduce '{stage}': failed to run: "))


def _failure(stage: str, lines: list[str]) -> StageFailed:
    """Error of a failed stage, with its lines from the first message for the user on, or all last lines."""
    start = next((i for i, line in enumerate(lines) if line.startswith(USER_ERRORS)), None)
    return StageFailed(f"stage {stage} failed:\n" + "\n".join(lines[start or 0 :]), retryable=start is None)
