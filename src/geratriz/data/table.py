"""Table = a pandas frame and its schema: what tabular generators take and give back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from geratriz.data import schema as schemas
from geratriz.data.schema import Schema
from geratriz.errors import DataError

MISSING_IN_CSV = ("", "NA", "NaN", "nan", "null", "NULL", "<NA>")  # not "None" or "?": those are words in real tables
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")


@dataclass(frozen=True, slots=True)
class Table:
    """A frame (``RangeIndex``, columns in the schema's order) and its schema. Treat the frame as read-only."""

    frame: pd.DataFrame
    schema: Schema

    def __len__(self) -> int:
        return len(self.frame)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        target: str | None = None,
        overrides: Mapping[str, str] | None = None,
        schema: Schema | None = None,
    ) -> "Table":
        """A table from a frame: with the given ``schema``, else one inferred under ``overrides`` and ``target``.

        Raises:
            DataError: no rows or columns, columns that are not the schema's, or values that do not fit.
        """
        if not len(frame.columns) or not len(frame):
            shape = f"{len(frame)} rows and {len(frame.columns)} columns"
            raise DataError(f"the table has {shape}; at least one of each is needed.")
        frame = frame.reset_index(drop=True)
        frame.columns = [str(name) for name in frame.columns]
        if schema is None:
            return cls(frame, schemas.infer(frame, overrides=overrides, target=target))
        absent = [name for name in schema.names if name not in frame.columns]
        extra = [name for name in frame.columns if name not in schema.names]
        if absent or extra:
            raise DataError(f"the table's columns are not the schema's: missing {absent}, not expected {extra}.")
        return cls(frame[list(schema.names)], schema)

    @classmethod
    def read(
        cls,
        path: Path | str,
        *,
        target: str | None = None,
        overrides: Mapping[str, str] | None = None,
        schema: Schema | None = None,
    ) -> "Table":
        """Read Parquet or CSV (by its ending).

        Raises:
            DataError: the file is missing, unreadable or of another format.
        """
        return cls.from_frame(read_frame(Path(path)), target=target, overrides=overrides, schema=schema)

    def write(self, path: Path | str) -> None:
        """Write Parquet or CSV (by its ending)."""
        write_frame(self.frame, Path(path))

    def take(self, rows: object) -> "Table":
        """The table of the given row positions (an index array, boolean mask or slice)."""
        return Table(self.frame.iloc[rows].reset_index(drop=True), self.schema)  # type: ignore[call-overload]


def read_frame(path: Path) -> pd.DataFrame:
    """The frame in a Parquet or CSV file. ISO dates in CSV become datetimes; ``MISSING_IN_CSV`` become missing.

    Raises:
        DataError: the file is missing, unreadable or of another format.
    """
    if not path.exists():
        hint = f" It is versioned: `dvc pull {path}.dvc` brings it." if Path(f"{path}.dvc").exists() else ""
        raise DataError(f"{path} does not exist.{hint}")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix in (".csv", ".gz", ".xz", ".zst") and ".csv" in path.suffixes:
            return _parse_dates(pd.read_csv(path, keep_default_na=False, na_values=list(MISSING_IN_CSV)))
    except (ValueError, OSError, pd.errors.ParserError) as problem:  # pyarrow's errors are ValueErrors and OSErrors
        first_line = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise DataError(f"{path} cannot be read as {path.suffix.lstrip('.')}: {first_line}") from None
    raise DataError(f"{path} is neither Parquet nor CSV: its name must end in .parquet or .csv (.csv.gz too).")


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write ``frame`` as Parquet (zstd) or CSV, by the file's ending; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False, compression="zstd")
    elif path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        raise DataError(f"{path} cannot be written: its name must end in .parquet or .csv.")


def _parse_dates(frame: pd.DataFrame) -> pd.DataFrame:
    for name in frame.columns:
        values = frame[name].dropna()
        if pd.api.types.is_string_dtype(values.dtype) and len(values) and values.map(_is_iso_date).all():
            frame[name] = pd.to_datetime(frame[name], format="ISO8601")
    return frame


def _is_iso_date(text: object) -> bool:
    return isinstance(text, str) and _ISO_DATE.fullmatch(text) is not None
