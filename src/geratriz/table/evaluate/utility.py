"""Quality of a model fitted to synthetic rows on real rows: train on synthetic, test on ``test``.

The kind of the target in the schema decides the measure. Category or boolean: AUC of two classes, macro one-vs-rest AUC
of more. Number or date: R2, however few values it has; declare it a category if its values are classes. Rows without a
target are left out. ``utility_real`` is the score of the same model fitted to the same number of real training rows, a
reference for ``utility``.
"""

from typing import Any, NamedTuple

import numpy as np

from geratriz import seeding
from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import auc, normal_interval, weights
from geratriz.scoring.score import Score
from geratriz.table.evaluate.features import Features
from geratriz.table.evaluate.trees import classifier, one_thread, regressor
from geratriz.table.evaluate.trio import Trio

MAX_CLASSES = 20  # most frequent in ``test``; the rest are one class, since trees for 95 rare ones learnt nothing


def utility(trio: Trio) -> Score | None:
    """Utility of the synthetic rows; None without a target, or without a row that has one."""
    return _score(trio, trio.features[2])


def utility_real(trio: Trio) -> Score | None:
    """Utility of the same number of training rows; None without a target, or without a row that has one."""
    return _score(trio, trio.features[0])


def weighted_utility(trio: Trio, weight: np.ndarray) -> np.ndarray | None:
    """Utility of the synthetic rows under weights (R, N) of the test rows, (R,); None as in :func:`utility`."""
    found = _measure(trio, trio.features[2], weight)
    return None if found is None else found.values


def _score(trio: Trio, fitted_on: Features) -> Score | None:
    rows = trio.size
    once = np.ones((1, rows), dtype=np.float32)  # weights of the value itself
    weight = np.vstack([once, weights(rows, trio.config.bootstrap, trio.config.seed, "utility")])
    found = _measure(trio, fitted_on, weight)
    if found is None:
        return None
    value = float(found.values[0])
    low, high = (0.0, 1.0) if found.empty else normal_interval(value, found.values[1:], floor=found.least, ceiling=1)
    return Score(value=value, low=low, high=high, detail=found.detail)


class _Measured(NamedTuple):
    values: np.ndarray
    """Scores per row of weights, (R,)."""
    least: float
    """Smallest possible score."""
    detail: dict[str, Any]
    empty: bool = False
    """Whether there was only one class."""


@one_thread()
def _measure(trio: Trio, fitted_on: Features, weight: np.ndarray) -> _Measured | None:
    target = trio.test.schema.target
    test = trio.features[1]
    if target is None or target not in test.names or len(test.names) < 2:
        return None
    i = test.index(target)
    known = ~np.isnan(test.values[:, i])
    answers, truth = fitted_on.values[~np.isnan(fitted_on.values[:, i]), i], test.values[known, i]
    if not len(answers) or not len(truth):
        return None
    fit, held = (np.delete(side.for_trees()[~np.isnan(side.values[:, i])], i, axis=1) for side in (fitted_on, test))
    categorical = np.delete(test.categorical, i)
    seed = seeding.derive(trio.config.seed, "utility") % 2**32
    if not test.categorical[i]:
        return _regression(fit, answers, held, truth, categorical, seed, weight[:, known])
    words = trio.cut[1].frame[target].dropna().astype(str).to_numpy()
    names = dict(zip(truth, words, strict=True))
    return _classification(fit, answers, held, truth, categorical, seed, weight[:, known], names)


def _classification(
    x: np.ndarray,
    y: np.ndarray,
    x_held: np.ndarray,
    y_held: np.ndarray,
    categorical: np.ndarray,
    seed: int,
    weight: np.ndarray,
    words: dict[float, str],
) -> _Measured:
    """Macro one-vs-rest AUC over the classes of the held-out rows; a class that ``y`` lacks scores 0.5, as by chance.

    The detail has the AUC of each class, its number of held-out rows, and its number of rows in the training data.
    """
    found, counts = np.unique(y_held, return_counts=True)
    frequent = found[np.argsort(-counts, kind="stable")[:MAX_CLASSES]]
    y, y_held = (np.where(np.isin(codes, frequent), codes, -1.0) for codes in (y, y_held))
    classes = [code for code in frequent if (y_held == code).mean() < 1]
    known = np.unique(y)
    if len(known) > 1:
        chances = dict(zip(known, classifier(x, y, categorical, seed).predict_proba(x_held).T, strict=True))
    else:
        chances = {}
    measure = "AUC" if len(classes) <= 2 else f"macro one-vs-rest AUC of {len(classes)} classes"
    if not classes:
        return _Measured(np.full(len(weight), 0.5), 0.0, {"measure": measure, "classes": []}, empty=True)
    nothing = np.zeros(len(x_held))
    areas = np.array([auc(chances.get(code, nothing), y_held == code, weight) for code in classes])
    listed = [
        {
            "class": words[code],
            "auc": float(area),
            "rows": int((y_held == code).sum()),
            "fitted": int((y == code).sum()),
        }
        for code, area in zip(classes, areas[:, 0], strict=True)
    ]
    return _Measured(areas.mean(0), 0.0, {"measure": measure, "classes": listed})


def _regression(
    x: np.ndarray,
    y: np.ndarray,
    x_held: np.ndarray,
    y_held: np.ndarray,
    categorical: np.ndarray,
    seed: int,
    weight: np.ndarray,
) -> _Measured:
    error = (regressor(x, y, categorical, seed).predict(x_held) - y_held) ** 2
    detail = {"measure": "R2", "values": len(np.unique(y_held))}
    return _Measured(_r2(error, y_held, weight), -np.inf, detail)


def _r2(error: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Coefficient of determination per row of ``weight``, (R,); 0 where the truth is constant."""
    truth = truth - truth.mean()  # dates in seconds are large; their squares would lose the digits of the spread
    total = weight.sum(1)
    mean = weight @ truth / total
    spread = weight @ truth**2 / total - mean**2
    r2: np.ndarray = np.where(spread > 0, 1 - (weight @ error / total) / np.maximum(spread, 1e-12), 0.0)
    return r2


UTILITY = Metric(
    name="utility",
    title="Utility",
    explains="A model is trained on synthetic rows to predict the target and tested on real rows (AUC or R2).",
    better="higher",
    compute=utility,
    applies=lambda trio: trio.train.schema.target is not None,
)
UTILITY_REAL = Metric(
    name="utility_real",
    title="Utility of real rows",
    explains="The same model trained on the same number of real rows: the utility of perfect synthetic rows.",
    better="higher",
    compute=utility_real,
    applies=lambda trio: trio.train.schema.target is not None,
)
