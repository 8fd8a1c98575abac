"""What the pages of all generators have: header, verdict, losses, how it was made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from geratriz.promotion import Gate, Privacy, judge
from geratriz.report import svg
from geratriz.report._html import esc, frame, section, table


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


def whole(page: Page, sections: Mapping[str, str], *, unit: str) -> str:
    """The page around its ``sections`` by title, those that are empty left out; ``unit`` is what is counted."""
    links = "".join(f'<a href="#{name.lower()}">{name}</a>' for name, body in sections.items() if body)
    nav = f'<nav aria-label="Parts of this page">{links}</nav>'
    body = [_header(page, unit), _verdict(page), nav, *sections.values()]
    return frame(page.title, "\n".join(part for part in body if part))


def losses(history: Sequence[Mapping[str, float]], more: str = "") -> str:
    """A curve of each figure that was logged while the generator was fitted, and ``more`` that it left, as HTML."""
    names = dict.fromkeys(name for line in history for name in line if name != "step")
    figures = []
    for name in names:
        lines = [line for line in history if name in line]
        if len(lines) > 1:
            title = name.replace("_", " ")
            drawing = svg.curve([line["step"] for line in lines], [line[name] for line in lines], f"{title} over steps")
            figures.append(f"<figure><h3>{esc(title)}</h3>{drawing}</figure>")
    if not figures and not more:
        return ""
    intro = "What was logged while the generator was fitted, a point a step." if figures else ""
    curves = f'<div class="grid">{"".join(figures)}</div>' if figures else ""
    return section("training", "Training", intro, curves + more)


def making(page: Page) -> str:
    """Settings and record of the bundle."""
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


def _header(page: Page, unit: str) -> str:
    rows = page.report["rows"]
    facts = []
    if page.head is not None:
        record = page.head["record"]
        facts += [
            ("generator", page.head["kind"]),
            ("fitted on", f"{record['rows']:,} {unit}"),
            ("seed", record["seed"]),
        ]
    facts += [
        ("synthetic", f"{rows['synthetic']:,} {unit}"),
        ("real, never seen", f"{rows['test']:,} {unit}"),
        ("compared", f"{rows['compared']:,} {unit} a side"),
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
