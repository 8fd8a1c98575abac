"""Content of a page besides the metrics: columns and pairs, real and synthetic, and the nearest training rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from geratriz.column import NUMERIC
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.score import Score, without_detail
from geratriz.table.evaluate.distances import Space, nearest
from geratriz.table.evaluate.pairs import worst_pairs
from geratriz.table.evaluate.suite import METRICS, UTILITY_BASELINE
from geratriz.table.evaluate.trio import Trio

MAX_BARS = 40  # per histogram
TOP_LEVELS = 20
NEIGHBOURS_SHOWN = 5


def details(trio: Trio, scores: Mapping[str, Score], marks: Landmarks) -> dict[str, Any]:
    """Section ``details`` of metrics.json; it is small: 40 kB for the 15 columns of Adult."""
    shape = scores["shape_error"].detail["columns"]
    columns = [_column(trio, column.name, shape[column.name]) for column in trio.test.schema.learnt]
    trend = scores["trend_error"].detail if "trend_error" in scores else None
    violations = scores["contract_violations"].detail["report"] if "contract_violations" in scores else None
    return {
        "columns": columns,
        "pairs": None if trend is None else {**trend, "worst": worst_pairs(trio, trend)},
        "utility": _utility(trio, scores),
        "detection": scores["detection"].detail,
        "attacks": {
            name: scores[name].detail
            for name, metric in METRICS.items()
            if metric.chance is not None and name in scores
        },
        "nearest": _nearest(trio),
        "contract": violations,
        "ceiling": {name: without_detail(score) for name, score in marks.ceiling.items()},
    }


def _column(trio: Trio, name: str, error: float) -> dict[str, Any]:
    """One column, real and synthetic: shares per bar of a histogram or per level."""
    kind = trio.test.schema[name].kind
    _, real, synthetic = trio.features
    a, b = (side.values[:, real.index(name)] for side in (real, synthetic))
    entry: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "shape_error": error,
        "missing": {"real": float(np.isnan(a).mean()), "synthetic": float(np.isnan(b).mean())},
    }
    if kind in NUMERIC:
        present = [side[~np.isnan(side)] for side in (a, b)]
        entry |= _moments(*present)
        both = np.concatenate(present)
        if not len(both):
            return entry
        step = trio.test.schema[name].step
        ends = edges(both, step)
        counts = [np.histogram(np.clip(side, ends[0], ends[-1]), ends)[0] / max(len(side), 1) for side in present]
        entry["histogram"] = {
            "edges": [float(f"{end:.12g}") for end in ends],  # significant digits: dates are large, some units tiny
            "step": step,
            "real": counts[0].round(5).tolist(),
            "synthetic": counts[1].round(5).tolist(),
        }
        return entry
    words = [side.frame[name].dropna().astype(str) for side in trio.cut[1:]]
    shares = pd.DataFrame(
        {"real": words[0].value_counts(normalize=True), "synthetic": words[1].value_counts(normalize=True)}
    )
    shares = shares.fillna(0.0)
    shares = shares.loc[sorted(shares.index, key=lambda word: (-shares.loc[word].max(), word))]
    entry["levels"] = [
        {"level": word, "real": float(row["real"]), "synthetic": float(row["synthetic"])}
        for word, row in shares.head(TOP_LEVELS).iterrows()
    ]
    entry["levels_in_all"] = len(shares)
    return entry


def _moments(real: np.ndarray, synthetic: np.ndarray) -> dict[str, Any]:
    """Mean and standard deviation of both sides, and the value up to which their shares differ most."""
    if not len(real) or not len(synthetic):
        return {}
    a, b = np.sort(real), np.sort(synthetic)
    values = np.union1d(a, b)
    shares = [np.searchsorted(side, values, side="right") / len(side) for side in (a, b)]
    furthest = int(np.abs(shares[0] - shares[1]).argmax())
    return {
        "mean": {"real": float(a.mean()), "synthetic": float(b.mean())},
        "deviation": {"real": float(a.std()), "synthetic": float(b.std())},
        "up_to": {
            "value": float(values[furthest]),
            "real": float(shares[0][furthest]),
            "synthetic": float(shares[1][furthest]),
        },
    }


def _utility(trio: Trio, scores: Mapping[str, Score]) -> dict[str, Any] | None:
    """The target, the measure, and the score of each class as learnt from synthetic and from real rows."""
    if not {"utility", UTILITY_BASELINE} <= scores.keys():
        return None
    of_synthetic, of_real = (scores[name].detail for name in ("utility", UTILITY_BASELINE))
    classes = [
        {
            "class": one["class"],
            "rows": one["rows"],
            "real": {"rows": other["fitted"], "auc": other["auc"]},
            "synthetic": {"rows": one["fitted"], "auc": one["auc"]},
        }
        for one, other in zip(of_synthetic.get("classes", ()), of_real.get("classes", ()), strict=True)
    ]
    return {
        "target": trio.test.schema.target,
        "measure": of_synthetic["measure"],
        "values": of_synthetic.get("values"),
        "classes": classes,
    }


def edges(values: np.ndarray, step: float | None) -> np.ndarray:
    """Edges of at most ``MAX_BARS`` equal bars over the central 99 % of ``values``; outliers would squeeze them.

    Numbers on a grid get bars of whole steps, with edges half a step off the grid: otherwise some bars would hold more
    of the possible values than others, and look taller.
    """
    low, high = np.quantile(values, [0.005, 0.995], method="nearest")
    if step is None:
        return np.linspace(low, high if high > low else low + 1, MAX_BARS + 1)
    steps = round((high - low) / step) + 1
    width = -(-steps // MAX_BARS)
    return np.asarray(low + step * (width * np.arange(-(-steps // width) + 1) - 0.5))


def _nearest(trio: Trio) -> list[dict[str, Any]]:
    """A few synthetic rows, each with its nearest training row."""
    train, _, synthetic = trio.features
    names = [column.name for column in trio.train.schema.learnt]
    few = synthetic.take(slice(NEIGHBOURS_SHOWN))
    distances, rows = nearest(few, train, Space.over(train))
    shown = []
    for i in range(len(few)):
        sides = (trio.cut[2].frame.iloc[i], trio.cut[0].frame.iloc[int(rows[i])])
        cells = [{name: _text(side[name]) for name in names} for side in sides]
        shown.append({"distance": float(distances[i]), "synthetic": cells[0], "train": cells[1]})
    return shown


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else f"{value:.10g}" if isinstance(value, float) else str(value)
