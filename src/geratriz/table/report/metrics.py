"""The metrics of quality on the page of a generator of tables."""

from collections.abc import Mapping
from typing import Any

from geratriz.report.html import section
from geratriz.report.metrics import rows
from geratriz.scoring.verdict import Verdict, is_measured
from geratriz.table.evaluate.suite import METRICS, UTILITY_BASELINE
from geratriz.table.report.utility import remark

LANDMARKS = {
    "tick_floor": "floor: every column shuffled independently",
    "tick_ceiling": "fresh real: unseen real rows instead of synthetic ones",
}


def metrics_section(
    metrics: Mapping[str, Mapping[str, Any]], verdict: Verdict, utility: Mapping[str, Any] | None
) -> str:
    """Every metric of quality, in the order of ``METRICS``."""
    intro = (
        "Each dot is a value and the bar around it its 95&nbsp;% interval; further right is better. "
        "The best possible result is to equal fresh real rows; no generator has to beat them."
    )
    real = metrics.get(UTILITY_BASELINE)
    remarks = {"utility": remark(utility, real if is_measured(real) else None)}
    known = {name: metric for name, metric in METRICS.items() if metric.chance is None and name != UTILITY_BASELINE}
    shown = rows(known, metrics, lambda name: verdict.of(name, "gate"), LANDMARKS, remarks)
    return section("metrics", "Metrics", intro, shown)
