"""Comparison of two generators of images on the same real images, by KID and coverage.

Both are sampled several times; the real images are resampled with the same weights for both (scoring/difference.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from geratriz.images.data.images import Images
from geratriz.images.evaluate.distances import kernel
from geratriz.images.evaluate.support import K_DENSE, radii
from geratriz.images.evaluate.trio import ImageEvaluateConfig, ImageTrio
from geratriz.images.evaluate.work import one_thread
from geratriz.scoring.difference import ALPHA, difference
from geratriz.scoring.resampling import weights

RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class _Real:
    """Figures of the real images alone, computed once for all samples of both generators."""

    features: np.ndarray
    """Features, float64 (N, D)."""
    within: float
    """Mean kernel of two different images."""
    reach: np.ndarray
    """Distance of each image to its k-th nearest neighbour, (N,)."""

    @classmethod
    def of(cls, trio: ImageTrio) -> "_Real":
        features = trio.features("test").astype(np.float64)
        return cls(features, _within(features), radii(trio, "test", min(K_DENSE, trio.size - 1)))


@one_thread()
def compare(
    candidate: Sequence[Images], champion: Sequence[Images], test: Images, config: ImageEvaluateConfig
) -> dict[str, dict[str, Any]]:
    """Compare samples of a candidate and of the champion, per metric; as in geratriz.table.evaluate.paired.

    Args:
        candidate: several sets drawn by the candidate, with the schema of ``test``.
        champion: the same number drawn by the champion.
        test: real images that neither was trained on.
        config: the seed, the most images per side, and the feature network.
    """
    images = min(config.max_images, *(len(part) for part in (test, *candidate, *champion)))
    seen: dict[int, tuple[Images, np.ndarray]] = {}
    sides = [
        [ImageTrio(train=test, test=test, synthetic=draw, config=config, images=images, seen=seen) for draw in draws]
        for draws in (candidate, champion)
    ]
    once = np.ones((1, images), dtype=np.float32)
    weight = np.vstack([once, weights(images, RESAMPLES, config.seed, "paired")]).astype(np.float64)
    real = _Real.of(sides[0][0])
    found = {}
    for name, (better, measure) in _METRICS.items():
        one, other = (np.array([measure(trio, real, weight) for trio in side]) for side in sides)
        found[name] = {**difference(one, other, ALPHA / len(_METRICS)), "better": better}
    return found


def _within(features: np.ndarray) -> float:
    found = kernel(features, features)
    return float((found.sum() - np.trace(found)) / len(found) / max(len(found) - 1, 1))


# Scores of synthetic images under weights (1 + R, N) of the test images, the first of which are ones: (1 + R,). ------


def _kid(trio: ImageTrio, real: _Real, weight: np.ndarray) -> np.ndarray:
    """KID; the kernel among real images is not resampled, as it is the same for both generators."""
    synthetic = trio.features("synthetic").astype(np.float64)
    across = kernel(real.features, synthetic).mean(1)
    values: np.ndarray = real.within + _within(synthetic) - 2 * (weight @ across) / weight.sum(1)
    return values


def _coverage(trio: ImageTrio, real: _Real, weight: np.ndarray) -> np.ndarray:
    covered = trio.between("test", "synthetic").min(1) <= real.reach
    values: np.ndarray = weight @ covered / weight.sum(1)
    return values


_METRICS: dict[str, tuple[Literal["higher", "lower"], Callable[[ImageTrio, _Real, np.ndarray], np.ndarray]]] = {
    "kid": ("lower", _kid),
    "coverage": ("higher", _coverage),
}
