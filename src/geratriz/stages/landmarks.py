"""Stage `landmarks`: scores of a baseline and of fresh real data; for images, of blurred and copied images too."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geratriz import domains, writing
from geratriz.stages.entry import run


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """Kind of data, and settings of the evaluation."""

    evaluate: Mapping[str, Any]
    kind: str = "table"


READS = {"kind": "data.kind", "evaluate": "evaluate"}


def main(params: Params, *, prepared: Path, contract: Path, out: Path) -> None:
    """Write the landmarks of every metric as JSON."""
    marks = domains.judge(params.kind).landmarks(prepared, contract, params.evaluate)
    writing.text(out, json.dumps(marks.to_json(), indent=1) + "\n")
    for name, score in marks.ceiling.items():
        more = "".join(
            f"   {label} {scores[name].value:8.4f}"
            for label, scores in (("blurred", marks.blurred), ("copies", marks.copycat))
            if name in scores
        )
        floor = f"{marks.floor[name].value:8.4f}"
        sys.stdout.write(f"{name:<26} floor {floor}   fresh real data {score.value:8.4f}{more}\n")


if __name__ == "__main__":
    run(main, Params, READS)
