"""Whether synthetic rows lie where real rows do (alpha_precision), and cover all of them (beta_recall).

Alaa et al., "How Faithful is your Synthetic Data?" (ICML 2022, arXiv 2102.08921), section 3, with the balls of the
authors' code. Both compare a curve with its diagonal: 1 - 2 * (the area between them):

- alpha: the share of synthetic rows in the ball around the real centre that holds the share alpha of real rows.
- beta: the share of real rows with a synthetic row nearer than their nearest real row, among those whose nearest
  synthetic row belongs to the innermost share beta. Of two rows of one distribution each is nearer half of the time:
  fresh real rows score about 0.5, not 1, and so does a perfect generator.

**The space.** Category levels become indicators, numbers are scaled, and all are whitened by the covariance of the
*training* rows, so that a row which breaks a relation between columns is far out. Measured on Adult, MAGIC, Bank
Marketing and Beijing PM2.5, 3,000 rows per side, compared with a sum of distances by column (after Gower) and with the
same indicators unwhitened:

    alpha_precision of     fresh rows     independent columns     noise of .3 sd and a tenth of categories at random
    sum by column          .97 to .99     .80 to .95              .65 to .91
    unwhitened             .97 to .99     .77 to .97              .78 to .89
    whitened               .98 to .99     .19 to .63              .65 to .71

beta_recall is similar in all: .48 to .53 for fresh rows and for copies of the training rows, .35 to .44 if a category
of 21 to 35 % is never drawn, .04 if a twentieth of the rows is drawn repeatedly, .01 to .17 for independent columns.
Outer rows have the least weight in it: a missing tail lowers alpha_precision and shape_error instead.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import distributions, normal_interval, weights
from geratriz.scoring.score import Score
from geratriz.table.evaluate.distances import CELLS, Space
from geratriz.table.evaluate.features import Features
from geratriz.table.evaluate.trees import one_thread
from geratriz.table.evaluate.trio import Trio

RIDGE = 0.1  # added to every variance, so that nearly constant directions (rounding, rare levels) do not dominate
MAX_RANGES = 3.0  # numbers are clipped this far from the median, in ranges of the middle 90 %, because of outliers
MIN_LEVEL_SHARE = 0.01  # smallest share of the rows for a level with its own indicator; the others share one
MAX_INDICATORS = 1000  # approximate limit over all categories: the cost of whitening is cubic in their number
DIMENSIONS = 256  # directions of largest variance that are used; more cost time and are noise
DIGITS = 9  # decimals of a distance, so that equal rows have equal distances


def alpha_precision(trio: Trio) -> Score | None:
    """Alpha-precision of the synthetic rows for ``test``; None for fewer than two rows per side."""
    if trio.size < 2:
        return None
    real, synthetic = _embedded(trio)
    centre = real.mean(0)
    radii = [_lengths(side - centre) for side in (real, synthetic)]

    def score(weight_real: np.ndarray, weight_synthetic: np.ndarray) -> np.ndarray:
        inside = distributions(radii[0], radii[1], weight_real, weight_synthetic)
        steps = np.diff(inside[0], axis=1, prepend=0)
        precision: np.ndarray = 1 - 2 * (steps * np.abs(inside[0] - inside[1])).sum(1)
        return precision

    ones = np.ones((1, trio.size), dtype=np.float32)
    value = float(score(ones, ones)[0])
    seed, resamples = trio.config.seed, trio.config.bootstrap
    resampled = score(*(weights(trio.size, resamples, seed, f"alpha {side}") for side in ("real", "synthetic")))
    low, high = normal_interval(value, resampled, floor=0, ceiling=1)
    return Score(value=value, low=low, high=high)


def beta_recall(trio: Trio) -> Score | None:
    """Beta-recall of ``test`` by the synthetic rows; None for fewer than two rows per side.

    The area under the paper's curve is a mean over real rows: 2 * (1 - the rank of the nearest synthetic row's distance
    from the synthetic centre) if that row is nearer than the nearest real row, half of it for ties, else 0.
    """
    if trio.size < 2:
        return None
    real, synthetic = _embedded(trio)
    to_synthetic, nearest = _nearest(real, synthetic)
    to_real, _ = _nearest(real, real, is_same=True)
    reached = (to_synthetic < to_real) + 0.5 * (to_synthetic == to_real)
    distance_from_centre = _lengths(synthetic - synthetic.mean(0))[nearest]
    recalled = 2 * reached * (1 - (rankdata(distance_from_centre) - 0.5) / len(distance_from_centre))
    value = float(recalled.mean())
    weight = weights(trio.size, trio.config.bootstrap, trio.config.seed, "beta")
    low, high = normal_interval(value, weight @ recalled / weight.sum(1), floor=0, ceiling=1)
    return Score(value=value, low=low, high=high)


@one_thread()
def _embedded(trio: Trio) -> list[np.ndarray]:
    """``test`` and the synthetic rows, whitened by ``train``, float64 (N, D) each."""
    train, real, synthetic = trio.features
    space = _Indicators.over(train)
    base = space.points(train)
    centre = base.mean(0)
    base -= centre
    variances, directions = np.linalg.eigh(base.T @ base / len(base))
    whitening = (directions / np.sqrt(np.maximum(variances, 0) + RIDGE))[:, -DIMENSIONS:]
    return [(space.points(side) - centre) @ whitening for side in (real, synthetic)]


@dataclass(frozen=True, slots=True)
class _Indicators:
    """Encoding of rows as scaled numbers, with indicators of missing values and of every common level."""

    space: Space
    deviation: np.ndarray
    """Standard deviations of the numeric columns in the units of ``space``, float64 (M,)."""
    levels: tuple[np.ndarray, ...]
    """Codes with their own indicator, per category."""

    @classmethod
    def over(cls, train: Features) -> "_Indicators":
        space = Space.over(train)
        numbers, codes = space.points(train)
        deviation = np.nan_to_num(np.clip(numbers, -MAX_RANGES, MAX_RANGES)).std(0)
        limit = max(1, MAX_INDICATORS // max(len(codes), 1))
        levels = []
        for column in codes:
            found, counts = np.unique(column, return_counts=True)
            ranked = np.argsort(-counts, kind="stable")[:limit]
            levels.append(found[ranked[counts[ranked] >= MIN_LEVEL_SHARE * len(column)]])
        return cls(space, np.where(deviation > 0, deviation, 1.0), tuple(levels))

    def points(self, side: Features) -> np.ndarray:
        """Encoded rows, float64 (N, D)."""
        numbers, codes = self.space.points(side)
        present = np.nan_to_num(np.clip(numbers, -MAX_RANGES, MAX_RANGES))
        parts = [present / self.deviation, np.isnan(numbers)]
        for column, levels in zip(codes, self.levels, strict=True):
            own = column[:, None] == levels
            parts += [own, ~own.any(1, keepdims=True)]
        return np.hstack(parts).astype(np.float64)


@one_thread()
def _nearest(queries: np.ndarray, base: np.ndarray, *, is_same: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Euclidean distance to the nearest row of ``base``, and its index, (queries,) each; not itself if ``is_same``."""
    rows = np.empty(len(queries), dtype=np.int64)
    # half the squared distance without |x|^2: -x.y and |y|^2 / 2 in one product of float32
    left = np.hstack([queries, np.ones((len(queries), 1))]).astype(np.float32)
    right = np.hstack([-base, 0.5 * (base**2).sum(1, keepdims=True)]).astype(np.float32).T
    step = max(1, CELLS // len(base))
    for start in range(0, len(queries), step):
        part = left[start : start + step] @ right
        if is_same:
            part[np.arange(len(part)), np.arange(start, start + len(part))] = np.inf
        rows[start : start + step] = part.argmin(1)
    return _lengths(queries - base[rows]), rows


def _lengths(rows: np.ndarray) -> np.ndarray:
    lengths: np.ndarray = np.sqrt((rows**2).sum(1)).round(DIGITS)
    return lengths


ALPHA_PRECISION = Metric(
    name="alpha_precision",
    title="Precision (alpha)",
    explains="Do synthetic rows lie where real rows do? 1: equally often in the middle and at the edge. Noise, "
    "impossible rows and broken relations between columns lower it.",
    better="higher",
    compute=alpha_precision,
    span=(0.8, 1.0),
)
BETA_RECALL = Metric(
    name="beta_recall",
    title="Recall (beta)",
    explains="Do synthetic rows cover all real rows? Groups of rows that are never generated lower it. A real row "
    "counts if its nearest synthetic row is nearer than its nearest real row. Fresh real rows reach about 0.5, not 1: "
    "compare the value with theirs.",
    better="higher",
    compute=beta_recall,
    span=(0.3, 0.6),
)
