"""The section of a page about attacks: the verdict, and every attack with its limit."""

from collections.abc import Mapping
from typing import Any

from geratriz.report.html import esc
from geratriz.report.metrics import rows
from geratriz.scoring import words
from geratriz.scoring.metric import Metric
from geratriz.scoring.verdict import Verdict

CSS = {"passed": "good", "leak": "bad", "unproven": "none"}


def attacks_section(
    verdict: Verdict,
    metrics: Mapping[str, Mapping[str, Any]],
    known: Mapping[str, Metric[Any]],
    landmarks: Mapping[str, str],
) -> str:
    """The verdict in words, and one row per metric of ``known`` that is an attack."""
    listed = "".join(f"<li>{esc(objection)}</li>" for objection in words.objections(verdict))
    summary = (
        f'<div class="verdict {CSS[verdict.privacy]}"><strong>{esc(words.privacy(verdict))}</strong>'
        f"{f'<ul>{listed}</ul>' if listed else ''}</div>"
    )
    attacks = {name: metric for name, metric in known.items() if metric.chance is not None}
    return summary + rows(attacks, metrics, lambda name: verdict.of(name, "attack"), landmarks)
