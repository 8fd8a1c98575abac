"""Utility on a page: the target, the measure, and each class as learnt from synthetic and from real rows."""

from collections.abc import Mapping
from typing import Any

from geratriz.report.html import esc, number, section, shorten, table

MAX_CLASSES = 10  # distinct values of a number that may be classes
MAX_LETTERS = 40  # per class


def remark(utility: Mapping[str, Any] | None, real: Mapping[str, Any] | None) -> str:
    """The target, the measure, and the score of the same number of real rows, as HTML."""
    html = ""
    if utility is not None:
        html += f" Here: {esc(utility['measure'])}, predicting <em>{esc(utility['target'])}</em>."
        if utility["values"] is not None and utility["values"] <= MAX_CLASSES:
            html += f" It has {utility['values']} values: if they are classes, declare it a category in data.schema."
    if real is not None:
        interval = f"{number(real['low'])} to {number(real['high'])}"
        html += f" The same model trained on the same number of real rows reaches {number(real['value'])} ({interval})."
    return html


def utility_section(utility: Mapping[str, Any] | None) -> str:
    """Section about the classes of a target, largest loss first; empty for two classes or a number."""
    if utility is None or len(utility["classes"]) <= 2:
        return ""
    classes = sorted(utility["classes"], key=lambda entry: entry["synthetic"]["auc"] - entry["real"]["auc"])
    rows = [
        [
            esc(shorten(entry["class"], MAX_LETTERS)),
            f"{entry['rows']:,}",
            number(entry["synthetic"]["auc"]),
            number(entry["real"]["auc"]),
            f"{entry['synthetic']['rows']:,}" if entry["synthetic"]["rows"] else '<span class="bad-text">none</span>',
            f"{entry['real']['rows']:,}",
        ]
        for entry in classes
    ]
    intro = (
        f"Each class of <em>{esc(utility['target'])}</em> against all others: the AUC on real test rows of a model "
        "trained on synthetic rows, and of one trained on the same number of real rows. The class with the largest "
        "loss comes first. A class without synthetic rows scores 0.5, which is chance."
    )
    head = ["class", "test rows", "AUC, synthetic", "AUC, real", "synthetic rows", "real rows"]
    return section("utility", "Utility by class", intro, table(head, rows, css="classes"))
