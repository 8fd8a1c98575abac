"""Stage `prepare`: raw data in, their schema, the parts train, fresh and test and the rules for synthetic rows out."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geratriz.data.contract import read_suite
from geratriz.data.rules import Rules, not_enforced
from geratriz.data.schema import REPLACED
from geratriz.data.split import SplitConfig, span, split
from geratriz.data.table import Table
from geratriz.errors import ConfigError, DataError
from geratriz.stages._entry import run


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """What the data are, and how they are divided."""

    kind: str
    target: str | None
    schema: Mapping[str, Any]
    split: SplitConfig


READS = {"kind": "data.kind", "target": "data.target", "schema": "data.schema", "split": "data.split"}


def main(params: Params, *, data: Path, contract: Path, validated: Path, out: Path) -> None:
    """Divide ``data``; ``validated`` is the report without which nothing is prepared.

    The contract's row rules are written on their own: what else changes in it trains nothing again.
    """
    if params.kind != "table":
        raise ConfigError(f"data.kind is {params.kind!r}. Known: 'table'.")
    if not validated.exists():
        raise DataError(f"there is no {validated}: the data were not validated. Run `dvc repro validate`.")
    suite = read_suite(contract)
    table = Table.read(data, target=params.target, overrides=params.schema)
    parts = split(table, params.split)
    out.mkdir(parents=True, exist_ok=True)
    table.schema.write(out / "schema.json")
    Rules.of(suite).write(out / "rules.json")
    for each in not_enforced(suite):
        sys.stdout.write(f"note: synthetic rows are checked against this rule, but not made to keep it: {each}\n")
    for name, part in parts.items():
        part.write(out / f"{name}.parquet")
        sys.stdout.write(f"{name}: {len(part):,} rows{_when(part, params.split.time)}\n")
    key = params.split.group
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
