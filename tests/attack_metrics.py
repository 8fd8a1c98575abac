"""What attacks on a table found, made by hand, as metrics.json has it."""

from collections.abc import Mapping
from typing import Any

from geratriz.scoring import words
from geratriz.scoring.metric import limited
from geratriz.scoring.verdict import check_metrics
from geratriz.table.evaluate.suite import METRICS

LIMITS = limited(METRICS, None)
"""The attacks by name, each with the limit that it has by default."""
ATTACKS = {name: attack.limit for name, attack in LIMITS.items() if name != "personal_overlap" and attack.limit}
"""Their limits, but for the one that only tables with personal columns have."""


def attacked(**gains: float | tuple[float, float]) -> dict[str, dict[str, Any]]:
    """Every attack's metric: half way from chance to its limit, or at its ``gains``, which may say how wide it is."""
    metrics = {}
    for name, limit in ATTACKS.items():
        chance = LIMITS[name].chance or 0.0
        gain = gains.get(name, (limit - chance) / 2)
        value, half = gain if isinstance(gain, tuple) else (gain, (limit - chance) / 4)
        value += chance
        metrics[name] = {"value": value, "low": value - half, "high": value + half, "floor": None, "ceiling": chance}
        metrics[name] |= {"better": "lower", "chance": chance}
    return metrics


def privacy(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The section ``privacy`` of metrics.json."""
    verdict = check_metrics(metrics, None, LIMITS)
    return {
        "outcome": verdict.privacy,
        "reasons": list(words.attacks(verdict)),
        "limits": {name: attack.limit for name, attack in LIMITS.items()},
    }
