"""Grids and PNGs: every image in its place, every channel as it was."""

import io

import numpy as np
import pytest
from PIL import Image

from geratriz.picture import BACKGROUND, grid, png


def test_a_grid_holds_every_image_in_its_place_row_by_row() -> None:
    pixels = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 2, 1), np.uint8)
    picture = grid(pixels, columns=2, gap=1)
    assert picture.shape == (3 * 4 + 1, 2 * 3 + 1, 1)
    assert picture[1, 4, 0] == 1
    assert picture[5, 1, 0] == 2
    assert picture[9, 4, 0] == BACKGROUND  # the sixth place is empty


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_png_gives_back_the_pixels(channels: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (7, 5, channels), dtype=np.uint8)
    back = np.asarray(Image.open(io.BytesIO(png(picture))))
    assert np.array_equal(back.reshape(7, 5, channels), picture)


def test_a_palette_makes_a_colour_png_smaller() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert len(png(picture, colours=32)) < len(png(picture)) / 2
