"""Does everything agree: the aliases, the tags, the records and the verdicts? What does not, in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geratriz import config, domains
from geratriz.errors import GeratrizError
from geratriz.registry import history, lock
from geratriz.registry.evidence import read_release
from geratriz.registry.history import Kept, Record
from geratriz.registry.mlflow import Registry, Version
from geratriz.registry.names import CHAMPION, KIND, LATEST, PREVIOUS, PRIVACY, VERDICT
from geratriz.registry.promoting import metrics_of
from geratriz.scoring import words
from geratriz.scoring.metric import Metric, limited
from geratriz.scoring.verdict import Gate, judge


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something that does not agree."""

    name: str
    """The registered model."""
    text: str


def audit(root: Path, name: str | None = None, *, uri: str | None = None) -> list[Finding]:
    """What does not agree about a registered model, or about all of them when ``name`` is None. Nothing is changed.

    The champion is judged anew, by the gates in the params.yaml of ``root`` where that is about it, else by those it
    was promoted under.

    Raises:
        RegistryError: MLflow does not answer, or there is no such model.
    """
    registry = Registry(root, uri)
    names = registry.names() if name is None else [name]
    return [Finding(name=each, text=text) for each in names for text in _findings(registry, root, each)]


def _findings(registry: Registry, root: Path, name: str) -> Iterator[str]:
    mark = registry.read_mark(name + lock.SUFFIX)
    if mark is not None and not lock.is_stale(mark):
        yield f"it is being promoted by {lock.holder(mark)}, so what is found may be half of it. Run it again."
    elif mark is not None:
        yield f"a lock was left by {lock.holder(mark)}. The next promote, rollback or register takes it away."
    for version, intent in registry.unfinished(name):
        aliases = ", ".join(f"{alias} to {target}" for alias, target in intent.aliases.items())
        yield (
            f"a move was begun on version {version.version} and not ended ({aliases}). The next promote, rollback or "
            "register finishes it."
        )
    versions = registry.versions(name)
    kept = history.records(versions)
    yield from _chain(kept, registry.tags(name).get(LATEST))
    yield from _deleted(kept, versions)
    records = [each.record for each in kept if each.record is not None]
    yield from _aliases(versions, records)
    yield from _tags(versions, records)
    champion = next((each for each in versions if CHAMPION in each.aliases), None)
    if champion is not None:
        yield from _champion(registry, root, champion, records)


def _chain(kept: Sequence[Kept], latest: str | None) -> Iterator[str]:
    """Each record holds the MD5 of the one before it, and the model's own tag that of the latest."""
    match (latest or "").split():
        case [text, digest] if text.isdigit():
            last = int(text)
        case _:
            last, digest = 0, ""
            if kept:
                yield f"the tag {LATEST} of the model, which names the latest record, was altered."
    by_number = {each.number: each for each in kept}
    for number in range(1, max([last, *by_number], default=0) + 1):
        found, after = by_number.get(number), by_number.get(number + 1)
        if found is None:
            yield f"record {number} is gone: its tag was deleted, or the version it was on."
        elif found.record is None or (found.record.number, found.record.version) != (number, found.on):
            yield f"record {number}, on version {found.on}, was altered: it cannot be one."
        elif number > last > 0:
            yield f"record {number}, on version {found.on}, was added by other means."
        else:
            noted = digest if number == last else after.record.before if after and after.record else ""
            if noted and noted != history.md5(found.text):
                yield f"record {number}, on version {found.on}, was altered: its digest is not the one that was noted."


def _deleted(kept: Sequence[Kept], versions: Sequence[Version]) -> Iterator[str]:
    there = {each.version for each in versions}
    named = {v for each in kept if each.record for v in (each.record.version, each.record.from_version) if v}
    for version in sorted(named - there):
        yield f"version {version}, which the history names, was deleted."


def _aliases(versions: Sequence[Version], records: Sequence[Record]) -> Iterator[str]:
    last = records[-1] if records else None
    for alias, expected in (
        (CHAMPION, None if last is None else last.version),
        (PREVIOUS, None if last is None else last.from_version),
    ):
        found = next((each.version for each in versions if alias in each.aliases), None)
        if found != expected:
            said = f"version {expected}" if expected is not None else "none"
            now = f"version {found}" if found is not None else "none"
            yield f"{alias} is {now}, but the history says {said}: it was moved by other means."


def _tags(versions: Sequence[Version], records: Sequence[Record]) -> Iterator[str]:
    """The tags people read, held against the version's latest record; its privacy may have been judged anew."""
    latest = {each.version: each for each in records}
    for version in versions:
        if version.version not in latest:
            continue
        for tag, text in latest[version.version].tags.items():
            if tag != PRIVACY and version.tags.get(tag) != text:
                yield f"the tag {tag} of version {version.version} is not what the record says."


def _champion(registry: Registry, root: Path, champion: Version, records: Sequence[Record]) -> Iterator[str]:
    record = next((each for each in reversed(records) if each.version == champion.version), None)
    if record is None:
        yield f"version {champion.version} is the champion and has no record: nobody promoted it here."
    if champion.tags.get(VERDICT) == "refuse":
        yield f"version {champion.version} is the champion, and its verdict is that it may not be released."
    asked = _asked(root, champion, record)
    if asked is None:
        return
    metrics = metrics_of(registry, champion)
    if metrics is None:
        yield f"version {champion.version} is the champion, and what was measured on it is gone."
        return
    verdict = judge(metrics, *asked)
    if not verdict.release:
        against = " ".join(words.refusals(verdict))
        yield f"version {champion.version} is the champion, and the gates refuse it: {against}"


def _asked(
    root: Path, champion: Version, record: Record | None
) -> tuple[dict[str, Gate], Mapping[str, Metric[Any]]] | None:
    """The gates and limits for a champion; None where nobody knows any."""
    try:
        settings = read_release(root)
        if settings.name == champion.name:
            return dict(settings.gates), settings.limits
    except GeratrizError:  # no project here: the registry can be audited from anywhere
        pass
    kind = domains.of_generator(champion.tags.get(KIND, ""))
    if record is None or kind is None:
        return None
    gates = {metric: config.load(Gate, each, metric) for metric, each in record.gates.items()}
    return gates, limited(domains.judge(kind).METRICS, record.privacy["limits"])
