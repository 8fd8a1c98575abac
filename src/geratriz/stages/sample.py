"""Stage sample@MODEL: synthetic data drawn from a generator."""

import sys
from dataclasses import dataclass
from pathlib import Path

from geratriz import bundle as bundles
from geratriz import domains
from geratriz.fitting.order import Order
from geratriz.output import Origin, read_provenance
from geratriz.stages.entry import run


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """Kind of data, number of rows or images, and seed."""

    seed: int
    rows: int | None
    kind: str = "table"


READS = {"kind": "data.kind", "seed": "sample.seed", "rows": "sample.rows"}


def main(params: Params, *, bundle: Path, out: Path) -> None:
    """Draw ``rows`` rows or images; null draws the number of the training data.

    Their provenance names the bundle only: it is not registered yet, and the version of this package is not an input.
    """
    port = domains.draw(params.kind)
    generator = port.load(bundle)
    rows = generator.record.rows if params.rows is None else params.rows
    port.write(generator, out, Order(rows=rows, seed=params.seed), origin=Origin(bundle=bundles.digest(bundle)))
    sys.stdout.write(f"{rows:,} {generator.unit} sampled from {generator.kind} with seed {params.seed}\n")
    share = read_provenance(out)["acceptance"]
    if share < 1:
        sys.stdout.write(f"{share:.2%} of the rows drawn kept the contract's rules; the others were drawn again\n")


if __name__ == "__main__":
    run(main, Params, READS)
