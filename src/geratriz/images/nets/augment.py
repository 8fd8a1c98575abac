"""Differentiable augmentation: what the discriminator sees is changed at random, real and generated images alike.

(Zhao et al., arXiv 2006.10738, section 3.) A discriminator that would know few training images by heart cannot, and the
generator does not learn the changes, because gradients pass through them. No image is mirrored: shoes point one way.
"""

import torch
from torch import Tensor

from geratriz.fitting.network import uniform

SHIFT = 1 / 8  # of the size, at most
HOLE = 1 / 2  # of the size


def augment(images: Tensor, rng: torch.Generator) -> Tensor:
    """Brightness, contrast, saturation, a shift and a hole, each drawn anew for every image (N, C, H, W)."""
    return _hole(_shift(_colour(images, rng), rng), rng)


def _colour(images: Tensor, rng: torch.Generator) -> Tensor:
    """Alpha is no colour: it is left as it is."""
    colours, alpha = images[:, :3], images[:, 3:]
    count = len(images)
    colours = colours + (uniform(rng, count, 1, 1, 1) - 0.5)
    if colours.shape[1] == 3:
        grey = colours.mean(1, keepdim=True)
        colours = (colours - grey) * (2 * uniform(rng, count, 1, 1, 1)) + grey
    mean = colours.mean((1, 2, 3), keepdim=True)
    colours = (colours - mean) * (uniform(rng, count, 1, 1, 1) + 0.5) + mean
    return torch.cat([colours, alpha], 1) if alpha.shape[1] else colours


def _shift(images: Tensor, rng: torch.Generator) -> Tensor:
    """What is shifted in is empty: zero, the middle of the range."""
    count, _, height, width = images.shape
    rows, row_there = _places(count, height, rng)
    columns, column_there = _places(count, width, rng)
    which = torch.arange(count, device=images.device)[:, None, None]
    moved = images.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None, :]]
    there = (row_there[:, :, None] & column_there[:, None, :])[..., None]
    return (moved * there).permute(0, 3, 1, 2)


def _places(count: int, size: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """For each place along an axis, where it comes from, and whether there is anything: (count, size) each."""
    most = int(size * SHIFT + 0.5)
    by = (uniform(rng, count, 1) * (2 * most + 1)).long() - most
    places = torch.arange(size, device=rng.device)[None] + by
    return places.clamp(0, size - 1), (places >= 0) & (places < size)


def _hole(images: Tensor, rng: torch.Generator) -> Tensor:
    """A rectangle of half the height and width, wherever it falls, is emptied."""
    count, _, height, width = images.shape
    inside = torch.ones(count, 1, 1, 1, dtype=torch.bool, device=images.device)
    for axis, size in ((2, height), (3, width)):
        centre = (uniform(rng, count, 1, 1, 1) * size).long()
        shape = [1, 1, 1, 1]
        shape[axis] = size
        away = (torch.arange(size, device=images.device).view(shape) - centre).abs()
        inside = inside & (away < max(size * HOLE / 2, 0.5))
    return images * ~inside
