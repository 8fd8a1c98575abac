"""Rows into a file block by block: Parquet, CSV or JSON lines, with a record of where they came from.

Memory is bounded by a few blocks, however many rows come. The record stands in Parquet's own metadata under the key
``geratriz`` (``pyarrow.parquet.read_schema(file).metadata``), beside text files in ``FILE.provenance.json``.
"""

import dataclasses
import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Protocol

import numpy as np
import pyarrow.parquet as pq

from geratriz.errors import DataError, RequestError

KEY = b"geratriz"  # in Parquet's metadata, in a text of PNG
RECORD = "provenance.json"  # in a folder of images
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Which generator rows come from."""

    bundle: str
    """Its identity: the SHA-256 of its bundle's head."""
    model: str | None = None
    """``models:/NAME/VERSION``, where it is registered."""
    verdict: str | None = None
    """``release`` or ``refuse``, where it is registered."""
    geratriz: str | None = None
    """The version that draws."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance(Origin):
    """Where rows came from: what it takes to draw the same ones again."""

    kind: str
    record: Mapping[str, Any]
    """How the generator was fitted: seed, rows and fingerprint of the data, device, threads, precision."""
    seed: int
    where: Mapping[str, Any]
    start: int
    """The first row's place in the endless table that generator, seed and conditions name; from 0."""
    rows: int
    block: int
    """Rows that are drawn together."""
    acceptance: float
    """The share of the first block's rows that kept the contract's rules as drawn; the others were drawn again."""

    def to_json(self) -> str:
        """One JSON object; equal provenances give equal text."""
        return json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False, default=_plain) + "\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class WalkProvenance(Provenance):
    """Where images on the way from latent to latent came from; ``rows`` counts all of them, row by row."""

    steps: int
    """Images of a walk: rows that ``sample`` draws have none."""


class Container(Protocol):
    """A file that blocks are appended to."""

    carries_provenance: ClassVar[bool]
    """Whether the file has a place for it inside."""

    def writer(self, file: IO[bytes], provenance: Provenance) -> AbstractContextManager[Callable[[Any], None]]:
        """A function that appends encoded blocks to ``file``, which is complete when the context ends."""


def check_room(path: Path, size: float) -> None:
    """Whether the disk has room for ``size`` bytes at ``path``.

    Raises:
        RequestError: it has not; says what is needed and what is free.
    """
    folder = next(each for each in path.resolve().parents if each.is_dir())
    free = shutil.disk_usage(folder).free
    if size > free:
        raise RequestError(
            f"{path} would take about {_size(size)}, and its disk has {_size(free)} free. Ask for fewer, "
            "or write to another disk; nothing was written."
        )


@contextmanager
def writing(path: Path, form: Container, provenance: Provenance) -> Iterator[Callable[[Any], None]]:
    """A function that appends encoded blocks to the file ``path`` while the context lasts; folders are made.

    They go to ``path`` with ``.partial`` behind it, which takes the place of ``path`` at the end: a kill, a full disk
    or an error leaves a file that was there as it was.

    Raises:
        RequestError: the file cannot be written, or the disk is full.
    """
    target = path.resolve()  # where a link leads, so that nothing moves from disk to disk
    partial = target.with_name(f"{target.name}.partial")
    record, new_record = sidecar(target), target.with_name(f"{sidecar(target).name}.partial")
    try:
        with refusing(path):
            target.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                with form.writer(file, provenance) as append:
                    yield append
                file.flush()
                os.fsync(file.fileno())  # some disks say only now that they are full
            if not form.carries_provenance:
                new_record.write_text(provenance.to_json(), encoding="utf-8")
            record.unlink(missing_ok=True)  # of an earlier file: a kill right here leaves no record, never a wrong one
            os.replace(partial, target)
            if new_record.exists():
                os.replace(new_record, record)
    finally:
        for left in (partial, new_record):
            with suppress(OSError):
                left.unlink(missing_ok=True)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """What the system says against writing ``path`` as a RequestError."""
    try:
        yield
    except OSError as problem:
        advice = " Free some space, or write to another disk." if problem.errno in FULL else ""
        raise RequestError(
            f"{path} cannot be written: {problem.strerror or problem}. What was there before is as it was.{advice}"
        ) from None


def sidecar(path: Path) -> Path:
    """Where the record of a text file's rows stands."""
    return path.with_name(f"{path.name}.provenance.json")


def read_provenance(path: Path) -> dict[str, Any]:
    """The record of where the rows or images in ``path`` came from, as :class:`Provenance` names its parts.

    Raises:
        DataError: there is no such file or folder, or no record with it.
    """
    try:
        if path.is_dir():
            text = (path / RECORD).read_bytes()
        elif path.suffix == ".parquet":
            text = (pq.read_schema(path).metadata or {})[KEY]
        elif path.suffix == ".png":
            text = _png_text(path)[KEY.decode()].encode()
        else:
            path.stat()
            text = sidecar(path.resolve()).read_bytes()
        content: dict[str, Any] = json.loads(text)
    except FileNotFoundError as problem:
        absent = problem.filename or path
        raise DataError(f"{absent} does not exist: nothing is known of where the rows came from.") from None
    except KeyError:
        raise DataError(
            f"{path} says nothing of where its rows came from: `geratriz sample` did not write it, or another tool "
            "wrote it again."
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
