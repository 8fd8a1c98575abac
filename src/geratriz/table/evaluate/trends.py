"""Error of the relations between pairs of columns: trend_error, in percent.

SDMetrics' Column Pair Trends, both thresholds at 0, with 1 - score as the error: CorrelationSimilarity for two numbers,
ContingencySimilarity for others. fidelity.py lists the differences.
"""

from dataclasses import dataclass

import numpy as np

from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import normal_interval, total_variation, weights
from geratriz.scoring.score import Score
from geratriz.table.evaluate.features import Features
from geratriz.table.evaluate.trees import one_thread
from geratriz.table.evaluate.trio import Trio

BINS = 10  # bins of a number in a pair with a category
MAX_RESAMPLES = 30_000  # total over all pairs: a mean over many pairs needs fewer of each
MIN_RESAMPLES = 40  # enough for the standard error to a ninth
MIN_VARIANCE = 1e-10  # variance of a standardised column under which it is constant up to rounding


@dataclass(frozen=True, slots=True)
class Cells:
    """A column as cells of a contingency table; the last cell holds missing values."""

    real: np.ndarray
    """int64 (N,)."""
    synthetic: np.ndarray
    """int64 (N,)."""
    count: int
    edges: np.ndarray | None
    """Edges between the cells of a number, ascending; the first and last cell are open. None for a category."""

    @classmethod
    def of(cls, real: Features, synthetic: Features, column: int) -> "Cells":
        """Cells of a column; those of a number divide the *real* range; values beyond it are in the outermost cells."""
        sides, edges = [side.values[:, column] for side in (real, synthetic)], None
        if real.categorical[column]:
            missing = int(np.nanmax(np.concatenate(sides), initial=-1)) + 1
        else:
            missing, present = BINS, sides[0][~np.isnan(sides[0])]
            edges = np.histogram_bin_edges(present, BINS)[1:-1] if len(present) else np.zeros(BINS - 1)
            sides = [np.where(np.isnan(side), np.nan, np.searchsorted(edges, side, side="right")) for side in sides]
        codes = [np.nan_to_num(side, nan=missing).astype(np.int64) for side in sides]
        return cls(codes[0], codes[1], missing + 1, edges)

    def beside(self, other: "Cells") -> tuple[np.ndarray, np.ndarray]:
        """Cells of a pair, real and synthetic: cell of ``self`` * ``other.count`` + cell of ``other``."""
        return self.real * other.count + other.real, self.synthetic * other.count + other.synthetic


@one_thread()
def trend_error(trio: Trio) -> Score | None:
    """Mean over pairs of |difference of correlations| / 2 (two numbers) or total variation of the joint table (others).

    A number that is constant on one side counts as uncorrelated there. None for a table of one column.
    """
    _, real, synthetic = trio.features
    if len(real.names) < 2:
        return None
    seed, count = trio.config.seed, resamples(trio)
    once = np.ones((1, trio.size), dtype=np.float32)
    weight = [np.vstack([once, weights(trio.size, count, seed, side)]) for side in ("real", "synthetic")]
    errors, matrix = over_pairs(real, synthetic, *weight)
    low, high = normal_interval(float(errors[0]), errors[1:], floor=0, ceiling=100)
    detail = {"names": list(real.names), "matrix": matrix.round(3).tolist()}
    return Score(value=float(errors[0]), low=low, high=high, detail=detail)


def resamples(trio: Trio) -> int:
    """Number of resamples, fewer for tables with many columns."""
    count = len(trio.features[1].names)
    return min(trio.config.bootstrap, max(MIN_RESAMPLES, MAX_RESAMPLES // max(count * (count - 1) // 2, 1)))


def over_pairs(
    real: Features, synthetic: Features, weight_real: np.ndarray, weight_synthetic: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean error of all pairs in percent, (R,), under row weights (R, N) and (R, M), and the matrix of errors, (C, C).

    The matrix is that under the first weights. There must be at least two columns.
    """
    count = len(real.names)
    weight_real, weight_synthetic = (np.asfortranarray(w) for w in (weight_real, weight_synthetic))  # avoids copies
    matrix, total = np.zeros((count, count)), np.zeros(len(weight_real))

    numbers = np.flatnonzero(~real.categorical)
    sides = [standardised(side.values[:, numbers]) for side in (real, synthetic)]
    for i in range(len(total) if len(numbers) > 1 else 0):
        one, other = (correlations(*side, w[i]) for side, w in zip(sides, (weight_real, weight_synthetic), strict=True))
        errors = 50 * np.abs(one - other)
        total[i] += np.triu(errors, 1).sum()
        if i == 0:
            matrix[np.ix_(numbers, numbers)] = errors

    cells = [Cells.of(real, synthetic, i) for i in range(count)]
    for i in range(count):
        for j in range(i):
            if real.categorical[i] or real.categorical[j]:
                a, b = (
                    getattr(cells[i], side) * cells[j].count + getattr(cells[j], side) for side in ("real", "synthetic")
                )
                distance = 100 * total_variation(a, b, weight_real, weight_synthetic)
                matrix[i, j] = matrix[j, i] = distance[0]
                total += distance
    return total / (count * (count - 1) // 2), matrix


def standardised(values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Columns (N, M) with mean 0, variance 1 and 0 for missing values, and their mask of present values, if not all.

    A constant column is 0 throughout.
    """
    present = ~np.isnan(values)
    out = np.zeros(values.shape)
    for column, here, scaled in zip(values.T, present.T, out.T, strict=True):
        known = column[here]
        if len(known) and np.ptp(known) > 0:
            off = known - known.mean()
            off /= np.abs(off).max()  # avoids overflow and underflow of squares, whatever the unit
            scaled[here] = off / off.std()
    return out, None if present.all() else present.astype(np.float64)


def correlations(x: np.ndarray, present: np.ndarray | None, weight: np.ndarray) -> np.ndarray:
    """Pearson's correlations of standardised columns (N, M) under row weights (N,): (M, M), 0 for constant columns.

    Each pair is measured over the rows where both are present.
    """
    weighted = x * weight[:, None]
    if present is None:
        total = weight.sum()
        mean = np.broadcast_to(weighted.sum(0)[:, None] / total, (x.shape[1], x.shape[1]))
        square = np.broadcast_to((weighted * x).sum(0)[:, None] / total, mean.shape)
    else:
        total = np.maximum(present.T @ (present * weight[:, None]), 1e-9)
        mean, square = weighted.T @ present / total, (weighted * x).T @ present / total
    covariance, variance = weighted.T @ x / total - mean * mean.T, square - mean**2
    varies = (variance > MIN_VARIANCE) & (variance.T > MIN_VARIANCE)
    scale = np.sqrt(np.where(varies, variance * variance.T, 1.0))
    result: np.ndarray = np.where(varies, covariance / scale, 0.0)
    return result


TREND_ERROR = Metric(
    name="trend_error",
    title="Trend error, %",
    explains="How far the relation between two columns is from the real one, averaged over all pairs of columns.",
    better="lower",
    compute=trend_error,
    span=(0.0, 10.0),
)
