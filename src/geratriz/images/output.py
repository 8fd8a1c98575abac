"""Write images to one grid, a folder of PNG files or Parquet, block by block, with a record of their provenance.

A grid holds the record in a PNG text, Parquet in its metadata (both under ``geratriz``), a folder in
``provenance.json``. Existing files are replaced once all images are written.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from geratriz.errors import RequestError
from geratriz.images.data.entry import IMAGE, folder_of
from geratriz.images.data.images import LABEL, Images, ImageSchema
from geratriz.output import RECORD_FILE, RECORD_KEY, Provenance, check_room, writing
from geratriz.picture import grid, png
from geratriz.writing import folder, local

MAX_GRID_PIXELS = 2**25  # a grid is held in memory, and a viewer must open it
SIZE_SAMPLE = 16  # images from which the size of all is estimated
DISK_BLOCK = 4096  # bytes; disks allocate files in multiples of it
ROW_GROUP_BYTES = 2**24  # bytes of a Parquet row group, which is held in memory


def write(
    path: Path, blocks: Iterator[Images], total: int, provenance: Provenance, *, columns: int | None = None
) -> None:
    """Write ``total`` images in ``blocks`` of one schema.

    Args:
        path: ``.png``: all images in one grid, row by row. ``.parquet``: the columns ``image`` (bytes of a PNG) and,
            if they are labelled, ``label``. A name without an ending, or with a trailing slash: a folder of PNG files,
            in one sub-folder per class if they are labelled. :func:`geratriz.images.data.form.read` reads the last two.
        blocks: blocks of images, drawn one at a time.
        total: number of images.
        provenance: origin of the images.
        columns: columns of a grid; None makes about the same number of columns and rows.

    Raises:
        RequestError: the ending is another one, a folder exists and is not empty, a grid would be too large, the disk
            has no room for the images, or the path cannot be written.
    """
    check_path(path)
    first = next(blocks)
    rest = itertools.chain([first], blocks)
    if path.suffix == ".png":
        _check_grid(path, first.schema, total)
        context = writing(path, _Grid(columns or math.ceil(math.sqrt(total))), provenance)
    elif path.suffix == ".parquet":
        _check_room(path, first, total, unit=1)
        context = writing(path, _Parquet(first.schema), provenance)
    else:
        _check_room(path, first, total, unit=DISK_BLOCK)
        context = _folder(path, first.schema, total, provenance)
    with context as append:
        for block in rest:
            append(block)


def check_path(path: Path) -> None:
    """Check that images can be written to ``path``.

    Raises:
        RequestError: its ending is neither .png nor .parquet, or it is a folder that is not empty, or an address.
    """
    local(path)
    if path.suffix not in (".png", ".parquet") and path.suffix[1:2].isalpha():  # v1.5 has no ending
        raise RequestError(
            f"{path} cannot be written: its name must end in .png (one grid of all images), in .parquet, or have no "
            "ending (a folder of PNG files)."
        )
    if path.suffix in (".png", ".parquet"):
        if path.is_dir():
            raise RequestError(f"{path} cannot be written: it is a folder.")
    elif path.is_dir() and any(path.iterdir()):
        raise RequestError(f"{path} is a folder that is not empty. Name a new one, or empty it; nothing was written.")
    elif path.exists() and not path.is_dir():
        raise RequestError(f"{path} is a file; name a new folder, or end the name in .png or .parquet.")


def _check_grid(path: Path, schema: ImageSchema, total: int) -> None:
    if total * schema.height * schema.width > MAX_GRID_PIXELS:
        limit = MAX_GRID_PIXELS // (schema.height * schema.width)
        raise RequestError(
            f"{path} cannot hold {total:,} images of {schema.height} x {schema.width}: a grid holds at most {limit:,}. "
            "Write a folder or .parquet."
        )


def _check_room(path: Path, first: Images, total: int, *, unit: int) -> None:
    """Check that the disk has room for all images, estimated from the first few, in units of ``unit`` bytes."""
    if len(first) < total:
        sizes = [-(-len(png(image)) // unit) * unit for image in first.pixels[:SIZE_SAMPLE]]
        check_room(path, total * sum(sizes) / len(sizes))


@dataclass(frozen=True, slots=True)
class _Grid:
    carries_provenance: ClassVar[bool] = True

    columns: int

    @contextmanager
    def writer(self, file: IO[bytes], provenance: Provenance) -> Iterator[Callable[[Images], None]]:
        blocks: list[np.ndarray] = []

        def append(block: Images) -> None:
            blocks.append(block.pixels)

        yield append
        picture = grid(np.concatenate(blocks), self.columns)
        file.write(png(picture, texts={RECORD_KEY.decode(): provenance.to_json()}))


@dataclass(frozen=True, slots=True)
class _Parquet:
    carries_provenance: ClassVar[bool] = True

    images: ImageSchema

    @contextmanager
    def writer(self, file: IO[bytes], provenance: Provenance) -> Iterator[Callable[[Images], None]]:
        fields = [(IMAGE, pa.binary()), *([(LABEL, pa.string())] if self.images.classes else [])]
        schema = pa.schema(fields, metadata={RECORD_KEY: provenance.to_json().encode()})
        waiting: list[pa.Table] = []

        def flush() -> None:
            parquet.write_table(pa.concat_tables(waiting).combine_chunks())
            waiting.clear()

        def append(block: Images) -> None:
            columns = {IMAGE: [png(image) for image in block.pixels], LABEL: _names(block)}
            waiting.append(pa.table([columns[field.name] for field in schema], schema=schema))
            if sum(rows.nbytes for rows in waiting) >= ROW_GROUP_BYTES:
                flush()

        with pq.ParquetWriter(file, schema, compression={IMAGE: "none", LABEL: "zstd"}) as parquet:
            yield append
            if waiting:
                flush()


@contextmanager
def _folder(path: Path, schema: ImageSchema, total: int, provenance: Provenance) -> Iterator[Callable[[Images], None]]:
    """Yield a function that appends images to a folder next to ``path``, which is renamed to ``path`` at the end."""
    digits = len(str(max(total - 1, 0)))
    done = 0
    with folder(path) as partial:

        def append(block: Images) -> None:
            nonlocal done
            for number, (pixels, name) in enumerate(zip(block.pixels, _names(block), strict=True), done):
                (partial / folder_of(name) / f"{number:0{digits}d}.png").write_bytes(png(pixels))
            done += len(block)

        for name in map(folder_of, schema.classes):
            (partial / name).mkdir(parents=True)
        (partial / RECORD_FILE).write_text(provenance.to_json(), encoding="utf-8")
        yield append
        for name in map(folder_of, schema.classes):
            with suppress(OSError):
                (partial / name).rmdir()  # a class without images


def _names(block: Images) -> list[str]:
    """Class of each image; empty if there are no labels."""
    return [""] * len(block) if block.labels is None else [block.schema.classes[label] for label in block.labels]
