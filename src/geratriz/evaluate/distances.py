"""Distances between rows of mixed columns, after Gower (1971): each column adds between 0 and about 1."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from geratriz.evaluate.features import Features

CHUNK = 20_000_000  # distances held at once, 160 MB


@dataclass(frozen=True, slots=True)
class Space:
    """Rows as points whose city-block distance is the row distance.

    A number is divided by the range that holds the middle 90 % of ``reference``; a category that differs adds 1, as
    does a number missing on one side only.
    """

    centre: np.ndarray
    scale: np.ndarray

    @classmethod
    def over(cls, reference: Features) -> "Space":
        """The space in which ``reference``'s columns weigh about alike."""
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
        """``side`` as (scaled numbers with missing flags, (N, 2 M); category codes, (N, K), missing as -1)."""
        numbers = (side.values[:, ~side.categorical] - self.centre) / self.scale
        missing = np.isnan(numbers)
        codes = np.nan_to_num(side.values[:, side.categorical], nan=-1).astype(np.int32)
        return np.hstack([np.where(missing, 0, numbers), missing.astype(float)]), codes


def nearest(queries: Features, base: Features, space: Space, *, neighbours: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The distances to the nearest rows of ``base`` and which they are, both (queries, neighbours), nearest first."""
    points, codes = space.points(queries)
    base_points, base_codes = space.points(base)
    neighbours = min(neighbours, len(base))
    shape = (len(queries), neighbours)
    distances, rows = np.empty(shape), np.empty(shape, dtype=np.int64)
    hot, base_hot = _one_hot(codes, base_codes)
    step = max(1, CHUNK // len(base))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        distance = cdist(points[part], base_points, "cityblock")
        distance += codes.shape[1] - hot[part] @ base_hot.T
        if neighbours == 1:
            found = distance.argmin(1)[:, None]
        else:
            found = np.argpartition(distance, neighbours - 1, axis=1)[:, :neighbours]
            found = np.take_along_axis(found, np.take_along_axis(distance, found, 1).argsort(1, kind="stable"), 1)
        rows[part], distances[part] = found, np.take_along_axis(distance, found, 1)
    return distances, rows


def _one_hot(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes as one-hot float32 rows, so that a product counts the categories that agree."""
    widths = np.maximum(a.max(0, initial=-1), b.max(0, initial=-1)) + 2  # one more for missing, which is -1
    offsets = np.concatenate([[0], np.cumsum(widths)[:-1]]) if a.shape[1] else np.zeros(0, dtype=np.int64)
    hot = []
    for codes in (a, b):
        encoded = np.zeros((len(codes), int(widths.sum())), dtype=np.float32)
        np.put_along_axis(encoded, (codes + 1 + offsets).astype(np.int64), 1.0, axis=1)
        hot.append(encoded)
    return hot[0], hot[1]
