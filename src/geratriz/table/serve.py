"""The port `serve` of tables: rows as the answer to a request."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from geratriz.ports import Served
from geratriz.table.data.schema import Schema
from geratriz.table.generators.catalog import GENERATORS

MOST_ROWS = 1_000_000  # in one answer, which is held in memory whole; `geratriz sample` streams any number to a file


def load(folder: Path) -> Served:
    """The generator saved in ``folder``, ready to answer."""
    generator: Any = GENERATORS.load(folder)

    def draw(rows: int, *, seed: int, where: Mapping[str, Any]) -> pd.DataFrame:
        frame: pd.DataFrame = generator.sample(rows, seed=seed, where=where).frame
        return frame

    return Served(names=generator.schema.names, most=MOST_ROWS, draw=draw)


def answers(head: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The columns of an answer, (name, kind)."""
    return [(column.name, column.kind) for column in _schema(head).columns]


def conditions(head: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that sampling can be conditioned on."""
    return tuple(column.name for column in _schema(head).learnt)


def _schema(head: Mapping[str, Any]) -> Schema:
    return Schema.from_json(head["codec"]["schema"])
