"""DVC commands, each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from geratriz.errors import PipelineError

NO_TELEMETRY = {"DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1"}


def dvc(folder: Path, *arguments: str) -> str:
    """Run a DVC command in ``folder`` and return its output.

    Raises:
        PipelineError: the command failed; the message quotes its errors.
    """
    command, env = [sys.executable, "-m", "dvc", *arguments], os.environ | NO_TELEMETRY
    done = subprocess.run(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if done.returncode != 0:
        output = errors_in((done.stdout + done.stderr).strip())
        raise PipelineError(f"`dvc {' '.join(arguments[:4])}` failed in {folder}:\n{output}")
    return done.stdout.strip()


def errors_in(output: str) -> str:
    """First and last error line of DVC's output, as many files may each have one; all of it if there is none."""
    errors = [line for line in output.splitlines() if line.startswith("ERROR: ")]
    return "\n".join(dict.fromkeys((errors[0], errors[-1]))) if errors else output
