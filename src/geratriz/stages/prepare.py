"""Stage `prepare`: raw data in, their schema and the parts train, fresh and test out."""

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
    """The section ``data`` of params.yaml, as the domain reads it."""

    data: Mapping[str, Any]


READS = {"data": "data"}


def main(params: Params, *, data: Path, contract: Path, validated: Path, out: Path) -> None:
    """Divide ``data``; ``validated`` is the report without which nothing is prepared."""
    port = domains.prepare(str(params.data.get("kind")))
    if not validated.exists():
        raise DataError(f"there is no {validated}: the data were not validated. Run `dvc repro validate`.")
    for line in port.prepare(data, params.data, contract, out):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    run(main, Params, READS)
