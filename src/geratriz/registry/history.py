"""Records of promotions and rollbacks: when, by whom and why, one per promotion, chained by their MD5.

A record is a numbered tag on the promoted version. It holds the MD5 of the previous record, and the registered model
holds the MD5 of the latest, so that `audit` detects a record that was changed or removed.
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

Action = Literal["promote", "rollback"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One promotion or rollback."""

    number: int
    """Number of the promotion, from 1."""
    what: Action
    at: str
    """Time, UTC."""
    by: str
    how: str
    """Place of approval: ``command line``, or a run of the flow."""
    reason: str
    """Reason given by the person, may be empty."""
    reasons: Sequence[str]
    """Results of the gates and of the comparison, in sentences."""
    from_version: int | None
    """The previous champion."""
    version: int
    gates: Mapping[str, Any]
    privacy: Mapping[str, Any]
    """Verdict, its reasons and the limits."""
    comparison: Mapping[str, Any] | None
    """Outcome and figures per metric against the previous champion; None if there was none."""
    before: str | None
    """MD5 of the previous record."""

    @property
    def text(self) -> str:
        """The record as JSON, as stored in its tag."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the version: the record, and its main fields in readable tags."""
        return {
            f"{RECORD}{self.number}": self.text,
            "geratriz.promoted_at": self.at,
            "geratriz.promoted_by": self.by,
            "geratriz.reason": " ".join(filter(None, (self.reason, *self.reasons))),
            "geratriz.from_version": "none" if self.from_version is None else str(self.from_version),
            "geratriz.gates": json.dumps(self.gates, sort_keys=True),
            PRIVACY: str(self.privacy["outcome"]),
        }

    @property
    def model_tags(self) -> dict[str, str]:
        """Tags of the registered model."""
        return {LATEST: f"{self.number} {md5(self.text)}"}


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredRecord:
    """A record as found in a tag."""

    number: int
    version: int
    """The version with the tag."""
    text: str
    record: Record | None
    """None if the text is not a valid record."""


def records(versions: Sequence["Version"]) -> list[StoredRecord]:
    """Records on the versions of a model, oldest first."""
    stored = []
    for version in versions:
        for tag, text in version.tags.items():
            number = tag.removeprefix(RECORD)
            if tag != number and number.isdigit():
                record = StoredRecord(number=int(number), version=version.version, text=text, record=_parse(text))
                stored.append(record)
    return sorted(stored, key=lambda record: record.number)


def history(root: Path, name: str, *, uri: str | None = None) -> list[Record]:
    """Promotions and rollbacks of ``name``, oldest first, without unreadable records, which `audit` reports.

    Raises:
        RegistryError: MLflow does not answer, or the model does not exist.
    """
    from geratriz.registry.mlflow import Registry

    stored = records(Registry(root, uri).versions(name))
    return [each.record for each in stored if each.record is not None]


def md5(text: str) -> str:
    """MD5 of the text of a record."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _parse(text: str) -> Record | None:
    try:
        record = Record(**json.loads(text))
    except (ValueError, TypeError):
        return None
    return record if isinstance(record.version, int) and isinstance(record.privacy, dict) else None
