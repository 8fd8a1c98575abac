"""A process killed at any write to MLflow: the same command given again ends as if nothing had happened."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geratriz.registry import release
from geratriz.registry.patience import Patient
from geratriz.tracking import BUNDLE, default_uri, mlflow_client
from tests.verdicts import attacked

from .conftest import Project, aliases

FOUND = {name: each["value"] for name, each in attacked().items()}
WRITES = ("create_", "log_", "set_", "delete_", "update_", "finalize_")
original = Patient.__getattr__


class KilledError(BaseException):
    """Stands for SIGKILL: no handler of ours runs."""


def killed_at(write: int, monkeypatch: pytest.MonkeyPatch, command: Callable[[], Any]) -> bool:
    """Run ``command`` and kill it just before its ``write``-th write; False when it has fewer."""
    made = 0

    def counting(self: Patient, verb: str) -> Callable[..., Any]:
        call = original(self, verb)

        def counted(*arguments: Any, **named: Any) -> Any:
            nonlocal made
            made += verb.startswith(WRITES)
            if made == write and verb.startswith(WRITES):
                raise KilledError
            return call(*arguments, **named)

        return counted

    monkeypatch.setattr(Patient, "__getattr__", counting)
    try:
        command()
    except KilledError:
        return True
    finally:
        monkeypatch.setattr(Patient, "__getattr__", original)
    return False


def copies(root: Path, scratch: Path, step: int = 1) -> Any:
    """The project again and again, each in a folder of its own."""
    for number in range(1, 100, step):
        yield number, Path(shutil.copytree(root, scratch / str(number)))


def test_register_is_finished_by_the_next_call(
    project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for write, root in copies(project.root, tmp_path_factory.mktemp("copies"), step=2):  # for time
        if not killed_at(write, monkeypatch, lambda root=root: release.register(root)):
            break
        found = release.register(root)
        client = mlflow_client(default_uri(root), timeout=5)
        (version,) = client.search_model_versions("name = 'people'")
        assert aliases(client) == {"challenger": 1}, write
        assert "geratriz.intent" not in version.tags
        assert version.description
        everywhere = [each.experiment_id for each in client.search_experiments()]
        (run,) = [run for run in client.search_runs(everywhere) if BUNDLE in run.data.tags]
        assert run.data.metrics == {"loss": 1.0, "detection": 0.5, "copy_rate": 0.0} | FOUND, write
        assert run.info.run_id == found.run_id
        assert release.load(found.uri, root=root).kind == "independent"
    assert write > 15  # it was killed at each of these


def test_promote_is_finished_by_the_next_call(
    project: Project,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    retrain: Callable[..., None],
) -> None:
    release.register(project.root)
    release.promote(project.root, "people")
    retrain(0.7)
    release.register(project.root)
    for write, root in copies(project.root, tmp_path_factory.mktemp("copies")):
        if not killed_at(write, monkeypatch, lambda root=root: release.promote(root, "people", by="ana")):
            break
        found = release.promote(root, "people", by="eva")
        assert (found.version, found.previous, found.moved) == (2, 1, True), write
        client = mlflow_client(default_uri(root), timeout=5)
        assert aliases(client) == {"champion": 2, "previous": 1}, write
        tags = client.get_model_version("people", "2").tags
        assert "geratriz.intent" not in tags
        assert tags["geratriz.promoted_by"] == ("eva" if write == 1 else "ana")  # what was begun is what is finished
        assert len([name for name in tags if name.startswith("geratriz.promotion.")]) == 1
    assert write > 8
