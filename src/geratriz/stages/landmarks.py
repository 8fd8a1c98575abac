"""Stage `landmarks`: what metrics say of data that are no good, of fresh real data; of images, of blur and copies."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geratriz import config
from geratriz.data.contract import read_suite
from geratriz.data.images import Images
from geratriz.data.schema import Schema
from geratriz.data.split import PARTS
from geratriz.data.table import Table
from geratriz.evaluate import image_suite, suite
from geratriz.evaluate.base import EvaluateConfig
from geratriz.evaluate.image_base import ImageEvaluateConfig
from geratriz.evaluate.suite import Landmarks
from geratriz.stages._entry import is_images, run


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """What the data are, and how thoroughly is judged."""

    evaluate: Mapping[str, Any]
    kind: str = "table"


READS = {"kind": "data.kind", "evaluate": "evaluate"}


def main(params: Params, *, prepared: Path, contract: Path, out: Path) -> None:
    """Write the landmarks of every metric as JSON.

    The floor of a table is its columns drawn independently, that of images is every pixel drawn independently.
    """
    measure = _of_images if is_images(params.kind) else _of_table
    marks = measure(params.evaluate, prepared, contract)
    out.write_text(json.dumps(marks.to_json(), indent=1) + "\n", encoding="utf-8")
    for name, score in marks.ceiling.items():
        more = "".join(
            f"   {words} {side[name].value:8.4f}"
            for words, side in (("blurred", marks.blurred), ("copies", marks.copycat))
            if name in side
        )
        floor = f"{marks.floor[name].value:8.4f}"
        sys.stdout.write(f"{name:<26} floor {floor}   fresh real data {score.value:8.4f}{more}\n")


def _of_table(settings: Mapping[str, Any], prepared: Path, contract: Path) -> Landmarks:
    schema = Schema.read(prepared / "schema.json")
    train, fresh, test = (Table.read(prepared / f"{name}.parquet", schema=schema) for name in PARTS)
    return suite.landmarks(train, fresh, test, config.load(EvaluateConfig, settings, "evaluate"), read_suite(contract))


def _of_images(settings: Mapping[str, Any], prepared: Path, contract: Path) -> Landmarks:
    del contract  # about files, and synthetic images have none
    train, fresh, test = (Images.read(prepared / name) for name in PARTS)
    return image_suite.landmarks(train, fresh, test, config.load(ImageEvaluateConfig, settings, "evaluate"))


if __name__ == "__main__":
    run(main, Params, READS)
