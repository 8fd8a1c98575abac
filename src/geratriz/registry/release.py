"""Registering the results of `dvc repro`, listing and loading registered generators.

Every function can be called again at any time: finished steps are skipped, and an interrupted call is completed.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from geratriz import bundle, domains
from geratriz._version import __version__
from geratriz.errors import RegistryError
from geratriz.fitting.generator import Fitted
from geratriz.output import Origin
from geratriz.registry import evidence as on_disk
from geratriz.registry import lock
from geratriz.registry.card import card, shortened
from geratriz.registry.client import hide
from geratriz.registry.evidence import Evidence, Project
from geratriz.registry.kinds import kind_of_bundle
from geratriz.registry.mlflow import Intent, Registry, Version
from geratriz.registry.names import (
    BUNDLE,
    CHALLENGER,
    CHAMPION,
    DATA,
    EVALUATION,
    GIT,
    KIND,
    LOCK,
    LOGGED,
    METRIC,
    MODEL,
    PRIVACY,
    RECIPE,
    VERDICT,
)
from geratriz.registry.packaging import conditions
from geratriz.registry.promoting import finish_pending_moves, user
from geratriz.scoring.verdict import is_measured
from geratriz.tracking import PROGRESS


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """Result of :func:`register`."""

    name: str
    version: int
    uri: str
    model: str
    """The winner, an entry of ``models`` in params.yaml."""
    run_id: str
    page: Path
    """Path of the winner's page."""
    created: bool
    """False if the same bundle was registered before."""
    aliases: tuple[str, ...]
    release: bool
    """Whether the verdict allows a release."""
    reasons: tuple[str, ...]
    commands: tuple[str, ...]
    """Commands for the next steps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """One version in the list of :func:`models`."""

    name: str
    version: int
    uri: str
    aliases: tuple[str, ...]
    model: str
    verdict: str
    """``release`` or ``refuse``."""
    privacy: str
    """Outcome of the attacks: ``passed``, ``leak`` or ``unproven``."""
    metrics: Mapping[str, float]
    created: datetime
    promoted_at: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A generator and its origin, from :func:`find`."""

    generator: Fitted[Any, Any]
    kind: str
    """Kind of data it produces."""
    origin: Origin
    """Its bundle, version and verdict, for the provenance of its rows."""


def register(root: Path, *, uri: str | None = None) -> Registered:
    """Update the runs of all compared models, and register the winner as ``challenger``.

    A bundle is registered as one version only; a later call updates its evaluation, tags and card. A version that is
    the champion stays the champion and does not become a challenger.

    Raises:
        ConfigError: params.yaml is invalid.
        DataError: `dvc repro` was not run, or not to its end.
        RegistryError: MLflow does not answer or rejects a call; the next call resumes.
    """
    project = on_disk.read(root)
    registry = Registry(root, uri, create=True)
    runs = {evidence.model: _update_run(registry, project, evidence) for evidence in project.models}
    winner, name = project.winner, project.release.name
    version = registry.find_version(name, winner.digest)
    created = version is None
    made_at = project.git if version is None else version.tags.get(GIT)  # registering again does not change it
    text = card(project, winner, conditions(winner.bundle), git=made_at)
    registry.log_text(runs[winner.model], "card.md", text)
    if version is None:
        tags = {**_origin(project, winner), **_results(winner)}
        description = shortened(text)
        registry.create_version(name, runs[winner.model], winner, tags=tags, description=description)
    else:
        registry.update_version(version, tags=_results(winner), description=shortened(text))
    finish_pending_moves(registry, name)
    version = _find_version(registry, name, winner.digest)
    if not {CHAMPION, CHALLENGER} & set(version.aliases):
        with lock.held(registry, name, by=user()) as check_lease:
            registry.finish_pending_moves(name, check_lease)
            version = _find_version(registry, name, winner.digest)
            if CHAMPION not in version.aliases:
                made = {"geratriz.registered_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
                registry.move(version, Intent(aliases={CHALLENGER: version.version}, tags=made), check_lease)
        version = _find_version(registry, name, winner.digest)
    return Registered(
        name=name,
        version=version.version,
        uri=version.uri,
        model=winner.model,
        run_id=version.run_id,
        page=winner.report / "index.html",
        created=created,
        aliases=version.aliases,
        release=winner.release,
        reasons=project.reasons,
        commands=_commands(version, registry.uri, domains.words(kind_of_bundle(winner.bundle)).SAMPLE),
    )


def models(root: Path, *, uri: str | None = None) -> list[Listed]:
    """List all versions of all registered generators, by name and newest first.

    Raises:
        RegistryError: MLflow does not answer.
    """
    registry = Registry(root, uri)
    return [_listed(version) for name in registry.names() for version in reversed(registry.versions(name))]


def load(where: Path | str, *, root: Path = Path(), uri: str | None = None) -> Fitted[Any, Any]:
    """Load a generator from a folder or from an address such as ``models:/adult@champion`` or ``models:/adult/3``.

    Raises:
        BundleError: the folder holds no generator, or a damaged one.
        RegistryError: the address is invalid, or the version does not exist.
    """
    return find(where, root=root, uri=uri).generator


def find(where: Path | str, *, root: Path = Path(), uri: str | None = None) -> Found:
    """Load a generator as :func:`load` does, with its bundle and, if registered, its version and verdict."""
    if not str(where).startswith("models:"):
        return _found(Path(where))
    registry = Registry(root, uri)
    version = registry.resolve(str(where))
    with tempfile.TemporaryDirectory() as scratch:
        folder = registry.download(version, Path(scratch))
        return _found(folder, model=version.uri, verdict=version.tags.get(VERDICT))


def _found(folder: Path, **known: str | None) -> Found:
    kind = kind_of_bundle(folder)
    return Found(
        generator=domains.draw(kind).load(folder),
        kind=kind,
        origin=Origin(bundle=bundle.digest(folder), geratriz=__version__, **known),
    )


def _update_run(registry: Registry, project: Project, evidence: Evidence) -> str:
    """Log the results on disk to the run of a model, and return its id."""
    run = registry.find_run(evidence.digest)
    if run is None:
        tags = {MODEL: evidence.model, KIND: evidence.kind, **({GIT: project.git} if project.git else {})}
        run = registry.create_run(project.release.name, evidence, tags)
    run_id = str(run.info.run_id)
    state = f"{on_disk.fingerprint(evidence.report)} {project.lock_md5}"
    if run.data.tags.get(LOGGED) == state:
        return run_id
    registry.log_data(run_id, path=project.data, md5=project.data_md5, git=project.git)
    files = {
        EVALUATION: evidence.report,
        "validation": project.root / on_disk.VALIDATION,
        "training/history.jsonl": evidence.bundle / "history.jsonl",
        PROGRESS: evidence.bundle / PROGRESS,
        **{f"{RECIPE}/{name}": project.root / name for name in on_disk.RECIPE},
    }
    registry.log_results(
        run_id,
        metrics={name: metric["value"] for name, metric in evidence.metrics.items() if is_measured(metric)},
        # LOGGED is set last: it marks the run as complete
        tags={DATA: project.data_md5, VERDICT: evidence.verdict, PRIVACY: evidence.privacy, LOGGED: state},
        files={artifact_path: path for artifact_path, path in files.items() if path.exists()},
    )
    return run_id


def _origin(project: Project, winner: Evidence) -> dict[str, str]:
    """Tags about the sources of a version."""
    known = {
        BUNDLE: winner.digest,
        MODEL: winner.model,
        KIND: winner.kind,
        DATA: project.data_md5,
        GIT: project.git,
        LOCK: project.lock_md5,
    }
    return {name: tag for name, tag in known.items() if tag is not None}


def _results(winner: Evidence) -> dict[str, str]:
    """Tags about the metrics of a version."""
    measured = {name: metric for name, metric in winner.metrics.items() if is_measured(metric)}
    metrics = {f"{METRIC}{name}": f"{metric['value']:.6g}" for name, metric in measured.items()}
    return {VERDICT: winner.verdict, PRIVACY: winner.privacy, **metrics}


def _find_version(registry: Registry, name: str, digest: str) -> Version:
    version = registry.find_version(name, digest)
    if version is None:
        raise RegistryError(f"{hide(registry.uri, registry.uri)} does not list the new version of {name}. Try again.")
    return version


def _listed(version: Version) -> Listed:
    metrics = {name.removeprefix(METRIC): float(tag) for name, tag in version.tags.items() if name.startswith(METRIC)}
    return Listed(
        name=version.name,
        version=version.version,
        uri=version.uri,
        aliases=version.aliases,
        model=version.tags.get(MODEL, "?"),
        verdict=version.tags.get(VERDICT, "?"),
        privacy=version.tags.get(PRIVACY, "?"),
        metrics=metrics,
        created=datetime.fromtimestamp(version.created / 1000, UTC),
        promoted_at=version.tags.get("geratriz.promoted_at"),
    )


def _commands(version: Version, uri: str, sample: str) -> tuple[str, ...]:
    address = f"models:/{version.name}@{version.aliases[0]}" if version.aliases else version.uri
    shown = hide(uri, uri)
    browse = shown if shown.startswith("http") else f"mlflow server --backend-store-uri {shown}"
    return (
        f"geratriz promote {version.name}",
        f"geratriz sample {address} -n {sample}",
        f"MLFLOW_TRACKING_URI={shown} mlflow models serve -m {address} --env-manager local -p 5001",
        browse,
    )
