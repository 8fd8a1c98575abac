"""Utility on a page: what was predicted, how that was measured, and each class as learnt from either side."""

from collections.abc import Mapping
from typing import Any

from geratriz.report.html import esc, number, section, shorten, table

FEW = 10  # distinct values of a number that may be meant as classes
LETTERS = 40


def remark(utility: Mapping[str, Any] | None, real: Mapping[str, Any] | None) -> str:
    """What stands behind the figure: the target, the measure, and what as many real rows teach; HTML."""
    said = ""
    if utility is not None:
        said += f" Here: {esc(utility['measure'])}, predicting <em>{esc(utility['target'])}</em>."
        if utility["values"] is not None and utility["values"] <= FEW:
            said += f" It has {utility['values']} values: if they are classes, declare it a category in data.schema."
    if real is not None:
        interval = f"{number(real['low'])} to {number(real['high'])}"
        said += f" The same model fitted on as many training rows reaches {number(real['value'])} ({interval})."
    return said


def utility_section(utility: Mapping[str, Any] | None) -> str:
    """Each class of a target that has more than two, the one that loses most first; else empty."""
    if utility is None or len(utility["classes"]) <= 2:
        return ""
    classes = sorted(utility["classes"], key=lambda each: each["synthetic"]["auc"] - each["real"]["auc"])
    rows = [
        [
            esc(shorten(each["class"], LETTERS)),
            f"{each['rows']:,}",
            number(each["synthetic"]["auc"]),
            number(each["real"]["auc"]),
            f"{each['synthetic']['rows']:,}" if each["synthetic"]["rows"] else '<span class="bad-text">none</span>',
            f"{each['real']['rows']:,}",
        ]
        for each in classes
    ]
    intro = (
        f"Each class of <em>{esc(utility['target'])}</em> against all others: the AUC on real test rows of a model "
        "that learnt from synthetic rows beside one that learnt from as many real ones. The class that loses most "
        "stands first; one without synthetic rows is left to chance, which is 0.5."
    )
    head = ["class", "test rows", "AUC, synthetic", "AUC, real", "synthetic rows", "real rows"]
    return section("utility", "Utility by class", intro, table(head, rows, css="classes"))
