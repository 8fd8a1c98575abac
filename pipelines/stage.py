"""One stage of dvc.yaml as one process: ``dvc --wait-for-lock repro --single-item STAGE``.

The traps around it, each met and tried: several such processes may run at once only with ``--single-item``; without
``--wait-for-lock`` a finished training is lost when another DVC process holds the lock for three seconds; DVC runs
commands with $SHELL, which a service user may not have; ending DVC leaves its child running, so each stage gets a
process group of its own and a guard, which ends it also when the flow is killed; and DVC stops when nobody reads its
output.

``--single-item`` is wrong where upstream outputs are not in the workspace: DVC then takes what is missing for unchanged
and would not train on new data. A worker on another machine goes by the whole graph above the stage instead.
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

Outcome = Literal["Unchanged", "Cached", "Ran"]
ALONE = ("--single-item",)
WITH_WHAT_IS_ABOVE = ("--pull", "--allow-missing")  # pulls what the stage reads, and nothing else
FROM_THE_REMOTE = ("--single-item", "--pull")  # right only when what it reads is in the workspace

GUARD = (sys.executable, guard.__file__)  # by its path: it starts quicker than the package would
LAST_LINES = 25
SECONDS_TO_END = 10  # between asking a process group to end and ending it
USERS_TO_MEND = tuple(f"{each.__name__}:" for each in GeratrizError.__subclasses__())  # stages/_entry.py prints it so
TALK = (  # how lines begin that are DVC's own talk
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
    """A stage ended with an error. ``again`` says whether running it again could help."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


class RunEnded(PipelineError):
    """The run was ended, and a stage with it."""


class Stages:
    """Runs stages of the checkout in ``root``, from several threads if wanted, and can end all that run."""

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
        how: tuple[str, ...] = ALONE,
    ) -> Outcome:
        """Bring one stage up to date; each line it prints goes to ``say``. ``how``: options of ``dvc repro``.

        Raises:
            StageFailed: it failed; the message carries its own last lines.
            RunEnded: :meth:`end` was called.
        """
        lines, dvcs = deque[str](maxlen=LAST_LINES), ""
        outcome: Outcome = "Ran"
        with self._dvc("repro", *how, name) as process, _deadline(process, timeout_s) as late:
            assert process.stdout is not None
            for line in map(str.rstrip, process.stdout):
                outcome = _outcome(line, name, outcome)
                if how is WITH_WHAT_IS_ABOVE and (other := _not_as_locked(line, name)):
                    raise StageFailed(
                        f"stage {name} was not begun: {other}, which stands above it, is not what dvc.lock says of it. "
                        "The commit that was handed over does not belong together.",
                        again=False,
                    )
                if _is_talk(line, name):
                    dvcs = line or dvcs
                else:
                    lines.append(line)
                    say(line)
            code = process.wait()
        if late.is_set():
            raise StageFailed(
                f"stage {name} took longer than its timeout_s of {timeout_s:g} and was ended.", again=True
            )
        if self._ended.is_set():
            raise RunEnded(f"stage {name} was ended with the run.")
        if code != 0:
            raise _failure(name, list(lines) or [dvcs])
        return outcome

    def needs_to_run(self, name: str) -> bool:
        """Whether a stage would run: it is not up to date, and its result is not in this machine's cache."""
        _, output = self._said("repro", *ALONE, "--dry", name)
        return f"Running stage '{name}'" in output

    def changed(self, needs: Mapping[str, Collection[str]]) -> bool:
        """Whether a stage of the graph is not what dvc.lock says; files that are not here count as unchanged.

        A stage in DVC's cache counts as unchanged where nothing above it changed: DVC takes a folder that several
        stages write into, and of which Git has a part, for another folder when their files are not here.

        Args:
            needs: each stage, with the names of those whose outputs it reads.

        Raises:
            PipelineError: DVC cannot tell.
        """
        code, output = self._said("repro", "--dry", "--allow-missing")
        if code != 0 and "ERROR: failed to reproduce '" not in output:  # this one would run, and lacks its files
            raise PipelineError(f"DVC cannot tell in {self._root} what changed:\n{output}")
        same: set[str] = set()
        for line in output.splitlines():
            for name in needs:
                outcome = _outcome(line, name, "Ran")
                above = needs[name]
                if outcome == "Unchanged" or (outcome == "Cached" and above and same.issuperset(above)):
                    same.add(name)
        return not same.issuperset(needs)

    def update(self, target: str) -> None:
        """Look at the source of an imported file, and import it anew if it changed.

        Raises:
            PipelineError: the source does not answer or is gone.
        """
        self._done(("update", target), f"the source that {target} names cannot be read")

    def push(self, *options: str, to: str) -> None:
        """Push what options name, everything without them, to the default remote.

        Raises:
            PipelineError: the remote did not take it. What was pushed is there; the next push goes on.
        """
        self._done(("push", *options), f"DVC's remote {to!r} did not take the data")

    def pull(self, target: str) -> None:
        """Bring one tracked file into the workspace, by the name of its ``.dvc`` file.

        Raises:
            PipelineError: it is in no remote.
        """
        self._done(
            ("pull", target),
            f"{target} says which data is meant, but the data is not here and cannot be pulled",
            "Is the remote that holds it set up (`dvc remote list`) and reachable?",
        )

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            RunEnded: :meth:`end` was called.
        """
        if self._ended.wait(seconds):
            raise RunEnded("the run was ended.")

    def end(self) -> None:
        """End every process that runs, and start no other."""
        with self._lock:
            self._ended.set()
            running = tuple(self._running)
        for process in running:
            _end(process)

    def _done(self, command: tuple[str, ...], otherwise: str, advice: str = "") -> None:
        """Run a command that either succeeds or is an error, in these words and DVC's."""
        code, output = self._said(*command)
        if self._ended.is_set():
            raise RunEnded(f"`dvc {' '.join(command)}` was ended with the run.")
        if code != 0:
            raise PipelineError("\n".join(each for each in (f"{otherwise}:", _why(output), advice) if each))

    def _said(self, *arguments: str) -> tuple[int, str]:
        """The exit code of a command, and what it said."""
        with self._dvc(*arguments) as process:
            assert process.stdout is not None
            output = process.stdout.read()  # not `communicate`: it would close the guard's pipe
            return process.wait(), output.strip()

    @contextmanager
    def _dvc(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A DVC process whose output can be read; whatever cuts the reading off ends it and its children."""
        with self._lock:
            if self._ended.is_set():
                raise RunEnded(f"`dvc {' '.join(arguments)}` was not started: the run was ended.")
            process = subprocess.Popen(
                [*GUARD, sys.executable, "-m", "dvc", "--wait-for-lock", *arguments],
                cwd=self._root,
                env=_variables(self._root),
                stdin=subprocess.PIPE,  # the guard's: closed when this process is gone
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
    """This process's variables, with what a stage needs: this checkout's code, this interpreter, a plain shell."""
    source, path = str(root / "src"), os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": source if not path else os.pathsep.join([source, path]),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",  # else the losses of a fit arrive at its end
        "SHELL": "/bin/sh",
        "DVC_NO_ANALYTICS": "1",
        "DO_NOT_TRACK": "1",
    }


@contextmanager
def _deadline(process: subprocess.Popen[str], seconds: float | None) -> Iterator[threading.Event]:
    """End the process after some seconds; the event tells whether that happened."""
    late = threading.Event()
    if seconds is None:
        yield late
        return

    def too_late() -> None:
        late.set()
        _end(process)

    timer = threading.Timer(seconds, too_late)
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and its children: politely, then not. DVC itself leaves a stage's command running."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        sent, until = int(how), time.monotonic() + SECONDS_TO_END
        while time.monotonic() < until:
            try:
                os.killpg(process.pid, sent)
            except ProcessLookupError:
                return
            sent = 0  # from now on it only asks whether there is one left
            process.poll()  # reaped, or it would count as one of its group for ever
            time.sleep(0.1)


def _why(output: str) -> str:
    """What DVC gives as reasons: the first and the last, where each of many files has one. ``--quiet`` hides all."""
    errors = [line for line in output.splitlines() if line.startswith("ERROR: ")]
    return "\n".join(dict.fromkeys((errors[0], errors[-1]))) if errors else output


def _outcome(line: str, stage: str, so_far: Outcome) -> Outcome:
    """What DVC's words mean; ``tests/pipelines`` holds this against DVC itself."""
    if line == f"Stage '{stage}' didn't change, skipping":
        return "Unchanged"
    if line.startswith(f"Stage '{stage}' is cached - skipping run"):
        return "Cached"
    return so_far


def _not_as_locked(line: str, stage: str) -> str | None:
    """The other stage that DVC is about to make or to restore, if the line says so."""
    for mark, end in (("Running stage '", "':"), ("Stage '", "' is cached - skipping run")):
        if line.startswith(mark) and end in line:
            other = line.removeprefix(mark).partition(end)[0]
            return None if other == stage else other
    return None


def _is_talk(line: str, stage: str) -> bool:
    """Whether a line is DVC's own talk, or nothing, rather than the stage's."""
    if line.startswith("WARNING: Process '") and "in RWLock-file" in line:  # left by a run that was ended; no harm
        return True
    return not line or line.startswith((*TALK, f"ERROR: failed to reproduce '{stage}': failed to run: "))


def _failure(stage: str, lines: list[str]) -> StageFailed:
    """The error for a stage that ended badly: from the line on that speaks to the user, else all last lines."""
    start = next((i for i, line in enumerate(lines) if line.startswith(USERS_TO_MEND)), None)
    return StageFailed(f"stage {stage} failed:\n" + "\n".join(lines[start or 0 :]), again=start is None)
