"""Stage sample@MODEL: a generator's bundle in, synthetic data out."""

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
    """What the data are, how many rows or images are drawn, and from which seed."""

    seed: int
    rows: int | None
    kind: str = "table"


READS = {"kind": "data.kind", "seed": "sample.seed", "rows": "sample.rows"}


def main(params: Params, *, bundle: Path, out: Path) -> None:
    """Draw ``rows`` rows or images, as many as were trained on where that is null.

    Their provenance names the bundle alone: it is not registered yet, and the version of this package is no input.
    """
    port = domains.draw(params.kind)
    generator = port.load(bundle)
    rows = generator.record.rows if params.rows is None else params.rows
    port.write(generator, out, Order(rows=rows, seed=params.seed), origin=Origin(bundle=bundles.digest(bundle)))
    sys.stdout.write(f"{rows:,} {generator.unit} sampled from {generator.kind} with seed {params.seed}\n")
    share = read_provenance(out)["acceptance"]
    if share < 1:
        sys.stdout.write(f"{share:.2%} of the rows drawn kept the contract's rules, others were drawn again\n")


if __name__ == "__main__":
    run(main, Params, READS)
