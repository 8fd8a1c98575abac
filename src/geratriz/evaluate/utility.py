"""Is a model fitted on synthetic rows any good on real ones: train on synthetic, test on ``test``.

AUC for a target of two classes, macro one-vs-rest AUC for more, R2 for a number. ``utility_real`` is the same model
fitted on as many real training rows: the two are to be read side by side.
"""

import numpy as np

from geratriz import seeding
from geratriz.evaluate.base import Score, Trio
from geratriz.evaluate.features import Features
from geratriz.evaluate.resampling import around, auc, weights
from geratriz.evaluate.trees import classifier, one_thread, regressor


def utility(trio: Trio) -> Score | None:
    """Of the synthetic rows; None without a target."""
    return _judge(trio, trio.features[2])


def utility_real(trio: Trio) -> Score | None:
    """Of as many training rows; None without a target."""
    return _judge(trio, trio.features[0])


@one_thread()
def _judge(trio: Trio, fitted_on: Features) -> Score | None:
    target = trio.test.schema.target
    test = trio.features[1]
    if target is None or target not in test.names or len(test.names) < 2:
        return None
    i = test.index(target)
    fit, held = (side.for_trees()[~np.isnan(side.values[:, i])] for side in (fitted_on, test))
    if not len(fit) or not len(held):
        return None
    inputs = np.delete(np.arange(len(test.names)), i)
    categorical = test.categorical[inputs]
    seed = seeding.derive(trio.config.seed, "utility") % 2**32
    weight = weights(len(held), trio.config.bootstrap, trio.config.seed, "utility")
    if test.categorical[i]:
        return _classification(fit[:, inputs], fit[:, i], held[:, inputs], held[:, i], categorical, seed, weight)
    return _regression(fit[:, inputs], fit[:, i], held[:, inputs], held[:, i], categorical, seed, weight)


def _classification(
    x: np.ndarray,
    y: np.ndarray,
    x_held: np.ndarray,
    y_held: np.ndarray,
    categorical: np.ndarray,
    seed: int,
    weight: np.ndarray,
) -> Score:
    """Macro one-vs-rest AUC over the classes of the held-out rows; one never seen in ``y`` is told apart by chance."""
    known = np.unique(y)
    classes = [each for each in np.unique(y_held) if 0 < (y_held == each).mean() < 1]
    if len(known) > 1:
        chances = dict(zip(known, classifier(x, y, categorical, seed).predict_proba(x_held).T, strict=True))
    else:
        chances = {}
    nothing = np.zeros(len(x_held))
    ones = np.ones((1, len(x_held)), dtype=np.float32)
    if not classes:
        return Score(value=0.5, low=0.0, high=1.0, detail={"measure": "AUC"})
    areas, resampled = (
        np.mean([auc(chances.get(each, nothing), y_held == each, w) for each in classes], axis=0)
        for w in (ones, weight)
    )
    low, high = around(float(areas[0]), resampled, floor=0, ceiling=1)
    return Score(value=float(areas[0]), low=low, high=high, detail={"measure": "AUC"})


def _regression(
    x: np.ndarray,
    y: np.ndarray,
    x_held: np.ndarray,
    y_held: np.ndarray,
    categorical: np.ndarray,
    seed: int,
    weight: np.ndarray,
) -> Score:
    error = (regressor(x, y, categorical, seed).predict(x_held) - y_held) ** 2
    ones = np.ones((1, len(y_held)), dtype=np.float32)
    value, resampled = float(_r2(error, y_held, ones)[0]), _r2(error, y_held, weight)
    low, high = around(value, resampled, ceiling=1)
    return Score(value=value, low=low, high=high, detail={"measure": "R2"})


def _r2(error: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The coefficient of determination per row of ``weight``, (R,); 0 where the truth is constant."""
    truth = truth - truth.mean()  # dates in seconds are large numbers, whose squares leave no digits for the spread
    total = weight.sum(1)
    mean = weight @ truth / total
    spread = weight @ truth**2 / total - mean**2
    r2: np.ndarray = np.where(spread > 0, 1 - (weight @ error / total) / np.maximum(spread, 1e-12), 0.0)
    return r2
