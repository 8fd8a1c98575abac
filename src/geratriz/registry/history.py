"""What was promoted when, by whom and why: one record a promotion, in tags that name each other.

A record stands on the version that was promoted, under its number. It holds the MD5 of the record before it, and the
registered model holds that of the latest: a record that was changed, or is gone, is noticed.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from geratriz.registry.names import LATEST, PRIVACY, RECORD

if TYPE_CHECKING:
    from geratriz.registry.mlflow import Version

What = Literal["promote", "rollback"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One promotion, a rollback included."""

    number: int
    """From 1."""
    what: What
    at: str
    """When, UTC."""
    by: str
    how: str
    """Where it was approved: ``command line``, or a run of the flow."""
    reason: str
    """What the person said, or nothing."""
    reasons: Sequence[str]
    """What the gates and the comparison said."""
    from_version: int | None
    """The champion before."""
    version: int
    gates: Mapping[str, Any]
    privacy: Mapping[str, Any]
    """The verdict, its reasons and the limits."""
    comparison: Mapping[str, Any] | None
    """With the champion before: outcome, and per metric the figures; None where there was none to compare with."""
    before: str | None
    """The MD5 of the record before."""

    @property
    def text(self) -> str:
        """As it stands in its tag."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)

    @property
    def tags(self) -> dict[str, str]:
        """What is set on the version: the record, and the most of it in tags that people can read."""
        return {
            f"{RECORD}{self.number}": self.text,
            "geratriz.promoted_at": self.at,
            "geratriz.promoted_by": self.by,
            "geratriz.reason": " ".join(each for each in (self.reason, *self.reasons) if each),
            "geratriz.from_version": "none" if self.from_version is None else str(self.from_version),
            "geratriz.gates": json.dumps(self.gates, sort_keys=True),
            PRIVACY: str(self.privacy["outcome"]),
        }

    @property
    def of_the_model(self) -> dict[str, str]:
        """What is set on the registered model."""
        return {LATEST: f"{self.number} {md5(self.text)}"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A record as it was found."""

    number: int
    on: int
    """The version whose tag it is."""
    text: str
    record: Record | None
    """None where the text is no record any more."""


def records(versions: Sequence["Version"]) -> list[Kept]:
    """The records on a model's versions, oldest first."""
    found = []
    for version in versions:
        for tag, text in version.tags.items():
            number = tag.removeprefix(RECORD)
            if tag != number and number.isdigit():
                found.append(Kept(number=int(number), on=version.version, text=text, record=_record(text)))
    return sorted(found, key=lambda each: each.number)


def history(root: Path, name: str, *, uri: str | None = None) -> list[Record]:
    """The promotions and rollbacks of ``name``, oldest first; records that cannot be read are left to `audit`.

    Raises:
        RegistryError: MLflow does not answer, or there is no such model.
    """
    from geratriz.registry.mlflow import Registry

    kept = records(Registry(root, uri).versions(name))
    return [each.record for each in kept if each.record is not None]


def md5(text: str) -> str:
    """MD5 of a record's text."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _record(text: str) -> Record | None:
    try:
        record = Record(**json.loads(text))
    except (ValueError, TypeError):
        return None
    return record if isinstance(record.version, int) and isinstance(record.privacy, dict) else None
