"""Port `serve` of images: rows of ``image``, a PNG in base64, and ``label`` if the data are labelled."""

import base64
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from geratriz.images.data.images import LABEL, Images
from geratriz.images.generators.catalog import GENERATORS
from geratriz.picture import png
from geratriz.ports import Served

MAX_IMAGES = 10_000  # per response
MAX_BYTES = 2**26  # bytes of pixels per response


def load(folder: Path) -> Served:
    """Load the generator saved in ``folder`` for requests."""
    generator: Any = GENERATORS.load(folder)
    classes = generator.schema.classes

    def draw(rows: int, *, seed: int, where: Mapping[str, Any], start: int = 0) -> pd.DataFrame:
        drawn = Images.joined(list(generator.blocks(rows, seed=seed, where=where, start=start)))
        frame = pd.DataFrame({"image": [base64.b64encode(png(image)).decode("ascii") for image in drawn.pixels]})
        return frame if drawn.labels is None else frame.assign(**{LABEL: [classes[label] for label in drawn.labels]})

    most = max(min(MAX_IMAGES, MAX_BYTES // math.prod(generator.schema.shape)), 1)
    return Served(names=(LABEL,) if classes else (), max_rows=most, block=generator.block, draw=draw)


def answers(head: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Columns of a response, (name, kind)."""
    return [("image", "png"), *((label, "category") for label in conditions(head))]


def conditions(head: Mapping[str, Any]) -> tuple[str, ...]:
    """Column of the label, if the images have labels."""
    return (LABEL,) if head["schema"]["classes"] else ()
