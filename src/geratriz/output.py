"""Write rows to a file block by block (Parquet, CSV or JSON lines), with a record of their provenance.

Memory is bounded by a few blocks, whatever the number of rows. Parquet holds the record in its metadata under the key
``geratriz`` (``pyarrow.parquet.read_schema(file).metadata``); a text file has it next to it, ``FILE.provenance.json``.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Protocol

import numpy as np
import pyarrow.parquet as pq

from geratriz.errors import DataError, RequestError
from geratriz.writing import files, local

RECORD_KEY = b"geratriz"  # key of the record in Parquet metadata and in a PNG text
RECORD_FILE = "provenance.json"  # file of the record in a folder of images


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Generator that drew the rows."""

    bundle: str
    """Identity of the generator: SHA-256 of its bundle's head."""
    model: str | None = None
    """``models:/NAME/VERSION``, if it is registered."""
    verdict: str | None = None
    """``release`` or ``refuse``, if it is registered."""
    geratriz: str | None = None
    """Version of Geratriz that drew the rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance(Origin):
    """Origin of rows: all that is needed to draw the same rows again."""

    kind: str
    record: Mapping[str, Any]
    """Record of the fit: seed, rows and fingerprint of the data, device, threads, precision."""
    seed: int
    where: Mapping[str, Any]
    start: int
    """Position of the first row, from 0, in the endless table that generator, seed and conditions define."""
    rows: int
    block: int
    """Rows drawn together."""
    acceptance: float
    """Share of the first block's rows that satisfied the contract's rules at once; the others were drawn again."""

    def to_json(self) -> str:
        """One JSON object; equal provenances give equal text."""
        return json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False, default=_plain) + "\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class WalkProvenance(Provenance):
    """Origin of images interpolated from latent to latent; ``rows`` is the number of images in all walks."""

    steps: int
    """Images per walk; the provenance of independent samples has no such field."""


class Container(Protocol):
    """File format that blocks are appended to."""

    carries_provenance: ClassVar[bool]
    """Whether the file itself holds the provenance."""

    def writer(self, file: IO[bytes], provenance: Provenance) -> AbstractContextManager[Callable[[Any], None]]:
        """Yield a function that appends encoded blocks to ``file``, which is complete when the context ends."""


def check_room(path: Path, size: float) -> None:
    """Check that the disk has room for ``size`` bytes at ``path``.

    Raises:
        RequestError: it does not; the message says what is needed and what is free.
    """
    folder = next(parent for parent in path.resolve().parents if parent.is_dir())
    free = shutil.disk_usage(folder).free
    if size > free:
        raise RequestError(
            f"{path} would take about {_size(size)}, and its disk has {_size(free)} free. Ask for fewer, "
            "or write to another disk; nothing was written."
        )


@contextmanager
def writing(path: Path, form: Container, provenance: Provenance) -> Iterator[Callable[[Any], None]]:
    """Yield a function that appends encoded blocks to the file ``path``; parent folders are created.

    The file and its record are written whole or not at all: a kill, a full disk or an error leaves an existing file
    unchanged.

    Raises:
        RequestError: the file cannot be written, or the disk is full.
    """
    with files(path, sidecar(path.resolve())) as (partial, record):
        with partial.open("wb") as file, form.writer(file, provenance) as append:
            yield append
        if not form.carries_provenance:
            record.write_text(provenance.to_json(), encoding="utf-8")


def sidecar(path: Path) -> Path:
    """Path of a text file's provenance record."""
    return path.with_name(f"{path.name}.provenance.json")


def read_provenance(path: Path) -> dict[str, Any]:
    """Provenance record of the rows or images in ``path``, with the fields of :class:`Provenance`.

    Raises:
        DataError: the file or folder does not exist, or it has no record.
        RequestError: the path is an address such as ``s3://bucket/rows.parquet``.
    """
    local(path)
    try:
        if path.is_dir():
            text = (path / RECORD_FILE).read_bytes()
        elif path.suffix == ".parquet":
            text = (pq.read_schema(path).metadata or {})[RECORD_KEY]
        elif path.suffix == ".png":
            text = _png_text(path)[RECORD_KEY.decode()].encode()
        else:
            path.stat()
            text = sidecar(path.resolve()).read_bytes()
        content: dict[str, Any] = json.loads(text)
    except FileNotFoundError as problem:
        absent = problem.filename or path
        raise DataError(f"{absent} does not exist: the origin of the rows is unknown.") from None
    except KeyError:
        raise DataError(
            f"{path} holds no provenance record: `geratriz sample` did not write it, or another tool rewrote it."
        ) from None
    except (ValueError, OSError) as problem:
        raise DataError(f"{path} cannot be read: {problem}") from None
    return content


def _png_text(path: Path) -> dict[str, str]:
    from PIL import Image

    with Image.open(path, formats=["PNG"]) as picture:
        return {str(key): str(value) for key, value in picture.info.items()}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


def _size(number: float) -> str:
    for unit in ("bytes", "KB", "MB", "GB", "TB", "PB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.3g} EB"
