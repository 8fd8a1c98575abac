"""Stage `prepare`: the schema of raw data, and their division into the parts train, fresh and test."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geratriz import domains
from geratriz.errors import DataError
from geratriz.stages.entry import run


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """Section ``data`` of params.yaml, which the kind of data defines."""

    data: Mapping[str, Any]


READS = {"data": "data"}


def main(params: Params, *, data: Path, contract: Path, validated: Path, out: Path) -> None:
    """Divide ``data``; the validation report ``validated`` must exist."""
    port = domains.prepare(str(params.data.get("kind")))
    if not validated.exists():
        raise DataError(f"{validated} does not exist: the data were not validated. Run `dvc repro validate`.")
    for line in port.prepare(data, params.data, contract, out):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    run(main, Params, READS)
