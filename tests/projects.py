"""A project as `dvc repro` leaves it, small and made on the spot; its registry is a SQLite file of its own.

How far it has come (a version, a champion, a challenger) is made once a session: a test works on a copy.
"""

import json
import pickle
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
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
from tests.shared import once

GATES = {"detection": {"min": 0.2}, "copy_rate": {"max": 0.01}}
NONE: Mapping[str, Any] = MappingProxyType({})
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

    gates: Mapping[str, Any] = GATES
    limits: Mapping[str, Any] = NONE  # of attacks, in the place of their own
    gains: Mapping[str, Any] = NONE  # of attacks, beyond what they have by default

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "data" / "raw").mkdir(parents=True)
        (root / "data" / "raw" / "people.parquet.dvc").write_text("outs:\n- md5: 0123abcd\n  path: people.parquet\n")
        self.prepare(table(60, seed=99))
        (root / "reports" / "validation").mkdir(parents=True)
        (root / "reports" / "validation" / "validation.json").write_text("{}")

    @classmethod
    def found(cls, root: Path) -> "Project":
        """One that is in ``root`` already."""
        project = cls.__new__(cls)
        project.root = root
        return project

    def prepare(self, test: Table) -> None:
        """Hold out ``test``, and write the dvc.lock that says so."""
        folder = self.root / "data" / "prepared"
        folder.mkdir(exist_ok=True)
        test.write(folder / "test.parquet")
        test.schema.write(folder / "schema.json")
        made = {"path": "data/prepared", "md5": folder_md5(folder)}
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
            "release": {"name": "people", "gates": dict(self.gates), "privacy": dict(self.limits)},
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
        return Project.found(root)


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
        return self._once("trained", self._train)

    @cached_property
    def registered(self) -> Project:
        """It is version 1 and the challenger."""
        return self._after(self.trained, "registered", lambda made: release.register(made.root))

    @cached_property
    def promoted(self) -> Project:
        """It is the champion."""
        return self._after(self.registered, "promoted", _promote)

    @cached_property
    def challenged(self) -> Project:
        """Version 1 is the champion, and version 2, which draws the same, the challenger."""
        return self._after(self.promoted, "challenged", _challenge)

    @cached_property
    def succeeded(self) -> Project:
        """Version 2 is the champion, and version 1 was."""
        return self._after(self.challenged, "succeeded", _promote)

    @cached_property
    def offer(self) -> promoting.Offer:
        """To make version 2 the champion."""
        examined = self._after(self.challenged, "examined", _examine)
        found = pickle.loads((examined.root / "offer").read_bytes())
        assert isinstance(found, promoting.Offer)
        return found

    def _train(self, root: Path) -> None:
        shutil.copyfile(self._mlflow, root / "mlflow.db")
        made = Project(root)
        made.model("small", 0.5)
        made.compare("small")

    def _after(self, before: Project, name: str, step: Callable[[Project], Any]) -> Project:
        return self._once(name, lambda root: step(before.copy(root)))

    def _once(self, name: str, make: Callable[[Path], Any]) -> Project:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("MLFLOW_TRACKING_URI", raising=False)
            return Project.found(once(self._folder / name, make))


def _promote(project: Project) -> None:
    promoting.promote(project.root, "people", by="ana")


def _challenge(project: Project) -> None:
    project.again(0.7)
    release.register(project.root)


def _examine(project: Project) -> None:
    (project.root / "offer").write_bytes(pickle.dumps(promoting.examine(project.root, "people")))
