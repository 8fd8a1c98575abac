"""Differentiable augmentation: random changes of the discriminator's inputs, both real and generated images.

(Zhao et al., arXiv 2006.10738, section 3.) They keep the discriminator from memorising few training images. Gradients
pass through the changes, so the generator does not learn them. Images are not mirrored: orientation may matter.
"""

import torch
from torch import Tensor

from geratriz.fitting.network import uniform

MAX_SHIFT = 1 / 8  # relative to the image size
HOLE_SIZE = 1 / 2  # relative to the image size


def augment(images: Tensor, rng: torch.Generator) -> Tensor:
    """Change brightness, contrast and saturation, shift, and cut a hole, at random for each image (N, C, H, W)."""
    return _hole(_shift(_colour(images, rng), rng), rng)


def _colour(images: Tensor, rng: torch.Generator) -> Tensor:
    """Change brightness, saturation and contrast at random; alpha is left as it is."""
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
    """Shift images at random; pixels that are shifted in are zero, the middle of the range."""
    count, _, height, width = images.shape
    rows, has_row = _sources(count, height, rng)
    columns, has_column = _sources(count, width, rng)
    number = torch.arange(count, device=images.device)[:, None, None]
    shifted = images.permute(0, 2, 3, 1)[number, rows[:, :, None], columns[:, None, :]]
    has_pixel = (has_row[:, :, None] & has_column[:, None, :])[..., None]
    return (shifted * has_pixel).permute(0, 3, 1, 2)


def _sources(count: int, size: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return, for each position along an axis, its source and whether the source is in the image, (count, size)."""
    limit = int(size * MAX_SHIFT + 0.5)
    shift = (uniform(rng, count, 1) * (2 * limit + 1)).long() - limit
    sources = torch.arange(size, device=rng.device)[None] + shift
    return sources.clamp(0, size - 1), (sources >= 0) & (sources < size)


def _hole(images: Tensor, rng: torch.Generator) -> Tensor:
    """Set a rectangle of half the height and width to zero, at a random position."""
    count, _, height, width = images.shape
    inside = torch.ones(count, 1, 1, 1, dtype=torch.bool, device=images.device)
    for axis, size in ((2, height), (3, width)):
        centre = (uniform(rng, count, 1, 1, 1) * size).long()
        shape = [1, 1, 1, 1]
        shape[axis] = size
        distance = (torch.arange(size, device=images.device).view(shape) - centre).abs()
        inside = inside & (distance < max(size * HOLE_SIZE / 2, 0.5))
    return images * ~inside
