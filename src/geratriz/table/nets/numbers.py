"""Numbers as networks take them and give them: features of a quantile-normal value, mixtures of Gaussians over it.

Shapes: N rows, M columns of numbers, F features of a number, K Gaussians of a column.
"""

import math

import torch
from scipy.special import ndtri
from torch import Tensor, nn

PIECES = 32  # of a number's piecewise linear encoding, as many rows in each
WAVES = 8  # frequencies, each with a sine and a cosine
SLOWEST, FASTEST = 1 / 16, 2.0  # periods of 16 and of half a standard deviation
FEATURES = PIECES + 2 * WAVES
FURTHEST = 4.75  # where the codec's distribution functions end
NARROWEST, WIDEST = -5.0, 2.0  # log standard deviations; what is narrower is a heavy value, and has a level of its own
HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


class Features(nn.Module):
    """Piecewise linear and periodic features of standard normal numbers (Gorishniy et al., arXiv 2203.05556)."""

    edges: Tensor
    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        edges = torch.linspace(0, 1, PIECES + 1)[1:-1].double()
        inner = torch.from_numpy(ndtri(edges.numpy())).float()
        ends = torch.tensor([FURTHEST])
        steps = torch.linspace(math.log(SLOWEST), math.log(FASTEST), WAVES)
        self.register_buffer("edges", torch.cat([-ends, inner, ends]), persistent=False)
        self.register_buffer("frequencies", 2 * math.pi * steps.exp(), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """The features of each value, (..., F)."""
        each = values[..., None]
        pieces = ((each - self.edges[:-1]) / (self.edges[1:] - self.edges[:-1])).clamp(0, 1)
        waves = each * self.frequencies
        features: Tensor = torch.cat([pieces, waves.sin(), waves.cos()], -1)
        return features


class Mixtures:
    """Mixtures of Gaussians from what a network says of them, float32 (..., 3, K)."""

    def __init__(self, said: Tensor) -> None:
        weights, self.means, log_widths = said.float().unbind(-2)
        self.log_weights = weights.log_softmax(-1)
        self.log_widths = log_widths.clamp(NARROWEST, WIDEST)

    def log_density(self, values: Tensor) -> Tensor:
        """At the ``values`` (...), one of each mixture."""
        distances = (values[..., None] - self.means) * (-self.log_widths).exp()
        terms = self.log_weights - self.log_widths - 0.5 * distances.square()
        return terms.logsumexp(-1) - HALF_LOG_2_PI

    def log_mass(self, low: Tensor, high: Tensor) -> Tensor:
        """Of the intervals from ``low`` to ``high`` (...), which may be infinite and must not be empty; float64."""
        widths = self.log_widths.double().exp()
        a = (low.double()[..., None] - self.means) / widths
        b = (high.double()[..., None] - self.means) / widths
        right = a > 0  # in the right tail 1 - tiny cancels: mirrored, it does not
        a, b = torch.where(right, -b, a), torch.where(right, -a, b)
        top = torch.special.log_ndtr(b)
        share = (torch.special.log_ndtr(a) - top).clamp(max=0)
        mass: Tensor = (self.log_weights + top + torch.log(-torch.expm1(share))).logsumexp(-1)
        return mass

    def draw(self, places: Tensor, noise: Tensor) -> Tensor:
        """A value of each mixture: ``places`` (...) in [0, 1) choose a Gaussian, ``noise`` (...) is standard normal."""
        heights = self.log_weights.exp().cumsum(-1)
        chosen = (heights < places[..., None] * heights[..., -1:]).sum(-1, keepdim=True)
        mean, log_width = self.means.gather(-1, chosen)[..., 0], self.log_widths.gather(-1, chosen)[..., 0]
        return (mean + log_width.exp() * noise).clamp(-FURTHEST, FURTHEST)
