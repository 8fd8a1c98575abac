"""One stage of dvc.yaml as one process: ``dvc --wait-for-lock repro --single-item STAGE``.

The traps around it, each met and tried: several such processes may run at once only with ``--single-item``; without
``--wait-for-lock`` a finished training is lost when another DVC process holds the lock for three seconds; DVC runs
commands with $SHELL, which a service user may not have; ending DVC leaves its child running, so each stage gets a
process group of its own; and DVC stops when nobody reads its output.
"""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from geratriz.errors import PipelineError

Outcome = Literal["Unchanged", "Cached", "Ran"]

LAST_LINES = 25
_running: set[subprocess.Popen[str]] = set()
USERS_TO_MEND = ("ContractError:", "ConfigError:", "DataError:", "BundleError:", "RequestError:", "TrainingError:")


class StageFailed(PipelineError):
    """A stage ended with an error. ``again`` says whether running it again could help."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """Where a stage runs."""

    root: Path

    def variables(self) -> dict[str, str]:
        """This process's variables, with what a stage needs: this checkout's code, this interpreter, a plain shell."""
        source = str(self.root / "src")
        path = os.environ.get("PYTHONPATH")
        return {
            **os.environ,
            "PYTHONPATH": source if not path else os.pathsep.join([source, path]),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONUNBUFFERED": "1",
            "SHELL": "/bin/sh",
            "DVC_NO_ANALYTICS": "1",
            "DO_NOT_TRACK": "1",
        }


def repro(
    name: str, environment: Environment, say: Callable[[str], None], *, timeout_s: float | None = None
) -> Outcome:
    """Bring one stage up to date; each line it prints goes to ``say``.

    Raises:
        StageFailed: it failed; the message carries its own last lines.
    """
    lines: deque[str] = deque(maxlen=LAST_LINES)
    outcome: Outcome = "Ran"
    process = _dvc(["--wait-for-lock", "repro", "--single-item", name], environment)
    _running.add(process)
    late = threading.Event()

    def too_late() -> None:
        late.set()
        end(process)

    timer = threading.Timer(threading.TIMEOUT_MAX if timeout_s is None else timeout_s, too_late)
    timer.daemon = True
    timer.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            line = line.rstrip()
            outcome = _outcome(line, outcome)
            if line and not _is_dvcs(line):
                lines.append(line)
                say(line)
        code = process.wait()
    except BaseException:  # Ctrl-C, a timeout, a cancelled run: nothing of the stage may stay behind
        end(process)
        raise
    finally:
        timer.cancel()
        _running.discard(process)
    if late.is_set():
        raise StageFailed(f"stage {name} took longer than its timeout_s of {timeout_s:g} and was ended.", again=True)
    if code != 0:
        own = list(lines)
        start = next((i for i, line in enumerate(own) if line.startswith(USERS_TO_MEND)), 0)
        message = "\n".join(own[start:]) or f"dvc ended with {code} and said nothing"
        raise StageFailed(f"stage {name} failed:\n{message}", again=not any(x.startswith(USERS_TO_MEND) for x in own))
    return outcome


def pull(target: str, environment: Environment) -> None:
    """Bring one tracked file into the workspace, by the name of its ``.dvc`` file.

    Raises:
        PipelineError: it is in no remote.
    """
    process = _dvc(["pull", "--quiet", target], environment)
    output, _ = process.communicate()
    if process.returncode != 0:
        raise PipelineError(f"{target} cannot be pulled; is the remote that has it set up?\n{output.strip()}")


def end(process: subprocess.Popen[str]) -> None:
    """End a process and its children: politely, then not."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(timeout=10)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def end_all() -> None:
    """End every stage that this process is running."""
    for process in tuple(_running):
        end(process)


def _dvc(arguments: list[str], environment: Environment) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=environment.root,
        env=environment.variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def _outcome(line: str, so_far: Outcome) -> Outcome:
    """What DVC's words mean; ``tests/pipelines`` hold this against DVC itself."""
    if line.startswith("Stage ") and line.endswith("didn't change, skipping"):
        return "Unchanged"
    if line.startswith("Stage ") and "is cached - skipping run" in line:
        return "Cached"
    return so_far


def _is_dvcs(line: str) -> bool:
    """Whether a line is DVC's own talk rather than the stage's."""
    return line.startswith(
        (
            "Stage '",
            "Running stage '",
            "> ",
            "Generating lock file",
            "Updating lock file",
            "To track the changes with git",
            "\tgit add",
            "To enable auto staging",
            "\tdvc config core.autostage",
            "Use `dvc push`",
            "ERROR: failed to reproduce",
            "Data and pipelines are up to date",
        )
    )
