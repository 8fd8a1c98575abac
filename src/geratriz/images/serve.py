"""The port `serve` of images: each a row of ``image``, a PNG in base64, and ``label`` where the set is labelled."""

import base64
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from geratriz.images.data.images import LABEL
from geratriz.images.generators.catalog import GENERATORS
from geratriz.picture import png
from geratriz.ports import Served

MOST_IMAGES = 10_000
MOST_BYTES = 2**28  # of the pixels of an answer


def load(folder: Path) -> Served:
    """The generator saved in ``folder``, ready to answer."""
    generator: Any = GENERATORS.load(folder)
    classes = generator.schema.classes

    def draw(rows: int, *, seed: int, where: Mapping[str, Any]) -> pd.DataFrame:
        drawn = generator.sample(rows, seed=seed, where=where)
        frame = pd.DataFrame({"image": [base64.b64encode(png(image)).decode("ascii") for image in drawn.pixels]})
        return frame if drawn.labels is None else frame.assign(**{LABEL: [classes[label] for label in drawn.labels]})

    most = max(min(MOST_IMAGES, MOST_BYTES // math.prod(generator.schema.shape)), 1)
    return Served(names=(LABEL,) if classes else (), most=most, draw=draw)


def answers(head: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The columns of an answer, (name, kind)."""
    return [("image", "png"), *((label, "category") for label in conditions(head))]


def conditions(head: Mapping[str, Any]) -> tuple[str, ...]:
    """The label, where the images have one."""
    return (LABEL,) if head["schema"]["classes"] else ()
