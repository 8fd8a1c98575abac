"""Intervals without refitting: bootstrap weights, weighted AUC, and Wilson's interval of a share."""

import numpy as np
from scipy import sparse

from geratriz import seeding
from geratriz.scoring.score import Score

Z = 1.959964  # half-width of a 95 % interval in standard errors
Z_TWO_INTERVALS = 2.241403  # the same for 97.5 %: two such intervals hold jointly at 95 %


def weights(rows: int, resamples: int, seed: int, name: str) -> np.ndarray:
    """Number of times each row is drawn in each bootstrap resample, float32 (resamples, rows)."""
    rng = seeding.generator(seed, "bootstrap", name)
    return rng.multinomial(rows, np.full(rows, 1 / rows), size=resamples).astype(np.float32)


def normal_interval(
    value: float, resampled: np.ndarray, *, floor: float = -np.inf, ceiling: float = np.inf
) -> tuple[float, float]:
    """Value +- 1.96 standard errors, estimated by the spread of ``resampled`` (Efron's standard interval).

    Percentiles are unsuitable: distances such as KS grow under resampling, and the interval could miss the value.
    """
    error = Z * float(np.std(resampled))
    return float(max(value - error, floor)), float(min(value + error, ceiling))


def share(hits: int, rows: int, **detail: object) -> Score:
    """``hits`` / ``rows`` with Wilson's score interval (1927), which is valid at 0 too."""
    if not rows:
        return Score(value=0.0, low=0.0, high=1.0, detail=detail)
    p = hits / rows
    centre = (p + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
    half = Z / (1 + Z**2 / rows) * np.sqrt(p * (1 - p) / rows + Z**2 / (4 * rows**2))
    return Score(
        value=p, low=float(max(min(centre - half, p), 0)), high=float(min(max(centre + half, p), 1)), detail=detail
    )


def excess_over_chance(members: np.ndarray, non_members: np.ndarray, ratio: float, rows: int) -> dict[str, float]:
    """Matches with members minus ``ratio`` times the matches with non-members, as a share of ``rows``.

    Args:
        members: the number of matches of each training row that has any.
        non_members: the same for unseen rows.
        ratio: training rows per unseen row.
        rows: the number of synthetic rows.

    The standard error is that of chance, where a matched row is a training row with probability ratio / (1 + ratio):
    a row matched c times then adds ratio c^2 to the variance. One match is added to those observed, so that no match
    in few rows does not look certain.
    """
    weight = np.square(members).sum() + np.square(non_members).sum() + 1
    return {
        "train": float(members.sum() / rows),
        "expected": float(ratio * non_members.sum() / rows),
        "excess": float((members.sum() - ratio * non_members.sum()) / rows),
        "error": float(np.sqrt(ratio * weight) / rows),
    }


def distributions(
    a: np.ndarray, b: np.ndarray, weight_a: np.ndarray, weight_b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distribution functions of ``a`` and ``b`` at every value of either, ascending, (R, V) each.

    Args:
        a: (N,).
        b: (M,).
        weight_a: (R, N).
        weight_b: (R, M).
    """
    values = np.concatenate([a, b])
    order = np.argsort(values, kind="stable")
    last_of_equals = np.append(np.diff(values[order]) != 0, True)
    heights = []
    for weight, start in ((weight_a, 0), (weight_b, len(a))):
        both = np.zeros((len(weight), len(values)), dtype=weight.dtype)
        both[:, start : start + weight.shape[1]] = weight
        total = np.maximum(weight.sum(1, keepdims=True), 1e-9)
        heights.append(np.cumsum(both[:, order], axis=1)[:, last_of_equals] / total)
    return heights[0], heights[1]


def total_variation(a: np.ndarray, b: np.ndarray, weight_a: np.ndarray, weight_b: np.ndarray) -> np.ndarray:
    """Half the sum of absolute differences between the shares of codes, (R,).

    Args:
        a: int64 (N,), from 0.
        b: int64 (M,).
        weight_a: float32 (R, N); column-major order is faster.
        weight_b: float32 (R, M).
    """
    count = int(max(a.max(), b.max())) + 1
    if count > len(a) + len(b):
        used, codes = np.unique(np.concatenate([a, b]), return_inverse=True)
        (a, b), count = np.split(codes, [len(a)]), len(used)
    shares = []
    for part, weight in ((a, weight_a), (b, weight_b)):
        cells = (np.ones(len(part), np.float32), part, np.arange(len(part) + 1))
        shares.append(sparse.csc_matrix(cells, (count, len(part))) @ weight.T / weight.sum(1))
    distance: np.ndarray = 0.5 * np.abs(shares[0] - shares[1]).sum(0)
    return distance


def auc(scores: np.ndarray, positive: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Area under the ROC curve per row of ``weight``; ties count half.

    Args:
        scores: (N,).
        positive: bool (N,).
        weight: (R, N) row weights; a single row of ones when None.

    Returns:
        (R,); 0.5 where a resample has one class only.
    """
    weight = np.ones((1, len(scores)), dtype=np.float32) if weight is None else weight
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(scores[order]) != 0))
    ups = np.add.reduceat((weight * positive)[:, order], starts, axis=1, dtype=np.float64)
    downs = np.add.reduceat((weight * ~positive)[:, order], starts, axis=1, dtype=np.float64)
    below = np.cumsum(downs, axis=1) - downs / 2
    total = ups.sum(1) * downs.sum(1)
    area: np.ndarray = np.where(total > 0, (ups * below).sum(1) / np.maximum(total, 1e-12), 0.5)
    return area


def rate_at(scores: np.ndarray, positive: np.ndarray, alarms: float, weight: np.ndarray | None = None) -> np.ndarray:
    """True-positive rate at the false-positive rate ``alarms``, interpolated along the ROC curve.

    Args:
        scores: (N,).
        positive: bool (N,).
        alarms: between 0 and 1.
        weight: (R, N) row weights; a single row of ones when None.

    Returns:
        (R,); ``alarms`` where a resample has one class only.
    """
    weight = np.ones((1, len(scores)), dtype=np.float32) if weight is None else weight
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(scores[order]) != 0))
    downs, ups = (
        np.cumsum(np.add.reduceat((weight * side)[:, order], starts, axis=1, dtype=np.float64), axis=1)
        for side in (~positive, positive)
    )
    rates = np.full(len(weight), alarms)
    for i, (false, true) in enumerate(zip(downs, ups, strict=True)):
        if false[-1] and true[-1]:
            curve = np.append(0.0, false / false[-1]), np.append(0.0, true / true[-1])
            last = int(np.searchsorted(curve[0], alarms, side="right")) - 1  # top of a vertical step
            (f0, f1), (t0, t1) = (axis[last : last + 2] for axis in curve)
            rates[i] = t0 + (t1 - t0) * (alarms - f0) / (f1 - f0)
    return rates


def interval_of_max(values: np.ndarray, resampled: np.ndarray, null: np.ndarray, chance: float) -> tuple[float, float]:
    """95 % interval of the greatest of K true values that ``values`` estimate.

    The greatest of several estimates is biased upwards. So all K get intervals that hold jointly, value +- c standard
    errors, and the greatest true value lies between the greatest low end and the greatest high end. c is the 95 %
    quantile of the greatest deviation from ``chance``, in standard errors, over data without effect.

    Args:
        values: (K,).
        resampled: (R, K), for the standard errors.
        null: (R, K), the same estimates on data without effect.
        chance: the value of all K on data without effect.
    """
    errors = np.maximum(resampled.std(0), 1e-12)
    deviation = np.abs(null - chance) / np.maximum(null.std(0), 1e-12)
    c = max(Z, float(np.quantile(deviation.max(1), 0.95)))
    return float((values - c * errors).max()), float((values + c * errors).max())
