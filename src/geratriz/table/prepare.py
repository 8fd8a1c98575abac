"""The port `prepare` of tables: read them, observe them for a contract, divide them."""

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
    """The section ``data`` of params.yaml: what a table is, and how it is divided."""

    kind: str
    raw: str
    contract: str
    target: str | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)
    split: SplitConfig = field(default_factory=SplitConfig)


def recognises(path: Path) -> bool:
    """True: what no other kind of data claims is a table, or an error that says so."""
    del path
    return True


def accepts(data: Any) -> bool:
    """Whether ``data`` is a table."""
    return isinstance(data, Table)


def observe(path: Path) -> pd.DataFrame:
    """The rows, as a contract is checked on them."""
    return read_frame(path)


def read(path: Path, options: Mapping[str, Any], *, to_fit: bool = True) -> Table:
    """The table at ``path``; ``options``: ``target`` and ``schema``. To be fitted, in as little memory as possible.

    Raises:
        ConfigError: an option is about images.
        DataError: it cannot be read.
    """
    if options.get("size"):
        raise ConfigError("--size is about images, and the data are a table.")
    reader = compact.read if to_fit else Table.read
    return reader(path, target=options.get("target"), overrides=options.get("schema"))


def read_like(path: Path, real: Table, options: Mapping[str, Any]) -> Table:
    """The table at ``path``, of the schema of ``real``."""
    del options
    return Table.read(path, schema=real.schema)


def prepare(data: Path, settings: Mapping[str, Any], contract: Path, out: Path) -> Iterator[str]:
    """Divide the table at ``data``, and write schema, parts and the contract's row rules below ``out``.

    The rules are a file of their own: what else changes in the contract trains nothing again.
    """
    chosen = config.load(TableData, settings, "data")
    suite = read_suite(contract)
    table = Table.read(data, target=chosen.target, overrides=chosen.schema)
    parts = split(table, chosen.split)
    out.mkdir(parents=True, exist_ok=True)
    table.schema.write(out / "schema.json")
    Rules.of(suite).write(out / "rules.json")
    for rule in not_enforced(suite):
        yield f"note: synthetic rows are checked against this rule, but not made to keep it: {rule}"
    for name, part in parts.items():
        part.write(out / f"{name}.parquet")
        yield f"{name}: {len(part):,} rows{_when(part, chosen.split.time)}"
    key = chosen.split.group
    if key is not None and table.schema[key].kind not in REPLACED:
        yield (
            f"note: {key!r} tells entities apart and is learnt as a {table.schema[key].kind}, so real keys stand in "
            f"synthetic rows. If they must not, set data.schema.{key} to id: new ones are issued then."
        )


def terms(contract: Path | None, tracker: "Tracker") -> dict[str, Any]:
    """The contract's rules about single rows; those that rows are not made to keep are noted."""
    if contract is None:
        return {"rules": None}
    suite = read_suite(contract)
    for rule in not_enforced(suite):
        tracker.note(f"rows are not made to keep this rule of the contract: {rule}")
    return {"rules": Rules.of(suite)}


def _when(part: Table, time: str | None) -> str:
    if time is None:
        return ""
    first, last = span(part, time)
    return f", {time} {first} to {last}"
