"""Port `serve` of tables: rows in response to a request."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from geratriz.ports import Served
from geratriz.table.data.schema import Schema
from geratriz.table.generators.catalog import GENERATORS

MAX_ROWS = 1_000_000  # per response, which is held in memory; `geratriz sample` streams any number to a file


def load(folder: Path) -> Served:
    """Load the generator saved in ``folder`` for requests."""
    generator: Any = GENERATORS.load(folder)

    def draw(rows: int, *, seed: int, where: Mapping[str, Any]) -> pd.DataFrame:
        frame: pd.DataFrame = generator.sample(rows, seed=seed, where=where).frame
        return frame

    return Served(names=generator.schema.names, max_rows=MAX_ROWS, draw=draw)


def answers(head: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Columns of a response, (name, kind)."""
    return [(column.name, column.kind) for column in _schema(head).columns]


def conditions(head: Mapping[str, Any]) -> tuple[str, ...]:
    """Columns that sampling can be conditioned on."""
    return tuple(column.name for column in _schema(head).learnt)


def _schema(head: Mapping[str, Any]) -> Schema:
    return Schema.from_json(head["codec"]["schema"])
