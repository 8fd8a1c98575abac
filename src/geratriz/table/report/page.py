"""The page of a generator of tables: verdict, privacy, metrics, columns, pairs, losses, neighbours, contract."""

from collections.abc import Mapping, Sequence
from typing import Any

from geratriz.contract import ContractReport
from geratriz.report.html import esc, number, section, table
from geratriz.report.page import Page, losses, making, whole
from geratriz.report.validation import findings_table
from geratriz.scoring.verdict import Verdict
from geratriz.table.report.columns import columns_section, giveaways_section
from geratriz.table.report.metrics import metrics_section
from geratriz.table.report.pairs import pairs_section
from geratriz.table.report.privacy import privacy_section
from geratriz.table.report.utility import utility_section

NEIGHBOUR_COLUMNS = 40  # shown of each row beside its nearest


def render(page: Page) -> str:
    """A self-contained HTML page; equal content gives equal bytes."""
    metrics, details, verdict = page.report["metrics"], page.report["details"], Verdict.read(page.report)
    sections = {
        "Privacy": privacy_section(verdict, metrics, details["attacks"]),
        "Metrics": metrics_section(metrics, verdict, details["utility"]),
        "Utility": utility_section(details["utility"]),
        "Columns": columns_section(details["columns"], details["pairs"], details["detection"]),
        "Pairs": pairs_section(details["pairs"], metrics.get("trend_error"), details["columns"]),
        "Detector": giveaways_section(details["detection"]),
        "Training": losses(page.history),
        "Neighbours": _neighbours(details["nearest"]),
        "Contract": _contract(details["contract"]),
        "Settings": making(page),
    }
    return whole(page, sections, unit="rows")


def _neighbours(pairs: Sequence[Mapping[str, Any]]) -> str:
    if not pairs:
        return ""
    every = list(pairs[0]["synthetic"])
    names = every[:NEIGHBOUR_COLUMNS]
    head = ["", *(f"distance {number(pair['distance'])}" for pair in pairs)]
    rows = [[esc(name), *(_cell(pair["synthetic"][name], pair["train"][name]) for pair in pairs)] for name in names]
    intro = (
        "A few synthetic rows, one a column, with the nearest training row where that one differs. A distance of 1 is "
        "one other category, or a number that differs by the range of its middle 90&nbsp;%; 0 is a copy."
    )
    if len(every) > len(names):
        intro += f" The first {len(names)} of {len(every)} columns."
    return section("neighbours", "Nearest training rows", intro, table(head, rows, css="neighbours"))


def _cell(synthetic: str | None, train: str | None) -> str:
    mine, other = ('<span class="soft">missing</span>' if each is None else esc(each) for each in (synthetic, train))
    if synthetic == train:
        return f'<span class="soft">{mine}</span>'
    return f'{mine}<br><span class="differs">train: {other}</span>'


def _contract(report: Mapping[str, Any] | None) -> str:
    if report is None:
        return ""
    contract = ContractReport.from_json(report)
    broken = tuple(each for each in contract.findings if not each.success)
    intro = (
        f"{contract.violating_rows:,} of {contract.rows:,} synthetic rows break a critical expectation of the contract "
        f"<em>{esc(contract.name)}</em> that the real data are held to. Of its {len(contract.findings)} expectations "
        f"{len(contract.findings) - len(broken)} are kept."
    )
    return section("contract", "Contract", intro, findings_table(broken) if broken else "")
