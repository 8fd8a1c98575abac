"""Detection of synthetic rows among real ones by a classifier: 1 - (2 max(.5, AUC) - 1), where 1 is chance."""

import numpy as np

from geratriz import seeding
from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import auc, normal_interval, weights
from geratriz.scoring.score import Score
from geratriz.table.evaluate.features import Features
from geratriz.table.evaluate.trees import classifier, one_thread
from geratriz.table.evaluate.trio import Trio

FOLDS = 3
MAX_COLUMNS = 60  # columns, from the first, whose importance is measured; each costs a prediction per fold


def detection(trio: Trio) -> Score:
    """Score of a classifier between ``test`` and the synthetic rows."""
    _, real, synthetic = trio.features
    return tell_apart(real, synthetic, seed=trio.config.seed, bootstrap=trio.config.bootstrap)


@one_thread()
def tell_apart(real: Features, other: Features, *, seed: int, bootstrap: int) -> Score:
    """Score of gradient-boosted trees over three stratified folds, ``other`` rows against the same number of real rows.

    Both must share one encoding and have equal weight in it: codes are ordered by frequency, which would reveal a side.

    The interval resamples out-of-fold predictions; nothing is fitted again. The detail has the importance of each
    column: how much the AUC falls when it is shuffled in the held-out rows.
    """
    from sklearn.model_selection import StratifiedKFold

    values = np.vstack([real.for_trees(), other.for_trees()])
    fake = np.repeat([False, True], [len(real), len(other)])
    state = seeding.derive(seed, "detection") % 2**32
    if fake.sum() < FOLDS or (~fake).sum() < FOLDS:
        return Score(value=1.0, low=0.0, high=1.0, detail={"auc": 0.5, "columns": {}})
    areas, resampled = [], []
    falls = np.zeros(min(len(real.names), MAX_COLUMNS))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=state).split(values, fake)
    for number, (fitted, held) in enumerate(folds):
        model = classifier(values[fitted], fake[fitted], real.categorical, state)
        chance = model.predict_proba(values[held])[:, 1]
        area = auc(chance, fake[held])[0]
        areas.append(area)
        weight = weights(len(held), bootstrap, seed, f"detection {number}")
        resampled.append(auc(chance, fake[held], weight))
        shuffled = seeding.generator(seed, "shuffle", number).permutation(len(held))
        for i in range(len(falls)):
            changed = values[held].copy()
            changed[:, i] = changed[shuffled, i]
            falls[i] += (area - auc(model.predict_proba(changed)[:, 1], fake[held])[0]) / FOLDS
    value = float(np.mean(_score(np.array(areas))))
    low, high = normal_interval(value, _score(np.array(resampled)).mean(0), floor=0, ceiling=1)
    order = np.argsort(-falls)
    columns = {real.names[i]: float(falls[i]) for i in order if falls[i] > 0}
    return Score(value=value, low=low, high=high, detail={"auc": float(np.mean(areas)), "columns": columns})


def _score(area: np.ndarray) -> np.ndarray:
    score: np.ndarray = 1 - (2 * np.maximum(area, 0.5) - 1)
    return score


DETECTION = Metric(
    name="detection",
    title="Detection",
    explains="A classifier tries to tell synthetic rows from real ones. 1: it does no better than guessing; 0: it is "
    "always right.",
    better="higher",
    compute=detection,
    span=(0.0, 1.0),
)
