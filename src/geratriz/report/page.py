"""The page of one generator: verdict, privacy, metrics, classes, columns, pairs, losses, neighbours, contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from geratriz.data.contract import ContractReport
from geratriz.promotion import Gate, Privacy, judge
from geratriz.report import svg
from geratriz.report._html import esc, frame, number, section, table
from geratriz.report.columns import columns_section, giveaways_section
from geratriz.report.metrics import metrics_section
from geratriz.report.pairs import pairs_section
from geratriz.report.privacy import privacy_section
from geratriz.report.utility import utility_section
from geratriz.report.validation import findings_table

NEIGHBOUR_COLUMNS = 40  # shown of each row beside its nearest


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What the page is made of: data alone."""

    title: str
    report: Mapping[str, Any]
    """The content of metrics.json."""
    gates: Mapping[str, Gate] = field(default_factory=dict)
    """What the verdict rests on; empty where nothing was asked."""
    history: Sequence[Mapping[str, float]] = ()
    """Losses, one mapping a step; empty where nothing was trained."""
    head: Mapping[str, Any] | None = None
    """The bundle's head, where there is a bundle."""
    digest: str | None = None
    """The bundle's identity."""


def render(page: Page) -> str:
    """A self-contained HTML page; equal content gives equal bytes."""
    metrics, details = page.report["metrics"], page.report["details"]
    sections = {
        "Privacy": privacy_section(page.report["privacy"], metrics, details["attacks"]),
        "Metrics": metrics_section(metrics, page.gates, details["utility"]),
        "Utility": utility_section(details["utility"]),
        "Columns": columns_section(details["columns"], details["pairs"], details["detection"]),
        "Pairs": pairs_section(details["pairs"], metrics.get("trend_error"), details["columns"]),
        "Detector": giveaways_section(details["detection"]),
        "Training": _losses(page.history),
        "Neighbours": _neighbours(details["nearest"]),
        "Contract": _contract(details["contract"]),
        "Settings": _making(page),
    }
    links = "".join(f'<a href="#{name.lower()}">{name}</a>' for name, body in sections.items() if body)
    body = [_header(page), _verdict(page), f'<nav aria-label="Parts of this page">{links}</nav>', *sections.values()]
    return frame(page.title, "\n".join(part for part in body if part))


def _header(page: Page) -> str:
    rows = page.report["rows"]
    facts = []
    if page.head is not None:
        record = page.head["record"]
        facts += [("generator", page.head["kind"]), ("fitted on", f"{record['rows']:,} rows"), ("seed", record["seed"])]
    facts += [
        ("synthetic", f"{rows['synthetic']:,} rows"),
        ("real, never seen", f"{rows['test']:,} rows"),
        ("compared", f"{rows['compared']:,} rows a side"),
    ]
    if page.digest is not None:
        facts.append(("bundle", page.digest[:12]))
    listed = "".join(f"<div><dt>{esc(name)}</dt><dd>{esc(value)}</dd></div>" for name, value in facts)
    return f'<header><h1>{esc(page.title)}</h1><dl class="facts">{listed}</dl></header>'


def _verdict(page: Page) -> str:
    verdict = page.report["verdict"]
    if verdict["release"] is None:
        return (
            '<div class="verdict none"><strong>No verdict on quality</strong><p>No gate was set: read each metric '
            f"between its landmarks. {esc(Privacy.of(page.report['privacy']).sentence)}</p></div>"
        )
    css, words = ("good", "May be released") if verdict["release"] else ("bad", "Must not be released")
    decisions = [judge(page.report["metrics"], {name: gate}) for name, gate in page.gates.items()]
    refused, passed = ([each for each in decisions if each.promote is side] for side in (False, True))
    if not decisions:
        reasons = _items(verdict["reasons"], "")
    else:
        privacy = Privacy.of(page.report["privacy"])
        held = f'<p>{len(passed)} of {len(decisions)} gates hold. <a href="#privacy">{esc(privacy.sentence)}</a></p>'
        lists = (
            _items([line for each in group for line in each.reasons], mark)
            for group, mark in ((refused, "failed"), (passed, "held"))
        )
        reasons = held + "".join(lists)
    return f'<div class="verdict {css}"><strong>{words}</strong>{reasons}</div>'


def _items(sentences: Sequence[str], css: str) -> str:
    items = "".join(f"<li>{esc(each)}</li>" for each in sentences)
    return f'<ul class="{css}">{items}</ul>' if items else ""


def _losses(history: Sequence[Mapping[str, float]]) -> str:
    names = dict.fromkeys(name for line in history for name in line if name != "step")
    figures = []
    for name in names:
        lines = [line for line in history if name in line]
        if len(lines) > 1:
            title = name.replace("_", " ")
            drawing = svg.curve([line["step"] for line in lines], [line[name] for line in lines], f"{title} over steps")
            figures.append(f"<figure><h3>{esc(title)}</h3>{drawing}</figure>")
    if not figures:
        return ""
    intro = "What was logged while the generator was fitted, a point a step."
    return section("training", "Training", intro, f'<div class="grid">{"".join(figures)}</div>')


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


def _making(page: Page) -> str:
    if page.head is None:
        return ""
    lists = [
        table([title, ""], [[esc(name), f"<code>{esc(value)}</code>"] for name, value in part.items()])
        for title, part in (
            ("settings", page.head["config"]),
            ("what auto came to", page.head.get("meta", {}).get("plan", {})),
            ("record", page.head["record"]),
        )
        if part
    ]
    intro = f"Bundle <code>{esc(page.digest)}</code>." if page.digest else ""
    return section("settings", "How it was made", intro, f'<div class="halves">{"".join(lists)}</div>')
