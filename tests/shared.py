"""What takes seconds to make is made once, for all workers of pytest-xdist; tests work on copies."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[1]


def folder_of_all_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this run of pytest; each worker has one of its own in it."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def once(folder: Path, make: Callable[[Path], Any]) -> Path:
    """``folder``, filled by ``make`` unless somebody has done it."""
    finished = folder.with_name(f"{folder.name}.finished")
    with FileLock(f"{folder}.lock"):
        if not finished.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            make(folder)
            finished.touch()
    return folder


def files_of_the_checkout() -> list[str]:
    """The files of this checkout that Git tracks, or would: what a clone of it would have, edits included."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
