"""Port `prepare` of tables: read them, observe them for a contract, divide them."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from geratriz import config
from geratriz.column import REPLACED
from geratriz.contract import read_suite
from geratriz.errors import ConfigError
from geratriz.parts import SplitConfig
from geratriz.table.data import compact
from geratriz.table.data.rules import Rules, not_enforced
from geratriz.table.data.split import span, split
from geratriz.table.data.table import Table, read_frame

if TYPE_CHECKING:
    from geratriz.tracking import Tracker


@dataclass(frozen=True, kw_only=True, slots=True)
class TableData:
    """Section ``data`` of params.yaml: the declaration of a table, and its division into parts."""

    kind: str
    raw: str
    contract: str
    target: str | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)
    split: SplitConfig = field(default_factory=SplitConfig)


def recognises(path: Path) -> bool:
    """True: data of no other kind are read as a table, which raises an error if they are not."""
    del path
    return True


def accepts(data: Any) -> bool:
    """Whether ``data`` is a table."""
    return isinstance(data, Table)


def observe(path: Path) -> pd.DataFrame:
    """Read the rows that a contract is checked on."""
    return read_frame(path)


def read(path: Path, options: Mapping[str, Any], *, to_fit: bool = True) -> Table:
    """Read the table at ``path`` under the options ``target`` and ``schema``; for a fit, in little memory.

    Raises:
        ConfigError: an option is about images.
        DataError: the table cannot be read.
    """
    if options.get("size"):
        raise ConfigError("--size is about images, and the data are a table.")
    reader = compact.read if to_fit else Table.read
    return reader(path, target=options.get("target"), overrides=options.get("schema"))


def read_like(path: Path, real: Table, options: Mapping[str, Any]) -> Table:
    """Read the table at ``path``, which must have the schema of ``real``."""
    del options
    return Table.read(path, schema=real.schema)


def prepare(data: Path, settings: Mapping[str, Any], contract: Path, out: Path) -> Iterator[str]:
    """Divide the table at ``data``, and write schema, parts and the contract's row rules below ``out``.

    The rules are a separate file, so that other changes to the contract do not require a new fit.
    """
    chosen = config.load(TableData, settings, "data")
    suite = read_suite(contract)
    key = chosen.split.group
    table = Table.read(data, target=chosen.target, overrides=chosen.schema)
    parts = split(table, chosen.split)
    schema = table.schema
    if key is not None:
        columns = [
            dataclasses.replace(column, kind="id", step=None) if column.name == key and not column.declared else column
            for column in schema.columns
        ]
        schema = dataclasses.replace(schema, columns=tuple(columns), entity=key)
    out.mkdir(parents=True, exist_ok=True)
    schema.write(out / "schema.json")
    Rules.of(suite).write(out / "rules.json")
    for rule in not_enforced(suite):
        yield f"note: synthetic rows are checked against this rule, but it is not enforced: {rule}"
    for name, part in parts.items():
        part.write(out / f"{name}.parquet")
        yield f"{name}: {len(part):,} rows{_when(part, chosen.split.time)}"
    if key is not None and table.schema[key].kind not in REPLACED:
        yield (
            f"note: {key!r} identifies entities and is declared {schema[key].kind}; no key is shared by "
            f"{schema[key].rare} of them, so none can be learnt. Set data.schema.{key} to id: new ones are issued then."
            if schema[key].declared
            else f"note: {key!r} identifies entities, so it is not learnt: new keys are issued."
        )


def terms(contract: Path | None, tracker: "Tracker") -> dict[str, Any]:
    """Rules of the contract about single rows; those that are not enforced are noted."""
    if contract is None:
        return {"rules": None}
    suite = read_suite(contract)
    for rule in not_enforced(suite):
        tracker.note(f"this rule of the contract is not enforced: {rule}")
    return {"rules": Rules.of(suite)}


def _when(part: Table, time: str | None) -> str:
    if time is None:
        return ""
    first, last = span(part, time)
    return f", {time} {first} to {last}"
