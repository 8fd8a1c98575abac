"""Distances between the distributions of synthetic and real images, in the feature space of a network."""

import numpy as np

from geratriz.images.evaluate.trio import ImageTrio
from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import Z
from geratriz.scoring.score import Score

GROUPS = 5  # per side, left out in turn for the jackknife interval of the Frechet distance


def kid(trio: ImageTrio) -> Score | None:
    """Unbiased squared maximum mean discrepancy with a cubic kernel (Binkowski et al., arXiv 1801.01401, 3).

    Its expectation is 0 for equal distributions, whatever the number of images, so values can be below 0. The standard
    error is that of the jackknife over the images of both sides.
    """
    if trio.size < 3:
        return None
    value, error = discrepancy(trio.features("test"), trio.features("synthetic"))
    return Score(value=value, low=value - Z * error, high=value + Z * error, detail={"standard_error": error})


def fd(trio: ImageTrio) -> Score | None:
    """Frechet distance of two Gaussians with the moments of the features (Heusel et al., arXiv 1706.08500, equation 6).

    It is biased upwards for few images, by an amount that depends on the generator (Chong and Forsyth, arXiv
    1911.07023): compare it with the score of the same number of fresh real images. The interval is that of the
    jackknife over groups of both sides.
    """
    if trio.size < 4 * GROUPS:
        return None
    real, synthetic = (trio.features(name).astype(np.float64) for name in ("test", "synthetic"))
    group = np.arange(trio.size) % GROUPS
    variance = 0.0
    for full, reduced in ((synthetic, real), (real, synthetic)):  # the distance is symmetric
        mean, factor = full.mean(0), _factor(full)
        without = np.array([_frechet(mean, factor, reduced[group != left_out]) for left_out in range(GROUPS)])
        variance += (GROUPS - 1) / GROUPS * float(np.square(without - without.mean()).sum())
    value, error = _frechet(mean, factor, synthetic), variance**0.5
    return Score(value=value, low=max(value - Z * error, 0.0), high=value + Z * error, detail={"standard_error": error})


def discrepancy(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Unbiased squared MMD of features (N, D) and (M, D), at least three of each, and its standard error."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    n, m = len(x), len(y)
    within_x, within_y, across = kernel(x, x), kernel(y, y), kernel(x, y)
    rows_x, rows_y = (matrix.sum(1) - matrix.diagonal() for matrix in (within_x, within_y))
    rows, columns = across.sum(1), across.sum(0)
    sum_x, sum_y, sum_xy = rows_x.sum(), rows_y.sum(), rows.sum()
    value = sum_x / n / (n - 1) + sum_y / m / (m - 1) - 2 * sum_xy / n / m
    without_x = (sum_x - 2 * rows_x) / (n - 1) / (n - 2) + sum_y / m / (m - 1) - 2 * (sum_xy - rows) / (n - 1) / m
    without_y = sum_x / n / (n - 1) + (sum_y - 2 * rows_y) / (m - 1) / (m - 2) - 2 * (sum_xy - columns) / n / (m - 1)
    variance = (n - 1) / n * np.square(without_x - without_x.mean()).sum()
    variance += (m - 1) / m * np.square(without_y - without_y.mean()).sum()
    return float(value), float(np.sqrt(variance))


def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Cubic kernel of features (N, D) and (M, D), (N, M)."""
    found: np.ndarray = (x @ y.T / x.shape[1] + 1) ** 3
    return found


def _factor(features: np.ndarray) -> np.ndarray:
    """Smallest factor F, (min(N, D), D), such that F' F is the covariance of features (N, D)."""
    centred = _centred(features)
    if len(centred) <= centred.shape[1]:
        return centred
    values, vectors = np.linalg.eigh(centred.T @ centred)
    factor: np.ndarray = (vectors * np.sqrt(values.clip(0))).T
    return factor


def _centred(features: np.ndarray) -> np.ndarray:
    centred: np.ndarray = (features - features.mean(0)) / (len(features) - 1) ** 0.5
    return centred


def _frechet(mean: np.ndarray, factor: np.ndarray, features: np.ndarray) -> float:
    """Distance to the Gaussian of ``mean`` and covariance F' F, where F is ``factor``.

    The root of the product of covariances F' F and C has the trace of the root of F C F', which is symmetric: real
    eigenvalues, no NaN. For few images a smaller matrix has the same eigenvalues.
    """
    centred = _centred(features)
    if len(features) < len(factor):
        half = centred @ factor.T
        product = half @ half.T
    else:
        product = factor @ (centred.T @ centred) @ factor.T
    values = np.linalg.eigvalsh(product).clip(0)
    gap = np.square(mean - features.mean(0)).sum()
    trace = np.square(factor).sum() + np.square(centred).sum() - 2 * np.sqrt(values).sum()
    return float(max(gap + trace, 0.0))


KID = Metric(
    name="kid",
    title="KID",
    explains="How far synthetic images are from real ones, in the features of a network trained on ImageNet. It is 0 "
    "for equal distributions, whatever the number of images: use this figure to compare generators.",
    better="lower",
    compute=kid,
)
FD = Metric(
    name="fd",
    title="Frechet distance",
    explains="The same by mean and covariance alone. It is above 0 for real images too, and larger for fewer images: "
    "compare it with fresh real images. It is not the FID, which uses another network.",
    better="lower",
    compute=fd,
)
