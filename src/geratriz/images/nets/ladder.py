"""Latents at every size of a decoder's feature maps: what coarser latents leave open is drawn place by place.

A decoder that knows only a vector answers with the mean of all images the vector could be of, and means are blurred.
Here every map has latents of its own, drawn given what is above it (Soenderby et al., arXiv 1602.02282): a Gaussian
whose mean and variance are read off the map. The encoder says how far from that prior an image's latents lie (Vahdat
and Kautz, arXiv 2007.03898, section 3.2), so a latent that says nothing costs nothing.
Shapes: N images, L latents a place, maps of C channels and H x W places.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from geratriz.images.nets.pyramid import SLOPE, scale

FAINT = 0.1  # gain of what means and variances are read with at first: prior and posterior start nearly standard
LOG_VARIANCE = (-8.0, 4.0)
LOG_RATIO = (-6.0, 4.0)  # of the posterior's variance to the prior's


class Gaussian(NamedTuple):
    """Means and log variances, (N, L, H, W) each, float32."""

    mean: Tensor
    log_variance: Tensor

    def at(self, noise: Tensor) -> Tensor:
        """The draw that standard noise of its shape stands for."""
        return self.mean + (self.log_variance / 2).exp() * noise


class Rung(nn.Module):
    """The latents of one map: their prior, their posterior, and their way into the map."""

    def __init__(self, channels: int, latents: int) -> None:
        super().__init__()
        self.latents = latents
        self.to_prior = nn.Conv2d(channels, 2 * latents, 1)
        self.both = nn.Conv2d(2 * channels, channels, 1)
        self.to_shift = nn.Conv2d(channels, 2 * latents, 1)
        self.enter = nn.Conv2d(latents, channels, 3, padding=1)
        for layer, gain in ((self.to_prior, FAINT), (self.both, 1.0), (self.to_shift, FAINT), (self.enter, 1.0)):
            scale(layer, gain)

    def prior(self, maps: Tensor) -> Gaussian:
        """What the latents may be, given ``maps`` (N, C, H, W)."""
        mean, log_variance = self.to_prior(nn.functional.leaky_relu(maps, SLOPE)).float().chunk(2, 1)
        return Gaussian(mean, log_variance.clamp(*LOG_VARIANCE))

    def posterior(self, prior: Gaussian, maps: Tensor, seen: Tensor) -> tuple[Gaussian, Tensor]:
        """What they are, given what the encoder has ``seen``, maps of the same shape; and its KL term, (N, L, H, W)."""
        hidden = self.both(nn.functional.leaky_relu(torch.cat([maps, seen], 1), SLOPE))
        shift, log_ratio = self.to_shift(nn.functional.leaky_relu(hidden, SLOPE)).float().chunk(2, 1)
        log_ratio = log_ratio.clamp(*LOG_RATIO)
        kl = 0.5 * (log_ratio.exp() + shift.square() * (-prior.log_variance).exp() - 1 - log_ratio)
        return Gaussian(prior.mean + shift, prior.log_variance + log_ratio), kl

    def forward(self, maps: Tensor, latents: Tensor) -> Tensor:
        """``maps`` with the latents in them."""
        out: Tensor = maps + self.enter(latents)
        return out
