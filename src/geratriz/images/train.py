"""Port `train` of images: the catalog of generators, the training images, and pictures of walks between latents."""

from pathlib import Path
from typing import Any

from geratriz import bundle, writing
from geratriz.images.data.images import Images
from geratriz.images.generators.base import ImageGenerator
from geratriz.images.generators.catalog import GENERATORS as GENERATORS
from geratriz.picture import grid, png

WALKS, STEPS = 6, 10  # rows, and images per row, of the picture of walks from latent to latent


def read_prepared(prepared: Path) -> tuple[Images, dict[str, Any]]:
    """Read the training images; there are no terms."""
    return Images.read(prepared / "train"), {}


def show(generator: ImageGenerator[Any], folder: Path, seed: int) -> None:
    """Write a picture of walks from latent to latent next to the bundle."""
    walks = generator.interpolate(STEPS, rows=WALKS, seed=seed)
    writing.data(folder / bundle.WALKS, png(grid(walks.pixels, STEPS)))
