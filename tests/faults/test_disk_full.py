"""A disk that fills up, and a kill, while files are written: one clear error, and what was there is as it was.

The disk is played by the kernel's limit on the size of a file (``RLIMIT_FSIZE``), which refuses writes as a full disk
does and needs no rights; Linux's ``/dev/full`` answers as a full disk to the letter. A limit and a kill need processes
of their own, which take a second or two to start.
"""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from geratriz.errors import RequestError
from geratriz.output import Provenance, writing
from geratriz.table import output
from geratriz.table.data.table import Table
from geratriz.table.generators.catalog import GENERATORS
from tests.faults.conftest import Command
from tests.tables import mixed

ROOM = 100_000  # bytes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    GENERATORS.find("independent").fit(mixed(), seed=0).save(tmp_path / "model")
    return tmp_path


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "geratriz", *map(str, words)]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def full(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command whose files find no room beyond ROOM bytes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))

    return subprocess.run(command(*words), cwd=cwd, preexec_fn=limit, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl.gz"])
def test_sample_on_a_full_disk_says_so_and_leaves_the_earlier_file(folder: Path, ending: str, works: Command) -> None:
    out = f"rows{ending}"
    works("sample", folder / "model", "-n", 10, "-o", folder / out)
    before = content(folder)
    done = full("sample", "model", "-n", "20_000", "-o", out, cwd=folder)
    assert done.returncode == 1
    assert f"RequestError: {out} cannot be written: File too large" in done.stderr
    assert "Free some space" in done.stderr
    assert "Traceback" not in done.stderr
    assert content(folder) == before


@pytest.mark.slow
def test_fit_on_a_full_disk_is_one_clear_error(folder: Path) -> None:
    """Takes seconds: a process of its own, which imports torch."""
    mixed(100).write(folder / "rows.parquet")
    quick = ("width=256", "batch=64", "epochs=1", "blocks=1", "components=2", "threads=1")
    settings = [word for setting in quick for word in ("--set", setting)]
    done = full("fit", "rows.parquet", "-o", "new", *settings, cwd=folder)
    assert done.returncode == 1
    assert "TrainingError: the checkpoint new.checkpoint/" in done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("ending", output.ENDINGS)
def test_no_space_left_is_said_in_the_kernels_words(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"rows{ending}"
    path.symlink_to("/dev/full")
    form = output.format_of(path, mixed())
    provenance = Provenance(
        bundle="0", kind="any", record={}, seed=0, where={}, start=0, rows=600, block=100, acceptance=1.0
    )
    with (
        pytest.raises(RequestError, match="cannot be written: No space left on device"),
        writing(path, form, provenance) as append,
    ):
        append(form.encode(mixed()))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_a_kill_leaves_the_earlier_file_and_the_next_run_goes_well(folder: Path, works: Command) -> None:
    out = folder / "rows.parquet"
    works("sample", folder / "model", "-n", 10, "-o", out)
    before = out.read_bytes()
    with subprocess.Popen(command("sample", "model", "-n", "5e6", "-o", out.name, "--jobs", 1), cwd=folder) as process:
        until = time.monotonic() + 60
        while not any(partial.stat().st_size > 4 for partial in folder.glob("rows.parquet.*.partial")):
            assert process.poll() is None and time.monotonic() < until, "it did not come to write"
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert out.read_bytes() == before
    works("sample", folder / "model", "-n", 20, "-o", out)
    assert len(Table.read(out)) == 20
    assert not list(folder.glob("*.partial"))


def test_a_number_of_rows_that_no_disk_holds_is_refused_before_it_starts(folder: Path, refused: Command) -> None:
    said = refused("sample", folder / "model", "-n", "1e12", "-o", folder / "rows.jsonl")
    assert "would take about" in said and "free" in said
    assert not (folder / "rows.jsonl").exists() and not list(folder.glob("rows.jsonl.*"))
