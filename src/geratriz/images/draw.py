"""Port `draw` of images: in memory, or into a grid, a folder or Parquet in bounded memory, with provenance."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from geratriz.errors import RequestError
from geratriz.fitting.order import Order, one_thread
from geratriz.images import output
from geratriz.images.data.images import Images
from geratriz.images.generators.base import ImageGenerator
from geratriz.images.generators.catalog import GENERATORS
from geratriz.output import Origin, WalkProvenance

load = GENERATORS.load


def sample(generator: ImageGenerator[Any], order: Order, *, jobs: int | None = 1) -> Images:
    """Draw the images of ``order`` into memory.

    Raises:
        RequestError: the order cannot be satisfied, or ``jobs`` asks for several processes.
    """
    _one_process(jobs)
    with one_thread():
        return Images.joined(list(order.blocks(generator)))


def parse(text: str) -> str:
    """Parse a value of ``--where``: a label is text, even if YAML would read it as a number, yes or null."""
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def write(
    generator: ImageGenerator[Any],
    path: Path,
    order: Order,
    *,
    origin: Origin,
    jobs: int | None = 1,
    on_progress: Callable[[int], None] | None = None,
) -> None:
    """Draw the images of ``order`` into one grid (``.png``), rows of a ``.parquet``, or PNG files in a folder.

    One thread draws the blocks, as for rows: machines of one type draw the same images.

    Args:
        generator: generator to draw from.
        path: its ending names the form. It appears once all images are written.
        order: images to draw.
        origin: origin of the generator, for the provenance.
        jobs: 1 or None; one process draws images.
        on_progress: called with the number of images written so far.

    Raises:
        RequestError: the order cannot be satisfied, or the path cannot be written.
    """
    _one_process(jobs)

    def blocks() -> Iterator[Images]:
        done = 0
        for block in order.blocks(generator):
            yield block
            done += len(block)
            if on_progress is not None:
                on_progress(done)

    with one_thread():
        output.write(path, blocks(), order.rows, order.provenance(generator, origin))


def walk(
    generator: ImageGenerator[Any],
    path: Path,
    steps: int,
    *,
    walks: int,
    seed: int,
    where: Mapping[str, Any],
    origin: Origin,
) -> None:
    """Draw ``walks`` walks of ``steps`` images from latent to latent into one picture, one row per walk.

    Raises:
        RequestError: the walks cannot be drawn, or the picture cannot be written.
    """
    drawn = generator.interpolate(steps, rows=walks, seed=seed, where=where)
    provenance = WalkProvenance(
        **dataclasses.asdict(Order(rows=len(drawn), seed=seed, where=where).provenance(generator, origin))
        | {"block": len(drawn)},
        steps=steps,
    )
    output.write(path, iter([drawn]), len(drawn), provenance, columns=steps)


def _one_process(jobs: int | None) -> None:
    if jobs not in (None, 1):
        raise RequestError(f"jobs is {jobs!r}, but images are drawn by one process; leave it out.")
