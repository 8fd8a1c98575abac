"""Write rows to a file block by block: Parquet, CSV or JSON lines, with their provenance."""

import gzip
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from geratriz.column import Column
from geratriz.errors import DataError, RequestError
from geratriz.output import RECORD_KEY, Container, Provenance
from geratriz.table.data.table import Table
from geratriz.writing import local

ENDINGS = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz")
CELLS_PER_ROW_GROUP = 2**21  # cells of a Parquet row group, held in memory: 131,072 rows of 16 columns
DAY = 86400.0  # seconds


class Format(Container, Protocol):
    """File format of a table."""

    def encode(self, block: Table) -> Any:
        """Encode a block for ``append``; stateless, so that any process can do it."""


@dataclass(frozen=True, slots=True)
class _Parquet:
    carries_provenance: ClassVar[bool] = True

    schema: pa.Schema

    @classmethod
    def of(cls, block: Table) -> "_Parquet":
        schema = _to_arrow(block, None).schema
        for i, field in enumerate(schema):
            if pa.types.is_null(field.type):  # no value in this block; the next may have some
                kind = block.schema[field.name].kind
                schema = schema.set(i, field.with_type(pa.bool_() if kind == "boolean" else pa.string()))
        return cls(schema)

    def encode(self, block: Table) -> pa.Buffer:
        """Encode as an Arrow stream, a compact buffer outside of the heap that holds a network's large arrays.

        Small arrays kept for a row group would fragment that heap: 2.1 GB instead of 0.6.
        """
        rows = _to_arrow(block, self.schema)
        buffer = pa.BufferOutputStream()
        with pa.ipc.new_stream(buffer, self.schema) as stream:
            stream.write_table(rows)
        return buffer.getvalue()

    @contextmanager
    def writer(self, file: IO[bytes], provenance: Provenance) -> Iterator[Callable[[pa.Buffer], None]]:
        schema = self.schema.with_metadata({**(self.schema.metadata or {}), RECORD_KEY: provenance.to_json().encode()})
        group_rows = max(CELLS_PER_ROW_GROUP // len(schema), 1)
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
        """Compress a block as a gzip file without a time stamp; concatenated, such files are one gzip file."""
        return gzip.compress(text.encode(), 6, mtime=0) if self.compressed else text.encode()


def format_of(path: Path, block: Table) -> Format:
    """Format that the ending of ``path`` names, for tables like ``block``.

    Raises:
        RequestError: as :func:`check_ending`.
    """
    check_ending(path)
    if path.name.endswith(".parquet"):
        return _Parquet.of(block)
    as_json = path.name.endswith((".jsonl", ".jsonl.gz"))
    return _Text(block.schema.columns, as_json, compressed=path.suffix == ".gz")


def check_ending(path: Path) -> None:
    """Check that a file of this name can be written.

    Raises:
        RequestError: its ending is not one of :data:`ENDINGS`, or it is an address.
    """
    local(path)
    if not path.name.endswith(ENDINGS):
        raise RequestError(f"{path} cannot be written: its name must end in {', '.join(ENDINGS)}.")


def bytes_per_row(form: Format, block: Table, provenance: Provenance) -> float:
    """Mean size in bytes of a row of ``block`` in a file."""
    file = io.BytesIO()
    with form.writer(file, provenance) as append:
        append(form.encode(block))
    return file.tell() / len(block)


def _to_arrow(block: Table, schema: pa.Schema | None) -> pa.Table:
    try:
        return pa.Table.from_pandas(block.frame, schema, preserve_index=False, nthreads=1)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as problem:
        raise DataError(
            f"the rows cannot be written as Parquet, which needs one type per column: {problem.args[-1]}. "
            "Write CSV or JSON lines."
        ) from None


def _dates_as_text(column: Column, values: pd.Series) -> pd.Series:
    """Datetimes as ISO 8601, alike in every block (pandas omits the time if none has hours); zones become UTC."""
    if not pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values
    zone = "" if getattr(values.dtype, "tz", None) is None else "Z"
    moments = (values.dt.tz_convert("UTC").dt.tz_localize(None) if zone else values).to_numpy()
    unit = "us" if column.step is None else "D" if column.step == DAY and not zone else "s"
    texts = np.datetime_as_string(np.asarray(moments, dtype=f"datetime64[{unit}]")).astype(object)
    return pd.Series(texts + zone if unit != "D" else texts, dtype=object).where(values.notna(), None)


def _json_lines(frame: pd.DataFrame) -> str:
    """Encode one JSON object per row; each distinct value is encoded once."""
    names = (json.dumps(name, ensure_ascii=False).replace("%", "%%") for name in frame)
    template = "{" + ", ".join(f"{name}: %s" for name in names) + "}\n"
    cells = []
    for name in frame:
        codes, distinct = pd.factorize(frame[name])  # missing: -1, the last of the texts
        texts = np.array([*map(_json, distinct), "null"], dtype=object)
        cells.append(texts[codes].tolist())
    return "".join(map(template.__mod__, zip(*cells, strict=True)))


def _json(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | float | np.number):
        return str(value)  # the shortest decimal that parses to the same number
    return json.dumps(str(value), ensure_ascii=False)
