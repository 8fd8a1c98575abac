"""Content of metrics.json: every score with its landmarks, the verdict, and the number of rows compared."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from geratriz.scoring import words
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.metric import Metric, inapplicable, limited, measure
from geratriz.scoring.score import Score, without_detail
from geratriz.scoring.verdict import Gate, check_metrics


class Compared(Protocol):
    """A trio of tables or images."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of rows or images in each part, and compared per side."""


T = TypeVar("T", bound=Compared)


def assess(
    trio: T,
    marks: Landmarks,
    metrics: Mapping[str, Metric[T]],
    details: Callable[[T, Mapping[str, Score], Landmarks], Mapping[str, Any]],
    *,
    gates: Mapping[str, Gate] | None,
    limits: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Measure a trio whose landmarks are known; ``details`` makes further content of the page. See :func:`content`."""
    scores = measure(metrics, trio)
    return content(
        scores,
        marks,
        metrics,
        gates=gates,
        limits=limits,
        rows=trio.counts,
        details=details(trio, scores, marks),
        without_meaning=inapplicable(metrics, trio),
    )


def metrics_json(scores: Mapping[str, Score], marks: Landmarks, metrics: Mapping[str, Metric[Any]]) -> dict[str, Any]:
    """The section ``metrics``: every score with its landmarks."""

    def value(landmark: Mapping[str, Score], name: str) -> float | None:
        return landmark[name].value if name in landmark else None

    return {
        name: {
            **without_detail(score),
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
    without_meaning: Sequence[str] = (),
) -> dict[str, Any]:
    """The whole of metrics.json.

    Args:
        scores: the score of each metric, by name.
        marks: the landmarks.
        metrics: all metrics of the domain.
        gates: ``release.gates`` of params.yaml; without them (None) the verdict's ``release`` is None.
        limits: ``release.privacy`` of params.yaml; a metric's own limit applies where it sets none.
        rows: the number of rows or images in the train, test and synthetic data, and compared per side.
        details: further content of the page.
        without_meaning: names of the metrics that have no meaning for these data.

    Raises:
        ConfigError: a limit names no attack.
    """
    attacks = limited(metrics, limits)
    figures = metrics_json(scores, marks, metrics)
    verdict = check_metrics(figures, gates, attacks, without_meaning)
    return {
        "metrics": figures,
        "inapplicable": list(without_meaning),
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
