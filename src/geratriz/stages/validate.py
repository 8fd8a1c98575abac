"""Stage `validate`: hold the raw data against their contract; a critical failure ends the pipeline here."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from geratriz.data import contract as contracts
from geratriz.data.image_files import manifest
from geratriz.data.table import read_frame
from geratriz.report.validation import page
from geratriz.stages._entry import is_images, run


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """What the data are; the contract says the rest."""

    kind: str = "table"


READS = {"kind": "data.kind"}


def main(params: Params, *, data: Path, contract: Path, out: Path) -> None:
    """Check ``data``; the report (JSON and a page) is written before a failure ends the stage.

    Of images it is their manifest that is held against the contract.

    Raises:
        ContractError: a critical expectation is broken.
    """
    images = is_images(params.kind)
    frame = manifest(data) if images else read_frame(data)
    report = contracts.check(frame, contracts.read_suite(contract))
    out.mkdir(parents=True, exist_ok=True)
    (out / "validation.json").write_text(json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n")
    (out / "index.html").write_text(page(report), encoding="utf-8")
    for finding in report.warnings:
        sys.stdout.write(f"warning: {contracts.in_short(finding)}\n")
    contracts.require(report)
    kept = f"{report.rows:,} {'images' if images else 'rows'} keep the contract {report.name!r}"
    sys.stdout.write(f"{kept} ({len(report.findings)} expectations)\n")


if __name__ == "__main__":
    run(main, Params, READS)
