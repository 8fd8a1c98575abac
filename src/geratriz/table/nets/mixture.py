"""Mixture of full-covariance Gaussians, fitted by expectation maximisation with two matrix products per step.

log N(x; m, S) is linear in the features (1, x, x x^T), so the E step for all components is one product, and the sums of
the M step are its transpose. For latents of the size used here that is six times faster than scikit-learn's mixture,
which loops over the components, at the same likelihood (docs/log.md). It is computed in float64 on the CPU because the
coefficients of the features are inverses of covariances.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from geratriz.fitting.network import normal

MAX_ROWS = 40_000  # points that a mixture is fitted to; more add little
K_MEANS_STEPS = 10  # Lloyd steps before the first E step; the quality of the fit depends on them
PRIOR_POINTS = 0.5  # weight, in points, of the overall covariance in each component: keeps small ones from collapsing
JITTER = 1e-4  # added to variances, so that a component on a single point still has a density


@dataclass(frozen=True, slots=True)
class Mixture:
    """Fitted mixture of K Gaussians in Z dimensions."""

    weights: np.ndarray
    """Weights of the components, float64 (K,), positive, summing to 1."""
    means: np.ndarray
    """Means, float32 (K, Z)."""
    factors: np.ndarray
    """Lower Cholesky factors of the covariances, float32 (K, Z, Z)."""

    @classmethod
    def fit(cls, points_NZ: Tensor, components: int, *, iterations: int, seed: int) -> "Mixture":
        """Fit ``components`` Gaussians to ``points_NZ``, or fewer if there are too few points to separate them."""
        rng = torch.Generator().manual_seed(seed)
        x_NZ = points_NZ[torch.randperm(len(points_NZ), generator=rng)[:MAX_ROWS]].double()
        rows, width = x_NZ.shape
        components = max(1, min(components, rows // (2 * width)))
        i, j = torch.triu_indices(width, width)
        features_NF = _features(x_NZ, i, j)
        eye = torch.eye(width, dtype=x_NZ.dtype)
        overall = (torch.cov(x_NZ.T, correction=0).reshape(width, width) + JITTER * eye) / components ** (2 / width)
        shares_NK = torch.nn.functional.one_hot(_k_means(x_NZ, components, rng), components).double()
        for step in range(iterations + 1):
            sums_KF = shares_NK.T @ features_NF
            mass_K = sums_KF[:, 0] + 1e-9
            means_KZ = sums_KF[:, 1 : width + 1] / mass_K[:, None]
            second = torch.zeros(components, width, width, dtype=x_NZ.dtype)
            second[:, i, j] = sums_KF[:, width + 1 :] / mass_K[:, None]
            second[:, j, i] = second[:, i, j]
            pull = (PRIOR_POINTS / (mass_K + PRIOR_POINTS))[:, None, None]
            spread = second - means_KZ[:, :, None] * means_KZ[:, None, :]
            covariances = (1 - pull) * spread + pull * overall + JITTER * eye
            weights_K = mass_K / mass_K.sum()
            if step < iterations:
                shares_NK = (features_NF @ _coefficients(weights_K, means_KZ, covariances, i, j)).softmax(1)
        factors = torch.linalg.cholesky(covariances)
        return cls(weights_K.numpy(), means_KZ.float().numpy(), factors.float().numpy())

    @classmethod
    def joined(cls, parts: Sequence["Mixture"], shares: np.ndarray) -> "Mixture":
        """Combine the components of all ``parts``, weighted by ``shares``, which sum to 1."""
        return cls(
            np.concatenate([share * part.weights for part, share in zip(parts, shares, strict=True)]),
            np.concatenate([part.means for part in parts]),
            np.concatenate([part.factors for part in parts]),
        )

    def sample(self, rows: int, rng: np.random.Generator) -> np.ndarray:
        """Draw ``rows`` points, float32 (rows, Z)."""
        component = np.searchsorted(np.cumsum(self.weights[:-1]), rng.random(rows), side="right")
        noise = rng.standard_normal((rows, self.means.shape[1]), dtype=np.float32)
        drawn = np.empty_like(noise)
        for k in np.unique(component):
            chosen = component == k
            drawn[chosen] = self.means[k] + noise[chosen] @ self.factors[k].T
        return drawn

    def neighbours(self, share: float, device: str) -> Callable[[Tensor, torch.Generator], Tensor]:
        """Return a function, on ``device``, that draws a point of the mixture near each of the training points (N, Z).

        The component is drawn from the responsibilities for the point. In its whitened space the new point is ``share``
        times the training point, and the rest of its variance is noise: the first two moments remain those of the
        component, and whatever a k-th moment has beyond them shrinks with the k-th power of ``share``. At 0 the new
        points follow the mixture as well as it was fitted, at 1 they are the training points.
        """
        weights_K, means_KZ, factors_KZZ = (
            torch.from_numpy(array).to(device) for array in (self.weights, self.means, self.factors)
        )
        wide_KZZ = factors_KZZ.double()
        whiten_KZZ = torch.linalg.inv(wide_KZZ).float()
        i, j = torch.triu_indices(*wide_KZZ.shape[1:], device=device)
        coefficients_FK = _coefficients(weights_K, means_KZ.double(), wide_KZZ @ wide_KZZ.mT, i, j)

        def draw(points_NZ: Tensor, rng: torch.Generator) -> Tensor:
            shares_NK = (_features(points_NZ.double(), i, j) @ coefficients_FK).softmax(1)
            k_N = torch.multinomial(shares_NK, 1, generator=rng).squeeze(1)
            white_NZ = (whiten_KZZ[k_N] @ (points_NZ - means_KZ[k_N])[:, :, None]).squeeze(2)
            near_NZ = share * white_NZ + (1 - share**2) ** 0.5 * normal(rng, *white_NZ.shape)
            drawn: Tensor = means_KZ[k_N] + (factors_KZZ[k_N] @ near_NZ[:, :, None]).squeeze(2)
            return drawn

        return draw


def _features(x_NZ: Tensor, i: Tensor, j: Tensor) -> Tensor:
    """Return (1, x, x x^T), (N, F), the features in which every component's log density is linear."""
    return torch.cat([torch.ones_like(x_NZ[:, :1]), x_NZ, x_NZ[:, i] * x_NZ[:, j]], 1)


def _coefficients(weights_K: Tensor, means_KZ: Tensor, covariances: Tensor, i: Tensor, j: Tensor) -> Tensor:
    """Return the coefficients of log(weight * density) over the features, (F, K), up to a common constant."""
    precisions = torch.linalg.inv(covariances)
    pulled_KZ = torch.einsum("kij,kj->ki", precisions, means_KZ)
    constant = weights_K.log() - 0.5 * (torch.linalg.slogdet(covariances)[1] + (means_KZ * pulled_KZ).sum(1))
    quadratic = precisions[:, i, j] * torch.where(i == j, -0.5, -1.0)
    return torch.cat([constant[:, None], pulled_KZ, quadratic], 1).T


def _k_means(x_NZ: Tensor, components: int, rng: torch.Generator) -> Tensor:
    """Assign a cluster to every point, (N,): k-means++ seeds (Arthur and Vassilvitskii 2007), then Lloyd's steps."""
    pool = x_NZ[: 40 * components]
    chosen = [int(torch.randint(len(pool), (1,), generator=rng))]
    nearest = (pool - pool[chosen[0]]).square().sum(1)
    for _ in range(components - 1):
        chosen.append(int(torch.multinomial(nearest + 1e-12, 1, generator=rng)))
        nearest = torch.minimum(nearest, (pool - pool[chosen[-1]]).square().sum(1))
    centres_KZ = pool[chosen]
    for _ in range(K_MEANS_STEPS):
        cluster = (centres_KZ.square().sum(1) - 2 * x_NZ @ centres_KZ.T).argmin(1)
        member_NK = torch.nn.functional.one_hot(cluster, components).double()
        centres_KZ = (member_NK.T @ x_NZ) / member_NK.sum(0).clamp_min(1)[:, None]
    return cluster
