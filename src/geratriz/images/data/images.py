"""Images of one size in memory or on disk, with labels if the data are labelled."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geratriz import config
from geratriz.errors import ConfigError, DataError

CHANNELS = {1: "grey", 3: "RGB", 4: "RGBA"}
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's names
LABEL = "label"  # name of the label in conditions and files
PIXELS, LABELS, SCHEMA = "pixels.npy", "labels.npy", "schema.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSchema:
    """Common properties of all images of a data set."""

    height: int
    """Pixels."""
    width: int
    channels: int
    """1 (grey), 3 (RGB) or 4 (RGBA)."""
    classes: tuple[str, ...] = ()
    """Names of the labels, in the order of their numbers; empty if the data are unlabelled."""

    def __post_init__(self) -> None:
        if self.channels not in CHANNELS or min(self.height, self.width) < 1:
            raise ValueError(f"images of {self.shape}; expected height, width of at least 1 and channels 1, 3 or 4")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        return self.height, self.width, self.channels

    def to_json(self) -> dict[str, Any]:
        """JSON mapping; :meth:`from_json` is its inverse."""
        return {**dataclasses.asdict(self), "classes": list(self.classes)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "ImageSchema":
        """Schema from a mapping made by :meth:`to_json`."""
        return config.load(cls, content, "schema")

    def write(self, path: Path) -> None:
        """Write the schema as JSON."""
        path.write_text(json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "ImageSchema":
        """Read a schema written by :meth:`write`.

        Raises:
            DataError: the file does not exist, or is damaged.
        """
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise DataError(
                f"{path} is missing: its folder holds no prepared images. Run `dvc repro prepare`."
            ) from None
        except (ValueError, TypeError, ConfigError) as problem:
            raise DataError(
                f"{path} is not a schema of prepared images: {problem} Run `dvc repro prepare`, or write them again."
            ) from None


@dataclass(frozen=True, eq=False)
class Images:
    """Pixels (N, H, W, C), uint8, possibly memory-mapped, and labels (N,), int64, if there are any."""

    pixels: np.ndarray
    schema: ImageSchema
    labels: np.ndarray | None = None
    """Positions in ``schema.classes``."""

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 4 or self.pixels.shape[1:] != self.schema.shape:
            found, expected = f"{self.pixels.dtype} {self.pixels.shape}", ", ".join(map(str, self.schema.shape))
            raise DataError(f"pixels are {found}; expected uint8 (N, {expected}).")
        if (self.labels is None) == bool(self.schema.classes):
            raise DataError("labels and classes go together: give both, or neither.")
        if self.labels is not None and (
            self.labels.shape != (len(self),)
            or (len(self) and not 0 <= self.labels.min() <= self.labels.max() < len(self.schema.classes))
        ):
            raise DataError(
                f"labels are {self.labels.shape}; expected one number below {len(self.schema.classes)} for each of the "
                f"{len(self)} images."
            )

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, index: np.ndarray | slice) -> "Images":
        """Select the images at ``index``; a slice shares their memory."""
        return Images(self.pixels[index], self.schema, None if self.labels is None else self.labels[index])

    @classmethod
    def joined(cls, parts: Sequence["Images"]) -> "Images":
        """Concatenate data sets with the same schema."""
        labels = [part.labels for part in parts if part.labels is not None]
        pixels = np.concatenate([part.pixels for part in parts])
        return cls(pixels, parts[0].schema, np.concatenate(labels) if labels else None)

    def write(self, folder: Path) -> None:
        """Write pixels, labels and schema into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / PIXELS, self.pixels)
        if self.labels is not None:
            np.save(folder / LABELS, self.labels)
        self.schema.write(folder / SCHEMA)

    @classmethod
    def read(cls, folder: Path) -> "Images":
        """Read images written by :meth:`write`; their pixels are memory-mapped.

        Raises:
            DataError: a file is missing or does not match the schema.
        """
        schema = ImageSchema.read(folder / SCHEMA)
        try:
            pixels = np.load(folder / PIXELS, mmap_mode="r")
            labels = np.load(folder / LABELS) if schema.classes else None
        except (FileNotFoundError, ValueError, EOFError) as problem:
            raise DataError(
                f"{folder} is not a folder of prepared images: {problem}. Run `dvc repro prepare`."
            ) from None
        return cls(pixels, schema, labels)
