"""Stage `landmarks`: what the metrics say of columns drawn independently, and of fresh real rows."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from geratriz.data.contract import read_suite
from geratriz.data.schema import Schema
from geratriz.data.table import Table
from geratriz.evaluate import suite
from geratriz.evaluate.base import EvaluateConfig
from geratriz.stages._entry import run


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """How thoroughly is judged."""

    evaluate: EvaluateConfig


READS = {"evaluate": "evaluate"}


def main(params: Params, *, prepared: Path, contract: Path, out: Path) -> None:
    """Write floor and ceiling of every metric as JSON."""
    schema = Schema.read(prepared / "schema.json")
    train, fresh, test = (
        Table.read(prepared / f"{name}.parquet", schema=schema) for name in ("train", "fresh", "test")
    )
    marks = suite.landmarks(train, fresh, test, params.evaluate, read_suite(contract))
    out.write_text(json.dumps(marks.to_json(), indent=1) + "\n", encoding="utf-8")
    for name, score in marks.ceiling.items():
        sys.stdout.write(f"{name:<26} floor {marks.floor[name].value:8.4f}   fresh real data {score.value:8.4f}\n")


if __name__ == "__main__":
    run(main, Params, READS)
