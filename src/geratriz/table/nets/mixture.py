"""A mixture of full-covariance Gaussians fitted by expectation maximisation: every step two matrix products.

log N(x; m, S) is linear in the features (1, x, x x^T), so the E step for all components is one product, and the M
step's sums are its transpose. At the size of latents here that is six times faster than scikit-learn's mixture, which
goes through the components one by one, at the same likelihood (docs/log.md). Computed in float64 on the CPU: the
features' coefficients are inverses of covariances.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from geratriz.fitting.network import normal

ROWS = 40_000  # points that are looked at; more say little that these do not
LLOYD = 10  # k-means steps before the first E step; they decide how good the fit gets
PRIOR = 0.5  # weight, in points, of the overall covariance in each component: keeps small ones from collapsing
FLOOR = 1e-4  # added to variances: a component on a single point has a density still


@dataclass(frozen=True, slots=True)
class Mixture:
    """A fitted mixture of K Gaussians in Z dimensions."""

    weights: np.ndarray
    """float64 (K,), positive, sum to 1."""
    means: np.ndarray
    """float32 (K, Z)."""
    factors: np.ndarray
    """Lower Cholesky factors of the covariances, float32 (K, Z, Z)."""

    @classmethod
    def fit(cls, points_NZ: Tensor, components: int, *, iterations: int, seed: int) -> "Mixture":
        """Fit to ``points_NZ``; fewer ``components`` are used where there are too few points to tell them apart."""
        rng = torch.Generator().manual_seed(seed)
        x_NZ = points_NZ[torch.randperm(len(points_NZ), generator=rng)[:ROWS]].double()
        rows, width = x_NZ.shape
        components = max(1, min(components, rows // (2 * width)))
        i, j = torch.triu_indices(width, width)
        features_NF = _features(x_NZ, i, j)
        eye = torch.eye(width, dtype=x_NZ.dtype)
        overall = (torch.cov(x_NZ.T, correction=0).reshape(width, width) + FLOOR * eye) / components ** (2 / width)
        shares_NK = torch.nn.functional.one_hot(_k_means(x_NZ, components, rng), components).double()
        for step in range(iterations + 1):
            sums_KF = shares_NK.T @ features_NF
            mass_K = sums_KF[:, 0] + 1e-9
            means_KZ = sums_KF[:, 1 : width + 1] / mass_K[:, None]
            second = torch.zeros(components, width, width, dtype=x_NZ.dtype)
            second[:, i, j] = sums_KF[:, width + 1 :] / mass_K[:, None]
            second[:, j, i] = second[:, i, j]
            pull = (PRIOR / (mass_K + PRIOR))[:, None, None]
            spread = second - means_KZ[:, :, None] * means_KZ[:, None, :]
            covariances = (1 - pull) * spread + pull * overall + FLOOR * eye
            weights_K = mass_K / mass_K.sum()
            if step < iterations:
                shares_NK = (features_NF @ _coefficients(weights_K, means_KZ, covariances, i, j)).softmax(1)
        factors = torch.linalg.cholesky(covariances)
        return cls(weights_K.numpy(), means_KZ.float().numpy(), factors.float().numpy())

    @classmethod
    def joined(cls, parts: Sequence["Mixture"], shares: np.ndarray) -> "Mixture":
        """One mixture of the components of all ``parts``; ``shares`` sum to 1."""
        return cls(
            np.concatenate([share * each.weights for each, share in zip(parts, shares, strict=True)]),
            np.concatenate([each.means for each in parts]),
            np.concatenate([each.factors for each in parts]),
        )

    def sample(self, rows: int, rng: np.random.Generator) -> np.ndarray:
        """``rows`` draws, float32 (rows, Z)."""
        component = np.searchsorted(np.cumsum(self.weights[:-1]), rng.random(rows), side="right")
        noise = rng.standard_normal((rows, self.means.shape[1]), dtype=np.float32)
        drawn = np.empty_like(noise)
        for k in np.unique(component):
            chosen = component == k
            drawn[chosen] = self.means[k] + noise[chosen] @ self.factors[k].T
        return drawn

    def beside(self, share: float, device: str) -> Callable[[Tensor, torch.Generator], Tensor]:
        """What draws a point of the mixture near each point (N, Z) of what it was fitted to, on ``device``.

        The component is drawn from the responsibilities for the point. In its whitened space the new point is ``share``
        of the given one, the rest of its variance is noise: two moments stay the component's, and of what the points
        have beyond these a k-th moment fades with the k-th power of ``share``. At 0 the new points follow the mixture
        as well as it was fitted, at 1 they are the given ones.
        """
        weights_K, means_KZ, factors_KZZ = (
            torch.from_numpy(each).to(device) for each in (self.weights, self.means, self.factors)
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
    """(1, x, x x^T), (N, F): what every component's log density is linear in."""
    return torch.cat([torch.ones_like(x_NZ[:, :1]), x_NZ, x_NZ[:, i] * x_NZ[:, j]], 1)


def _coefficients(weights_K: Tensor, means_KZ: Tensor, covariances: Tensor, i: Tensor, j: Tensor) -> Tensor:
    """The coefficients of log(weight * density) over the features, (F, K), up to a constant all share."""
    precisions = torch.linalg.inv(covariances)
    pulled_KZ = torch.einsum("kij,kj->ki", precisions, means_KZ)
    constant = weights_K.log() - 0.5 * (torch.linalg.slogdet(covariances)[1] + (means_KZ * pulled_KZ).sum(1))
    quadratic = precisions[:, i, j] * torch.where(i == j, -0.5, -1.0)
    return torch.cat([constant[:, None], pulled_KZ, quadratic], 1).T


def _k_means(x_NZ: Tensor, components: int, rng: torch.Generator) -> Tensor:
    """A cluster for every point, (N,): k-means++ seeds (Arthur and Vassilvitskii 2007), then Lloyd's steps."""
    pool = x_NZ[: 40 * components]
    chosen = [int(torch.randint(len(pool), (1,), generator=rng))]
    nearest = (pool - pool[chosen[0]]).square().sum(1)
    for _ in range(components - 1):
        chosen.append(int(torch.multinomial(nearest + 1e-12, 1, generator=rng)))
        nearest = torch.minimum(nearest, (pool - pool[chosen[-1]]).square().sum(1))
    centres_KZ = pool[chosen]
    for _ in range(LLOYD):
        cluster = (centres_KZ.square().sum(1) - 2 * x_NZ @ centres_KZ.T).argmin(1)
        member_NK = torch.nn.functional.one_hot(cluster, components).double()
        centres_KZ = (member_NK.T @ x_NZ) / member_NK.sum(0).clamp_min(1)[:, None]
    return cluster
