"""Trackers: files and MLflow, and that neither can fail a fit."""

import logging
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from geratriz.registry.client import default_uri, experiment_id, mlflow_client
from geratriz.registry.live import MlflowTracker, mlflow_run
from geratriz.tracking import JsonlTracker, Trackers, read_history
from geratriz.workspace.git import git_revision


def opened(root: Path, **changes: object) -> "Iterator[MlflowTracker]":
    settings = {"experiment": "adult", "model": "small", "kind": "tvae", "params": {"train": {"seed": 3, "rate": 1e-3}}}
    return mlflow_run(root=root, **{**settings, **changes})  # type: ignore


def runs(root: Path) -> list:
    client = mlflow_client(default_uri(root), timeout=5)
    return list(client.search_runs([each.experiment_id for each in client.search_experiments()]))


def test_history_survives_a_step_that_is_done_again(tmp_path: Path) -> None:
    tracker = JsonlTracker(tmp_path / "run" / "history.jsonl")
    for step in (1, 2, 3, 2):
        tracker.metrics({"loss": 1 / step}, step=step, steps=3)
    assert read_history(tmp_path / "run" / "history.jsonl") == [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 0.5}]


def test_pictures_of_a_longer_fit_before_do_not_stay(tmp_path: Path) -> None:
    for steps in (3, 2):
        tracker = JsonlTracker(tmp_path / "history.jsonl")
        for step in range(1, steps + 1):
            tracker.metrics({"loss": 1.0}, step=step, steps=steps)
            tracker.picture(np.zeros((2, 2, 1), np.uint8), step=step)
    assert sorted(path.name for path in (tmp_path / "progress").iterdir()) == ["000001.png", "000002.png"]


def test_artifacts_lie_beside_the_database_whoever_asks_first(mlflow_root: Path) -> None:
    home, worktree = mlflow_root, mlflow_root / "worktree"
    worktree.mkdir()
    uri = default_uri(home)
    client = mlflow_client(uri, timeout=10)
    found = client.get_experiment(experiment_id(client, "toys", worktree, uri))
    assert found.artifact_location == (home / "mlartifacts").as_uri()


def test_several_trackers_hear_the_same(tmp_path: Path) -> None:
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    Trackers([JsonlTracker(path) for path in paths]).metrics({"loss": 1.0}, step=1, steps=1)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_run_holds_parameters_losses_and_the_bundle_it_made(mlflow_root: Path) -> None:
    with opened(mlflow_root) as tracker:
        for step in range(1, 6):
            tracker.metrics({"loss": 1 / step, "kl": math.nan}, step=step, steps=5)
        tracker.finish("c0ffee")
    (run,) = runs(mlflow_root)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "small")
    assert run.data.params == {"train.seed": "3", "train.rate": "0.001"}
    assert run.data.metrics["loss"] == pytest.approx(0.2)
    assert math.isnan(run.data.metrics["kl"])
    tags = {name: tag for name, tag in run.data.tags.items() if name.startswith("geratriz.")}
    assert tags == {"geratriz.model": "small", "geratriz.kind": "tvae", "geratriz.bundle": "c0ffee"}
    client = mlflow_client(default_uri(mlflow_root), timeout=5)
    assert [point.step for point in client.get_metric_history(run.info.run_id, "loss")] == [1, 2, 3, 4, 5]


def test_losses_are_sent_while_it_trains_and_not_at_every_step(mlflow_root: Path) -> None:
    with opened(mlflow_root) as tracker:
        for step in range(1, 4):
            tracker.metrics({"loss": 1 / step}, step=step, steps=100)
        (run,) = runs(mlflow_root)
        assert run.data.metrics == {"loss": 1.0}  # the first at once; the others within the same second wait
    (run,) = runs(mlflow_root)
    assert run.data.metrics["loss"] == pytest.approx(1 / 3)


def test_more_losses_than_one_call_may_carry_all_arrive(mlflow_root: Path) -> None:
    with opened(mlflow_root) as tracker:
        for step in range(1, 1300):
            tracker.metrics({"loss": 1 / step}, step=step, steps=2000)
    (run,) = runs(mlflow_root)
    assert run.data.metrics["loss"] == pytest.approx(1 / 1299)


@pytest.mark.parametrize(("problem", "status"), [(ValueError("nan"), "FAILED"), (KeyboardInterrupt(), "KILLED")])
def test_a_fit_that_fails_marks_its_run_and_its_error_goes_on(
    mlflow_root: Path, problem: BaseException, status: str
) -> None:
    with pytest.raises(type(problem)), opened(mlflow_root):
        raise problem
    (run,) = runs(mlflow_root)
    assert run.info.status == status
    assert "geratriz.bundle" not in run.data.tags


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "http://user:secret@127.0.0.1:9", "nonsense://x"])
def test_a_server_that_is_away_costs_one_warning(tmp_path: Path, uri: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), opened(tmp_path, uri=uri) as tracker:
        for step in range(1, 4):
            tracker.metrics({"loss": 1.0}, step=step, steps=3)
        tracker.finish("c0ffee")
    assert [record.name for record in caplog.records].count("geratriz.registry.live") == 1
    assert "geratriz register" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.slow
def test_a_database_that_is_away_does_not_hold_the_fit_up(tmp_path: Path) -> None:
    """MLflow tries a database for 100 seconds. In a process of its own, which takes a few to import MLflow, because its
    thread goes on trying."""
    code = (
        "from pathlib import Path; from geratriz.registry import client; client.OPEN_TIMEOUT_S = 0.5\n"
        "from geratriz.registry.live import mlflow_run\n"
        "run = mlflow_run(root=Path(), experiment='e', model='m', kind='k', params={}, uri='sqlite:////')\n"
        "with run as tracker: tracker.finish('c0ffee')\n"
        "print('trained')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "trained\n"
    assert "no answer within 0.5 seconds" in done.stderr


def test_a_server_that_goes_away_in_the_middle_costs_one_warning(
    mlflow_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), opened(mlflow_root) as tracker:
        tracker.metrics({"loss": 1.0}, step=1, steps=3)
        client = mlflow_client(default_uri(mlflow_root), timeout=5)
        client.delete_run(runs(mlflow_root)[0].info.run_id)  # now every call about it is refused
        tracker.metrics({"loss": 0.5}, step=3, steps=3)
        tracker.finish("c0ffee")
    assert [record.name for record in caplog.records].count("geratriz.registry.live") == 1


def test_two_fits_share_one_experiment_with_its_artifacts_in_the_root(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (mlflow_root, Path("/")):
        monkeypatch.chdir(folder)
        with opened(mlflow_root):
            pass
    places = [run.info.artifact_uri for run in runs(mlflow_root)]
    assert len(places) == 2
    assert all(place.startswith((mlflow_root / "mlartifacts").as_uri()) for place in places)


def test_the_environment_names_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000")
    assert default_uri(tmp_path) == "http://mlflow.example:5000"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert default_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"


@pytest.mark.slow
def test_the_revision_says_when_files_differ_from_it(tmp_path: Path) -> None:
    assert git_revision(tmp_path) is None
    identity = {
        f"GIT_{who}_{what}": "test@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    for name in ("params.yaml", "dvc.lock"):
        (tmp_path / name).write_text("1")
    for command in ("init -q", "add .", "commit -qm first"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True, env={**os.environ, **identity})
    clean = git_revision(tmp_path)
    assert clean is not None
    assert len(clean) == 40
    (tmp_path / "dvc.lock").write_text("2")
    assert git_revision(tmp_path) == clean
    (tmp_path / "params.yaml").write_text("2")
    assert git_revision(tmp_path) == f"{clean}-dirty"


@pytest.mark.slow
def test_two_processes_may_find_no_store_at_once(tmp_path: Path) -> None:
    """Ten seconds: what two processes do to each other is seen with two of them alone, and each imports MLflow."""
    code = (
        "from pathlib import Path; from geratriz.registry.live import mlflow_run\n"
        f"with mlflow_run(root=Path({str(tmp_path)!r}), experiment='e', model='m', kind='k', params={{}}) as run:\n"
        "    run.metrics({'loss': 1.0}, step=1, steps=1)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    both = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert not any("failed" in text for text in said), said
    client = mlflow_client(f"sqlite:///{tmp_path}/mlflow.db", timeout=5)
    found = client.get_experiment_by_name("e")
    assert found is not None
    assert len(client.search_runs([found.experiment_id])) == 2
