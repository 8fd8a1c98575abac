"""What the graph left on disk: the compared models, their measurements, and what they were made from."""

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
RECIPE = ("params.yaml", "dvc.yaml", "dvc.lock")  # with the Git revision, all it takes to make the same again


@dataclass(frozen=True, kw_only=True, slots=True)
class _Section:
    """The section ``release`` of params.yaml, without ``privacy``."""

    name: str
    gates: Mapping[str, Gate] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """What params.yaml says of a release."""

    name: str
    """The registered model."""
    gates: Mapping[str, Gate]
    limits: Mapping[str, Metric[Any]]
    """The attacks on its kind of data, with their limits."""
    kind: str
    """The kind of data."""
    evaluate: Mapping[str, Any]
    """The section ``evaluate``: how thoroughly a candidate is compared with the champion."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One compared model: its bundle and what was measured on it."""

    model: str
    bundle: Path
    digest: str
    """The bundle's identity."""
    kind: str
    settings: Mapping[str, Any]
    """Its ``config`` and ``record``, as the bundle holds them."""
    report: Path
    """The folder with metrics.json and the page."""
    metrics: Mapping[str, Mapping[str, Any]]
    release: bool
    privacy: str
    """What the attacks found, in a word: ``passed``, ``leak`` or ``unproven``."""
    reasons: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """The verdict in a word."""
        return "release" if self.release else "refuse"


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """All that is registered from one state of the work tree."""

    root: Path
    release: Release
    data: str
    """The raw data's path, as params.yaml names it."""
    data_md5: str
    """DVC's digest of it."""
    git: str | None
    """The commit, ``-dirty`` behind it when files differ."""
    lock_md5: str | None
    """MD5 of dvc.lock, which names the content of every file the graph read and made; None where there is none."""
    models: tuple[Evidence, ...]
    """Best first."""
    winner: Evidence
    reasons: tuple[str, ...]
    """Why the winner won."""


def read_release(root: Path) -> Release:
    """The settings of the release.

    Raises:
        ConfigError: the section is missing or wrong, or the name cannot be one.
    """
    settings = read_params(root / PARAMS)
    section, kind = dict(config.pick(settings, "release")), kind_of(settings)
    limits = limited(domains.judge(kind).METRICS, section.pop("privacy", None))
    given = config.load(_Section, section, "release")
    release = Release(
        name=given.name, gates=given.gates, limits=limits, kind=kind, evaluate=settings.get("evaluate") or {}
    )
    if not release.name or set(release.name) & set("/:.'\"@ "):  # MLflow's own marks in models:/NAME@ALIAS and filters
        raise ConfigError(f"release.name is {release.name!r}; it must be one word without / : . @ or quotes.")
    return release


def read(root: Path) -> Project:
    """Read what ``dvc repro`` left in ``root``.

    Raises:
        ConfigError: params.yaml is wrong.
        DataError: the comparison, a report or the data is not there.
        BundleError: a compared model's bundle is not there.
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
        winner=next(each for each in models if each.model == comparison["winner"]),
        reasons=tuple(comparison["reasons"]),
    )


def fingerprint(folder: Path) -> str:
    """SHA-256 over the names and contents of every file in ``folder``."""
    total = hashlib.sha256()
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
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
        raise DataError(f"{path} does not exist: there is nothing to register yet. Run `dvc repro` first.") from None
    return content


def _data_md5(path: Path) -> str:
    """DVC's digest of raw data, a file or a folder: from their .dvc file, else reckoned as DVC does."""
    pointer = path.with_name(path.name + ".dvc")
    if pointer.exists():
        return str(config.pick(config.read_yaml(pointer), "outs")[0]["md5"])
    if path.is_dir():
        return folder_md5(path)
    if not path.is_file():
        raise DataError(f"{path} does not exist, nor does {pointer.name}: set data.raw to the data, or `dvc pull` it.")
    return file_md5(path)
