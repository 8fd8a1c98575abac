"""Audit of the registry: whether aliases, tags, records and verdicts agree."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geratriz import bundle, config, domains
from geratriz.errors import BundleError, GeratrizError, NoRegistryError
from geratriz.registry import history, lock
from geratriz.registry.client import hide
from geratriz.registry.evidence import read_release
from geratriz.registry.history import Record, StoredRecord
from geratriz.registry.mlflow import Registry, Version
from geratriz.registry.names import CHAMPION, KIND, LATEST, PREVIOUS, PRIVACY, VERDICT
from geratriz.registry.promoting import report_of
from geratriz.scoring import words
from geratriz.scoring.metric import Metric, limited
from geratriz.scoring.verdict import Gate, check_report


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A disagreement between aliases, tags, records and verdicts."""

    name: str
    """Name of the registered model."""
    text: str


def audit(root: Path, name: str | None = None, *, uri: str | None = None) -> list[Finding]:
    """Check a registered model, or all of them if ``name`` is None, and return what disagrees. Changes nothing.

    The gates are checked for the champion again: those of params.yaml in ``root`` if it belongs to this model,
    otherwise those of the champion's promotion.

    Raises:
        NoRegistryError: there is no registry, or no generator in it.
        RegistryError: MLflow does not answer, or the model does not exist.
    """
    registry = Registry(root, uri)
    names = registry.names() if name is None else [name]
    if not names:
        address = hide(registry.uri, registry.uri)
        raise NoRegistryError(f"no generator is registered at {address}, so there is nothing to check.")
    return [Finding(name=model, text=text) for model in names for text in _findings(registry, root, model)]


def _findings(registry: Registry, root: Path, name: str) -> Iterator[str]:
    mark = registry.read_mark(name + lock.SUFFIX)
    if mark is not None and not lock.is_stale(mark):
        yield f"it is being promoted by {lock.describe_holder(mark)}, so findings may be incomplete. Run it again."
    elif mark is not None:
        yield f"a lock was left by {lock.describe_holder(mark)}. The next promote, rollback or register removes it."
    for version, intent in registry.pending_moves(name):
        aliases = ", ".join(f"{alias} to {target}" for alias, target in intent.aliases.items())
        yield (
            f"a move was begun on version {version.version} and not finished ({aliases}). The next promote, "
            "rollback or register finishes it."
        )
    versions = registry.versions(name)
    stored = history.records(versions)
    yield from _chain(stored, registry.tags(name).get(LATEST))
    yield from _deleted(stored, versions)
    records = [each.record for each in stored if each.record is not None]
    yield from _aliases(versions, records)
    yield from _tags(versions, records)
    yield from _files(registry, versions)
    champion = next((version for version in versions if CHAMPION in version.aliases), None)
    if champion is not None:
        yield from _champion(registry, root, champion, records)


def _chain(stored: Sequence[StoredRecord], latest: str | None) -> Iterator[str]:
    """Check that each record holds the MD5 of the previous one, and the tag of the model that of the latest."""
    match (latest or "").split():
        case [text, digest] if text.isdigit():
            last = int(text)
        case _:
            last, digest = 0, ""
            if stored:
                yield f"the tag {LATEST} of the model, which names the latest record, was altered."
    by_number = {record.number: record for record in stored}
    for number in range(1, max([last, *by_number], default=0) + 1):
        entry, following = by_number.get(number), by_number.get(number + 1)
        if entry is None:
            yield f"record {number} is gone: its tag or its version was deleted."
        elif entry.record is None or (entry.record.number, entry.record.version) != (number, entry.version):
            yield f"record {number}, on version {entry.version}, was altered: it is not a valid record."
        elif number > last > 0:
            yield f"record {number}, on version {entry.version}, was added by other means."
        else:
            expected = digest if number == last else following.record.before if following and following.record else ""
            if expected and expected != history.md5(entry.text):
                yield f"record {number}, on version {entry.version}, was altered: its digest has changed."


def _deleted(stored: Sequence[StoredRecord], versions: Sequence[Version]) -> Iterator[str]:
    named = {v for each in stored if each.record for v in (each.record.version, each.record.from_version) if v}
    for version in sorted(named - {version.version for version in versions}):
        yield f"version {version}, which the history names, was deleted."


def _aliases(versions: Sequence[Version], records: Sequence[Record]) -> Iterator[str]:
    last = records[-1] if records else None
    for alias, expected in (
        (CHAMPION, None if last is None else last.version),
        (PREVIOUS, None if last is None else last.from_version),
    ):
        actual = next((version.version for version in versions if alias in version.aliases), None)
        if actual != expected:
            now, then = ("none" if number is None else f"version {number}" for number in (actual, expected))
            yield f"{alias} is {now}, but the history says {then}: it was moved by other means."


def _tags(versions: Sequence[Version], records: Sequence[Record]) -> Iterator[str]:
    """Check the readable tags against the latest record of a version; its privacy may have been evaluated again."""
    latest = {record.version: record.tags for record in records}
    for version in versions:
        for tag, text in latest.get(version.version, {}).items():
            if tag != PRIVACY and version.tags.get(tag) != text:
                yield f"the tag {tag} of version {version.version} differs from its record."


def _files(registry: Registry, versions: Sequence[Version]) -> Iterator[str]:
    """Check that the bundles of versions with an alias are those that were registered."""
    for version in versions:
        if version.aliases:
            with tempfile.TemporaryDirectory() as scratch:
                try:
                    bundle.read(registry.download(version, Path(scratch)))
                except BundleError as problem:
                    yield f"version {version.version} ({', '.join(version.aliases)}): {problem}"


def _champion(registry: Registry, root: Path, champion: Version, records: Sequence[Record]) -> Iterator[str]:
    record = next((record for record in reversed(records) if record.version == champion.version), None)
    if record is None:
        yield f"version {champion.version} is the champion and has no record: it was not promoted by geratriz."
    if champion.tags.get(VERDICT) == "refuse":
        yield f"version {champion.version} is the champion, but its verdict is that it {words.RELEASE[False]}."
    rules = _rules(root, champion, record)
    if rules is None:
        if record is not None:
            name = champion.tags.get(KIND, "none")
            yield f"version {champion.version} is the champion, but its generator ({name}) is unknown: not checked."
        return
    report = report_of(registry, champion)
    if report is None:
        yield f"version {champion.version} is the champion, but its metrics are gone."
        return
    verdict = check_report(report, *rules)
    if not verdict.release:
        reasons = " ".join(words.refusals(verdict))
        yield f"version {champion.version} is the champion, but the gates refuse it: {reasons}"


def _rules(
    root: Path, champion: Version, record: Record | None
) -> tuple[Mapping[str, Gate], Mapping[str, Metric[Any]]] | None:
    """Gates and limits that apply to a champion; None if none are known."""
    try:
        settings = read_release(root)
        if settings.name == champion.name:
            return settings.gates, settings.limits
    except GeratrizError:  # not in a project: the registry can be audited from anywhere
        pass
    kind = domains.of_generator(champion.tags.get(KIND, ""))
    if record is None or kind is None:
        return None
    gates = {metric: config.load(Gate, gate, metric) for metric, gate in record.gates.items()}
    return gates, limited(domains.judge(kind).METRICS, record.privacy["limits"])
