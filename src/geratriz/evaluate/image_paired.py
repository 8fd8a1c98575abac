"""Is one generator of images better than another, or is it noise: as paired.py, by KID and coverage.

Each is drawn several times and held against the same real images; those are resampled under equal weights for both.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from geratriz.data.images import Images
from geratriz.evaluate.image_base import ImageEvaluateConfig, ImageTrio
from geratriz.evaluate.image_distances import kernel
from geratriz.evaluate.image_support import K_DENSE, radii
from geratriz.evaluate.paired import CHANCE, difference
from geratriz.evaluate.resampling import weights

RESAMPLES = 200


def compare(
    candidate: Sequence[Images], champion: Sequence[Images], test: Images, config: ImageEvaluateConfig
) -> dict[str, dict[str, Any]]:
    """How much better the candidate is than the champion, by metric; as :func:`geratriz.evaluate.paired.compare`.

    Args:
        candidate: several sets that the one drew, of ``test``'s size.
        champion: as many that the other drew.
        test: real images that neither learnt from.
        config: the seed, the most images a side, and who looks at them.
    """
    images = min(config.max_images, *(len(each) for each in (test, *candidate, *champion)))
    seen: dict[int, tuple[Images, np.ndarray]] = {}
    sides = [
        [ImageTrio(train=test, test=test, synthetic=each, config=config, images=images, seen=seen) for each in draws]
        for draws in (candidate, champion)
    ]
    once = np.ones((1, images), dtype=np.float32)
    weight = np.vstack([once, weights(images, RESAMPLES, config.seed, "paired")]).astype(np.float64)
    found = {}
    for name, (better, measure) in _METRICS.items():
        one, other = (np.array([measure(trio, weight) for trio in side]) for side in sides)
        found[name] = {**difference(one, other, CHANCE / len(_METRICS)), "better": better}
    return found


def _kid(trio: ImageTrio, weight: np.ndarray) -> np.ndarray:
    """Under weights of the test images, (1 + R,); what those are to each other is the same for both generators."""
    test, synthetic = (trio.features(name).astype(np.float64) for name in ("test", "synthetic"))
    real, drawn = kernel(test, test), kernel(synthetic, synthetic)
    n = trio.size
    within = sum((each.sum() - np.trace(each)) / n / max(n - 1, 1) for each in (real, drawn))
    values: np.ndarray = within - 2 * (weight @ kernel(test, synthetic).mean(1)) / weight.sum(1)
    return values


def _coverage(trio: ImageTrio, weight: np.ndarray) -> np.ndarray:
    k = min(K_DENSE, trio.size - 1)
    covered = trio.between("test", "synthetic").min(1) <= radii(trio, "test", k)
    values: np.ndarray = weight @ covered / weight.sum(1)
    return values


_METRICS: dict[str, tuple[Literal["higher", "lower"], Callable[[ImageTrio, np.ndarray], np.ndarray]]] = {
    "kid": ("lower", _kid),
    "coverage": ("higher", _coverage),
}
