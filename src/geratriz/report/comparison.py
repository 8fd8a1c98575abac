"""The page of a comparison: the winner and why, and every metric of every model side by side."""

from collections.abc import Mapping
from typing import Any

from geratriz.report.html import esc, frame, number, section, table
from geratriz.scoring.words import RELEASE


def render(comparison: Mapping[str, Any], reports: Mapping[str, Mapping[str, Any]]) -> str:
    """A self-contained HTML page; equal content gives equal bytes.

    Args:
        comparison: the content of comparison.json.
        reports: the content of each model's metrics.json.
    """
    models = [entry["model"] for entry in comparison["ranking"]]
    return frame(
        f"{' and '.join(models)} compared",
        "\n".join([_header(comparison, models), _metrics(models, reports), _verdicts(comparison)]),
    )


def _header(comparison: Mapping[str, Any], models: list[str]) -> str:
    css = "good" if comparison["releasable"] else "bad"
    words = RELEASE[comparison["releasable"]]
    return (
        f"<header><h1>{esc(' and '.join(models))} compared</h1></header>\n"
        f'<div class="verdict {css}"><strong>{esc(comparison["winner"])} {words}</strong>'
        f"<p>{esc(comparison['reasons'][0])}</p></div>"
    )


def _metrics(models: list[str], reports: Mapping[str, Mapping[str, Any]]) -> str:
    measured = {model: reports[model]["metrics"] for model in models}
    names = dict.fromkeys(name for model in models for name in measured[model])
    rows = [_row(name, [measured[model].get(name) for model in models]) for name in names]
    head = ["metric", *(f'<a href="../models/{esc(model)}/index.html">{esc(model)}</a>' for model in models)]
    intro = (
        "Each value has its 95&nbsp;% interval. The best value of a row is bold if no other interval overlaps its own. "
        "The reference scores are those of data without structure (floor) and of real data that no model has seen "
        "(fresh real). A model's name links to its page."
    )
    return section("metrics", "Metrics", intro, table([*head, "floor", "fresh real", "better"], rows))


def _row(name: str, entries: list[Mapping[str, Any] | None]) -> list[str]:
    known = [entry for entry in entries if entry is not None and entry["value"] is not None]
    first: Mapping[str, Any] = known[0] if known else {"floor": None, "ceiling": None, "better": "higher"}
    best = _best(known, first["better"])
    cells = []
    for entry in entries:
        if entry is None or entry["value"] is None:
            cells.append(number(None))
            continue
        value = f"<strong>{number(entry['value'])}</strong>" if entry is best else number(entry["value"])
        cells.append(f'{value} <span class="soft">{number(entry["low"])} to {number(entry["high"])}</span>')
    landmarks = [number(first["floor"]), number(first["ceiling"])]
    return [esc(name), *cells, *landmarks, esc(first["better"])]


def _best(entries: list[Mapping[str, Any]], better: str) -> Mapping[str, Any] | None:
    """The best entry, or None where another interval overlaps its own."""
    if len(entries) < 2:
        return None
    ordered = sorted(entries, key=lambda entry: entry["value"], reverse=better == "higher")
    top, others = ordered[0], ordered[1:]
    apart = all(other["high"] < top["low"] if better == "higher" else other["low"] > top["high"] for other in others)
    return top if apart else None


def _verdicts(comparison: Mapping[str, Any]) -> str:
    parts = []
    for entry in comparison["ranking"]:
        words = RELEASE[entry["release"]]
        css = "good-text" if entry["release"] else "bad-text"
        items = "".join(f"<li>{esc(reason)}</li>" for reason in entry["reasons"])
        parts.append(f'<h3>{esc(entry["model"])}: <span class="{css}">{words}</span></h3><ul>{items}</ul>')
    intro = f"Ranked by {esc(comparison['by'])}; models that {RELEASE[False]} come last."
    return section("verdicts", "Verdicts", intro, "\n".join(parts))
