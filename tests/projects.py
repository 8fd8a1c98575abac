"""A project as `dvc repro` leaves it, small and made on the spot; its registry is a SQLite file of its own.

How far it has come (a version, a champion, a challenger) is made once a session: a test works on a copy.
"""

import copy
import json
import shutil
import sqlite3
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from geratriz.registry import promoting, release
from geratriz.registry.md5 import folder_md5
from geratriz.stages import compare
from geratriz.table.data.table import Table
from geratriz.table.generators.independent import Independent
from tests.attack_metrics import attacked, privacy

GATES = {"detection": {"min": 0.2}, "copy_rate": {"max": 0.01}}
NOT_COPIED = shutil.ignore_patterns("code")  # the package beside each stored model: only who serves one needs it


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
        self.limits: dict[str, Any] = {}  # of attacks, in the place of their own
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
        self.lock()

    def lock(self) -> None:
        """Write the dvc.lock that names what is prepared."""
        made = {"path": "data/prepared", "md5": folder_md5(self.root / "data" / "prepared")}
        lock = {"schema": "2.0", "stages": {"prepare": {"cmd": "true", "outs": [made]}}}
        (self.root / "dvc.lock").write_text(yaml.safe_dump(lock))

    def model(
        self, name: str, detection: float, *, seed: int = 0, release: bool = True, learns: Table | None = None
    ) -> None:
        """Fit and judge a model; another ``seed`` gives another bundle, another ``detection`` another report."""
        folder = self.root / "models" / name
        Independent.fit(table(seed=seed) if learns is None else learns, seed=seed).save(folder)
        (folder / "history.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0}\n')
        metric = {"floor": 0.05, "ceiling": 0.99, "better": "higher"}
        metrics = {
            "detection": {"value": detection, "low": detection - 0.02, "high": detection + 0.02, **metric},
            "copy_rate": {"value": 0.0, "low": 0.0, "high": 0.001, "floor": 0.0, "ceiling": 0.0, "better": "lower"},
            "utility": {"value": None, "low": None, "high": None, "floor": None, "ceiling": None, "better": "higher"},
        }
        metrics |= attacked(**self.gains)
        content = {"metrics": metrics, "privacy": privacy(metrics)}
        self.report(name, {**content, "verdict": {"release": release, "reasons": [f"{name} was judged."]}})

    def report(self, name: str, content: dict[str, Any]) -> None:
        """Write what was measured on a model."""
        report = self.root / "reports" / "models" / name
        report.mkdir(parents=True, exist_ok=True)
        (report / "metrics.json").write_text(json.dumps(content))
        (report / "index.html").write_text(f"<h1>{name}</h1>")

    def compare(self, *names: str, kind: str = "table", by: str = "detection") -> None:
        """Write params.yaml for the models named, and compare them."""
        settings = {
            "data": {"kind": kind, "raw": "data/raw/people.parquet"},
            "models": list(names),
            "compare": {"by": by},
            "evaluate": {"bootstrap": 20} if kind == "table" else {},
            "release": {"name": "people", "gates": self.gates, "privacy": self.limits},
        }
        (self.root / "params.yaml").write_text(yaml.safe_dump(settings))
        reports = self.root / "reports"
        compare.main(
            compare.Params(models=names, by=by),
            reports=reports / "models",
            out=reports / "comparison",
            out_scores=reports / "scores.json",
        )

    def again(self, detection: float, seed: int = 1, **how: Any) -> None:
        """Make the winner anew, another bundle with another detection."""
        self.model("small", detection, seed=seed, **how)
        self.compare("small")

    def copy(self, root: Path) -> "Project":
        """The same in another folder, with a registry of its own."""
        shutil.copytree(self.root, root, ignore=NOT_COPIED, dirs_exist_ok=True)
        move_registry(root / "mlflow.db", self.root, root)
        other = copy.copy(self)
        other.root = root
        return other


def move_registry(database: Path, old: Path, new: Path) -> None:
    """Name ``new`` wherever a copy of an MLflow database names ``old``: it keeps whole paths of what it stores."""
    with sqlite3.connect(database) as found:
        tables = [name for (name,) in found.execute("select name from sqlite_master where type = 'table'")]
        for each in tables:
            for _, column, kind, *_ in found.execute(f"pragma table_info({each})").fetchall():
                if kind.startswith(("VARCHAR", "TEXT")):
                    found.execute(
                        f"update {each} set {column} = replace({column}, ?, ?) where instr({column}, ?)",
                        (str(old), str(new), str(old)),
                    )
    found.close()


class Stations:
    """A project at each station of its way, made when it is first asked for."""

    def __init__(self, folder: Path, mlflow_template: Path) -> None:
        self._folder, self._mlflow = folder, mlflow_template

    @cached_property
    def trained(self) -> Project:
        """One model that may be released."""
        root = self._folder / "trained"
        root.mkdir()
        shutil.copyfile(self._mlflow, root / "mlflow.db")
        made = Project(root)
        made.model("small", 0.5)
        made.compare("small")
        return made

    @cached_property
    def registered(self) -> Project:
        """It is version 1 and the challenger."""
        return self._after(self.trained, "registered", release.register)

    @cached_property
    def promoted(self) -> Project:
        """It is the champion."""
        return self._after(self.registered, "promoted", _promote)

    @cached_property
    def challenged(self) -> Project:
        """Version 1 is the champion, and version 2, which draws the same, the challenger."""
        made = self.promoted.copy(self._folder / "challenged")
        made.again(0.7)
        return self._done(made, release.register)

    @cached_property
    def succeeded(self) -> Project:
        """Version 2 is the champion, and version 1 was."""
        return self._after(self.challenged, "succeeded", _promote)

    @cached_property
    def offer(self) -> promoting.Offer:
        """To make version 2 the champion."""
        found = promoting.examine(self.challenged.root, "people", uri=f"sqlite:///{self.challenged.root}/mlflow.db")
        assert isinstance(found, promoting.Offer)
        return found

    def _after(self, before: Project, name: str, step: Callable[[Path], Any]) -> Project:
        return self._done(before.copy(self._folder / name), step)

    def _done(self, project: Project, step: Callable[[Path], Any]) -> Project:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("MLFLOW_TRACKING_URI", raising=False)
            step(project.root)
        return project


def _promote(root: Path) -> None:
    promoting.promote(root, "people", by="ana")
