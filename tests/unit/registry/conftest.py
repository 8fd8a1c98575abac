"""A project as `dvc repro` leaves it, small and made on the spot; its registry is a SQLite file of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from geratriz.registry import holdout, promoting, release
from geratriz.stages import compare
from geratriz.table.data.table import Table
from geratriz.table.generators.independent import Independent
from tests.verdicts import attacked, privacy

GATES = {"detection": {"min": 0.2}, "copy_rate": {"max": 0.01}}


def table(rows: int = 400, seed: int = 0, *, bad: bool = False) -> Table:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(17, 80, rows),
            "income": rng.choice(["<=50K", ">50K"], rows),
            "gap": np.where(rng.random(rows) < 0.3, np.nan, rng.normal(size=rows).round(2)),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 400, rows), unit="D"),
        }
    )
    if bad:
        frame["age"] = 17 + frame["age"] // 4
    return Table.from_frame(frame, target="income")


def aliases(client: Any) -> dict[str, int]:
    return {alias: int(version) for alias, version in client.get_registered_model("people").aliases.items()}


class Project:
    """A project's folder, and what may happen to it between two registrations."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.gates: dict[str, Any] = GATES
        self.gains: dict[str, Any] = {}  # of attacks, beyond what they have by default
        (root / "data" / "raw").mkdir(parents=True)
        (root / "data" / "raw" / "people.parquet.dvc").write_text("outs:\n- md5: 0123abcd\n  path: people.parquet\n")
        self.prepare(table(60, seed=99))
        (root / "reports" / "validation").mkdir(parents=True)
        (root / "reports" / "validation" / "validation.json").write_text("{}")

    def prepare(self, test: Table) -> None:
        """Hold out ``test``, and write the dvc.lock that says so."""
        folder = self.root / "data" / "prepared"
        folder.mkdir(exist_ok=True)
        test.write(folder / "test.parquet")
        test.schema.write(folder / "schema.json")
        made = {"path": "data/prepared", "md5": holdout.digest(folder)}
        lock = {"schema": "2.0", "stages": {"prepare": {"cmd": "true", "outs": [made]}}}
        (self.root / "dvc.lock").write_text(yaml.safe_dump(lock))

    def model(
        self, name: str, detection: float, *, seed: int = 0, release: bool = True, learns: Table | None = None
    ) -> None:
        """Fit and judge a model; another ``seed`` gives another bundle, another ``detection`` another report."""
        folder = self.root / "models" / name
        Independent.fit(table(seed=seed) if learns is None else learns, seed=seed).save(folder)
        (folder / "history.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0}\n')
        report = self.root / "reports" / "models" / name
        report.mkdir(parents=True, exist_ok=True)
        metric = {"floor": 0.05, "ceiling": 0.99, "better": "higher"}
        metrics = {
            "detection": {"value": detection, "low": detection - 0.02, "high": detection + 0.02, **metric},
            "copy_rate": {"value": 0.0, "low": 0.0, "high": 0.001, "floor": 0.0, "ceiling": 0.0, "better": "lower"},
            "utility": {"value": None, "low": None, "high": None, "floor": None, "ceiling": None, "better": "higher"},
        }
        metrics |= attacked(**self.gains)
        content = {"metrics": metrics, "privacy": privacy(metrics)}
        content["verdict"] = {"release": release, "reasons": [f"{name} was judged."]}
        (report / "metrics.json").write_text(json.dumps(content))
        (report / "index.html").write_text(f"<h1>{name}</h1>")

    def compare(self, *names: str) -> None:
        """Write params.yaml for the models named, and compare them."""
        settings = {
            "data": {"raw": "data/raw/people.parquet"},
            "models": list(names),
            "compare": {"by": "detection"},
            "evaluate": {"bootstrap": 20},
            "release": {"name": "people", "gates": self.gates},
        }
        (self.root / "params.yaml").write_text(yaml.safe_dump(settings))
        reports = self.root / "reports"
        compare.main(
            compare.Params(models=names, by="detection"),
            reports=reports / "models",
            out=reports / "comparison",
            out_scores=reports / "scores.json",
        )


@pytest.fixture
def project(mlflow_root: Path) -> Project:
    """A project with one model that may be released."""
    made = Project(mlflow_root)
    made.model("small", 0.5)
    made.compare("small")
    return made


@pytest.fixture
def challenged(project: Project, retrain: Callable[..., None]) -> Project:
    """A project whose version 1 is the champion, and version 2, which draws the same, the challenger."""
    release.register(project.root)
    promoting.promote(project.root, "people", by="ana")
    retrain(0.7)
    release.register(project.root)
    return project


@pytest.fixture
def client(project: Project) -> Any:
    """MLflow as someone else sees it."""
    from geratriz.registry.client import default_uri, mlflow_client

    return mlflow_client(default_uri(project.root), timeout=5)


@pytest.fixture
def retrain(project: Project) -> Callable[..., None]:
    """Make the winner anew, another bundle with another detection."""

    def again(detection: float, seed: int = 1, **how: Any) -> None:
        project.model("small", detection, seed=seed, **how)
        project.compare("small")

    return again
