"""Pictures on a page: PNGs inside the HTML, small images enlarged without being smoothed."""

import base64

import numpy as np

from geratriz.picture import png
from geratriz.report.html import esc

WIDEST = 1060  # pixels of the page that a picture may fill
ENLARGED = 4  # times, at most
WIDTH = slice(16, 20)  # of a PNG's bytes


def figure(picture: np.ndarray | bytes, caption: str) -> str:
    """A picture (h, w, C), or the bytes of a PNG, under a caption."""
    content = picture if isinstance(picture, bytes) else png(picture)
    width = int.from_bytes(content[WIDTH])
    enlarged = width * max(min(WIDEST // max(width, 1), ENLARGED), 1)
    source = base64.b64encode(content).decode("ascii")
    return (
        f'<figure class="picture"><img alt="{esc(caption)}" style="width:{enlarged}px" '
        f'src="data:image/png;base64,{source}"><figcaption>{esc(caption)}</figcaption></figure>'
    )
