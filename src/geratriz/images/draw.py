"""Many images from a generator into a grid, a folder or Parquet, in bounded memory, with their provenance."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from geratriz.data import image_output
from geratriz.data.images import Images
from geratriz.data.stream import Origin, Provenance
from geratriz.generators.draw import Order, one_thread
from geratriz.generators.image_base import BLOCK, ImageGenerator


def images(generator: ImageGenerator[Any], order: Order) -> Images:
    """The images of ``order``, in memory.

    Raises:
        RequestError: the order cannot be met.
    """
    with one_thread():
        blocks = list(generator.blocks(order.rows, seed=order.seed, where=order.where, start=order.start))
    return Images.joined(blocks)


def write(
    generator: ImageGenerator[Any],
    path: Path,
    order: Order,
    *,
    origin: Origin,
    told: Callable[[int], None] | None = None,
) -> None:
    """The images of ``order``: one grid (``.png``), rows of a ``.parquet``, or PNG files in a folder.

    Blocks are drawn by one thread, as rows are: the same images on any machine of a kind.

    Args:
        generator: to draw from.
        path: its ending names the form. It is there when all images are written, and not before.
        order: which images.
        origin: which generator it is, for the provenance.
        told: is called with the number of images written so far.

    Raises:
        RequestError: the order cannot be met, or the path cannot be written.
    """
    provenance = Provenance(
        **dataclasses.asdict(origin),
        kind=generator.kind,
        record=dataclasses.asdict(generator.record),
        seed=order.seed,
        where=order.where,
        start=order.start,
        rows=order.rows,
        block=BLOCK,
        acceptance=1.0,
    )

    def blocks() -> Iterator[Images]:
        done = 0
        for block in generator.blocks(order.rows, seed=order.seed, where=order.where, start=order.start):
            yield block
            done += len(block)
            if told is not None:
                told(done)

    with one_thread():
        image_output.write(path, blocks(), order.rows, provenance)
