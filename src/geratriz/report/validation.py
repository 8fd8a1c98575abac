"""The page of a validation: the verdict, then every expectation, failures first."""

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
    ordered = sorted(findings, key=lambda item: (item.success, item.severity != "critical"))
    rows = [
        [
            esc(item.column or "the table"),
            esc(item.description),
            '<span class="good-text">kept</span>' if item.success else f'<span class="bad-text">{item.severity}</span>',
            "" if item.success else _observed(item),
        ]
        for item in ordered
    ]
    return table(["column", "expectation", "", "observed"], rows)


def _observed(finding: Finding) -> str:
    if not finding.unexpected_count:
        return esc(finding.observed)
    shown = "; ".join(f"row {example.row}: <code>{_cells(example.value)}</code>" for example in finding.examples)
    return f"{finding.unexpected_count:,} of {finding.rows:,} rows, for example {shown}"


def _cells(value: object) -> str:
    """Cell of an example, or cells of a rule about several columns."""
    cells = value if isinstance(value, list | tuple) else [value]
    return ", ".join("missing" if cell is None else esc(cell) for cell in cells)
