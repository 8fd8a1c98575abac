"""Do single columns look real: shape_error, in percent.

This and trend_error (trends.py) are SDMetrics' Column Shapes and Column Pair Trends, both thresholds at 0, with
1 - score as the error. Column for column and pair for pair they agree with its KSComplement, TVComplement,
CorrelationSimilarity and ContingencySimilarity (tests/unit/evaluate has figures of SDMetrics 0.32), but for two things:

- A missing value counts. In a category it is a level like any other; a number has at least the difference of the
  missing shares as its shape error, and a cell of its own beside a category. SDMetrics drops missing values in shapes,
  and then a generator that never leaves a cell empty would look perfect. Correlations take rows where both are present.
- Beside a category a number is cut into ten bins of the *real* column, as ContingencySimilarity does when it is handed
  numbers. SDMetrics' QualityReport cuts each side by its own range instead, so that one far value moves every bin.
"""

import numpy as np

from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import around, distributions, total_variation, weights
from geratriz.scoring.score import Score
from geratriz.table.evaluate.features import Features
from geratriz.table.evaluate.trio import Trio


def shape_error(trio: Trio) -> Score:
    """Mean over columns of the Kolmogorov-Smirnov statistic (numbers) or total variation distance (categories)."""
    _, real, synthetic = trio.features
    once = np.ones((1, trio.size))
    errors = {
        name: float(each[0]) for name, each in zip(real.names, by_column(real, synthetic, once, once), strict=True)
    }
    value = float(np.mean(list(errors.values())))
    resampled = by_column(real, synthetic, *_weights(trio)).mean(0)
    low, high = around(value, resampled, floor=0, ceiling=100)
    return Score(value=value, low=low, high=high, detail={"columns": errors})


def by_column(real: Features, synthetic: Features, weight_real: np.ndarray, weight_synthetic: np.ndarray) -> np.ndarray:
    """Each column's error in percent, (C, R), under row weights (R, N) and (R, M)."""
    errors = np.empty((len(real.names), len(weight_real)))
    for i in range(len(errors)):
        distance = _variation if real.categorical[i] else _kolmogorov_smirnov
        errors[i] = 100 * distance(real.values[:, i], synthetic.values[:, i], weight_real, weight_synthetic)
    return errors


def _weights(trio: Trio) -> tuple[np.ndarray, np.ndarray]:
    seed, resamples = trio.config.seed, trio.config.bootstrap
    return weights(trio.size, resamples, seed, "real"), weights(trio.size, resamples, seed, "synthetic")


def _kolmogorov_smirnov(a: np.ndarray, b: np.ndarray, weight_a: np.ndarray, weight_b: np.ndarray) -> np.ndarray:
    """The largest distance of the two distribution functions of present values, or of the missing shares, (R,)."""
    missing_a, missing_b = np.isnan(a), np.isnan(b)
    missing: np.ndarray = np.abs(_part(weight_a, missing_a) - _part(weight_b, missing_b))
    if missing_a.all() or missing_b.all():
        return missing
    one, other = distributions(a[~missing_a], b[~missing_b], weight_a[:, ~missing_a], weight_b[:, ~missing_b])
    distance: np.ndarray = np.maximum(np.abs(one - other).max(1), missing)
    return distance


def _variation(a: np.ndarray, b: np.ndarray, weight_a: np.ndarray, weight_b: np.ndarray) -> np.ndarray:
    """The total variation distance of two columns of codes, missing being a level, (R,)."""
    missing = np.nanmax(np.concatenate([a, b]), initial=-1) + 1
    one, other = (np.nan_to_num(each, nan=missing).astype(np.int64) for each in (a, b))
    return total_variation(one, other, weight_a, weight_b)


def _part(weight: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    part: np.ndarray = weight[:, chosen].sum(1) / weight.sum(1)
    return part


SHAPE_ERROR = Metric(
    name="shape_error",
    title="Shape error, %",
    explains="How far single columns are from the real ones, on average. Drawing each column on its own scores well "
    "here.",
    better="lower",
    compute=shape_error,
    span=(0.0, 5.0),
)
