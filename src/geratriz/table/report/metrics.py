"""The metrics of quality on the page of a table."""

from collections.abc import Mapping
from typing import Any

from geratriz.report.html import section
from geratriz.report.metrics import rows
from geratriz.scoring.verdict import Verdict, is_measured
from geratriz.table.evaluate.suite import METRICS, OF_REAL_ROWS
from geratriz.table.report.utility import remark

LANDMARKS = {
    "tick_floor": "floor: every column shuffled on its own",
    "tick_ceiling": "fresh real rows in the place of synthetic ones",
}


def metrics_section(
    metrics: Mapping[str, Mapping[str, Any]], verdict: Verdict, utility: Mapping[str, Any] | None
) -> str:
    """Every metric of quality, in the order of ``METRICS``."""
    intro = (
        "Each dot is a value, the bar around it the 95&nbsp;% interval; further right is better. "
        "No generator has to beat fresh real rows: level with them is as good as it gets."
    )
    real = metrics.get(OF_REAL_ROWS)
    remarks = {"utility": remark(utility, real if is_measured(real) else None)}
    known = {name: metric for name, metric in METRICS.items() if metric.chance is None and name != OF_REAL_ROWS}
    shown = rows(known, metrics, lambda name: verdict.of(name, "gate"), LANDMARKS, remarks)
    return section("metrics", "Metrics", intro, shown)
