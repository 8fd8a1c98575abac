"""Rows into a file block by block: Parquet, CSV or JSON lines, with a record of where they came from.

Memory is bounded by a few blocks, however many rows come. The record stands in Parquet's own metadata under the key
``geratriz`` (``pyarrow.parquet.read_schema(file).metadata``), beside text files in ``FILE.provenance.json``.
"""

import dataclasses
import errno
import gzip
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from geratriz.data.schema import Column
from geratriz.data.table import Table
from geratriz.errors import DataError, RequestError

KEY = b"geratriz"  # in Parquet's metadata, in a text of PNG
RECORD = "provenance.json"  # in a folder of images
ENDINGS = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz")
CELLS_PER_GROUP = 2**21  # of a Parquet row group, which is held in memory whole: 131,072 rows of 16 columns
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DAY = 86400.0


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


class Format(Container, Protocol):
    """How a table becomes a file."""

    def encode(self, block: Table) -> Any:
        """A block as ``append`` takes it; of no state, so that any process can do it."""


@dataclass(frozen=True, slots=True)
class _Parquet:
    carries_provenance: ClassVar[bool] = True

    schema: pa.Schema

    @classmethod
    def of(cls, block: Table) -> "_Parquet":
        schema = _to_arrow(block, None).schema
        for i, field in enumerate(schema):
            if pa.types.is_null(field.type):  # not one value in this block; there may be some in the next
                kind = block.schema[field.name].kind
                schema = schema.set(i, field.with_type(pa.bool_() if kind == "boolean" else pa.string()))
        return cls(schema)

    def encode(self, block: Table) -> pa.Buffer:
        """An Arrow stream: one compact buffer, kept apart from the heap that a network's large arrays come and go in.

        Small arrays kept for a row group would pin that heap in pieces: 2.1 GB instead of 0.6.
        """
        rows = _to_arrow(block, self.schema)
        buffer = pa.BufferOutputStream()
        with pa.ipc.new_stream(buffer, self.schema) as stream:
            stream.write_table(rows)
        return buffer.getvalue()

    @contextmanager
    def writer(self, file: IO[bytes], provenance: Provenance) -> Iterator[Callable[[pa.Buffer], None]]:
        schema = self.schema.with_metadata({**(self.schema.metadata or {}), KEY: provenance.to_json().encode()})
        group_rows = max(CELLS_PER_GROUP // len(schema), 1)
        waiting: list[pa.Table] = []

        def flush() -> None:
            rows = pa.concat_tables(waiting).replace_schema_metadata(schema.metadata)
            parquet.write_table(rows, row_group_size=len(rows))
            waiting.clear()

        def append(rows: pa.Buffer) -> None:
            waiting.append(pa.ipc.open_stream(rows).read_all())
            if sum(map(len, waiting)) >= group_rows:
                flush()

        with pq.ParquetWriter(file, schema, compression="zstd") as parquet:
            yield append
            if waiting:
                flush()


@dataclass(frozen=True, slots=True)
class _Text:
    carries_provenance: ClassVar[bool] = False

    columns: tuple[Column, ...]
    as_json: bool
    compressed: bool

    def encode(self, block: Table) -> bytes:
        frame = pd.DataFrame({column.name: _dates_as_text(column, block.frame[column.name]) for column in self.columns})
        text = _json_lines(frame) if self.as_json else frame.to_csv(index=False, header=False, lineterminator="\n")
        return self._packed(text)

    @contextmanager
    def writer(self, file: IO[bytes], provenance: Provenance) -> Iterator[Callable[[bytes], None]]:
        if not self.as_json:
            names = pd.DataFrame(columns=[column.name for column in self.columns])
            file.write(self._packed(names.to_csv(index=False, lineterminator="\n")))

        def append(rows: bytes) -> None:
            file.write(rows)

        yield append

    def _packed(self, text: str) -> bytes:
        """Each block a gzip file of its own: laid end to end they are one. No time in it: equal rows, equal bytes."""
        return gzip.compress(text.encode(), 6, mtime=0) if self.compressed else text.encode()


def format_of(path: Path, block: Table) -> Format:
    """The format that the ending of ``path`` names, for tables like ``block``.

    Raises:
        RequestError: as :func:`check_ending`.
    """
    check_ending(path)
    if path.name.endswith(".parquet"):
        return _Parquet.of(block)
    as_json = path.name.endswith((".jsonl", ".jsonl.gz"))
    return _Text(block.schema.columns, as_json, compressed=path.suffix == ".gz")


def check_ending(path: Path) -> None:
    """Whether a file of this name can be written.

    Raises:
        RequestError: its ending is none of :data:`ENDINGS`.
    """
    if not path.name.endswith(ENDINGS):
        raise RequestError(f"{path} cannot be written: its name must end in {', '.join(ENDINGS)}.")


def bytes_per_row(form: Format, block: Table, provenance: Provenance) -> float:
    """How much of a file a row of ``block`` takes."""
    file = io.BytesIO()
    with form.writer(file, provenance) as append:
        append(form.encode(block))
    return file.tell() / len(block)


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


def _to_arrow(block: Table, schema: pa.Schema | None) -> pa.Table:
    try:
        return pa.Table.from_pandas(block.frame, schema, preserve_index=False, nthreads=1)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as problem:
        raise DataError(
            f"the rows cannot be written as Parquet, where a column holds values of one type: {problem.args[-1]}. "
            "Write CSV or JSON lines."
        ) from None


def _dates_as_text(column: Column, values: pd.Series) -> pd.Series:
    """ISO 8601, the same in every block: pandas writes a block without hours as dates alone. Zones become UTC."""
    if not pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values
    zone = "" if getattr(values.dtype, "tz", None) is None else "Z"
    moments = (values.dt.tz_convert("UTC").dt.tz_localize(None) if zone else values).to_numpy()
    unit = "us" if column.step is None else "D" if column.step == DAY and not zone else "s"
    texts = np.datetime_as_string(np.asarray(moments, dtype=f"datetime64[{unit}]")).astype(object)
    return pd.Series(texts + zone if unit != "D" else texts, dtype=object).where(values.notna(), None)


def _json_lines(frame: pd.DataFrame) -> str:
    """One JSON object a row. Each different value is encoded once."""
    names = (json.dumps(name, ensure_ascii=False).replace("%", "%%") for name in frame)
    template = "{" + ", ".join(f"{name}: %s" for name in names) + "}\n"
    cells = []
    for name in frame:
        codes, distinct = pd.factorize(frame[name])  # missing: -1, the last of the words
        words = np.array([*map(_json, distinct), "null"], dtype=object)
        cells.append(words[codes].tolist())
    return "".join(map(template.__mod__, zip(*cells, strict=True)))


def _json(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | float | np.number):
        return str(value)  # the shortest decimal that is read back as the same number
    return json.dumps(str(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


def _size(number: float) -> str:
    for unit in ("bytes", "KB", "MB", "GB", "TB", "PB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.3g} EB"
