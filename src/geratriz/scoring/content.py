"""The content of metrics.json: each score between its landmarks, the verdict, and how much was compared."""

from collections.abc import Mapping
from typing import Any

from geratriz.scoring import words
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.metric import Metric, limited
from geratriz.scoring.score import Score, bare
from geratriz.scoring.verdict import Gate, judge


def metrics_json(scores: Mapping[str, Score], marks: Landmarks, metrics: Mapping[str, Metric[Any]]) -> dict[str, Any]:
    """The section ``metrics``: each score between its landmarks."""

    def value(side: Mapping[str, Score], name: str) -> float | None:
        return side[name].value if name in side else None

    return {
        name: {
            **bare(score),
            "floor": value(marks.floor, name),
            "ceiling": value(marks.ceiling, name),
            **({"copycat": value(marks.copycat, name)} if marks.copycat else {}),
            "better": metrics[name].better,
            **({} if metrics[name].chance is None else {"chance": metrics[name].chance}),
        }
        for name, score in scores.items()
    }


def content(
    scores: Mapping[str, Score],
    marks: Landmarks,
    metrics: Mapping[str, Metric[Any]],
    *,
    gates: Mapping[str, Gate] | None,
    limits: Mapping[str, Any] | None,
    rows: Mapping[str, int],
    details: Mapping[str, Any],
) -> dict[str, Any]:
    """The whole of metrics.json.

    Args:
        scores: what was measured, by metric.
        marks: the landmarks.
        metrics: the suite of the domain.
        gates: ``release.gates`` of params.yaml; without them (None) the verdict's ``release`` is None.
        limits: ``release.privacy`` of params.yaml; the metrics' own limits where it names none.
        rows: rows or images of train, test and synthetic data, and how many per side were compared.
        details: what a page shows beside the metrics.

    Raises:
        ConfigError: a limit is about no attack.
    """
    attacks = limited(metrics, limits)
    figures = metrics_json(scores, marks, metrics)
    verdict = judge(figures, gates, attacks)
    return {
        "metrics": figures,
        "privacy": {
            "outcome": verdict.privacy,
            "reasons": list(words.attacks(verdict)),
            "limits": {name: attack.limit for name, attack in attacks.items()},
        },
        "verdict": {
            "release": verdict.release,
            "reasons": [] if gates is None else list(words.reasons(verdict)),
            "findings": verdict.to_json(),
        },
        "rows": dict(rows),
        "details": dict(details),
    }
