"""Networks for images of any size: what is covered, what is cropped, what starts as what."""

import pytest
import torch

from geratriz.images.data.images import ImageSchema
from geratriz.images.nets.pyramid import Block, Down, Sizes, Up


@pytest.mark.parametrize("height, width", [(1, 1), (2, 3), (8, 8), (28, 28), (32, 32), (33, 32), (64, 48), (5, 200)])
def test_the_pyramid_covers_the_image_and_little_more(height: int, width: int) -> None:
    sizes = Sizes.of(ImageSchema(height=height, width=width, channels=1))
    full = sizes.full
    step = sizes.patch * 2**sizes.doublings
    assert all(covered - step < size <= covered for size, covered in zip((height, width), full, strict=True))
    assert sizes.cover(torch.zeros(2, 1, height, width)).shape == (2, 1, *full)


@pytest.mark.parametrize("height, width, channels", [(1, 1, 1), (13, 9, 4), (32, 32, 3)])
def test_vectors_become_images_and_images_vectors(height: int, width: int, channels: int) -> None:
    schema = ImageSchema(height=height, width=width, channels=channels)
    images = Up(7, schema, 4)(torch.randn(3, 7))
    assert images.shape == (3, channels, height, width)
    down = Down(schema, 4)
    assert down(images).shape == (3, down.features)


def test_a_block_starts_as_the_identity() -> None:
    maps = torch.randn(2, 4, 6, 6)
    assert torch.equal(Block(4, 3)(maps), maps)


def test_what_is_repeated_beyond_the_edge_is_the_edge() -> None:
    covered = Sizes.of(ImageSchema(height=3, width=3, channels=1)).cover(torch.arange(9.0).view(1, 1, 3, 3))
    assert covered[0, 0, 3].tolist() == [6.0, 7.0, 8.0, 8.0]
