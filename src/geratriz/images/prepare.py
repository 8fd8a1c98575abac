"""Port `prepare` of images: read them, observe them for a contract, divide them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from geratriz import config
from geratriz.errors import ConfigError
from geratriz.images.data import form
from geratriz.images.data.form import ImageForm
from geratriz.images.data.images import Images
from geratriz.images.data.manifest import manifest
from geratriz.images.data.source import holds_images
from geratriz.parts import SplitConfig

if TYPE_CHECKING:
    from geratriz.tracking import Tracker

TABLE_OPTIONS = ("target", "schema", "contract")


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageData:
    """Section ``data`` of params.yaml: the form that images are converted to, and their division into parts."""

    kind: str
    raw: str
    contract: str
    image: ImageForm = field(default_factory=ImageForm)
    split: SplitConfig = field(default_factory=SplitConfig)


def recognises(path: Path) -> bool:
    """Whether ``path`` holds images: a folder, an archive, or Parquet with a column of them."""
    return holds_images(path)


def accepts(data: Any) -> bool:
    """Whether ``data`` are images."""
    return isinstance(data, Images)


def observe(path: Path) -> pd.DataFrame:
    """Read the manifest that a contract is checked on, one row per image."""
    return manifest(path)


def read(path: Path, options: Mapping[str, Any], *, to_fit: bool = True) -> Images:
    """Read the images at ``path`` into memory; the option ``size`` is HEIGHTxWIDTH.

    Raises:
        ConfigError: an option is about tables, or the size is invalid.
        DataError: there are no images, or one cannot be read.
    """
    del to_fit
    if any(options.get(name) for name in TABLE_OPTIONS):
        raise ConfigError("--target, --schema and --contract are about tables, and the data are images.")
    return form.load(path, _form(options.get("size")))


def read_like(path: Path, real: Images, options: Mapping[str, Any]) -> Images:
    """Read the images at ``path``, which must have the schema of ``real``; the option ``size`` resizes them to it."""
    return form.read(path, real.schema, resize=options.get("size") is not None)


def prepare(data: Path, settings: Mapping[str, Any], contract: Path, out: Path) -> Iterator[str]:
    """Convert the images at ``data`` to one form, and divide them into parts below ``out``."""
    del contract  # it is about files, not about images in one form
    chosen = config.load(ImageData, settings, "data")
    parts = form.prepare(data, chosen.image, chosen.split, out)
    schema = parts["train"].schema
    labels = f", {len(schema.classes)} classes" if schema.classes else ", unlabelled"
    yield f"images of {schema.height} x {schema.width} x {schema.channels}{labels}"
    for name, part in parts.items():
        yield f"{name}: {len(part):,} images"


def terms(contract: Path | None, tracker: "Tracker") -> dict[str, Any]:
    """No terms: images have no rules.

    Raises:
        ConfigError: a contract was given.
    """
    del tracker
    if contract is not None:
        raise ConfigError(f"fit got the contract {contract} with images; its rules are about the rows of a table.")
    return {}


def _form(size: str | None) -> ImageForm:
    """Parse ``HEIGHTxWIDTH`` to a form."""
    if size is None:
        return ImageForm()
    height, separator, width = size.lower().partition("x")
    if not (separator and height.isdigit() and width.isdigit() and int(height) and int(width)):
        raise ConfigError(f"--size got {size!r}, expected HEIGHTxWIDTH such as 64x48.")
    return ImageForm(height=int(height), width=int(width))
