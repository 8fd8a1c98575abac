"""The parts that the pages of all generators share: header, verdict, losses, settings."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geratriz.report import svg
from geratriz.report.html import esc, frame, section, table
from geratriz.scoring import words
from geratriz.scoring.verdict import Verdict
from geratriz.writing import folder

FILES = ("index.html", "metrics.json")  # of a page's folder, which is replaced as a whole


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Content of a page, as data."""

    title: str
    report: Mapping[str, Any]
    """Content of metrics.json."""
    history: Sequence[Mapping[str, float]] = ()
    """Losses, one mapping per step; empty where nothing was trained."""
    head: Mapping[str, Any] | None = None
    """Head of the bundle, if there is a bundle."""
    digest: str | None = None
    """Identity of the bundle."""


def assemble(page: Page, sections: Mapping[str, str], *, unit: str) -> str:
    """The whole page with its non-empty ``sections`` by title; ``unit`` is "rows" or "images"."""
    links = "".join(f'<a href="#{name.lower()}">{name}</a>' for name, body in sections.items() if body)
    nav = f'<nav aria-label="Parts of this page">{links}</nav>'
    body = [_header(page, unit), _verdict(page), nav, *sections.values()]
    return frame(page.title, "\n".join(part for part in body if part))


def training_section(history: Sequence[Mapping[str, float]], more: str = "") -> str:
    """One curve per figure that was logged during the fit, and ``more`` HTML."""
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
    intro = "The figures that were logged while the generator was fitted, one point per logged step." if figures else ""
    curves = f'<div class="grid">{"".join(figures)}</div>' if figures else ""
    return section("training", "Training", intro, curves + more)


def settings_section(page: Page) -> str:
    """Section about the settings and the record of the bundle."""
    if page.head is None:
        return ""
    lists = [
        table([title, ""], [[esc(name), f"<code>{esc(value)}</code>"] for name, value in part.items()])
        for title, part in (
            ("settings", page.head["config"]),
            ("auto resolved to", page.head.get("meta", {}).get("plan", {})),
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
        ("real, unseen", f"{rows['test']:,} {unit}"),
        ("compared", f"{rows['compared']:,} {unit} per side"),
    ]
    if page.digest is not None:
        facts.append(("bundle", page.digest[:12]))
    listed = "".join(f"<div><dt>{esc(name)}</dt><dd>{esc(value)}</dd></div>" for name, value in facts)
    return f'<header><h1>{esc(page.title)}</h1><dl class="facts">{listed}</dl></header>'


def _verdict(page: Page) -> str:
    verdict = Verdict.read(page.report)
    if verdict.release is None or verdict.gates is None:
        return (
            '<div class="verdict none"><strong>No verdict on quality</strong><p>No gate is set. Compare each '
            f"metric with its reference scores. {esc(words.privacy(verdict))}</p></div>"
        )
    css = "good" if verdict.release else "bad"
    names = dict.fromkeys(gate.metric for gate in verdict.gates if gate.outcome != "inapplicable")
    if not names:
        reasons = _items(words.reasons(verdict), "")
    else:
        passed = [name for name in names if all(gate.outcome == "passed" for gate in verdict.of(name, "gate"))]
        intro = f'<p>{len(passed)} of {len(names)} gates hold. <a href="#privacy">{esc(words.privacy(verdict))}</a></p>'
        lists = (
            _items([words.finding(gate) for gate in verdict.gates if gate.outcome == outcome], css_class)
            for outcome, css_class in (("refused", "failed"), ("passed", "held"), ("inapplicable", ""))
        )
        reasons = intro + "".join(lists)
    return f'<div class="verdict {css}"><strong>{words.RELEASE[verdict.release].capitalize()}</strong>{reasons}</div>'


def _items(sentences: Sequence[str], css: str) -> str:
    items = "".join(f"<li>{esc(sentence)}</li>" for sentence in sentences)
    return f'<ul class="{css}">{items}</ul>' if items else ""


def write(report: Mapping[str, Any], *, html: str, out: Path) -> None:
    """Write metrics.json and the page ``html`` as the folder ``out``, both or none.

    Raises:
        RequestError: ``out`` is an address such as ``s3://bucket/report``, or it cannot be written.
    """
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    with folder(out, FILES) as partial:
        (partial / "metrics.json").write_text(text + "\n", encoding="utf-8")
        (partial / "index.html").write_text(html, encoding="utf-8")
