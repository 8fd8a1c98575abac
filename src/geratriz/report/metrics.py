"""The metrics on a page: each value with its interval between its landmarks, and against its gate."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from geratriz.evaluate.base import Metric
from geratriz.evaluate.suite import METRICS, OF_REAL_ROWS
from geratriz.promotion import Gate, is_measured, judge
from geratriz.report import svg
from geratriz.report._html import esc, legend, number, section
from geratriz.report.utility import remark

# What an axis shows at least: its best end, and so much that noise does not look like a difference.
SPANS: dict[str, tuple[float, float]] = {
    "detection": (0.0, 1.0),
    "shape_error": (0.0, 5.0),
    "trend_error": (0.0, 10.0),
    "alpha_precision": (0.8, 1.0),
    "beta_recall": (0.3, 0.6),
    "mia_auc": (0.45, 0.6),
    "mia_auc_outliers": (0.45, 0.7),
    "mia_tpr_at_1pct": (0.0, 0.04),
    "mia_tpr_at_1pct_outliers": (0.0, 0.12),
    "attribute_advantage": (-0.05, 0.1),
    "singling_out": (-0.05, 0.1),
    "copy_excess": (-0.005, 0.01),
    "rare_excess": (-0.005, 0.015),
    "extreme_excess": (-0.005, 0.015),
    "personal_overlap": (0.0, 0.01),
    "copy_rate": (0.0, 0.01),
    "dcr_share": (0.5, 0.6),
    "contract_violations": (0.0, 0.1),
}
LANDMARKS = {
    "tick_floor": "floor: every column shuffled on its own",
    "tick_ceiling": "fresh real rows in the place of synthetic ones",
}
MARKS = {"floor": "floor", "ceiling": "fresh real", "blurred": "blurred", "copycat": "copies"}
GATES = {"tick_gate": "gate", "zone": "what it allows"}


def metrics_section(
    metrics: Mapping[str, Mapping[str, Any]], gates: Mapping[str, Gate], utility: Mapping[str, Any] | None
) -> str:
    """Every metric of quality, in the order of ``METRICS``."""
    intro = (
        "Each dot is a value, the bar around it the 95&nbsp;% interval; further right is better. "
        "No generator has to beat fresh real rows: level with them is as good as it gets."
    )
    real = metrics.get(OF_REAL_ROWS)
    remarks = {"utility": remark(utility, real if is_measured(real) else None)}
    known = {name: each for name, each in METRICS.items() if each.chance is None and name != OF_REAL_ROWS}
    return section("metrics", "Metrics", intro, rows(known, metrics, gates, remarks))


def rows(
    known: Mapping[str, Metric[Any]],
    metrics: Mapping[str, Mapping[str, Any]],
    gates: Mapping[str, Gate],
    remarks: Mapping[str, str] = MappingProxyType({}),
    landmarks: Mapping[str, str] | None = None,
) -> str:
    """A row a metric of ``known`` that was measured, under a legend; those that were not are named."""
    key = legend(**(LANDMARKS if landmarks is None else landmarks), **(GATES if gates else {}))
    measured = [name for name in known if is_measured(metrics.get(name))]
    drawn = "\n".join(_row(known[name], metrics[name], gates.get(name), remarks.get(name, "")) for name in measured)
    absent = [each.title for name, each in known.items() if name not in measured]
    note = f'<p class="explains">Not measured: {esc(", ".join(absent))}.</p>' if absent else ""
    return key + drawn + note


def _row(metric: Metric[Any], entry: Mapping[str, Any], gate: Gate | None, extra: str) -> str:
    value, low, high = (float(entry[key]) for key in ("value", "low", "high"))
    marks = [svg.Mark(at=entry[css], name=label, css=css) for css, label in MARKS.items() if entry.get(css) is not None]
    allowed = None if gate is None else _allowed(gate, entry)
    limits = [each for each in allowed or () if abs(each) != float("inf")]
    marks += [svg.Mark(at=each, name="gate", css="gate") for each in limits]
    shown = [value, low, high, *(mark.at for mark in marks), *SPANS.get(metric.name, ())]
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
        f"{'' if gate is None else _held(metric.name, entry, gate)}</p>{drawing}</div>"
    )


def _held(name: str, entry: Mapping[str, Any], gate: Gate) -> str:
    if judge({name: entry}, {name: gate}).promote:
        return '<span class="good-text">passed</span>'
    return '<span class="bad-text">refused</span>'


def _allowed(gate: Gate, entry: Mapping[str, Any]) -> tuple[float, float]:
    """The range a gate allows; it is infinite where there is no limit."""
    low, high = float("-inf"), float("inf")
    if gate.min is not None:
        low = gate.min
    if gate.max is not None:
        high = gate.max
    if gate.margin is not None and entry["ceiling"] is not None:
        if entry["better"] == "higher":
            low = max(low, entry["ceiling"] - gate.margin)
        else:
            high = min(high, entry["ceiling"] + gate.margin)
    return low, high
