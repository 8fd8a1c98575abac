"""The page of a validation: verdict first, failures first, then every expectation."""

from geratriz.contract import ContractReport, Finding
from geratriz.report.html import esc, frame, table


def page(report: ContractReport) -> str:
    """A self-contained HTML page; equal reports give equal bytes."""
    good = not report.critical
    words = "The data keep their contract" if good else "The data break their contract"
    warned = f", {len(report.warnings)} warning(s)" if report.warnings else ""
    body = (
        f"<h1>Contract {esc(report.name)}</h1>"
        f'<p class="soft">{report.rows:,} rows, {len(report.findings)} expectations</p>'
        f'<div class="verdict {"good" if good else "bad"}"><strong>{words}</strong>'
        f"<p>{len(report.critical)} critical failure(s){warned}</p></div>{findings_table(report.findings)}"
    )
    return frame(f"Contract {report.name}", body)


def findings_table(findings: tuple[Finding, ...]) -> str:
    """Findings as a table, failures first."""
    order = sorted(findings, key=lambda each: (each.success, each.severity != "critical"))
    rows = [
        [
            esc(each.column or "the table"),
            esc(each.description),
            '<span class="good-text">kept</span>' if each.success else f'<span class="bad-text">{each.severity}</span>',
            "" if each.success else _what(each),
        ]
        for each in order
    ]
    return table(["column", "expectation", "", "what was found"], rows)


def _what(finding: Finding) -> str:
    if not finding.unexpected_count:
        return esc(finding.observed)
    shown = "; ".join(f"row {example.row}: <code>{_cells(example.value)}</code>" for example in finding.examples)
    return f"{finding.unexpected_count:,} of {finding.rows:,} rows, for example {shown}"


def _cells(value: object) -> str:
    """An example's cell, or the cells of a rule about several columns."""
    cells = value if isinstance(value, list | tuple) else [value]
    return ", ".join("missing" if cell is None else esc(cell) for cell in cells)
