"""The metrics on a page: every value with its interval, its landmarks and its limits."""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from geratriz.report import svg
from geratriz.report.html import esc, legend, number
from geratriz.scoring.metric import Metric
from geratriz.scoring.verdict import Finding, is_measured

MARKS = {"floor": "floor", "ceiling": "fresh real", "blurred": "blurred", "copycat": "copies"}
LIMITS = {"tick_gate": "gate", "zone": "allowed by the gate"}


def rows(
    known: Mapping[str, Metric[Any]],
    metrics: Mapping[str, Mapping[str, Any]],
    findings: Callable[[str], Sequence[Finding]],
    landmarks: Mapping[str, str],
    remarks: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """One row per measured metric of ``known`` under a legend, and the names of those that were not measured.

    Args:
        known: the metrics to show, in order.
        metrics: the section ``metrics`` of metrics.json.
        findings: a function from the name of a metric to its findings.
        landmarks: texts of the legend by the style of the mark.
        remarks: HTML to append to the explanation of a metric.
    """
    found = {name: findings(name) for name in known}
    key = legend(**landmarks, **(LIMITS if any(found.values()) else {}))
    measured = [name for name in known if is_measured(metrics.get(name))]
    drawn = "\n".join(_row(known[name], metrics[name], found[name], remarks.get(name, "")) for name in measured)
    absent = [metric.title for name, metric in known.items() if name not in measured]
    note = f'<p class="explains">Not measured: {esc(", ".join(absent))}.</p>' if absent else ""
    return key + drawn + note


def _row(metric: Metric[Any], entry: Mapping[str, Any], found: Sequence[Finding], extra: str) -> str:
    value, low, high = (float(entry[key]) for key in ("value", "low", "high"))
    marks = [svg.Mark(at=entry[css], name=label, css=css) for css, label in MARKS.items() if entry.get(css) is not None]
    allowed = _allowed(found, entry["better"]) if found else None
    limits = [limit for limit in allowed or () if abs(limit) != float("inf")]
    marks += [svg.Mark(at=limit, name="gate", css="gate") for limit in limits]
    shown = [value, low, high, *(mark.at for mark in marks), *(metric.span or ())]
    span = (min(shown), max(shown)) if min(shown) < max(shown) else (value - 0.5, value + 0.5)
    drawing = svg.between(
        value=value,
        low=low,
        high=high,
        marks=marks,
        span=span,
        allowed=allowed,
        better=metric.better,
        label="; ".join(
            [
                f"{metric.title}: {number(value)}, interval {number(low)} to {number(high)}",
                *(f"{mark.name} {number(mark.at)}" for mark in marks),
            ]
        ),
    )
    return (
        f'<div class="metric"><div><h3>{esc(metric.title)}</h3><p class="explains">{esc(metric.explains)}{extra}</p>'
        f'</div><p class="figure"><strong>{number(value)}</strong> {number(low)} to {number(high)}'
        f"{_outcome(found) if found else ''}</p>{drawing}</div>"
    )


def _outcome(found: Sequence[Finding]) -> str:
    if all(finding.outcome == "passed" for finding in found):
        return '<span class="good-text">passed</span>'
    return '<span class="bad-text">refused</span>'


def _allowed(found: Sequence[Finding], better: str) -> tuple[float, float]:
    """The range that all limits allow, infinite where there is none."""
    low, high = -math.inf, math.inf
    for finding in found:
        if finding.limit is None:
            continue
        match finding.rule:
            case "min":
                low = max(low, finding.limit)
            case "max" | "attack":
                high = min(high, finding.limit)
            case "margin" if finding.reference is not None and better == "higher":
                low = max(low, finding.reference - finding.limit)
            case "margin" if finding.reference is not None:
                high = min(high, finding.reference + finding.limit)
    return low, high
