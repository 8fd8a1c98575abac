"""Pictures on a page: PNGs inside the HTML, small images enlarged without being smoothed."""

import base64

import numpy as np

from geratriz.picture import grid, png
from geratriz.report._html import esc

WIDEST = 1060  # pixels of the page that a picture may fill
ENLARGED = 4  # times, at most


def figure(picture: np.ndarray | bytes, caption: str, *, width: int | None = None) -> str:
    """A picture (h, w, C), or the bytes of a PNG, under a caption; its own ``width`` in pixels where that is known."""
    content = picture if isinstance(picture, bytes) else png(picture)
    if not isinstance(picture, bytes):
        width = picture.shape[1]
    shown = "" if width is None else f' style="width:{_shown(width)}px"'
    source = base64.b64encode(content).decode("ascii")
    return (
        f'<figure class="picture"><img alt="{esc(caption)}" src="data:image/png;base64,{source}"{shown}>'
        f"<figcaption>{esc(caption)}</figcaption></figure>"
    )


def strips(rows: dict[str, np.ndarray], *, columns: int) -> list[tuple[str, np.ndarray]]:
    """One picture a row of images, under the row's name; each cut to ``columns`` images."""
    return [(name, grid(images[:columns], columns)) for name, images in rows.items() if len(images)]


def _shown(width: int) -> int:
    return width * max(min(WIDEST // max(width, 1), ENLARGED), 1)
