"""Reading where there is no registry: it says so, and creates none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geratriz.cli.app import main
from geratriz.errors import NoRegistryError
from geratriz.registry import origin, promoting, release
from geratriz.registry.audit import audit
from geratriz.registry.history import history
from tests.projects import Project

READERS: dict[str, Callable[[Path], Any]] = {
    "audit": audit,
    "audit of one model": lambda root: audit(root, "people"),
    "models": release.models,
    "history": lambda root: history(root, "people"),
    "load": lambda root: release.load("models:/people@champion", root=root),
    "promote": lambda root: promoting.promote(root, "people"),
    "rollback": lambda root: promoting.rollback(root, "people"),
    "note_commit": lambda root: origin.note_commit(root, "people", 1, branch="main", commit="abc"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("empty", [False, True], ids=["no file", "a file of no bytes"])
def test_what_reads_says_that_there_is_no_registry_and_creates_none(project: Project, reader: str, empty: bool) -> None:
    file = project.root / "mlflow.db"
    file.unlink(missing_ok=True)
    if empty:
        file.touch()
    with pytest.raises(NoRegistryError, match=r"no registry at sqlite:.*mlflow\.db.*MLFLOW_TRACKING_URI"):
        READERS[reader](project.root)
    assert file.exists() is empty
    assert not empty or file.stat().st_size == 0


def test_no_commit_is_in_use_without_a_registry(tmp_path: Path) -> None:
    assert origin.in_use(tmp_path) == set()
    assert list(tmp_path.iterdir()) == []


def test_an_audit_of_nothing_is_no_all_clear(mlflow_root: Path) -> None:
    with pytest.raises(NoRegistryError, match="no generator is registered at sqlite"):
        audit(mlflow_root)


@pytest.mark.parametrize("command", [["audit"], ["models"], ["history", "people"]])
def test_the_commands_end_with_2(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("sys.argv", ["geratriz", *command])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert list(tmp_path.iterdir()) == []
