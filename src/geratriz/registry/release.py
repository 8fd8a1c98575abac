"""Register what the graph made, promote it, list it, load it: the effects that stand outside the graph.

Each can be called again at any time: what is done already is found, what was cut off is finished.
"""

import getpass
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geratriz import __version__, bundle
from geratriz.data.stream import Origin
from geratriz.errors import GateError, RegistryError
from geratriz.generators import catalog
from geratriz.generators.base import Generator
from geratriz.promotion import Decision, decide, is_measured, judge_privacy
from geratriz.registry import evidence as on_disk
from geratriz.registry.card import card, shortened
from geratriz.registry.evidence import Evidence, Project
from geratriz.tracking import BUNDLE, GIT, KIND, MODEL, hide

if TYPE_CHECKING:
    from geratriz.registry.mlflow import Registry, Version

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"  # the aliases
DATA, LOCK = "geratriz.data_md5", "geratriz.dvc_lock_md5"
VERDICT, PRIVACY, LOGGED = "geratriz.verdict", "geratriz.privacy", "geratriz.logged"
METRIC, PROMOTION = "geratriz.metric.", "geratriz.promotion."  # followed by a metric's name, by a time
EVALUATION = "evaluation"  # the folder among a run's artifacts that holds metrics.json and the page


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """What :func:`register` did."""

    name: str
    version: int
    uri: str
    model: str
    """The winner, an entry of ``models`` in params.yaml."""
    run_id: str
    page: Path
    """The winner's page on this machine."""
    created: bool
    """False when the same bundle was registered before."""
    aliases: tuple[str, ...]
    release: bool
    """The verdict."""
    reasons: tuple[str, ...]
    commands: tuple[str, ...]
    """What to type next."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Promoted:
    """What :func:`promote` did."""

    name: str
    version: int
    previous: int | None
    """The champion before."""
    moved: bool
    """False when it was the champion already."""
    reasons: tuple[str, ...]


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
    """What attacks found: ``passed``, ``leak`` or ``unproven``."""
    metrics: Mapping[str, float]
    created: datetime
    promoted_at: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What :func:`find` found."""

    generator: Generator[Any]
    origin: Origin
    """Which one it is, for the provenance of its rows."""


def register(root: Path, *, uri: str | None = None) -> Registered:
    """Bring every compared model's run up to date, and register the winner as ``challenger``.

    The same bundle is one version, however often it is registered; its evaluation, tags and card are brought up to
    date. A version that is the champion stays that and does not become a challenger again.

    Raises:
        ConfigError: params.yaml is wrong.
        DataError: the graph was not run to its end.
        RegistryError: MLflow does not answer or refuses; what was done so far is found by the next call.
    """
    project = on_disk.read(root)
    registry = _registry(root, uri)
    runs = {each.model: _bring_up_to_date(registry, project, each) for each in project.models}
    winner, name = project.winner, project.release.name
    schema = catalog.load(winner.bundle).schema
    version = registry.find_version(name, winner.digest)
    created = version is None
    made_at = project.git if version is None else version.tags.get(GIT)  # a later commit did not make it
    text = card(project, winner, tuple(column.name for column in schema.learnt), git=made_at)
    registry.log_text(runs[winner.model], "card.md", text)
    if version is None:
        tags = {**_origin(project, winner), **_results(winner)}
        description = shortened(text)
        registry.create_version(name, runs[winner.model], winner, schema, tags=tags, description=description)
    else:
        registry.update_version(version, tags=_results(winner), description=shortened(text))
    registry.settle(name)
    version = _held(registry, name, winner.digest)
    if not {CHAMPION, CHALLENGER} & set(version.aliases):
        registry.move(version, {CHALLENGER: version.version}, {"geratriz.registered_at": _now()})
        version = _held(registry, name, winner.digest)
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
        commands=_commands(version, registry.uri),
    )


def promote(
    root: Path,
    name: str,
    *,
    version: int | None = None,
    uri: str | None = None,
    by: str | None = None,
    confirm: Callable[[Promoted], bool] | None = None,
) -> Promoted:
    """Make a version the champion, if the gates in params.yaml hold for it and it is not worse than the champion.

    Both sides are judged by the metrics stored with them, not by what lies in the work tree.

    Args:
        root: the project's root.
        name: the registered model.
        version: the version; the challenger when None.
        uri: MLflow's address; the default store when None.
        by: who promotes; the user's name when None.
        confirm: asked before anything moves, with what would be done; None does it.

    Raises:
        GateError: the gates refuse, or ``confirm`` says no. Nothing moved.
        RegistryError: MLflow does not answer, or there is no such model or version.
    """
    registry = _registry(root, uri)
    finished = [each for each in registry.settle(name) if CHAMPION in registry.resolve(each.uri).aliases]
    versions = registry.versions(name)
    champion = next((each for each in versions if CHAMPION in each.aliases), None)
    if finished and champion and version in (None, champion.version):
        was = champion.tags.get("geratriz.from_version", "none")
        reasons = ("An earlier promotion was cut off; it is finished now.", champion.tags["geratriz.reason"])
        return Promoted(
            name=name,
            version=champion.version,
            previous=int(was) if was.isdigit() else None,
            moved=True,
            reasons=reasons,
        )
    candidate = _candidate(registry, name, version, champion)
    if champion and champion.version == candidate.version:
        said = f"Version {candidate.version} of {name} is the champion already."
        return Promoted(name=name, version=candidate.version, previous=None, moved=False, reasons=(said,))
    return _promote(registry, root, candidate, champion, by=by or _user(), confirm=confirm)


def models(root: Path, *, uri: str | None = None) -> list[Listed]:
    """Every version of every registered generator, by name, the newest first.

    Raises:
        RegistryError: MLflow does not answer.
    """
    registry = _registry(root, uri)
    return [_listed(version) for name in registry.names() for version in reversed(registry.versions(name))]


def load(where: Path | str, *, root: Path = Path(), uri: str | None = None) -> Generator[Any]:
    """The generator in a folder, or under an address such as ``models:/adult@champion`` or ``models:/adult/3``.

    Raises:
        BundleError: the folder holds none, or a damaged one.
        RegistryError: the address is none, or names nothing.
    """
    return find(where, root=root, uri=uri).generator


def find(where: Path | str, *, root: Path = Path(), uri: str | None = None) -> Found:
    """As :func:`load`, with what is known of the generator: its bundle and, if registered, its version and verdict."""
    if not str(where).startswith("models:"):
        return _found(Path(where))
    registry = _registry(root, uri)
    version = registry.resolve(str(where))
    with tempfile.TemporaryDirectory() as scratch:
        folder = registry.download(version.uri, Path(scratch))
        return _found(folder, model=version.uri, verdict=version.tags.get(VERDICT))


def _found(folder: Path, **known: str | None) -> Found:
    generator = catalog.load(folder)
    return Found(generator=generator, origin=Origin(bundle=bundle.digest(folder), geratriz=__version__, **known))


def _registry(root: Path, uri: str | None) -> "Registry":
    from geratriz.registry.mlflow import Registry  # imports MLflow: seconds, and not needed to load a folder

    return Registry(root, uri)


def _bring_up_to_date(registry: "Registry", project: Project, evidence: Evidence) -> str:
    """The id of the model's run, with the results in it that stand on disk now."""
    run = registry.find_run(evidence.digest)
    if run is None:
        tags = {MODEL: evidence.model, KIND: evidence.kind, **({GIT: project.git} if project.git else {})}
        run = registry.create_run(project.release.name, evidence, tags)
    run_id = str(run.info.run_id)
    state = on_disk.fingerprint(evidence.report)
    if run.data.tags.get(LOGGED) == state:
        return run_id
    registry.log_data(run_id, path=project.data, md5=project.data_md5, git=project.git)
    files = {
        EVALUATION: evidence.report,
        "validation": project.root / on_disk.VALIDATION,
        "training": evidence.bundle / "history.jsonl",
        **{f"recipe/{name}": project.root / name for name in on_disk.RECIPE},
    }
    registry.log_results(
        run_id,
        metrics={name: each["value"] for name, each in evidence.metrics.items() if is_measured(each)},
        tags={
            DATA: project.data_md5,
            VERDICT: evidence.verdict,
            PRIVACY: evidence.privacy,
            LOGGED: state,
        },  # the last says that all is there
        files={place: path for place, path in files.items() if path.exists()},
    )
    return run_id


def _origin(project: Project, winner: Evidence) -> dict[str, str]:
    """Tags that say what a version was made from."""
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
    """Tags that say what was measured."""
    metrics = {f"{METRIC}{name}": f"{each['value']:.6g}" for name, each in winner.metrics.items() if is_measured(each)}
    return {VERDICT: winner.verdict, PRIVACY: winner.privacy, **metrics}


def _held(registry: "Registry", name: str, digest: str) -> "Version":
    version = registry.find_version(name, digest)
    if version is None:
        raise RegistryError(f"{hide(registry.uri, registry.uri)} took a version of {name} and does not list it.")
    return version


def _candidate(registry: "Registry", name: str, version: int | None, champion: "Version | None") -> "Version":
    if version is not None:
        return registry.resolve(f"models:/{name}/{version}")
    challenger = next((each for each in registry.versions(name) if CHALLENGER in each.aliases), None)
    if challenger is not None:
        return challenger
    if champion is not None:
        return champion
    raise RegistryError(f"{name} has no challenger. `geratriz register` makes one, or name a version: --version N.")


def _promote(
    registry: "Registry",
    root: Path,
    candidate: "Version",
    champion: "Version | None",
    *,
    by: str,
    confirm: Callable[[Promoted], bool] | None,
) -> Promoted:
    asked = on_disk.read_release(root)
    gates, limits = asked.gates, asked.privacy
    measured = _metrics(registry, candidate)
    if measured is None:
        raise RegistryError(
            f"{candidate.uri} has no {EVALUATION}/metrics.json in its run. `geratriz register` logs it."
        )
    decision = decide(measured, None if champion is None else _metrics(registry, champion) or {}, gates, limits)
    if champion is not None and champion.tags.get(DATA) != candidate.tags.get(DATA):
        said = "The champion was measured on an earlier state of the data."
        decision = Decision(promote=decision.promote, reasons=(*decision.reasons, said))
    if not decision.promote:
        raise GateError(f"{candidate.uri} is not promoted.\n" + "\n".join(f"- {each}" for each in decision.reasons))
    previous = None if champion is None else champion.version
    name, version, reasons = candidate.name, candidate.version, decision.reasons
    privacy = judge_privacy(measured, limits)
    promoted = Promoted(name=name, version=version, previous=previous, moved=True, reasons=reasons)
    if confirm is not None and not confirm(promoted):
        raise GateError(f"{candidate.uri} is not promoted: it was declined. Nothing moved.")
    record = {
        "at": _now(),
        "by": by,
        "reason": " ".join(decision.reasons),
        "from_version": previous,
        "gates": {metric: {k: v for k, v in asdict(gate).items() if v is not None} for metric, gate in gates.items()},
        "privacy": {"outcome": privacy.outcome, "reasons": privacy.reasons, "limits": asdict(limits)},
    }
    aliases: dict[str, int | None] = {} if previous is None else {PREVIOUS: previous}
    aliases[CHAMPION] = version
    if CHALLENGER in candidate.aliases:
        aliases[CHALLENGER] = None  # its part is over
    tags = {
        "geratriz.promoted_at": str(record["at"]),
        "geratriz.promoted_by": by,
        "geratriz.reason": str(record["reason"]),
        "geratriz.from_version": "none" if previous is None else str(previous),
        "geratriz.gates": json.dumps(record["gates"], sort_keys=True),
        PRIVACY: privacy.outcome,
        f"{PROMOTION}{record['at']}": json.dumps(record, sort_keys=True),  # one each time: the history is made of these
    }
    registry.move(candidate, aliases, tags)
    return promoted


def _metrics(registry: "Registry", version: "Version") -> Mapping[str, Any] | None:
    content = registry.read_json(version.run_id, f"{EVALUATION}/metrics.json")
    return None if content is None else content["metrics"]


def _listed(version: "Version") -> Listed:
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


def _commands(version: "Version", uri: str) -> tuple[str, ...]:
    address = f"models:/{version.name}@{version.aliases[0]}" if version.aliases else version.uri
    shown = hide(uri, uri)
    browse = shown if shown.startswith("http") else f"mlflow server --backend-store-uri {shown}"
    return (
        f"geratriz promote {version.name}",
        f"geratriz sample {address} -n 1000 -o sample.parquet",
        f"MLFLOW_TRACKING_URI={shown} mlflow models serve -m {address} --env-manager local -p 5001",
        browse,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except OSError:  # a container's user without a name
        return "unknown"


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"  # stands in a tag's name, where MLflow allows no plus sign
