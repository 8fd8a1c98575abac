"""The page of a generator of tables: verdict, privacy, metrics, columns, pairs, losses, neighbours, contract."""

from collections.abc import Mapping, Sequence
from typing import Any

from geratriz.contract import ContractReport
from geratriz.report.html import esc, number, section, table
from geratriz.report.page import Page, assemble, settings_section, training_section
from geratriz.report.validation import findings_table
from geratriz.scoring.verdict import Verdict
from geratriz.table.report.columns import columns_section, detector_section
from geratriz.table.report.metrics import metrics_section
from geratriz.table.report.pairs import pairs_section
from geratriz.table.report.privacy import privacy_section
from geratriz.table.report.utility import utility_section

MAX_COLUMNS = 40  # shown per row in the section about neighbours


def render(page: Page) -> str:
    """A self-contained HTML page; equal content gives equal bytes."""
    metrics, details, verdict = page.report["metrics"], page.report["details"], Verdict.read(page.report)
    sections = {
        "Privacy": privacy_section(verdict, metrics, details["attacks"]),
        "Metrics": metrics_section(metrics, verdict, details["utility"]),
        "Utility": utility_section(details["utility"]),
        "Columns": columns_section(details["columns"], details["pairs"], details["detection"]),
        "Pairs": pairs_section(details["pairs"], metrics.get("trend_error"), details["columns"]),
        "Detector": detector_section(details["detection"]),
        "Training": training_section(page.history),
        "Neighbours": _neighbours(details["nearest"]),
        "Contract": _contract(details["contract"]),
        "Settings": settings_section(page),
    }
    return assemble(page, sections, unit="rows")


def _neighbours(pairs: Sequence[Mapping[str, Any]]) -> str:
    if not pairs:
        return ""
    columns = list(pairs[0]["synthetic"])
    names = columns[:MAX_COLUMNS]
    head = ["", *(f"distance {number(pair['distance'])}" for pair in pairs)]
    rows = [[esc(name), *(_cell(pair["synthetic"][name], pair["train"][name]) for pair in pairs)] for name in names]
    intro = (
        "A few synthetic rows, one per column, with the values of the nearest training row where they differ. Distance "
        "0 is a copy; a different category adds 1, as does a number off by the range of its middle 90&nbsp;%."
    )
    if len(columns) > len(names):
        intro += f" The first {len(names)} of {len(columns)} columns."
    return section("neighbours", "Nearest training rows", intro, table(head, rows, css="neighbours"))


def _cell(synthetic: str | None, train: str | None) -> str:
    mine, other = ('<span class="soft">missing</span>' if cell is None else esc(cell) for cell in (synthetic, train))
    if synthetic == train:
        return f'<span class="soft">{mine}</span>'
    return f'{mine}<br><span class="differs">train: {other}</span>'


def _contract(report: Mapping[str, Any] | None) -> str:
    if report is None:
        return ""
    contract = ContractReport.from_json(report)
    broken = tuple(finding for finding in contract.findings if not finding.success)
    intro = (
        f"{contract.violating_rows:,} of {contract.rows:,} synthetic rows break a critical expectation of the contract "
        f"<em>{esc(contract.name)}</em> of the real data. They keep {len(contract.findings) - len(broken)} of its "
        f"{len(contract.findings)} expectations."
    )
    return section("contract", "Contract", intro, findings_table(broken) if broken else "")
