"""Stage sample@MODEL: a generator's bundle in, synthetic data out: a table, or images as Parquet."""

import sys
from dataclasses import dataclass
from pathlib import Path

from geratriz import bundle as bundles
from geratriz.data.stream import Origin, read_provenance
from geratriz.generators import catalog, draw, image_draw
from geratriz.stages._entry import run


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """How many rows or images, from which seed."""

    seed: int
    rows: int | None


READS = {"seed": "sample.seed", "rows": "sample.rows"}


def main(params: Params, *, bundle: Path, out: Path) -> None:
    """Sample ``rows`` rows or images, as many as were trained on where that is null.

    Their provenance names the bundle alone: it is not registered yet, and the version of this package is no input.
    """
    origin = Origin(bundle=bundles.digest(bundle))
    if catalog.makes_images(bundle):
        images = catalog.load_images(bundle)
        number = images.record.rows if params.rows is None else params.rows
        image_draw.write(images, out, draw.Order(rows=number, seed=params.seed), origin=origin)
        sys.stdout.write(f"{number:,} images sampled from {images.kind} with seed {params.seed}\n")
        return
    generator = catalog.load(bundle)
    rows = generator.record.rows if params.rows is None else params.rows
    draw.write(generator, out, draw.Order(rows=rows, seed=params.seed), origin=origin)
    sys.stdout.write(f"{rows:,} rows sampled from {generator.kind} with seed {params.seed}\n")
    if generator.rules:
        share = read_provenance(out)["acceptance"]
        sys.stdout.write(f"{share:.2%} of the rows drawn kept the contract's rules, others were drawn again\n")


if __name__ == "__main__":
    run(main, Params, READS)
