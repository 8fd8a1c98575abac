"""What attacks found, made by hand, as metrics.json has it."""

import dataclasses
from typing import Any

from geratriz.scoring.verdict import PrivacyLimits, judge_privacy

CHANCE = {"mia_auc": 0.5, "mia_auc_outliers": 0.5, "mia_tpr_at_1pct": 0.01, "mia_tpr_at_1pct_outliers": 0.01}
LIMITS = PrivacyLimits()
ATTACKS = {name: limit for name, limit in dataclasses.asdict(LIMITS).items() if name != "personal_overlap"}


def attacked(**gains: float | tuple[float, float]) -> dict[str, dict[str, Any]]:
    """Every attack's metric: half way from chance to its limit, or at its ``gains``, which may say how wide it is."""
    metrics = {}
    for name, limit in ATTACKS.items():
        chance = CHANCE.get(name, 0.0)
        gain = gains.get(name, (limit - chance) / 2)
        value, half = gain if isinstance(gain, tuple) else (gain, (limit - chance) / 4)
        value += chance
        metrics[name] = {"value": value, "low": value - half, "high": value + half, "floor": None, "ceiling": chance}
        metrics[name] |= {"better": "lower", "chance": chance}
    return metrics


def privacy(metrics: dict[str, Any]) -> dict[str, Any]:
    """The section ``privacy`` of metrics.json."""
    return {**dataclasses.asdict(judge_privacy(metrics, LIMITS)), "limits": dataclasses.asdict(LIMITS)}
