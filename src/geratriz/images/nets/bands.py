"""Frequency bands of images by the orthonormal Haar wavelet transform, which preserves sums of squares.

(Mallat, "A theory for multiresolution signal decomposition", 1989.) Fine detail has little power: with one variance for
all pixels it counts as noise, and a decoder's images are blurred. With one variance per band, each band is weighted by
how well it can be predicted.
"""

import torch
from torch import Tensor

MAX_LEVELS = 3  # applications of the transform


def divide(images: Tensor) -> Tensor:
    """Transform images (N, C, H, W) of even size to 4 bands of half the size, (N, 4 C, H / 2, W / 2), the mean last."""
    a, b = images[:, :, 0::2, 0::2], images[:, :, 0::2, 1::2]
    c, d = images[:, :, 1::2, 0::2], images[:, :, 1::2, 1::2]
    return torch.cat([a - b + c - d, a + b - c - d, a - b - c + d, a + b + c + d], 1) / 2


def bands(images: Tensor) -> list[Tensor]:
    """Divide ``images`` (N, C, H, W) into bands, finest first, and the rest; maps of odd size are not divided."""
    found: list[Tensor] = []
    rest = images
    while len(found) < MAX_LEVELS and not (rest.shape[2] % 2 or rest.shape[3] % 2):
        detail, rest = torch.split(divide(rest), [3 * images.shape[1], images.shape[1]], dim=1)
        found.append(detail)
    return [*found, rest]
