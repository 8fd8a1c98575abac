"""Small sets of images for tests: shapes that a network can learn in seconds, any size, channels and labels."""

import numpy as np

from geratriz.images.data.images import Images, ImageSchema

CLASSES = ("bar", "disc")


def shapes(
    count: int = 60, *, height: int = 10, width: int = 8, channels: int = 1, labelled: bool = True, seed: int = 0
) -> Images:
    """Bars and discs of random place and brightness on black, or on nothing in RGBA."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    rows, columns = np.mgrid[:height, :width]
    pixels = np.zeros((count, height, width, channels), np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        y, x = rng.uniform(0.3, 0.7, 2) * (height, width)
        bar, disc = (
            np.abs(columns - x) < width / 6,
            (rows - y) ** 2 + (columns - x) ** 2 < (min(height, width) / 3) ** 2,
        )
        inside = disc if label else bar
        image[inside] = rng.integers(90, 256, channels)
        if channels == 4:
            image[..., 3] = 255 * inside
    schema = ImageSchema(height=height, width=width, channels=channels, classes=CLASSES if labelled else ())
    return Images(pixels, schema, labels if labelled else None)
