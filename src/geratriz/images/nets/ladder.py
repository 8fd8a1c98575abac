"""Latents at every size of a decoder's feature maps, for detail that coarser latents do not determine.

A decoder of a vector alone outputs the mean of all images that fit the vector, and means are blurred. Here every map
has its own latents, drawn given all coarser ones (Soenderby et al., arXiv 1602.02282): Gaussians whose means and
variances are computed from the map. The encoder outputs the difference of an image's latents from that prior (Vahdat
and Kautz, arXiv 2007.03898, section 3.2), so a latent without information costs nothing.
Shapes: N images, L latents per position, maps of C channels and H x W positions.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from geratriz.images.nets.pyramid import SLOPE, scale

GAIN = 0.1  # initial gain of layers for means and variances: prior and posterior start nearly standard normal
LOG_VARIANCE_RANGE = (-8.0, 4.0)
LOG_RATIO_RANGE = (-6.0, 4.0)  # posterior variance relative to prior variance


class Gaussian(NamedTuple):
    """Means and log variances, (N, L, H, W) each, float32."""

    mean: Tensor
    log_variance: Tensor

    def at(self, noise: Tensor) -> Tensor:
        """Return the draw that corresponds to standard normal ``noise`` of the same shape."""
        return self.mean + (self.log_variance / 2).exp() * noise


class Rung(nn.Module):
    """Latents of one map: their prior, their posterior, and their addition to the map."""

    def __init__(self, channels: int, latents: int) -> None:
        super().__init__()
        self.latents = latents
        self.to_prior = nn.Conv2d(channels, 2 * latents, 1)
        self.both = nn.Conv2d(2 * channels, channels, 1)
        self.to_shift = nn.Conv2d(channels, 2 * latents, 1)
        self.enter = nn.Conv2d(latents, channels, 3, padding=1)
        for layer, gain in ((self.to_prior, GAIN), (self.both, 1.0), (self.to_shift, GAIN), (self.enter, 1.0)):
            scale(layer, gain)

    def prior(self, maps: Tensor) -> Gaussian:
        """Return the prior of the latents given ``maps`` (N, C, H, W)."""
        mean, log_variance = self.to_prior(nn.functional.leaky_relu(maps, SLOPE)).float().chunk(2, 1)
        return Gaussian(mean, log_variance.clamp(*LOG_VARIANCE_RANGE))

    def posterior(self, prior: Gaussian, maps: Tensor, encoded: Tensor) -> tuple[Gaussian, Tensor]:
        """Return the posterior given the encoder's maps ``encoded``, of equal shape, and its KL term, (N, L, H, W)."""
        hidden = self.both(nn.functional.leaky_relu(torch.cat([maps, encoded], 1), SLOPE))
        shift, log_ratio = self.to_shift(nn.functional.leaky_relu(hidden, SLOPE)).float().chunk(2, 1)
        log_ratio = log_ratio.clamp(*LOG_RATIO_RANGE)
        kl = 0.5 * (log_ratio.exp() + shift.square() * (-prior.log_variance).exp() - 1 - log_ratio)
        return Gaussian(prior.mean + shift, prior.log_variance + log_ratio), kl

    def forward(self, maps: Tensor, latents: Tensor) -> Tensor:
        """Add the latents to ``maps``."""
        out: Tensor = maps + self.enter(latents)
        return out
