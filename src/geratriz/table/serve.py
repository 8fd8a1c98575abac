"""Port `serve` of tables: rows in response to a request."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from geratriz.ports import Served
from geratriz.table.data.schema import Schema
from geratriz.table.data.table import Table
from geratriz.table.generators.catalog import GENERATORS

MAX_ROWS = 100_000  # per response, which is held in memory; `geratriz sample` streams any number to a file
MAX_CELLS = 1_500_000  # per response: each becomes an object and then a piece of JSON


def load(folder: Path) -> Served:
    """Load the generator saved in ``folder`` for requests."""
    generator: Any = GENERATORS.load(folder)

    def draw(rows: int, *, seed: int, where: Mapping[str, Any], start: int = 0) -> pd.DataFrame:
        return Table.joined(list(generator.blocks(rows, seed=seed, where=where, start=start))).frame

    names = generator.schema.names
    most = max(min(MAX_ROWS, MAX_CELLS // len(names)), 1)
    return Served(names=names, max_rows=most, block=generator.block, draw=draw)


def answers(head: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Columns of a response, (name, kind)."""
    return [(column.name, column.kind) for column in _schema(head).columns]


def conditions(head: Mapping[str, Any]) -> tuple[str, ...]:
    """Columns that sampling can be conditioned on."""
    return tuple(column.name for column in _schema(head).learnt)


def _schema(head: Mapping[str, Any]) -> Schema:
    return Schema.from_json(head["codec"]["schema"])
