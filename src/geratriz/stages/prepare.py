"""Stage `prepare`: raw data in, their schema and the parts train, fresh and test out; of tables the row rules, too."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geratriz import config
from geratriz.data.contract import read_suite
from geratriz.data.image_prepare import ImageForm, prepare
from geratriz.data.rules import Rules, not_enforced
from geratriz.data.schema import REPLACED
from geratriz.data.split import SplitConfig, span, split
from geratriz.data.table import Table
from geratriz.errors import DataError
from geratriz.stages._entry import is_images, run


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """The section ``data`` of params.yaml: a :class:`TableData` or an :class:`ImageData`."""

    data: Mapping[str, Any]


READS = {"data": "data"}


@dataclass(frozen=True, kw_only=True, slots=True)
class TableData:
    """What a table is, and how it is divided."""

    kind: str
    raw: str
    contract: str
    target: str | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)
    split: SplitConfig = field(default_factory=SplitConfig)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageData:
    """What form images are brought into, and how they are divided."""

    kind: str
    raw: str
    contract: str
    image: ImageForm = field(default_factory=ImageForm)
    split: SplitConfig = field(default_factory=SplitConfig)


def main(params: Params, *, data: Path, contract: Path, validated: Path, out: Path) -> None:
    """Divide ``data``; ``validated`` is the report without which nothing is prepared."""
    images = is_images(params.data.get("kind"))
    if not validated.exists():
        raise DataError(f"there is no {validated}: the data were not validated. Run `dvc repro validate`.")
    if images:
        _images(config.load(ImageData, params.data, "data"), data, out)
    else:
        _table(config.load(TableData, params.data, "data"), data, contract, out)


def _images(settings: ImageData, data: Path, out: Path) -> None:
    parts = prepare(data, settings.image, settings.split, out)
    schema = parts["train"].schema
    labels = f", {len(schema.classes)} classes" if schema.classes else ", unlabelled"
    sys.stdout.write(f"images of {schema.height} x {schema.width} x {schema.channels}{labels}\n")
    for name, part in parts.items():
        sys.stdout.write(f"{name}: {len(part):,} images\n")


def _table(settings: TableData, data: Path, contract: Path, out: Path) -> None:
    """The contract's row rules are written on their own: what else changes in it trains nothing again."""
    suite = read_suite(contract)
    table = Table.read(data, target=settings.target, overrides=settings.schema)
    parts = split(table, settings.split)
    out.mkdir(parents=True, exist_ok=True)
    table.schema.write(out / "schema.json")
    Rules.of(suite).write(out / "rules.json")
    for each in not_enforced(suite):
        sys.stdout.write(f"note: synthetic rows are checked against this rule, but not made to keep it: {each}\n")
    for name, part in parts.items():
        part.write(out / f"{name}.parquet")
        sys.stdout.write(f"{name}: {len(part):,} rows{_when(part, settings.split.time)}\n")
    key = settings.split.group
    if key is not None and table.schema[key].kind not in REPLACED:
        sys.stdout.write(
            f"note: {key!r} tells entities apart and is learnt as a {table.schema[key].kind}, so real keys stand in "
            f"synthetic rows. If they must not, set data.schema.{key} to id: new ones are issued then.\n"
        )


def _when(part: Table, time: str | None) -> str:
    if time is None:
        return ""
    first, last = span(part, time)
    return f", {time} {first} to {last}"


if __name__ == "__main__":
    run(main, Params, READS)
