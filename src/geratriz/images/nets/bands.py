"""Images as bands of frequencies by the orthonormal Haar wavelet transform: sums of squares stay what they are.

(Mallat, "A theory for multiresolution signal decomposition", 1989.) Fine detail has little power: under one variance
for all pixels it is noise, and a decoder's images are blurred. With a variance a band it is weighed by how well it can
be known.
"""

import torch
from torch import Tensor

LEVELS = 3


def divide(images: Tensor) -> Tensor:
    """Images (N, C, H, W) of even size as 4 coefficients a 2 x 2 pixels, (N, 4 C, H / 2, W / 2), the mean last."""
    a, b = images[:, :, 0::2, 0::2], images[:, :, 0::2, 1::2]
    c, d = images[:, :, 1::2, 0::2], images[:, :, 1::2, 1::2]
    return torch.cat([a - b + c - d, a + b - c - d, a - b - c + d, a + b + c + d], 1) / 2


def bands(images: Tensor) -> list[Tensor]:
    """The bands of ``images`` (N, C, H, W), finest first, and what is left; a map of odd size is not divided."""
    found: list[Tensor] = []
    rest = images
    while len(found) < LEVELS and not (rest.shape[2] % 2 or rest.shape[3] % 2):
        detail, rest = torch.split(divide(rest), [3 * images.shape[1], images.shape[1]], dim=1)
        found.append(detail)
    return [*found, rest]
