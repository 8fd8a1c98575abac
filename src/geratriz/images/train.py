"""The port `train` of images: the catalog of generators, what a fit is given, and walks for people to look at."""

from pathlib import Path
from typing import Any

from geratriz import bundle
from geratriz.images.data.images import Images
from geratriz.images.generators.base import ImageGenerator
from geratriz.images.generators.catalog import GENERATORS as GENERATORS
from geratriz.picture import grid, png

WALKS, WALK = 6, 10  # rows and images of the picture of walks from latent to latent


def read_prepared(prepared: Path) -> tuple[Images, dict[str, Any]]:
    """The training images, and nothing beside them."""
    return Images.read(prepared / "train"), {}


def show(generator: ImageGenerator[Any], folder: Path, seed: int) -> None:
    """Draw walks from latent to latent beside the bundle."""
    walks = generator.interpolate(WALK, rows=WALKS, seed=seed)
    (folder / bundle.WALKS).write_bytes(png(grid(walks.pixels, WALK)))
