"""The command line as a process runs it: what it prints, where, and the status it ends with."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from geratriz.cli import app as cli
from tests.tables import mixed

Command = Callable[..., str]


@pytest.fixture
def works(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command that must succeed; its output."""

    def run(*words: object) -> str:
        status, out, err = _run(words, capsys, monkeypatch)
        assert status == 0, err
        return out

    return run


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command that must be refused, with one message that ends in a sentence; the message.

    The status is 1, or 2 where the registry cannot be read.
    """

    def run(*words: object) -> str:
        status, _, err = _run(words, capsys, monkeypatch)
        assert status == (2 if "does not answer" in err else 1)
        assert "Traceback" not in err
        said = re.search(r"^\w+Error: .*", err, flags=re.MULTILINE | re.DOTALL)  # what is before it is progress
        assert said is not None and said.group().rstrip().endswith((".", "?"))
        return said.group().rstrip()

    return run


def _run(
    words: tuple[object, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[object, str, str]:
    monkeypatch.setattr(sys, "argv", ["geratriz", *map(str, words)])
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    return ended.value.code or 0, said.out, said.err


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A bundle that samples."""
    from geratriz.table.generators.independent import Independent

    Independent.fit(mixed(), seed=0).save(tmp_path / "model")
    return tmp_path / "model"


def content(folder: Path) -> dict[str, bytes]:
    """Every file below ``folder``."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
