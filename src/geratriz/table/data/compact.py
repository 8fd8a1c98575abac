"""A table of any number of rows to fit on: Parquet row group by row group, words as codes and never as objects.

The schema is the one that :meth:`Table.read` gives. The frame is not: its words are held as a pandas ``category``, a
byte or two a cell where text takes twenty and more. What a fit does with a column depends on its values alone.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geratriz.table.data.schema import Declared, Schema
from geratriz.table.data.table import Table, check_names, check_readable, unreadable

ROWS = 2**18  # of a row group that are decoded at once
MOST_WORDS = 0.5  # a share of different words in the first rows above which text is held as text


def read(
    path: Path | str, *, target: str | None = None, overrides: Declared | None = None, schema: Schema | None = None
) -> Table:
    """Read Parquet or CSV as :meth:`Table.read` does, into a frame that is as small as can be.

    Raises:
        DataError: as :meth:`Table.read`.
    """
    path = Path(path)
    check_readable(path)
    if path.suffix != ".parquet" or not path.is_file():
        return Table.read(path, target=target, overrides=overrides, schema=schema)
    kinds: dict[str, Any] = {each.name: each.kind for each in schema.columns} if schema is not None else {}
    for name, said in (overrides or {}).items():
        kinds[name] = said.get("kind") if isinstance(said, Mapping) else said
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
    whole = table.frame.astype({name: texts[name] for name in keys})
    return Table(whole, Schema(columns=columns, target=table.schema.target))


def _columns(path: Path, others: Sequence[str]) -> tuple[pd.DataFrame, dict[str, Any]] | None:
    """The frame in a file, and the dtypes of columns of text that are held as codes, none of them among ``others``.

    None where the file has an index of its own.
    """
    import pyarrow
    import pyarrow.parquet

    kept = pyarrow.parquet.read_schema(path)
    check_names(kept.names, path)
    index = (kept.pandas_metadata or {}).get("index_columns", [])
    if any(isinstance(each, str) for each in index):
        return None
    dtypes = kept.empty_table().to_pandas().dtypes
    words = [name for name in kept.names if isinstance(dtypes[name], pd.StringDtype) and name not in others]
    texts: dict[str, Any] = {}
    columns = {}
    with pyarrow.parquet.ParquetFile(path) as file, pyarrow.parquet.ParquetFile(path, read_dictionary=words) as coded:
        for name in kept.names:
            values = _words(coded, name, dtypes[name]) if name in words else None
            if values is None:
                values = file.read(columns=[name]).to_pandas(self_destruct=True, split_blocks=True)[name]
            else:
                texts[name] = str(dtypes[name])
            columns[name] = values.reset_index(drop=True)
    return pd.DataFrame(columns, copy=False), texts


def _words(file: Any, name: str, dtype: Any) -> pd.Series | None:
    """A column of text as a category, its words as they first appear; None where there are too many of them."""
    code_of: dict[str, int] = {}
    parts: list[np.ndarray] = []
    for batch in file.iter_batches(batch_size=ROWS, columns=[name]):
        part = batch.column(0).to_pandas()
        words = part.cat.categories.tolist()
        if not parts and len(words) > max(MOST_WORDS * len(part), 1):
            return None
        new = np.array([*(code_of.setdefault(word, len(code_of)) for word in words), -1])
        parts.append(new[part.cat.codes.to_numpy()].astype(np.min_scalar_type(-1 - len(code_of))))
    codes = np.concatenate(parts) if parts else np.empty(0, dtype=np.int8)
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(list(code_of), dtype=dtype)))
