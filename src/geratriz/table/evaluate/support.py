"""Do synthetic rows lie where real ones do (alpha_precision), and do they reach everywhere real ones are (beta_recall).

Alaa et al., "How Faithful is your Synthetic Data?" (ICML 2022, arXiv 2102.08921), section 3, with the balls of the
authors' code. Each figure compares a curve with its diagonal and is 1 - 2 * (the area between them):

- alpha: the share of synthetic rows in the ball around the real centre that holds the share alpha of real rows.
- beta: the share of real rows that have a synthetic row nearer than their nearest real one, among those whose nearest
  synthetic row is of the share beta that lies innermost. Of two rows of one distribution either is nearer every other
  time: fresh real rows score about 0.5, not 1, and so does a perfect generator.

**The space.** Category levels become indicators, numbers are brought to one scale, and all is whitened as the
*training* rows vary, so that a row which breaks a relation between columns is far out. Measured on Adult, MAGIC, Bank
Marketing and Beijing PM2.5, 3,000 rows a side, against a sum of distances by column (after Gower) and the same
indicators unwhitened:

    alpha_precision of     fresh rows     columns drawn apart     noise of .3 sd and a tenth of categories at random
    sum by column          .97 to .99     .80 to .95              .65 to .91
    unwhitened             .97 to .99     .77 to .97              .78 to .89
    whitened               .98 to .99     .19 to .63              .65 to .71

beta_recall is alike in all: .48 to .53 for fresh rows and for copies of the training rows, .35 to .44 where a category
of 21 to 35 % is never drawn, .04 where a twentieth of the rows is drawn over and over, .01 to .17 for columns drawn
apart. What lies outermost weighs least in it: a tail that is cut off costs alpha_precision and shape_error instead.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import around, distributions, weights
from geratriz.scoring.score import Score
from geratriz.table.evaluate.distances import CELLS, Space
from geratriz.table.evaluate.features import Features
from geratriz.table.evaluate.trees import one_thread
from geratriz.table.evaluate.trio import Trio

RIDGE = 0.1  # added to every variance: nearly constant directions hold rounding and rare levels, which must not rule
BEYOND = 3.0  # ranges of the middle 90 % that a number may be off the middle; one far value must not set the scale
COMMON = 0.01  # share of the rows that a level needs for an indicator of its own; the others have one together
INDICATORS = 1000  # of all categories, about: whitening takes the cube of their number
DIMENSIONS = 256  # that rows vary most in; more cost time and are noise
DIGITS = 9  # of a distance: equal rows are equally far


def alpha_precision(trio: Trio) -> Score | None:
    """Of synthetic rows against ``test``; None for fewer than two rows a side."""
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
    low, high = around(value, resampled, floor=0, ceiling=1)
    return Score(value=value, low=low, high=high)


def beta_recall(trio: Trio) -> Score | None:
    """Of ``test`` rows by synthetic ones; None for fewer than two rows a side.

    The area under the paper's curve is a mean over real rows: 2 * (1 - the rank of the nearest synthetic row's distance
    from its centre) where that row is nearer than the nearest real one, half as much where it is as near.
    """
    if trio.size < 2:
        return None
    real, synthetic = _embedded(trio)
    to_synthetic, who = _nearest(real, synthetic)
    to_real, _ = _nearest(real, real, is_same=True)
    reached = (to_synthetic < to_real) + 0.5 * (to_synthetic == to_real)
    out = _lengths(synthetic - synthetic.mean(0))[who]
    recalled = 2 * reached * (1 - (rankdata(out) - 0.5) / len(out))
    value = float(recalled.mean())
    weight = weights(trio.size, trio.config.bootstrap, trio.config.seed, "beta")
    low, high = around(value, weight @ recalled / weight.sum(1), floor=0, ceiling=1)
    return Score(value=value, low=low, high=high)


@one_thread()
def _embedded(trio: Trio) -> list[np.ndarray]:
    """``test`` and the synthetic rows in the whitened space of ``train``, float64 (N, D) each."""
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
    """Rows as numbers of one scale, with indicators of what is missing and of each common level."""

    space: Space
    deviation: np.ndarray
    """float64 (M,), of the numeric columns in ``space``'s units."""
    levels: tuple[np.ndarray, ...]
    """The codes that have an indicator of their own, per category."""

    @classmethod
    def over(cls, train: Features) -> "_Indicators":
        space = Space.over(train)
        numbers, codes = space.points(train)
        deviation = np.nan_to_num(np.clip(numbers, -BEYOND, BEYOND)).std(0)
        most = max(1, INDICATORS // max(len(codes), 1))
        levels = []
        for each in codes:
            found, counts = np.unique(each, return_counts=True)
            ranked = np.argsort(-counts, kind="stable")[:most]
            levels.append(found[ranked[counts[ranked] >= COMMON * len(each)]])
        return cls(space, np.where(deviation > 0, deviation, 1.0), tuple(levels))

    def points(self, side: Features) -> np.ndarray:
        """float64 (N, D)."""
        numbers, codes = self.space.points(side)
        present = np.nan_to_num(np.clip(numbers, -BEYOND, BEYOND))
        parts = [present / self.deviation, np.isnan(numbers)]
        for each, levels in zip(codes, self.levels, strict=True):
            own = each[:, None] == levels
            parts += [own, ~own.any(1, keepdims=True)]
        return np.hstack(parts).astype(np.float64)


@one_thread()
def _nearest(queries: np.ndarray, base: np.ndarray, *, is_same: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The Euclidean distance to the nearest row of ``base``, not to itself, and which row it is, (queries,) each."""
    rows = np.empty(len(queries), dtype=np.int64)
    # half the squared distance but for the query's own length: x.y and |y|^2 in one product of short floats
    ours = np.hstack([queries, np.ones((len(queries), 1))]).astype(np.float32)
    theirs = np.hstack([-base, 0.5 * (base**2).sum(1, keepdims=True)]).astype(np.float32).T
    step = max(1, CELLS // len(base))
    for start in range(0, len(queries), step):
        part = ours[start : start + step] @ theirs
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
    explains="Do synthetic rows lie where real ones do. 1: as often in the middle and at the edge; noise, impossible "
    "rows and broken relations between columns lower it.",
    better="higher",
    compute=alpha_precision,
    span=(0.8, 1.0),
)
BETA_RECALL = Metric(
    name="beta_recall",
    title="Recall (beta)",
    explains="Do synthetic rows reach everywhere real ones are; modes that are never drawn lower it. A real row counts "
    "where its nearest synthetic row is nearer than its nearest real one. Fresh real rows reach about 0.5, not 1: that "
    "is the mark to read it by.",
    better="higher",
    compute=beta_recall,
    span=(0.3, 0.6),
)
