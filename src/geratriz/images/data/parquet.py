"""Read images in a Parquet file: a column of encoded bytes, and optionally one of labels."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from geratriz.errors import DataError
from geratriz.images.data.entry import IMAGE, MAX_FILE_BYTES, Entry, batch_rows, too_large
from geratriz.images.data.images import LABEL


def read_parquet(path: Path) -> Iterator[Entry]:
    """Read the entries of a Parquet file with one page in memory, which Arrow limits to 1,024 images."""
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=2**20) as file:
        schema = file.schema_arrow
        if IMAGE not in schema.names:
            raise DataError(
                f"{path} has no column {IMAGE!r} of encoded images; its columns are {', '.join(schema.names)}. "
                "Rename the one that holds them, and the one of labels, if any, to 'label'."
            )
        kind = schema.field(IMAGE).type
        stored = kind.field("bytes").type if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 else kind
        if not any(test(stored) for test in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)):
            raise DataError(
                f"{path}: the column {IMAGE!r} is {kind}; expected the bytes of PNG or JPEG files, or structs with a "
                "field 'bytes'."
            )
        label = _labels_of(path, schema)
        columns = [IMAGE, LABEL] if label else [IMAGE]
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        typical = sum(group.total_byte_size for group in groups) // max(file.metadata.num_rows, 1)
        row = 0
        for batch in file.iter_batches(batch_rows(typical), columns=columns, use_threads=False):
            images = batch.column(IMAGE)
            cells = pc.struct_field(images, "bytes") if pa.types.is_struct(kind) else images
            for i in range(len(cells)):
                content, problem = _cell(cells[i].as_buffer())
                name = label(batch.column(LABEL)[i].as_py()) if label else None
                yield Entry(path=f"row {row}", content=content, label=name, problem=problem)
                row += 1


def _cell(stored: pa.Buffer | None) -> tuple[bytes, str | None]:
    """Content of a cell, or its problem."""
    if stored is None:
        return b"", "there is no image in this row"
    if stored.size > MAX_FILE_BYTES:
        return b"", too_large(stored.size)
    return stored.to_pybytes(), None


def _labels_of(path: Path, schema: pa.Schema) -> Callable[[Any], str | None] | None:
    """Function that converts a cell of the label column to a name; Hugging Face's metadata name integer labels."""
    if LABEL not in schema.names:
        return None
    kind = schema.field(LABEL).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    text = any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))
    if not (text or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise DataError(f"{path}: the column {LABEL!r} is {kind}; expected text or integers.")
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        names = tuple(map(str, features["info"]["features"][LABEL]["names"]))
    except (ValueError, KeyError, TypeError):
        names = ()

    def name(value: Any) -> str | None:
        if value is None:
            return None
        return names[value] if not text and 0 <= value < len(names) else str(value)

    return name
