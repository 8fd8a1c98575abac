"""The port `page` of tables: the page of a generator."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geratriz.report.page import Page
from geratriz.table.report import page as tables


def exhibits(trio: Any, report: Mapping[str, Any], bundle: Path | None) -> None:
    """Nothing, because the report holds the whole content of the page."""
    del trio, report, bundle


def render(page: Page, exhibits: None) -> str:
    """A self-contained HTML page; equal content gives equal bytes."""
    del exhibits
    return tables.render(page)
