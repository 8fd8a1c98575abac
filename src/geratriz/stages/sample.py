"""Stage sample@MODEL: a generator's bundle in, a synthetic table out."""

import sys
from dataclasses import dataclass
from pathlib import Path

from geratriz import bundle as bundles
from geratriz.data.stream import Origin, read_provenance
from geratriz.generators import catalog, draw
from geratriz.stages._entry import run


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """How many rows, from which seed."""

    seed: int
    rows: int | None


READS = {"seed": "sample.seed", "rows": "sample.rows"}


def main(params: Params, *, bundle: Path, out: Path) -> None:
    """Sample ``rows`` rows, as many as were trained on where that is null.

    Their provenance names the bundle alone: it is not registered yet, and the version of this package is no input.
    """
    generator = catalog.load(bundle)
    rows = generator.record.rows if params.rows is None else params.rows
    order = draw.Order(rows=rows, seed=params.seed)
    draw.write(generator, out, order, origin=Origin(bundle=bundles.digest(bundle)))
    sys.stdout.write(f"{rows:,} rows sampled from {generator.kind} with seed {params.seed}\n")
    if generator.rules:
        share = read_provenance(out)["acceptance"]
        sys.stdout.write(f"{share:.2%} of the rows drawn kept the contract's rules, others were drawn again\n")


if __name__ == "__main__":
    run(main, Params, READS)
