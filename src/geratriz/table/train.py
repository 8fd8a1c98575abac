"""Port `train` of tables: the catalog of generators, and the training rows with their rules."""

from pathlib import Path
from typing import Any

from geratriz.table.data import compact
from geratriz.table.data.rules import Rules
from geratriz.table.data.schema import Schema
from geratriz.table.data.table import Table
from geratriz.table.generators.catalog import GENERATORS as GENERATORS


def read_prepared(prepared: Path) -> tuple[Table, dict[str, Any]]:
    """Read the training rows, and the rules that rows must satisfy."""
    schema = Schema.read(prepared / "schema.json")
    return compact.read(prepared / "train.parquet", schema=schema), {"rules": Rules.read(prepared / "rules.json")}


def show(generator: Any, folder: Path, seed: int) -> None:
    """Do nothing: the page shows rows."""
    del generator, folder, seed
