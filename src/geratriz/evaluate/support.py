"""Do synthetic rows lie where real ones do (alpha_precision), and do they reach everywhere real ones are (beta_recall).

After Alaa et al., "How Faithful is your Synthetic Data?" (ICML 2022, arXiv 2102.08921). Each figure compares a curve
with the diagonal over all sizes of support and is 1 - 2 * (the area between them):

- alpha: the share of synthetic rows inside the ball around the real centre that holds the share alpha of real rows.
- beta: the share of real rows that have one of the innermost share beta of synthetic rows nearer than their nearest
  real row. Among rows of one distribution either is nearer every other time: fresh real rows reach about 0.5, not 1.

Distances are those of distances.py; a row's distance to a side's centre is its mean distance to that side's rows.
"""

import numpy as np

from geratriz.evaluate.base import Score, Trio
from geratriz.evaluate.distances import Space, nearest
from geratriz.evaluate.features import Features
from geratriz.evaluate.resampling import around, weights

GRID = np.linspace(0.01, 1, 100)  # sizes of support that the curves are compared at


def alpha_precision(trio: Trio) -> Score:
    """Of synthetic rows against ``test``: mode dropping does not lower it, noise and impossible rows do."""
    _, real, synthetic = trio.features
    space = Space.over(real)
    radii, others = (_eccentricity(side, real, space) for side in (real, synthetic))
    balls = np.quantile(radii, GRID)
    inside = [(each[:, None] <= balls).astype(np.float32) for each in (radii, others)]
    ones = np.ones((1, len(real)), dtype=np.float32)

    def score(weight_real: np.ndarray, weight_synthetic: np.ndarray) -> np.ndarray:
        sides = zip((weight_real, weight_synthetic), inside, strict=True)
        shares = [weight @ each / weight.sum(1, keepdims=True) for weight, each in sides]
        return _agreement(shares[1], shares[0])

    value = float(score(ones, ones)[0])
    seed, resamples = trio.config.seed, trio.config.bootstrap
    resampled = score(*(weights(trio.size, resamples, seed, f"alpha {side}") for side in ("real", "synthetic")))
    low, high = around(value, resampled, floor=0, ceiling=1)
    return Score(value=value, low=low, high=high)


def beta_recall(trio: Trio) -> Score:
    """Of ``test`` rows by synthetic ones: noise lowers it little, modes that are missing do."""
    _, real, synthetic = trio.features
    if len(real) < 2:
        return Score(value=0.0, low=0.0, high=1.0)
    space = Space.over(real)
    to_synthetic, who = nearest(real, synthetic, space)
    to_real, _ = nearest(real, real, space, others=True)
    reached = (to_synthetic < to_real) + 0.5 * (to_synthetic == to_real)  # rows that repeat are as near as each other
    radii = _eccentricity(synthetic, synthetic, space)
    balls = np.quantile(radii, GRID)
    covered = (reached[:, None] * (radii[who][:, None] <= balls)).astype(np.float32)

    def score(weight: np.ndarray) -> np.ndarray:
        return _agreement(weight @ covered / weight.sum(1, keepdims=True), GRID)

    value = float(score(np.ones((1, len(real)), dtype=np.float32))[0])
    low, high = around(
        value, score(weights(trio.size, trio.config.bootstrap, trio.config.seed, "beta")), floor=0, ceiling=1
    )
    return Score(value=value, low=low, high=high)


def _agreement(curve: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """1 - 2 * the mean distance of curves, (R, G), from a diagonal; at least 0."""
    agreement: np.ndarray = np.maximum(1 - 2 * np.abs(curve - diagonal).mean(1), 0.0)
    return agreement


def _eccentricity(rows: Features, side: Features, space: Space) -> np.ndarray:
    """The mean distance of each row to all rows of ``side``, (N,): a sum over columns, so no pair is looked at."""
    numbers, codes = space.points(rows)
    side_numbers, side_codes = space.points(side)
    total = np.zeros(len(rows))
    for x, y in zip(numbers.T, side_numbers.T, strict=True):
        y_here, missing = np.sort(y[~np.isnan(y)]), np.isnan(x)
        absent = 1 - len(y_here) / len(y)
        gap = _mean_gap(np.nan_to_num(x), y_here) * (1 - absent) + (1 + np.abs(np.nan_to_num(x))) * absent
        away = (1 + np.abs(y_here).mean()) * (1 - absent) if len(y_here) else 0.0
        total += np.where(missing, away, gap)
    for a, b in zip(codes, side_codes, strict=True):
        shares = np.bincount(b + 1, minlength=max(int(a.max()), int(b.max())) + 2) / len(b)
        total += 1 - shares[a + 1]
    return total


def _mean_gap(x: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """The mean of |x - y| over the ascending y, per x."""
    if not len(ordered):
        return np.zeros(len(x))
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    below = np.searchsorted(ordered, x)
    gap: np.ndarray = (x * (2 * below - len(ordered)) + sums[-1] - 2 * sums[below]) / len(ordered)
    return gap
