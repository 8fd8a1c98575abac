"""Whether synthetic images lie where real images do, and cover all of them, in the space of features.

The neighbourhood of an image is a ball whose radius is the distance to its k-th nearest neighbour on its own side.
"""

import numpy as np

from geratriz.images.evaluate.trio import ImageTrio
from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import Z, share
from geratriz.scoring.score import Score

K = 3  # neighbours for precision and recall (Kynkaanniemi et al., arXiv 1904.06991)
K_DENSE = 5  # neighbours for density and coverage (Naeem et al., arXiv 2002.09797)


def precision(trio: ImageTrio) -> Score | None:
    """Share of synthetic images in the neighbourhood of any real image."""
    return _covered(trio, "synthetic", "test")


def recall(trio: ImageTrio) -> Score | None:
    """Share of real images in the neighbourhood of any synthetic image."""
    return _covered(trio, "test", "synthetic")


def density(trio: ImageTrio) -> Score | None:
    """Mean number of real neighbourhoods that a synthetic image lies in, divided by k; 1 for equal distributions."""
    if trio.size <= K_DENSE:
        return None
    inside = trio.between("synthetic", "test") <= radii(trio, "test", K_DENSE)
    hits = inside.sum(1) / K_DENSE
    error = Z * float(hits.std()) / len(hits) ** 0.5
    return Score(value=float(hits.mean()), low=max(float(hits.mean()) - error, 0.0), high=float(hits.mean()) + error)


def coverage(trio: ImageTrio) -> Score | None:
    """Share of real images with a synthetic image in their neighbourhood."""
    if trio.size <= K_DENSE:
        return None
    nearest = trio.between("test", "synthetic").min(1)
    return share(int((nearest <= radii(trio, "test", K_DENSE)).sum()), trio.size)


def _covered(trio: ImageTrio, of: str, by: str) -> Score | None:
    if trio.size <= K:
        return None
    inside = (trio.between(of, by) <= radii(trio, by, K)).any(1)
    return share(int(inside.sum()), trio.size)


def radii(trio: ImageTrio, side: str, k: int) -> np.ndarray:
    """Distance from each image of a ``side`` to its k-th nearest neighbour there, not counting itself."""
    among: np.ndarray = np.partition(trio.between(side, side), k, axis=1)[:, k]
    return among


PRECISION = Metric(
    name="precision",
    title="Precision",
    explains="The share of synthetic images that lie where real images do.",
    better="higher",
    compute=precision,
)
RECALL = Metric(
    name="recall",
    title="Recall",
    explains="The share of real images that have synthetic images near them. Groups that are never generated lower it.",
    better="higher",
    compute=recall,
)
DENSITY = Metric(
    name="density",
    title="Density",
    explains="How densely synthetic images lie around real images; 1 is the density of real images.",
    better="higher",
    compute=density,
)
COVERAGE = Metric(
    name="coverage",
    title="Coverage",
    explains="The share of real images with a synthetic image in their neighbourhood.",
    better="higher",
    compute=coverage,
)
