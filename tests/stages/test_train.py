"""Stage train, and what every stage does at its start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from geratriz import bundle, config, tracking
from geratriz.errors import ConfigError
from geratriz.parts import SplitConfig
from geratriz.registry.client import default_uri, mlflow_client
from geratriz.stages import train
from geratriz.table.data.rules import Rules
from geratriz.table.data.split import split
from geratriz.table.generators.catalog import GENERATORS
from tests.domain_examples import QUICK
from tests.tables import mixed

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SUITE = {
    "expectations": [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "price", "min_value": 9, "strict_min": True, "row_condition": "sold"},
        }
    ]
}
PARAMS = """
models: [independent]
data: {kind: table}
train: {seed: 0, device: cpu, independent: {bins: 16}}
sample: {seed: 1, rows: null}
release: {name: toy, gates: {}}
"""


@pytest.fixture
def project(mlflow_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(mlflow_root)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    prepared = mlflow_root / "prepared"
    parts = split(mixed(200), SplitConfig())
    for name, part in parts.items():
        part.write(prepared / f"{name}.parquet")
    parts["train"].schema.write(prepared / "schema.json")
    Rules.of(SUITE).write(prepared / "rules.json")
    (mlflow_root / "params.yaml").write_text(PARAMS)
    return mlflow_root


def fit(project: Path, name: str, **changed: object) -> Path:
    params = train.Params(model="tvae", seed=0, device="cpu", config={**QUICK["tvae"], **changed})
    train.main(params, prepared=project / "prepared", out=project / name, out_history=project / f"{name}.csv")
    return project / name


def test_a_bundle_its_history_and_its_run_are_left_behind(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = fit(project, "model")
    assert {path.name for path in folder.iterdir()} == {bundle.HEAD, bundle.TENSORS, bundle.HISTORY}
    history = tracking.read_history(folder / bundle.HISTORY)
    rounds = len(history)
    assert [line["step"] for line in history] == list(range(1, rounds + 1))
    assert pd.read_csv(project / "model.csv").columns.tolist() == [
        "step",
        "reconstruction",
        "kl",
        "active_units",
        "held_out",
    ]
    printed = capsys.readouterr().out
    assert "columns to model" in printed.splitlines()[0]
    assert f"round {rounds}/{rounds}" in printed
    assert "of the rows drawn keep the 1 rules" in printed
    assert GENERATORS.load(folder).sample(50, seed=1).frame.query("sold")["price"].gt(9).all()
    client = mlflow_client(default_uri(project), timeout=5)
    experiment = client.get_experiment_by_name("toy")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.tags["geratriz.bundle"] == bundle.digest(folder)
    assert run.info.status == "FINISHED"


def test_equal_inputs_give_equal_files(project: Path) -> None:
    first, second = fit(project, "one"), fit(project, "two")
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_a_stage_goes_on_though_mlflow_is_away(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    folder = fit(project, "model")
    assert GENERATORS.load(folder).kind == "tvae"


def test_a_setting_that_is_none_is_named_with_its_place(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"train\.tvae\.epoch is not a setting\. Did you mean 'epochs'"):
        fit(project, "model", epoch=3)


def stage(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_a_stage_runs_as_dvc_runs_it_and_makes_the_folders_it_writes_into(project: Path) -> None:
    """Takes seconds: a process of its own, which imports MLflow."""
    words = ["--model", "independent", "--prepared", "prepared", "--out", "a/b/model", "--out_history", "c/d/any.csv"]
    done = stage(project, "geratriz.stages.train", *words)
    assert done.returncode == 0, done.stderr
    assert json.loads((project / "a/b/model/generator.json").read_text())["config"]["bins"] == 16
    assert (project / "c/d/any.csv").exists()


def test_a_stage_says_what_is_wrong_in_one_line(project: Path) -> None:
    (project / "params.yaml").write_text(PARAMS + "evalute: {}\n")
    done = stage(project, "geratriz.stages.sample", "--bundle", "model", "--out", "x.parquet")
    assert done.returncode == 1
    assert done.stderr == (
        "ConfigError: params.yaml has a section 'evalute' that nothing reads. Did you mean 'evaluate'?\n"
    )


def test_a_stage_insists_on_the_code_of_its_own_checkout(project: Path) -> None:
    (project / "src" / "geratriz").mkdir(parents=True)
    done = stage(project, "geratriz.stages.sample", "--bundle", "model", "--out", "x.parquet")
    assert done.returncode == 1
    assert f"PYTHONPATH={project / 'src'}" in done.stderr


def test_sections_are_those_of_the_project() -> None:
    assert set(config.read_params(ROOT / "params.yaml")) == set(config.SECTIONS)
