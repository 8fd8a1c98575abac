"""Is one generator better than another, or is it noise: both sampled several times, against the same real rows.

For each metric the difference of the two generators is estimated with what makes it uncertain:

- Which real rows are held out. They are resampled under equal weights for both sides (a paired bootstrap), so what
  makes a row hard for both cancels. Out-of-fold predictions or rows are resampled; nothing is fitted again.
- Which synthetic rows were drawn, and what a classifier made of them. Resampling predictions does not show the second,
  so each side is drawn :data:`DRAWS` times and judged anew, and the spread of the draws is the measure of both.

The interval is Welch's: Student's t with the degrees of freedom of Welch (1947) and Satterthwaite (1946), since a
handful of draws knows its own spread badly. The intervals of all metrics hold together at 95 % (Bonferroni), so the
chance that a generator is called better or worse than its equal is 5 % at most, however many metrics are looked at.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from geratriz import seeding
from geratriz.data.table import Table
from geratriz.evaluate import trends, utility
from geratriz.evaluate.base import EvaluateConfig, Trio
from geratriz.evaluate.detection import FOLDS
from geratriz.evaluate.fidelity import by_column
from geratriz.evaluate.resampling import auc, weights
from geratriz.evaluate.trees import classifier, one_thread

DRAWS = 5  # of each generator
CHANCE = 0.05  # that any metric differs where the generators do not


def compare(
    candidate: Sequence[Table], champion: Sequence[Table], test: Table, config: EvaluateConfig
) -> dict[str, dict[str, Any]]:
    """How much better the candidate is than the champion, by metric.

    Args:
        candidate: several tables that the one drew, of ``test``'s schema.
        champion: as many that the other drew.
        test: real rows that neither learnt from.
        config: the seed, the number of resamples, and the most rows a side.

    Returns:
        ``{NAME: {"candidate", "champion", "difference", "low", "high", "better"}}``: the mean values of both, candidate
        minus champion with its interval, and which way is better. A metric that makes no sense for the data is left
        out.
    """
    rows = min(config.max_rows, *(len(table) for table in (test, *candidate, *champion)))
    sides = [
        [Trio(train=test, test=test, synthetic=draw, config=config, rows=rows) for draw in draws]
        for draws in (candidate, champion)
    ]
    once = np.ones((1, rows), dtype=np.float32)  # for the values themselves
    weight = np.vstack([once, weights(rows, config.bootstrap, config.seed, "paired")])
    figures = {}
    for name, (better, measure) in _METRICS.items():
        one, other = ([measure(trio, weight) for trio in side] for side in sides)
        if not any(each is None for each in (*one, *other)):
            figures[name] = (better, np.array(one), np.array(other))
    return {
        name: {**difference(one, other, CHANCE / len(figures)), "better": better}
        for name, (better, one, other) in figures.items()
    }


def difference(one: np.ndarray, other: np.ndarray, chance: float) -> dict[str, float]:
    """One minus the other with its interval, which misses the truth with probability ``chance``.

    Both are (K, 1 + R): a line a draw, the values themselves in the first column, then those under resampled rows.
    """
    from scipy import stats

    draws, resamples = len(one), one.shape[1] - 1
    means = one.mean(0) - other.mean(0)
    parts = np.array([one[:, 0].var(ddof=1) / draws, other[:, 0].var(ddof=1) / draws, means[1:].var(ddof=1)])
    freedom = np.array([draws - 1, draws - 1, resamples - 1])
    total = float(parts.sum())
    half = 0.0
    if total > 0:
        half = float(stats.t.ppf(1 - chance / 2, total**2 / (parts**2 / freedom).sum())) * total**0.5
    difference = float(means[0])
    return {
        "candidate": float(one[:, 0].mean()),
        "champion": float(other[:, 0].mean()),
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
    }


# Each measures synthetic rows under weights (1 + R, N) of the test rows, the first being ones: (1 + R,). -----------


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
    "utility": ("higher", utility.under),
}
