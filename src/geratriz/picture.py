"""Pictures for people: grids of images, and PNG files."""

import io
from collections.abc import Mapping

import numpy as np

BACKGROUND = 127  # value between images of a grid, in every channel but alpha


def grid(pixels: np.ndarray, columns: int, gap: int = 2) -> np.ndarray:
    """Arrange images (N, H, W, C) row by row in a picture (h, w, C) of ``columns`` columns, ``gap`` pixels apart."""
    count, height, width, channels = pixels.shape
    rows = -(-count // columns)
    picture = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), BACKGROUND, np.uint8)
    if channels == 4:
        picture[..., 3] = 0
    for number, image in enumerate(pixels):
        top, left = (gap + (size + gap) * i for size, i in zip((height, width), divmod(number, columns), strict=True))
        picture[top : top + height, left : left + width] = image
    return picture


def png(picture: np.ndarray, *, colours: int | None = None, texts: Mapping[str, str] | None = None) -> bytes:
    """Encode a picture (h, w, C), C = 1, 3 or 4, as PNG, with a palette of ``colours`` colours to make it smaller.

    ``texts`` are written into the file under their keywords.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    if colours is not None and picture.shape[2] == 3:
        image = image.quantize(colours)
    content = io.BytesIO()
    notes = PngInfo()
    for keyword, text in (texts or {}).items():
        notes.add_itxt(keyword, text)
    image.save(content, "PNG", optimize=True, pnginfo=notes)
    return content.getvalue()
