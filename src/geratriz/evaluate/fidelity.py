"""Do single columns and pairs of columns look real: shape_error and trend_error, in percent.

These are SDMetrics' Column Shapes and Column Pair Trends, both thresholds at 0, with 1 - score as the error. Column for
column and pair for pair they agree with its KSComplement, TVComplement, CorrelationSimilarity and
ContingencySimilarity (tests/unit/evaluate/test_fidelity.py holds figures of SDMetrics 0.32), but for two things:

- A missing value counts. In a category it is a level like any other; a number has at least the difference of the
  missing shares as its shape error, and a cell of its own beside a category. SDMetrics drops missing values in shapes,
  and then a generator that never leaves a cell empty would look perfect. Correlations take rows where both are present.
- Beside a category a number is cut into ten bins of the *real* column, as ContingencySimilarity does when it is handed
  numbers. SDMetrics' QualityReport cuts each side by its own range instead, so that one far value moves every bin.
"""

import numpy as np
from scipy import sparse

from geratriz.evaluate.base import Score, Trio
from geratriz.evaluate.features import Features
from geratriz.evaluate.resampling import around, distributions, weights

BINS = 10  # of a number beside a category


def shape_error(trio: Trio) -> Score:
    """Mean over columns of the Kolmogorov-Smirnov statistic (numbers) or total variation distance (categories)."""
    _, real, synthetic = trio.features
    weight_real, weight_synthetic = _weights(trio)
    errors, resampled = {}, []
    for i, name in enumerate(real.names):
        a, b = real.values[:, i], synthetic.values[:, i]
        by_column = _variation if real.categorical[i] else _kolmogorov_smirnov
        errors[name] = 100 * float(by_column(a, b, np.ones((1, len(a))), np.ones((1, len(b))))[0])
        resampled.append(by_column(a, b, weight_real, weight_synthetic))
    value = float(np.mean(list(errors.values())))
    low, high = around(value, 100 * np.mean(resampled, axis=0), floor=0, ceiling=100)
    return Score(value=value, low=low, high=high, detail={"columns": errors})


def trend_error(trio: Trio) -> Score | None:
    """Mean over pairs of |difference of correlations| / 2 (two numbers) or total variation of the joint table (others).

    A number that is constant on one side is taken as uncorrelated there. None for a table of one column.
    """
    _, real, synthetic = trio.features
    names = real.names
    if len(names) < 2:
        return None
    weight_real, weight_synthetic = _weights(trio)
    ones = np.ones((1, len(real)), dtype=np.float32)
    cells = [_cells(real, synthetic, i) for i in range(len(names))]

    def distance(i: int, j: int, weight_a: np.ndarray, weight_b: np.ndarray) -> np.ndarray:
        if not real.categorical[i] and not real.categorical[j]:
            a, b = (side.values[:, [i, j]] for side in (real, synthetic))
            difference: np.ndarray = 0.5 * np.abs(_correlation(a, weight_a) - _correlation(b, weight_b))
            return difference
        a, b = (cells[i][side] * int(max(map(np.max, cells[j])) + 1) + cells[j][side] for side in (0, 1))
        return _table_distance(a, b, weight_a, weight_b)

    matrix = np.zeros((len(names), len(names)))
    resampled = np.zeros(len(weight_real))
    for i in range(len(names)):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = 100 * distance(i, j, ones, ones)[0]
            resampled += distance(i, j, weight_real, weight_synthetic)
    pairs = len(names) * (len(names) - 1) / 2
    value = float(matrix.sum() / 2 / pairs)
    low, high = around(value, 100 * resampled / pairs, floor=0, ceiling=100)
    return Score(value=value, low=low, high=high, detail={"names": list(names), "matrix": matrix.round(3).tolist()})


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
    return _table_distance(*_levels(a, b), weight_a, weight_b)


def _table_distance(a: np.ndarray, b: np.ndarray, weight_a: np.ndarray, weight_b: np.ndarray) -> np.ndarray:
    """Half the sum of absolute differences of level shares, (R,)."""
    used, codes = np.unique(np.concatenate([a, b]), return_inverse=True)
    shares = []
    for part, weight in ((codes[: len(a)], weight_a), (codes[len(a) :], weight_b)):
        member = sparse.csr_matrix(
            (np.ones(len(part), np.float32), part, np.arange(len(part) + 1)), (len(part), len(used))
        )
        shares.append(weight @ member / weight.sum(1, keepdims=True))
    distance: np.ndarray = 0.5 * np.abs(shares[0] - shares[1]).sum(1)
    return distance


def _correlation(pair: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Pearson's correlation of two columns, (N, 2), over rows where both are present, (R,); 0 where one is constant."""
    present = ~np.isnan(pair).any(1)
    if present.sum() < 2:
        return np.zeros(len(weight))
    x, y = (pair[present] - pair[present].mean(0)).T
    if np.ptp(pair[present], axis=0).min() == 0:
        return np.zeros(len(weight))
    x, y = x / np.abs(x).max(), y / np.abs(y).max()  # variances must not drown in rounding, whatever the unit is
    w = weight[:, present].astype(np.float64)
    total = np.maximum(w.sum(1), 1e-9)
    mean_x, mean_y = w @ x / total, w @ y / total
    variance = (w @ (x * x) / total - mean_x**2) * (w @ (y * y) / total - mean_y**2)
    scale = np.sqrt(np.maximum(variance, 0))
    covariance = w @ (x * y) / total - mean_x * mean_y
    result: np.ndarray = np.where(scale > 1e-12, covariance / np.maximum(scale, 1e-12), 0.0)
    return result


def _cells(real: Features, synthetic: Features, column: int) -> tuple[np.ndarray, np.ndarray]:
    """A column as cells of a contingency table, real and synthetic; missing is a cell like any other.

    The first and the last cell of a number are open: a value beyond the real range lies in them.
    """
    a, b = real.values[:, column], synthetic.values[:, column]
    if real.categorical[column]:
        return _levels(a, b)
    present = a[~np.isnan(a)]
    edges = np.histogram_bin_edges(present, BINS)[1:-1] if len(present) else np.zeros(BINS - 1)
    first, second = (np.where(np.isnan(each), BINS, np.searchsorted(edges, each, side="right")) for each in (a, b))
    return first, second


def _levels(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes with missing as a level of its own, int64."""
    missing = np.nanmax(np.concatenate([a, b]), initial=-1) + 1
    return np.nan_to_num(a, nan=missing).astype(np.int64), np.nan_to_num(b, nan=missing).astype(np.int64)


def _part(weight: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    part: np.ndarray = weight[:, chosen].sum(1) / weight.sum(1)
    return part
