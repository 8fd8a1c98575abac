"""Images as bands of frequencies: the orthonormal Haar wavelet transform, so that sums of squares stay what they are.

(Mallat, "A theory for multiresolution signal decomposition", 1989.) Fine detail has little power: under one variance for
all pixels it is noise, and a decoder's images are blurred. With a variance a band it is weighed by how well it can be
known.
"""

import torch
from torch import Tensor

LEVELS = 3
HALF = 0.5


def bands(images: Tensor) -> list[Tensor]:
    """The bands of ``images`` (N, C, H, W), finest first: (N, 3 C, h, w) each, and what is left, (N, C, h, w).

    A map of odd height or width is not divided further.
    """
    found: list[Tensor] = []
    rest = images
    for _ in range(LEVELS):
        if rest.shape[2] % 2 or rest.shape[3] % 2:
            break
        a, b = rest[:, :, 0::2, 0::2], rest[:, :, 0::2, 1::2]
        c, d = rest[:, :, 1::2, 0::2], rest[:, :, 1::2, 1::2]
        found.append(HALF * torch.cat([a - b + c - d, a + b - c - d, a - b - c + d], 1))
        rest = HALF * (a + b + c + d)
    return [*found, rest]
