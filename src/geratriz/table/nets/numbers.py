"""Inputs and outputs of networks for numbers: features of quantile-normal values, mixtures of Gaussians over them.

Shapes: N rows, M columns of numbers, F features of a number, K Gaussians of a column.
"""

import math

import torch
from scipy.special import ndtri
from torch import Tensor, nn

PIECES = 32  # pieces of the piecewise linear encoding, with equal numbers of rows
WAVES = 8  # frequencies, each with a sine and a cosine
MIN_FREQUENCY, MAX_FREQUENCY = 1 / 16, 2.0  # periods of 16 standard deviations and of half of one
FEATURES = PIECES + 2 * WAVES
MAX_NORMAL = 4.75  # largest quantile-normal value, the end of the codec's distribution functions
MIN_LOG_STD, MAX_LOG_STD = -5.0, 2.0  # limits of Gaussians; narrower peaks are heavy values with their own levels
HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


class Features(nn.Module):
    """Piecewise linear and periodic features of standard normal numbers (Gorishniy et al., arXiv 2203.05556)."""

    edges: Tensor
    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        edges = torch.linspace(0, 1, PIECES + 1)[1:-1].double()
        inner = torch.from_numpy(ndtri(edges.numpy())).float()
        ends = torch.tensor([MAX_NORMAL])
        steps = torch.linspace(math.log(MIN_FREQUENCY), math.log(MAX_FREQUENCY), WAVES)
        self.register_buffer("edges", torch.cat([-ends, inner, ends]), persistent=False)
        self.register_buffer("frequencies", 2 * math.pi * steps.exp(), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Return the features of each value, (..., F)."""
        column = values[..., None]
        pieces = ((column - self.edges[:-1]) / (self.edges[1:] - self.edges[:-1])).clamp(0, 1)
        waves = column * self.frequencies
        features: Tensor = torch.cat([pieces, waves.sin(), waves.cos()], -1)
        return features


class Mixtures:
    """Mixtures of Gaussians with weights, means and widths from a network, (..., 3, K)."""

    def __init__(self, parameters: Tensor) -> None:
        weights, self.means, log_widths = parameters.float().unbind(-2)
        self.log_weights = weights.log_softmax(-1)
        self.log_widths = log_widths.clamp(MIN_LOG_STD, MAX_LOG_STD)

    def log_density(self, values: Tensor) -> Tensor:
        """Return the log density at ``values`` (...), one per mixture."""
        distances = (values[..., None] - self.means) * (-self.log_widths).exp()
        terms = self.log_weights - self.log_widths - 0.5 * distances.square()
        return terms.logsumexp(-1) - HALF_LOG_2_PI

    def log_mass(self, low: Tensor, high: Tensor) -> Tensor:
        """Return the log mass, float64, from ``low`` to ``high`` (...), which may be infinite and must not be equal."""
        widths = self.log_widths.double().exp()
        a = (low.double()[..., None] - self.means) / widths
        b = (high.double()[..., None] - self.means) / widths
        right = a > 0  # mirrored, because 1 - tiny cancels in the right tail
        a, b = torch.where(right, -b, a), torch.where(right, -a, b)
        top = torch.special.log_ndtr(b)
        share = (torch.special.log_ndtr(a) - top).clamp(max=0)
        mass: Tensor = (self.log_weights + top + torch.log(-torch.expm1(share))).logsumexp(-1)
        return mass

    def draw(self, quantiles: Tensor, noise: Tensor) -> Tensor:
        """Draw a value per mixture: ``quantiles`` (...) choose the Gaussians, ``noise`` (...) is standard normal."""
        heights = self.log_weights.exp().cumsum(-1)
        chosen = (heights < quantiles[..., None] * heights[..., -1:]).sum(-1, keepdim=True)
        mean, log_width = self.means.gather(-1, chosen)[..., 0], self.log_widths.gather(-1, chosen)[..., 0]
        return (mean + log_width.exp() * noise).clamp(-MAX_NORMAL, MAX_NORMAL)
