"""Stage `validate`: check the raw data against their contract; a critical failure stops the pipeline."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from geratriz import contract as contracts
from geratriz import domains, writing
from geratriz.report.validation import page
from geratriz.stages.entry import run


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """Kind of data."""

    kind: str = "table"


FILES = ("validation.json", "index.html")  # of the folder
READS = {"kind": "data.kind"}


def main(params: Params, *, data: Path, contract: Path, out: Path) -> None:
    """Check ``data`` and write the report as JSON and as a page, even if the check fails.

    Raises:
        ContractError: a critical expectation is broken.
    """
    frame = domains.prepare(params.kind).observe(data)
    report = contracts.check(frame, contracts.read_suite(contract))
    text = json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n"
    with writing.folder(out, FILES) as folder:
        (folder / "validation.json").write_text(text, encoding="utf-8")
        (folder / "index.html").write_text(page(report), encoding="utf-8")
    for finding in report.warnings:
        sys.stdout.write(f"warning: {contracts.in_short(finding)}\n")
    contracts.require(report)
    rows = f"{report.rows:,} {domains.words(params.kind).UNIT}"
    sys.stdout.write(f"{rows} keep the contract {report.name!r} ({len(report.findings)} expectations)\n")


if __name__ == "__main__":
    run(main, Params, READS)
