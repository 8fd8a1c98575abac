"""Error of the distributions of single columns: shape_error, in percent.

This and trend_error (trends.py) are SDMetrics' Column Shapes and Column Pair Trends, both thresholds at 0, with
1 - score as the error. Per column and per pair they agree with its KSComplement, TVComplement,
CorrelationSimilarity and ContingencySimilarity (figures of SDMetrics 0.32 are in the tests), with two exceptions:

- Missing values count. In a category they are a level; the shape error of a number is at least the difference of the
  missing shares, and missing numbers have their own cell in a pair with a category. SDMetrics drops missing values in
  shapes, so a generator without missing values would look perfect. Correlations use rows where both are present.
- In a pair with a category, a number is cut into ten bins of the *real* column, as ContingencySimilarity does with
  numbers. SDMetrics' QualityReport cuts each side by its own range instead, so that one outlier moves every bin.
"""

import numpy as np

from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import distributions, normal_interval, total_variation, weights
from geratriz.scoring.score import Score
from geratriz.table.evaluate.features import Features
from geratriz.table.evaluate.trio import Trio


def shape_error(trio: Trio) -> Score:
    """Mean over columns of the Kolmogorov-Smirnov statistic (numbers) or total variation distance (categories)."""
    _, real, synthetic = trio.features
    once = np.ones((1, trio.size))
    errors = {
        name: float(error[0]) for name, error in zip(real.names, by_column(real, synthetic, once, once), strict=True)
    }
    value = float(np.mean(list(errors.values())))
    resampled = by_column(real, synthetic, *_weights(trio)).mean(0)
    low, high = normal_interval(value, resampled, floor=0, ceiling=100)
    return Score(value=value, low=low, high=high, detail={"columns": errors})


def by_column(real: Features, synthetic: Features, weight_real: np.ndarray, weight_synthetic: np.ndarray) -> np.ndarray:
    """Error of each column in percent, (C, R), under row weights (R, N) and (R, M)."""
    errors = np.empty((len(real.names), len(weight_real)))
    for i in range(len(errors)):
        distance = _variation if real.categorical[i] else _kolmogorov_smirnov
        errors[i] = 100 * distance(real.values[:, i], synthetic.values[:, i], weight_real, weight_synthetic)
    return errors


def _weights(trio: Trio) -> tuple[np.ndarray, np.ndarray]:
    seed, resamples = trio.config.seed, trio.config.bootstrap
    return weights(trio.size, resamples, seed, "real"), weights(trio.size, resamples, seed, "synthetic")


def _kolmogorov_smirnov(a: np.ndarray, b: np.ndarray, weight_a: np.ndarray, weight_b: np.ndarray) -> np.ndarray:
    """Largest distance between the distribution functions of present values, or between missing shares, (R,)."""
    missing_a, missing_b = np.isnan(a), np.isnan(b)
    missing: np.ndarray = np.abs(_share(weight_a, missing_a) - _share(weight_b, missing_b))
    if missing_a.all() or missing_b.all():
        return missing
    one, other = distributions(a[~missing_a], b[~missing_b], weight_a[:, ~missing_a], weight_b[:, ~missing_b])
    distance: np.ndarray = np.maximum(np.abs(one - other).max(1), missing)
    return distance


def _variation(a: np.ndarray, b: np.ndarray, weight_a: np.ndarray, weight_b: np.ndarray) -> np.ndarray:
    """Total variation distance of two columns of codes, with missing as a level, (R,)."""
    missing = np.nanmax(np.concatenate([a, b]), initial=-1) + 1
    one, other = (np.nan_to_num(side, nan=missing).astype(np.int64) for side in (a, b))
    return total_variation(one, other, weight_a, weight_b)


def _share(weight: np.ndarray, mask: np.ndarray) -> np.ndarray:
    share: np.ndarray = weight[:, mask].sum(1) / weight.sum(1)
    return share


SHAPE_ERROR = Metric(
    name="shape_error",
    title="Shape error, %",
    explains="How far the distribution of a single column is from the real one, averaged over columns. Relations "
    "between columns do not count here.",
    better="lower",
    compute=shape_error,
    span=(0.0, 5.0),
)
