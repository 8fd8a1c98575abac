"""Distances between rows of mixed columns, after Gower (1971): each column adds between 0 and about 1."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from geratriz.table.evaluate.features import Features

CELLS = 1_000_000  # distances computed at once, which fit into a processor's cache


@dataclass(frozen=True, slots=True)
class Space:
    """Units that give columns about equal weight: for numbers, the range of the middle 90 %."""

    centre: np.ndarray
    """Medians of the numeric columns, float64 (M,)."""
    scale: np.ndarray
    """Ranges of the middle 90 %, float64 (M,)."""

    @classmethod
    def over(cls, reference: Features) -> "Space":
        """Space of the columns of ``reference``."""
        numbers = reference.values[:, ~reference.categorical]
        centre, scale = np.zeros(numbers.shape[1]), np.ones(numbers.shape[1])
        for i in range(numbers.shape[1]):
            present = numbers[~np.isnan(numbers[:, i]), i]
            if len(present):
                low, centre[i], high = np.quantile(present, [0.05, 0.5, 0.95])
                widest = high - low if high > low else np.ptp(present)
                scale[i] = widest if widest > 0 else 1.0
        return cls(centre, scale)

    def points(self, side: Features) -> tuple[np.ndarray, np.ndarray]:
        """Scaled numbers of ``side`` with NaN, (N, M), and category codes with -1 for missing, int32 (K, N)."""
        numbers = (side.values[:, ~side.categorical] - self.centre) / self.scale
        codes = np.nan_to_num(side.values[:, side.categorical], nan=-1)
        return numbers, np.ascontiguousarray(codes.T, dtype=np.int32)


def nearest(queries: Features, base: Features, space: Space) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the nearest row of ``base``, and its index, both (queries,); the first of equally near rows."""
    distances, rows = np.empty(len(queries)), np.empty(len(queries), dtype=np.int64)
    for part, distance in blocks(queries, base, space):
        rows[part] = distance.argmin(1)
        distances[part] = distance[np.arange(len(distance)), rows[part]]
    return distances, rows


def neighbours(queries: Features, base: Features, space: Space, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances to the ``k`` nearest rows of ``base``, ascending, and their indices, both (queries, k).

    If ``base`` has fewer than ``k`` rows, all of them.
    """
    k = min(k, len(base))
    distances, rows = np.empty((len(queries), k)), np.empty((len(queries), k), dtype=np.int64)
    for part, distance in blocks(queries, base, space):
        near = np.argpartition(distance, k - 1, axis=1)[:, :k]
        order = np.take_along_axis(distance, near, 1).argsort(1, kind="stable")
        rows[part] = np.take_along_axis(near, order, 1)
        distances[part] = np.take_along_axis(distance, rows[part], 1)
    return distances, rows


def blocks(queries: Features, base: Features, space: Space) -> Iterator[tuple[slice, np.ndarray]]:
    """Distances of a few queries at a time: the slice of queries, and their distances to every row of ``base``.

    A number adds its difference in the unit of ``space``, a category that differs adds 1. A number missing in one row
    adds 1 plus the distance of the other number from the median.
    """
    (points, codes), (base_points, base_codes) = space.points(queries), space.points(base)
    gaps = np.isnan(np.vstack([points, base_points])).any(0)
    points, base_points = (
        np.hstack([np.nan_to_num(numbers, nan=0.0), np.isnan(numbers[:, gaps])]) for numbers in (points, base_points)
    )
    step = max(1, CELLS // len(base))
    for start in range(0, len(queries), step):
        part = slice(start, min(start + step, len(queries)))
        numeric = cdist(points[part], base_points, "cityblock") if points.shape[1] else 0.0
        yield part, numeric + _disagreements(codes[:, part], base_codes)


def _disagreements(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Number of the K categories in which rows differ, uint16 (N, M), from codes (K, N) and (K, M)."""
    count = np.zeros((a.shape[1], b.shape[1]), dtype=np.uint16)
    differs = np.empty(count.shape, dtype=bool)
    for one, other in zip(a, b, strict=True):
        np.not_equal(one[:, None], other, out=differs)
        count += differs
    return count
