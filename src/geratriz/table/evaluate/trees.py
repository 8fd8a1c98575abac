"""Scikit-learn's gradient-boosted trees, which metrics of tables use: default settings, one thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


def classifier(x: np.ndarray, y: np.ndarray, categorical: np.ndarray, seed: int) -> Any:
    """A classifier fitted to ``x``, float64 (N, C), and ``y``, (N,).

    ``categorical``, bool (C,), marks the columns that hold codes; missing is NaN. Early stopping is off, because by
    default it depends on the number of rows.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(categorical_features=categorical, early_stopping=False, random_state=seed)
    return model.fit(_fill_empty(x), y)


def regressor(x: np.ndarray, y: np.ndarray, categorical: np.ndarray, seed: int) -> Any:
    """A regressor fitted to ``x``, float64 (N, C), and ``y``, (N,), as :func:`classifier`."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(categorical_features=categorical, early_stopping=False, random_state=seed)
    return model.fit(_fill_empty(x), y)


def _fill_empty(x: np.ndarray) -> np.ndarray:
    """``x`` with 0 in columns without any value: scikit-learn 1.9 cannot bin them, and no tree splits on them."""
    return np.where(np.isnan(x).all(axis=0), 0.0, x)


@contextmanager
def one_thread() -> Iterator[None]:
    """Fit and predict on one thread inside the block (usable as a decorator).

    On tables of this size a second thread gains little. If another process uses the same cores, such as the evaluation
    of the next model in the flow, threads that wait for each other were measured to take fifty times as long.
    """
    import sklearn.ensemble  # noqa: F401 - its thread pool must be loaded to be found
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1):
        yield
