"""Do synthetic images lie where real ones do, and reach everywhere real ones are: in the space of features.

An image's surroundings are a ball around it that reaches to its k-th nearest neighbour of its own side.
"""

import numpy as np

from geratriz.images.evaluate.trio import ImageTrio
from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import Z, share
from geratriz.scoring.score import Score

K = 3  # of precision and recall (Kynkaanniemi et al., arXiv 1904.06991)
K_DENSE = 5  # of density and coverage (Naeem et al., arXiv 2002.09797)


def precision(trio: ImageTrio) -> Score | None:
    """The share of synthetic images in the surroundings of some real image."""
    return _covered(trio, "synthetic", "test")


def recall(trio: ImageTrio) -> Score | None:
    """The share of real images in the surroundings of some synthetic image."""
    return _covered(trio, "test", "synthetic")


def density(trio: ImageTrio) -> Score | None:
    """In how many real images' surroundings a synthetic image lies, over k: 1 where both are distributed alike."""
    if trio.size <= K_DENSE:
        return None
    inside = trio.between("synthetic", "test") <= radii(trio, "test", K_DENSE)
    each = inside.sum(1) / K_DENSE
    error = Z * float(each.std()) / len(each) ** 0.5
    return Score(value=float(each.mean()), low=max(float(each.mean()) - error, 0.0), high=float(each.mean()) + error)


def coverage(trio: ImageTrio) -> Score | None:
    """The share of real images with a synthetic image in their surroundings."""
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
    """The distance from each image of a ``side`` to its k-th nearest neighbour there, itself not counted."""
    among: np.ndarray = np.partition(trio.between(side, side), k, axis=1)[:, k]
    return among


PRECISION = Metric(
    name="precision",
    title="Precision",
    explains="The share of synthetic images that lie where real ones do.",
    better="higher",
    compute=precision,
)
RECALL = Metric(
    name="recall",
    title="Recall",
    explains="The share of real images that synthetic ones come near to; what is never drawn lowers it.",
    better="higher",
    compute=recall,
)
DENSITY = Metric(
    name="density",
    title="Density",
    explains="How thickly synthetic images lie where real ones do; 1 is what real ones show.",
    better="higher",
    compute=density,
)
COVERAGE = Metric(
    name="coverage",
    title="Coverage",
    explains="The share of real images that have a synthetic one in their surroundings.",
    better="higher",
    compute=coverage,
)
