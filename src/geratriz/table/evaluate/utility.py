"""Is a model fitted on synthetic rows any good on real ones: train on synthetic, test on ``test``.

The schema's kind of the target says what is measured. A category or a boolean: AUC of two classes, macro one-vs-rest
AUC of more. A number or a date: R2, however few values it has; one whose values are classes is to be declared a
category. Rows without a target are left out. ``utility_real`` is the same model fitted on as many real training rows:
the two are to be read side by side.
"""

from typing import Any, NamedTuple

import numpy as np

from geratriz import seeding
from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import around, auc, weights
from geratriz.scoring.score import Score
from geratriz.table.evaluate.features import Features
from geratriz.table.evaluate.trees import classifier, one_thread, regressor
from geratriz.table.evaluate.trio import Trio

CLASSES = 20  # the most frequent of ``test`` are judged, the rest are one more: trees of 95 rare ones fitted nothing


def utility(trio: Trio) -> Score | None:
    """Of the synthetic rows; None without a target, or without a row that has one."""
    return _judge(trio, trio.features[2])


def utility_real(trio: Trio) -> Score | None:
    """Of as many training rows; None without a target, or without a row that has one."""
    return _judge(trio, trio.features[0])


def under(trio: Trio, weight: np.ndarray) -> np.ndarray | None:
    """The utility of the synthetic rows under weights (R, N) of the test rows, (R,); None as :func:`utility`."""
    found = _measure(trio, trio.features[2], weight)
    return None if found is None else found.values


def _judge(trio: Trio, fitted_on: Features) -> Score | None:
    rows = trio.size
    once = np.ones((1, rows), dtype=np.float32)  # for the value itself
    weight = np.vstack([once, weights(rows, trio.config.bootstrap, trio.config.seed, "utility")])
    found = _measure(trio, fitted_on, weight)
    if found is None:
        return None
    value = float(found.values[0])
    low, high = (0.0, 1.0) if found.empty else around(value, found.values[1:], floor=found.least, ceiling=1)
    return Score(value=value, low=low, high=high, detail=found.detail)


class _Measured(NamedTuple):
    values: np.ndarray
    """(R,)"""
    least: float
    """No value can be less."""
    detail: dict[str, Any]
    empty: bool = False
    """Whether there was nothing to tell apart."""


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
    """Macro one-vs-rest AUC over the classes of the held-out rows; one never seen in ``y`` is told apart by chance.

    The detail has, per class, its AUC, its held-out rows, and the rows the model learnt it from.
    """
    found, counts = np.unique(y_held, return_counts=True)
    judged = found[np.argsort(-counts, kind="stable")[:CLASSES]]
    y, y_held = (np.where(np.isin(each, judged), each, -1.0) for each in (y, y_held))
    classes = [each for each in judged if (y_held == each).mean() < 1]
    known = np.unique(y)
    if len(known) > 1:
        chances = dict(zip(known, classifier(x, y, categorical, seed).predict_proba(x_held).T, strict=True))
    else:
        chances = {}
    measure = "AUC" if len(classes) <= 2 else f"macro one-vs-rest AUC of {len(classes)} classes"
    if not classes:
        return _Measured(np.full(len(weight), 0.5), 0.0, {"measure": measure, "classes": []}, empty=True)
    nothing = np.zeros(len(x_held))
    areas = np.array([auc(chances.get(each, nothing), y_held == each, weight) for each in classes])
    listed = [
        {
            "class": words[each],
            "auc": float(area),
            "rows": int((y_held == each).sum()),
            "fitted": int((y == each).sum()),
        }
        for each, area in zip(classes, areas[:, 0], strict=True)
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
    """The coefficient of determination per row of ``weight``, (R,); 0 where the truth is constant."""
    truth = truth - truth.mean()  # dates in seconds are large numbers, whose squares leave no digits for the spread
    total = weight.sum(1)
    mean = weight @ truth / total
    spread = weight @ truth**2 / total - mean**2
    r2: np.ndarray = np.where(spread > 0, 1 - (weight @ error / total) / np.maximum(spread, 1e-12), 0.0)
    return r2


UTILITY = Metric(
    name="utility",
    title="Utility",
    explains="A model learns to predict the target from synthetic rows and is tested on real ones (AUC, or R2 of a "
    "number).",
    better="higher",
    compute=utility,
)
UTILITY_REAL = Metric(
    name="utility_real",
    title="Utility of real rows",
    explains="The same model, fitted on as many real rows: what utility would be if synthetic rows were real.",
    better="higher",
    compute=utility_real,
)
