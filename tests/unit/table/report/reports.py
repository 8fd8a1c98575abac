"""Reports made by hand, of the form that `evaluate` writes."""

from collections.abc import Mapping
from typing import Any

from geratriz.scoring import words
from geratriz.scoring.verdict import Gate, check_metrics
from tests.attack_metrics import ATTACKS, LIMITS, attacked, privacy

GATES = {"detection": Gate(min=0.5)}


def metric(value: float, *, floor: float | None, ceiling: float | None, better: str = "higher") -> dict[str, Any]:
    return {
        "value": value, "low": value * 0.9, "high": value * 1.1, "floor": floor, "ceiling": ceiling, "better": better
    }  # fmt: skip


def number_column(name: str, **changed: Any) -> dict[str, Any]:
    bars = {"edges": [-0.5, 0.5, 1.5, 2.5], "step": 1.0, "real": [0.2, 0.5, 0.3], "synthetic": [0.3, 0.4, 0.3]}
    kept = {"name": name, "kind": "integer", "shape_error": 10.0, "missing": {"real": 0.0, "synthetic": 0.0}}
    return {**kept, "histogram": bars, **changed}


def category_column(name: str, levels: int = 3, **changed: Any) -> dict[str, Any]:
    shown = [{"level": f"level {i}", "real": 1 / levels, "synthetic": 1 / levels} for i in range(min(levels, 20))]
    kept = {"name": name, "kind": "category", "shape_error": 5.0, "missing": {"real": 0.0, "synthetic": 0.0}}
    return {**kept, "levels": shown, "levels_in_all": levels, **changed}


def report(
    *columns: dict[str, Any],
    metrics: Mapping[str, Any] | None = None,
    gates: Mapping[str, Gate] | None = GATES,
) -> dict[str, Any]:
    """The content of metrics.json for a table of these columns, judged by these gates."""
    names = [column["name"] for column in columns]
    matrix = [[0.0 if i == j else float(abs(i - j) % 40) for j in range(len(names))] for i in range(len(names))]
    row = dict.fromkeys(names, "7")
    numbers = {"columns": names[:2], "error": 40.0, "correlation": {"real": 0.61, "synthetic": -0.02}}
    places = [{"from": None, "to": 25.0}, {"level": "level 1"}]
    cells = {"columns": names[:2], "error": 9.0, "cells": [{"places": places, "real": 0.12, "synthetic": 0.03}] * 2}
    worst = [numbers, cells]
    details = {
        "columns": list(columns),
        "pairs": {"names": names, "matrix": matrix, "worst": worst} if len(names) > 1 else None,
        "utility": {"target": names[0], "measure": "AUC", "values": None, "classes": []},
        "detection": {"auc": 0.62, "columns": {name: 0.2 / (i + 1) for i, name in enumerate(names)}},
        "nearest": [{"distance": 1.25, "synthetic": row, "train": {**row, names[0]: None}}],
        "contract": None,
        "attacks": {
            **{
                name: {"attacks": {"distance ratio": 0.51, "classifier": 0.5}, "members": 9000, "strangers": 4000}
                for name in ATTACKS
                if name.startswith("mia")
            },
            "attribute_advantage": {
                "secrets": [
                    {"secret": name, "advantage": 0.01, "members": 0.6, "strangers": 0.59}
                    | {"holdout_members": 0.58, "holdout_strangers": 0.57}
                    for name in names
                ]
            },
            "copy_excess": {
                each: {"train": 0.002, "expected": 0.001, "excess": 0.001, "error": 0.001} for each in ("exact", "near")
            },
            "rare_excess": {"synthetic": 0.0, "unseen": 0.001, "values": 3},
            "singling_out": {"guesses": 812, "train": 0.21, "unseen": 0.2},
        },
    }
    usual = {
        **attacked(),
        "detection": metric(0.7, floor=0.1, ceiling=0.98),
        "shape_error": metric(3.0, floor=2.0, ceiling=1.5, better="lower"),
        "utility": metric(0.88, floor=0.5, ceiling=0.91),
        "utility_real": metric(0.92, floor=0.92, ceiling=0.92),
    }
    measured = usual if metrics is None else dict(metrics)
    verdict = check_metrics(measured, gates, LIMITS)
    reasons = [] if gates is None else list(words.reasons(verdict))
    return {
        "metrics": measured,
        "privacy": privacy(measured),
        "verdict": {"release": verdict.release, "reasons": reasons, "findings": verdict.to_json()},
        "rows": {"train": 4000, "test": 500, "synthetic": 4000, "compared": 500},
        "details": details,
    }
