"""Comparison of two generators of tables on the same real rows, per metric; scoring/difference.py has the method."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from geratriz import seeding
from geratriz.scoring.difference import ALPHA, difference
from geratriz.scoring.resampling import auc, weights
from geratriz.table.data.table import Table
from geratriz.table.evaluate import trends, utility
from geratriz.table.evaluate.detection import FOLDS
from geratriz.table.evaluate.fidelity import by_column
from geratriz.table.evaluate.trees import classifier, one_thread
from geratriz.table.evaluate.trio import EvaluateConfig, Trio


def compare(
    candidate: Sequence[Table], champion: Sequence[Table], test: Table, config: EvaluateConfig
) -> dict[str, dict[str, Any]]:
    """Compare samples of a candidate and of the champion, per metric.

    Args:
        candidate: several tables drawn by the candidate, with the schema of ``test``.
        champion: the same number drawn by the champion.
        test: real rows that neither was trained on.
        config: the seed, the number of resamples, and the most rows per side.

    Returns:
        ``{NAME: {"candidate", "champion", "difference", "low", "high", "better"}}``: the mean values of both, candidate
        minus champion with its interval, and which direction is better. Metrics that do not apply to the data are left
        out.
    """
    rows = min(config.max_rows, *(len(table) for table in (test, *candidate, *champion)))
    sides = [
        [Trio(train=test, test=test, synthetic=draw, config=config, rows=rows) for draw in draws]
        for draws in (candidate, champion)
    ]
    once = np.ones((1, rows), dtype=np.float32)  # weights of the values themselves
    weight = np.vstack([once, weights(rows, config.bootstrap, config.seed, "paired")])
    figures = {}
    for name, (better, measure) in _METRICS.items():
        one, other = ([measure(trio, weight) for trio in side] for side in sides)
        if not any(values is None for values in (*one, *other)):
            figures[name] = (better, np.array(one), np.array(other))
    return {
        name: {**difference(one, other, ALPHA / len(figures)), "better": better}
        for name, (better, one, other) in figures.items()
    }


# Scores of synthetic rows under weights (1 + R, N) of the test rows, the first of which are ones: (1 + R,). ---------


@one_thread()
def _detection(trio: Trio, weight: np.ndarray) -> np.ndarray:
    from sklearn.model_selection import StratifiedKFold

    _, real, synthetic = trio.features
    if trio.size < FOLDS:
        return np.ones(len(weight))
    values = np.vstack([real.for_trees(), synthetic.for_trees()])
    fake = np.repeat([False, True], trio.size)
    both = np.hstack([weight, np.ones_like(weight)])
    seed = seeding.derive(trio.config.seed, "detection") % 2**32
    areas = []
    for fitted, held in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(values, fake):
        model = classifier(values[fitted], fake[fitted], real.categorical, seed)
        areas.append(auc(model.predict_proba(values[held])[:, 1], fake[held], both[:, held]))
    scores: np.ndarray = (2 - 2 * np.maximum(areas, 0.5)).mean(0)
    return scores


def _shape_error(trio: Trio, weight: np.ndarray) -> np.ndarray:
    _, real, synthetic = trio.features
    errors: np.ndarray = by_column(real, synthetic, weight, np.ones_like(weight)).mean(0)
    return errors


@one_thread()
def _trend_error(trio: Trio, weight: np.ndarray) -> np.ndarray | None:
    _, real, synthetic = trio.features
    if len(real.names) < 2:
        return None
    weight = weight[: 1 + trends.resamples(trio)]
    return trends.over_pairs(real, synthetic, weight, np.ones_like(weight))[0]


_METRICS: dict[str, tuple[Literal["higher", "lower"], Callable[[Trio, np.ndarray], np.ndarray | None]]] = {
    "detection": ("higher", _detection),
    "shape_error": ("lower", _shape_error),
    "trend_error": ("lower", _trend_error),
    "utility": ("higher", utility.weighted_utility),
}
