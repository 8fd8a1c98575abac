"""Do boosted trees tell two sets of coded rows apart: what decides which round of a GAN is the best."""

import math

import numpy as np

FOLDS = 2
TREES = 40  # enough to rank rounds; the judge of a release grows more


def tell_apart(real: np.ndarray, drawn: np.ndarray, seed: int) -> float:
    """The AUC of telling ``drawn`` from ``real``, codes (N, C) each, over two folds; at least what chance may give.

    Below half a standard deviation over 0.5 nothing is said: of rounds that good, all are. On one thread: on rows this
    few a second one gains nothing, and the sums stay the same everywhere.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    rows = np.vstack([real, drawn])
    fake = np.repeat([0, 1], [len(real), len(drawn)])
    areas = []
    with threadpool_limits(limits=1):
        for fitted, held in StratifiedKFold(FOLDS, shuffle=True, random_state=seed % 2**32).split(rows, fake):
            model = HistGradientBoostingClassifier(max_iter=TREES, early_stopping=False, random_state=0)
            model.fit(rows[fitted], fake[fitted])
            areas.append(roc_auc_score(fake[held], model.predict_proba(rows[held])[:, 1]))
    chance = 0.5 / math.sqrt(6 * len(real))  # half the standard deviation of an AUC without a difference, n rows a side
    return max(float(np.mean(areas)), 0.5 + chance)
