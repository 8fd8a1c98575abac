"""Pictures on a page: PNGs inside the HTML; small images are enlarged without smoothing."""

import base64

import numpy as np

from geratriz.picture import png
from geratriz.report.html import esc

MAX_WIDTH = 1060  # pixels of the page
MAX_SCALE = 4  # factor of enlargement
PNG_WIDTH = slice(16, 20)  # bytes of a PNG that hold its width


def figure(picture: np.ndarray | bytes, caption: str) -> str:
    """A picture (h, w, C), or the bytes of a PNG, with a caption."""
    content = picture if isinstance(picture, bytes) else png(picture)
    width = int.from_bytes(content[PNG_WIDTH])
    enlarged = width * max(min(MAX_WIDTH // max(width, 1), MAX_SCALE), 1)
    source = base64.b64encode(content).decode("ascii")
    return (
        f'<figure class="picture"><img alt="{esc(caption)}" style="width:{enlarged}px" '
        f'src="data:image/png;base64,{source}"><figcaption>{esc(caption)}</figcaption></figure>'
    )
