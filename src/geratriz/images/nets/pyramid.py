"""Convolutional networks from vectors to images of any size and back, without normalisation layers.

They consist of residual blocks of dense convolutions on feature maps that double in size; the channels of the largest
map are patches of pixels. On a processor, both choices are several times faster than grouped convolutions or maps of
single pixels, especially with gradient penalties (docs/log.md).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from geratriz.images.data.images import ImageSchema

SMALLEST_MAP = 4  # approximate rows and columns of the smallest feature map
SLOPE = 0.2  # negative slope of the leaky rectifier
FINAL_GAIN = 0.3  # initial gain of the last layer: images start grey
WIDTHS = (1, 2, 4)  # channels of feature maps in units of the width, largest map first; smaller maps use the last value


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """Sizes of a feature pyramid whose largest map, of patches of pixels, covers the image; the excess is cropped."""

    height: int
    """Height of the smallest map."""
    width: int
    doublings: int
    """Doublings from the smallest map to the map of patches."""
    patch: int

    @classmethod
    def of(cls, schema: ImageSchema, *, patch: int = 2) -> Self:
        """Return the pyramid for images of this size."""
        rows, columns = (-(-size // patch) for size in (schema.height, schema.width))
        doublings = max(round(np.log2(max(min(rows, columns), 1) / SMALLEST_MAP)), 0)
        return cls(height=-(-rows // 2**doublings), width=-(-columns // 2**doublings), doublings=doublings, patch=patch)

    @property
    def full(self) -> tuple[int, int]:
        """Height and width covered by the pyramid, in pixels."""
        scale = self.patch * 2**self.doublings
        return self.height * scale, self.width * scale

    def cover(self, pixels: Tensor) -> Tensor:
        """Pad images (N, C, H, W) to the size of the pyramid by repeating their last rows and columns."""
        below, right = self.full[0] - pixels.shape[2], self.full[1] - pixels.shape[3]
        return nn.functional.pad(pixels, (0, right, 0, below), mode="replicate") if below or right else pixels


class Up(nn.Module):
    """Network from vectors (N, F) to images (N, C, H, W), float32."""

    def __init__(self, features: int, schema: ImageSchema, width: int) -> None:
        super().__init__()
        self.sizes, self._shape = Sizes.of(schema), schema.shape
        widths = self.widths = _widths(self.sizes, width)[::-1]
        self.start = nn.Linear(features, widths[0] * self.sizes.height * self.sizes.width)
        self.levels = nn.ModuleList()
        for level, channels in enumerate(widths):
            layers: list[nn.Module] = []
            if level:
                layers.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False))
                layers += _change(widths[level - 1], channels)
            self.levels.append(nn.Sequential(*layers, Block(channels, len(widths))))
        self.patches = nn.Conv2d(widths[-1], schema.channels * self.sizes.patch**2, 3, padding=1)
        scale(self.start)
        scale(self.patches, FINAL_GAIN)

    def forward(self, features_NF: Tensor) -> Tensor:
        """Return the images of ``features_NF``, unbounded."""
        maps = self.smallest(features_NF)
        for level in self.levels:
            maps = level(maps)
        return self.images(maps)

    def smallest(self, features_NF: Tensor) -> Tensor:
        """Return the smallest feature maps, before the first level."""
        maps: Tensor = self.start(features_NF).view(len(features_NF), -1, self.sizes.height, self.sizes.width)
        return maps.contiguous(memory_format=torch.channels_last)

    def images(self, maps: Tensor) -> Tensor:
        """Return the images of the largest feature maps."""
        patches = self.patches(nn.functional.leaky_relu(maps, SLOPE))
        covering: Tensor = nn.functional.pixel_shuffle(patches, self.sizes.patch).float()
        return covering[:, :, : self._shape[0], : self._shape[1]]


class Down(nn.Module):
    """Network from images (N, C, H, W) to vectors (N, ``features``)."""

    def __init__(self, schema: ImageSchema, width: int) -> None:
        super().__init__()
        self.sizes = Sizes.of(schema)
        widths = _widths(self.sizes, width)
        first = nn.Conv2d(schema.channels * self.sizes.patch**2, widths[0], 3, padding=1)
        scale(first)
        self.levels = nn.ModuleList()
        for level, channels in enumerate(widths):
            layers = [*_change(widths[level - 1], channels), nn.AvgPool2d(2)] if level else [first]
            self.levels.append(nn.Sequential(*layers, Block(channels, len(widths))))
        self.features = widths[-1] * self.sizes.height * self.sizes.width

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of ``images``, from the smallest map."""
        return self.flat(self.maps(images)[-1])

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return the feature maps of ``images``, from the largest to the smallest."""
        patches = nn.functional.pixel_unshuffle(self.sizes.cover(images), self.sizes.patch)
        maps, pyramid = patches.contiguous(memory_format=torch.channels_last), []
        for level in self.levels:
            maps = level(maps)
            pyramid.append(maps)
        return pyramid

    def flat(self, smallest: Tensor) -> Tensor:
        """Return the features in the smallest of :meth:`maps`."""
        return nn.functional.leaky_relu(smallest, SLOPE).flatten(1)


class Block(nn.Module):
    """Residual block of two convolutions, initially the identity (Zhang et al., arXiv 1901.09321)."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        scale(self.first, blocks**-0.5)  # L^(-1 / (2 m - 2)) for L blocks of m = 2 layers
        nn.init.zeros_(self.second.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of the same shape."""
        hidden = self.first(nn.functional.leaky_relu(maps, SLOPE))
        out: Tensor = maps + self.second(nn.functional.leaky_relu(hidden, SLOPE))
        return out


def scale(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> None:
    """Initialise a layer to preserve variance after a leaky rectifier (He et al., arXiv 1502.01852), times ``gain``."""
    nn.init.normal_(layer.weight, std=gain * (2 / (1 + SLOPE**2) / layer.weight[0].numel()) ** 0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _widths(sizes: Sizes, width: int) -> list[int]:
    """Return the channels of the feature maps, from the largest to the smallest."""
    return [width * WIDTHS[min(level, len(WIDTHS) - 1)] for level in range(sizes.doublings + 1)]


def _change(channels: int, new: int) -> list[nn.Module]:
    if channels == new:
        return []
    layer = nn.Conv2d(channels, new, 1, bias=False)
    scale(layer)
    return [layer]
