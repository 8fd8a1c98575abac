"""Detection of generated rows by boosted trees, which selects the best round of a GAN."""

import math

import numpy as np

FOLDS = 2
TREES = 40  # enough to rank rounds; the evaluation of a release grows more


def detection_auc(real: np.ndarray, drawn: np.ndarray, seed: int) -> float:
    """Return the AUC of separating ``drawn`` from ``real``, codes (N, C) each, over two folds, floored near chance.

    An AUC below 0.5 plus half a standard deviation is raised to that value: rounds this good count as equally good. It
    runs on one thread: a second one gains nothing on so few rows, and sums are the same on every machine.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    rows = np.vstack([real, drawn])
    fake = np.repeat([0, 1], [len(real), len(drawn)])
    areas = []
    with threadpool_limits(limits=1):
        for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed % 2**32).split(rows, fake):
            model = HistGradientBoostingClassifier(max_iter=TREES, early_stopping=False, random_state=0)
            model.fit(rows[train], fake[train])
            areas.append(roc_auc_score(fake[test], model.predict_proba(rows[test])[:, 1]))
    chance = 0.5 / math.sqrt(6 * len(real))  # half the standard deviation if nothing differs, n rows per side
    return max(float(np.mean(areas)), 0.5 + chance)
