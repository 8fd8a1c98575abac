"""The monitor, run by real Prefect over real DVC and MLflow, and a drift that starts retraining on a real server.

Data that are not in the workspace are brought by processes of DVC, which take a second each.
"""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pandas as pd
import pytest
import yaml

from geratriz.errors import PipelineError
from geratriz.registry import promoting, release
from geratriz.table.data.table import write_frame
from pipelines import tracked
from tests.pipelines.conftest import ROOT, dvc, new_project, prefect_copy, wait_until
from tests.projects import Project as Trained
from tests.projects import table

SUITE = {"name": "people", "expectations": [], "meta": {"kinds": {"age": "integer", "income": "category"}}}
RAW = "data/raw/people.parquet"


def people(seed: int = 0, *, older: int = 0) -> pd.DataFrame:
    frame = table(600, seed).frame
    return frame.assign(age=frame["age"] + older)


@pytest.fixture(scope="module")
def home(mlflow_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with a champion, its raw data tracked by DVC and pushed to a remote beside it."""
    root = tmp_path_factory.mktemp("champion") / "project"
    root.mkdir()
    shutil.copyfile(mlflow_template, root / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        trained = Trained(root)
        trained.model("small", 0.5)
        trained.compare("small")
        new_project(root)
        write_frame(people(), root / RAW)
        (root / (RAW + ".dvc")).unlink()
        dvc(root, "add", "--quiet", RAW)
        dvc(root, "remote", "add", "--quiet", "beside", "../remote")
        dvc(root, "push", "--quiet", "-r", "beside", RAW + ".dvc")
        settings = yaml.safe_load((root / "params.yaml").read_text())
        settings["data"] |= {"contract": "contract.json", "schema": {"gap": "float"}}
        settings["monitor"] = {"max_rows": 300}
        (root / "params.yaml").write_text(yaml.safe_dump(settings))
        (root / "contract.json").write_text(json.dumps(SUITE))
        release.register(root)
        promoting.promote(root, "people")
        yield root


@pytest.fixture
def project(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(home.parent, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy" / "project"


def run(root: Path, **arguments: Any) -> Any:
    from pipelines.monitor import monitor

    return monitor(str(root), **arguments)


def state() -> str:
    from tests.pipelines.test_retrain import last_run

    return str(last_run().state_name)


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_server")
class TestFlow:
    def test_the_same_bytes_are_skipped(self, project: Path) -> None:
        found = run(project)
        assert found.outcome == "Skipped" and found.page is None
        assert found.reasons == ("people.parquet has not changed since version 1 of people was made from it.",)
        assert state() == "Skipped"
        assert not (project / ".geratriz").exists()

    def test_a_model_without_a_champion_is_skipped(self, project: Path) -> None:
        found = run(project, name="nobody")
        assert found.outcome == "Skipped" and "nobody has no champion" in found.reasons[0]

    def test_new_data_are_judged_and_a_page_an_artifact_and_json_are_left(self, project: Path) -> None:
        from prefect.artifacts import Artifact

        write_frame(people(1, older=20).drop(columns="day"), project / "new.csv")
        found = run(project, data="new.csv")
        assert found.outcome == "Drift" and state() == "Drift"
        assert found.reasons[0] == "Column 'day' is gone."
        assert any("Column 'age' has changed: KS distance" in each for each in found.reasons)
        assert found.page.is_relative_to(project / ".geratriz/monitor")
        assert "The data have drifted" in found.page.read_text()
        written = json.loads((found.page.parent / "drift.json").read_text())
        assert written["drifted"] and written["before"] == written["now"] == 600
        artifact = Artifact.get("drift")
        assert artifact is not None and "| age | yes |" in str(artifact.data)

    def test_other_rows_of_the_same_kind_are_no_drift(self, project: Path) -> None:
        write_frame(people(2), project / RAW)
        found = run(project)
        assert (found.outcome, found.reasons) == ("No drift", ())
        assert state() == "No drift"

    def test_data_that_are_no_longer_here_come_from_the_cache_and_then_from_a_remote(self, project: Path) -> None:
        (project / RAW).unlink()
        write_frame(people(2), project / RAW)
        dvc(project, "add", "--quiet", RAW)
        before = subprocess.run(["git", "status", "--short"], cwd=project, capture_output=True, text=True).stdout
        assert run(project).outcome == "No drift"
        shutil.rmtree(project / ".dvc/cache")
        assert run(project).outcome == "No drift"
        after = subprocess.run(["git", "status", "--short"], cwd=project, capture_output=True, text=True).stdout
        assert set(after.splitlines()) - set(before.splitlines()) <= {"?? .geratriz/"}
        shutil.rmtree(project.parent / "remote")
        with pytest.raises(PipelineError, match="neither in the workspace nor in DVC's cache nor in a remote"):
            run(project)

    def test_of_imported_data_the_sources_state_is_judged_and_the_workspace_is_left_alone(self, project: Path) -> None:
        source = project.parent / "source.parquet"
        shutil.copyfile(project / RAW, source)
        (project / RAW).unlink()
        (project / (RAW + ".dvc")).unlink()
        dvc(project / "data/raw", "import-url", "--quiet", "../../../source.parquet", "people.parquet")
        assert run(project).outcome == "Skipped"
        source.unlink()
        write_frame(people(1, older=20), source)
        kept = (project / RAW).read_bytes(), (project / (RAW + ".dvc")).read_bytes()
        assert run(project).outcome == "Drift"
        assert kept == ((project / RAW).read_bytes(), (project / (RAW + ".dvc")).read_bytes())

    def test_settings_that_are_none_are_refused(self, project: Path) -> None:
        from geratriz.errors import ConfigError

        settings = yaml.safe_load((project / "params.yaml").read_text())
        (project / "params.yaml").write_text(yaml.safe_dump(settings | {"monitor": {"alfa": 0.1}}))
        with pytest.raises(ConfigError, match=r"monitor\.alfa is not a setting\. Did you mean 'alpha'"):
            run(project)


def prefect(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments], cwd=folder, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def server(prefect_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A whole Prefect server: automations run in its services, which the temporary one does not have."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("PREFECT_HOME", str(prefect_copy(prefect_home, tmp_path / "prefect")))
    monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT)]))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    address = f"http://127.0.0.1:{port}/api"
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"],
            stdout=log,
            stderr=log,
        )

    def answers() -> bool:
        try:
            return httpx.get(f"{address}/health").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(answers, seconds=120)
        monkeypatch.setenv("PREFECT_API_URL", address)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=60)


def test_the_trigger_in_prefect_yaml_is_a_drift_of_the_model_in_params_yaml() -> None:
    model = yaml.safe_load((ROOT / "params.yaml").read_text())["release"]["name"]
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    triggers = [trigger for each in deployments for trigger in each.get("triggers", ())]
    assert [each["expect"] for each in triggers] == [["geratriz.drift"]]
    assert [each["match"] for each in triggers] == [{"prefect.resource.id": f"geratriz.model.{model}"}]


def emit(server: str, event: str, model: str) -> None:
    """An event as the monitor of a model emits it."""
    resource = {"prefect.resource.id": f"geratriz.model.{model}", "prefect.resource.name": model}
    content = {"id": str(uuid4()), "occurred": datetime.now(UTC).isoformat(), "event": event, "resource": resource}
    httpx.post(f"{server}/events", json=[content]).raise_for_status()


@pytest.mark.slow
def test_a_drift_starts_the_deployment_of_its_own_model(project: Path, server: str, tmp_path: Path) -> None:
    """Slow: automations need a server with all its services, prefect.yaml the command that reads it."""
    deployed = tmp_path / "deployed"
    shutil.copytree(ROOT / "pipelines", deployed / "pipelines")
    written = (ROOT / "prefect.yaml").read_text()
    (deployed / "prefect.yaml").write_text(written.replace("geratriz.model.adult", "geratriz.model.people"))
    deployments = yaml.safe_load((deployed / "prefect.yaml").read_text())["deployments"]
    for pool in {each["work_pool"]["name"] for each in deployments}:
        httpx.post(f"{server}/work_pools/", json={"name": pool, "type": "process"}).raise_for_status()
    prefect(deployed, "deploy", "--all")
    known = {each["name"]: each["id"] for each in httpx.post(f"{server}/deployments/filter", json={}).json()}
    (waiting,) = (known[each["name"]] for each in deployments if each.get("triggers"))
    assert "monitor" in known

    def started() -> list[Any]:
        chosen = {"deployments": {"id": {"any_": [waiting]}}}
        runs = httpx.post(f"{server}/flow_runs/filter", json=chosen).json()
        return [each for each in runs if not each["auto_scheduled"]]

    emit(server, "geratriz.drift", "somebodys")
    emit(server, "geratriz.no-drift", "people")
    write_frame(people(1, older=20), project / "new.parquet")
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.monitor", "new.parquet"], cwd=project, text=True, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert said[0] == "comparing new data with those that version 1 of people was made from"
    assert said[2] == "Drift" and said[-1].startswith(f"Page: {project}/.geratriz/monitor/")
    wait_until(started, seconds=60)
    (run,) = started()  # the server goes through events in the order in which they came
    assert run["parameters"] == {"trigger": "drift"}
    assert run["state_name"] in ("Scheduled", "Late")


def test_of_images_the_manifest_is_watched(tmp_path: Path) -> None:
    from geratriz.images import output as image_output
    from geratriz.images.data.manifest import manifest
    from geratriz.images.draft import suite_of
    from geratriz.output import Provenance
    from geratriz.table.drift import DriftConfig
    from pipelines.monitor import _compare
    from tests.images import shapes

    origin = {"bundle": "", "kind": "", "record": {}, "seed": 0, "where": {}, "start": 0, "block": 1, "acceptance": 1.0}
    everyone = shapes(450)
    assert everyone.labels is not None
    parts = {"known": slice(0, 200), "same": slice(200, 400), "discs": everyone.labels == 1}
    for name, index in parts.items():
        part = everyone.take(index)
        provenance = Provenance(**origin, rows=len(part))
        image_output.write(tmp_path / f"{name}.parquet", iter([part]), len(part), provenance)
    suite = suite_of(manifest(tmp_path / "known.parquet"), "shapes")
    (tmp_path / "contract.json").write_text(json.dumps(suite))
    params = {"data": {"kind": "images", "contract": "contract.json"}}
    known = tmp_path / "known.parquet"
    same, discs = (
        _compare(tmp_path, params, DriftConfig(), known, tmp_path / f"{name}.parquet") for name in ("same", "discs")
    )
    assert not same.reasons
    assert any("label" in reason for reason in discs.reasons)


@pytest.mark.slow
def test_of_data_from_a_database_the_query_is_run_again_and_the_workspace_is_left_alone(tmp_path: Path) -> None:
    database, project, scratch = tmp_path / "shop.db", tmp_path / "project", tmp_path / "scratch"
    project.mkdir()
    scratch.mkdir()
    with closing(sqlite3.connect(database)) as shop, shop:
        people().to_sql("people", shop, index=False)
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    dvc(project, "init", "--quiet")
    dvc(project, "config", "--local", "db.shop.url", f"sqlite:///{database}")
    dvc(project, "import-db", "--quiet", "--sql", "select * from people", "--conn", "shop", "--out", "people.csv")
    snapshot = tracked.newest(project, project / "people.csv", scratch)
    assert tracked.md5_of(snapshot) == tracked.md5_of(project / "people.csv")
    with closing(sqlite3.connect(database)) as shop, shop:
        people(1).to_sql("people", shop, index=False, if_exists="append")
    shutil.rmtree(scratch)
    scratch.mkdir()
    assert len(pd.read_csv(tracked.newest(project, project / "people.csv", scratch))) == 1200
    assert len(pd.read_csv(project / "people.csv")) == 600
