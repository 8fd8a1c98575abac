"""Read a table for a fit in little memory: Parquet in batches, text as codes instead of objects.

The schema is the same as from :meth:`Table.read`. The frame differs: text is held as a pandas ``category``, one or two
bytes per cell instead of twenty or more. A fit depends on the values of a column alone.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geratriz.table.data.schema import Declared, Schema
from geratriz.table.data.table import Table, check_names, check_readable, unreadable

BATCH_ROWS = 2**18  # rows of a column decoded at once
MAX_DISTINCT_SHARE = 0.5  # share of distinct texts in the first rows; above it, text is held as text


def read(
    path: Path | str, *, target: str | None = None, overrides: Declared | None = None, schema: Schema | None = None
) -> Table:
    """Read Parquet or CSV as :meth:`Table.read` does, into a frame as small as possible.

    Raises:
        DataError: as :meth:`Table.read`.
    """
    path = Path(path)
    check_readable(path)
    if path.suffix != ".parquet" or not path.is_file():
        return Table.read(path, target=target, overrides=overrides, schema=schema)
    kinds: dict[str, Any] = {column.name: column.kind for column in schema.columns} if schema is not None else {}
    for name, declared in (overrides or {}).items():
        kinds[name] = declared.get("kind") if isinstance(declared, Mapping) else declared
    with unreadable(path, "parquet"):
        found = _columns(path, [name for name, kind in kinds.items() if kind not in (None, "category")])
    if found is None:
        return Table.read(path, target=target, overrides=overrides, schema=schema)
    frame, texts = found
    if schema is not None:
        return Table.from_frame(frame, schema=schema)
    table = Table.from_frame(frame, target=target, overrides=overrides)
    columns = tuple(
        dataclasses.replace(column, dtype=texts[column.name], categories=None) if column.name in texts else column
        for column in table.schema.columns
    )
    keys = [column.name for column in columns if column.name in texts and column.kind != "category"]
    frame = table.frame.astype({name: texts[name] for name in keys})
    return Table(frame, dataclasses.replace(table.schema, columns=columns))


def _columns(path: Path, others: Sequence[str]) -> tuple[pd.DataFrame, dict[str, Any]] | None:
    """Frame of a file, and the original dtypes of text columns held as codes, which excludes ``others``.

    None if the file has a named index.
    """
    import pyarrow
    import pyarrow.parquet

    stored = pyarrow.parquet.read_schema(path)
    check_names(stored.names, path)
    index = (stored.pandas_metadata or {}).get("index_columns", [])
    if any(isinstance(level, str) for level in index):
        return None
    dtypes = stored.empty_table().to_pandas().dtypes
    names = [name for name in stored.names if isinstance(dtypes[name], pd.StringDtype) and name not in others]
    texts: dict[str, Any] = {}
    columns = {}
    with pyarrow.parquet.ParquetFile(path) as file, pyarrow.parquet.ParquetFile(path, read_dictionary=names) as coded:
        for name in stored.names:
            values = _categories(coded, name, dtypes[name]) if name in names else None
            if values is None:
                values = file.read(columns=[name]).to_pandas(self_destruct=True, split_blocks=True)[name]
            else:
                texts[name] = str(dtypes[name])
            columns[name] = values.reset_index(drop=True)
    return pd.DataFrame(columns, copy=False), texts


def _categories(file: Any, name: str, dtype: Any) -> pd.Series | None:
    """Read a text column as a category, in order of first appearance; None if there are too many distinct texts."""
    code_of: dict[str, int] = {}
    parts: list[np.ndarray] = []
    for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=[name]):
        part = batch.column(0).to_pandas()
        texts = part.cat.categories.tolist()
        if not parts and len(texts) > max(MAX_DISTINCT_SHARE * len(part), 1):
            return None
        new = np.array([*(code_of.setdefault(text, len(code_of)) for text in texts), -1])
        parts.append(new[part.cat.codes.to_numpy()].astype(np.min_scalar_type(-1 - len(code_of))))
    codes = np.concatenate(parts) if parts else np.empty(0, dtype=np.int8)
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(list(code_of), dtype=dtype)))
