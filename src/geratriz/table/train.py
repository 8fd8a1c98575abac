"""The port `train` of tables: the catalog of generators, and what a fit is given beside the rows."""

from pathlib import Path
from typing import Any

from geratriz.table.data import compact
from geratriz.table.data.rules import Rules
from geratriz.table.data.schema import Schema
from geratriz.table.data.table import Table
from geratriz.table.generators.catalog import GENERATORS as GENERATORS


def read_prepared(prepared: Path) -> tuple[Table, dict[str, Any]]:
    """The training rows, and the rules that rows must keep."""
    schema = Schema.read(prepared / "schema.json")
    return compact.read(prepared / "train.parquet", schema=schema), {"rules": Rules.read(prepared / "rules.json")}


def show(generator: Any, folder: Path, seed: int) -> None:
    """Nothing: rows are looked at on the page."""
    del generator, folder, seed
