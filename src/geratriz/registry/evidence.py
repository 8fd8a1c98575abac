"""Results of `dvc repro` on disk: the compared models, their metrics, and the data they were made from."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geratriz import bundle, config, domains
from geratriz.config import PARAMS, kind_of, read_params
from geratriz.errors import ConfigError, DataError
from geratriz.registry.md5 import file_md5, folder_md5
from geratriz.scoring.metric import Metric, limited
from geratriz.scoring.verdict import Gate
from geratriz.workspace.git import git_revision

COMPARISON = Path("reports/comparison/comparison.json")
REPORTS = Path("reports/models")
VALIDATION = Path("reports/validation")
MODELS = Path("models")
RECIPE = ("params.yaml", "dvc.yaml", "dvc.lock")  # with the Git revision, enough to reproduce a run


@dataclass(frozen=True, kw_only=True, slots=True)
class _Section:
    """Section ``release`` of params.yaml, without ``privacy``."""

    name: str
    gates: Mapping[str, Gate] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """Settings of a release in params.yaml."""

    name: str
    """Name of the registered model."""
    gates: Mapping[str, Gate]
    limits: Mapping[str, Metric[Any]]
    """Attacks for this kind of data, with their limits."""
    kind: str
    """The kind of data."""
    evaluate: Mapping[str, Any]
    """Section ``evaluate``, which the comparison with the champion uses as well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One compared model: its bundle and its metrics."""

    model: str
    bundle: Path
    digest: str
    """Digest of the bundle."""
    kind: str
    settings: Mapping[str, Any]
    """``config`` and ``record`` of the bundle."""
    report: Path
    """Folder with metrics.json and the page."""
    metrics: Mapping[str, Mapping[str, Any]]
    release: bool
    privacy: str
    """Outcome of the attacks: ``passed``, ``leak`` or ``unproven``."""
    reasons: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """``release`` or ``refuse``."""
        return "release" if self.release else "refuse"


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """Everything that is registered from one state of the working tree."""

    root: Path
    release: Release
    data: str
    """Path of the raw data, as in params.yaml."""
    data_md5: str
    """MD5 of the raw data, as DVC computes it."""
    git: str | None
    """The commit, with the suffix ``-dirty`` if files differ from it."""
    lock_md5: str | None
    """MD5 of dvc.lock, which names the content of every input and output of the graph; None without dvc.lock."""
    models: tuple[Evidence, ...]
    """All compared models, best first."""
    winner: Evidence
    reasons: tuple[str, ...]
    """Why the winner ranks first."""


def read_release(root: Path) -> Release:
    """Read the settings of the release from params.yaml.

    Raises:
        ConfigError: the section is missing or invalid, or the name is not a valid one.
    """
    settings = read_params(root / PARAMS)
    section, kind = dict(config.pick(settings, "release")), kind_of(settings)
    limits = limited(domains.judge(kind).METRICS, section.pop("privacy", None))
    loaded = config.load(_Section, section, "release")
    if not loaded.name or set(loaded.name) & set("/:.'\"@ "):  # special characters of models:/NAME@ALIAS and filters
        raise ConfigError(f"release.name is {loaded.name!r}; it must be one word without / : . @ or quotes.")
    evaluate = settings.get("evaluate") or {}
    return Release(name=loaded.name, gates=loaded.gates, limits=limits, kind=kind, evaluate=evaluate)


def read(root: Path) -> Project:
    """Read the results of ``dvc repro`` in ``root``.

    Raises:
        ConfigError: params.yaml is invalid.
        DataError: the comparison, a report or the data does not exist.
        BundleError: the bundle of a compared model does not exist.
    """
    release = read_release(root)
    comparison = _read_json(root / COMPARISON)
    models = tuple(_evidence(root, str(entry["model"])) for entry in comparison["ranking"])
    data = str(config.pick(read_params(root / PARAMS), "data.raw"))
    return Project(
        root=root,
        release=release,
        data=data,
        data_md5=_data_md5(root / data),
        git=git_revision(root),
        lock_md5=file_md5(root / "dvc.lock") if (root / "dvc.lock").exists() else None,
        models=models,
        winner=next(model for model in models if model.model == comparison["winner"]),
        reasons=tuple(comparison["reasons"]),
    )


def fingerprint(folder: Path) -> str:
    """SHA-256 of the names and contents of all files in ``folder``."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(
            f"{path.relative_to(folder).as_posix()}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode()
        )
    return total.hexdigest()


def _evidence(root: Path, model: str) -> Evidence:
    folder, report = root / MODELS / model, root / REPORTS / model
    head, measured = bundle.read_head(folder), _read_json(report / "metrics.json")
    return Evidence(
        model=model,
        bundle=folder,
        digest=bundle.digest(folder),
        kind=head["kind"],
        settings={"config": head["config"], "record": head["record"]},
        report=report,
        metrics=measured["metrics"],
        release=bool(measured["verdict"]["release"]),
        privacy=str(measured["privacy"]["outcome"]),
        reasons=tuple(measured["verdict"]["reasons"]),
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist, so there is nothing to register. Run `dvc repro` first.") from None
    return content


def _data_md5(path: Path) -> str:
    """MD5 of raw data, a file or folder: from their .dvc file or, without one, computed as DVC does."""
    pointer = path.with_name(path.name + ".dvc")
    if pointer.exists():
        return str(config.pick(config.read_yaml(pointer), "outs")[0]["md5"])
    if path.is_dir():
        return folder_md5(path)
    if not path.is_file():
        raise DataError(f"neither {path} nor {pointer.name} exists: set data.raw to the data, or `dvc pull` them.")
    return file_md5(path)
