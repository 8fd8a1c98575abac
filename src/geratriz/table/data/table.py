"""Tables: a pandas frame with a schema, the input and output of tabular generators."""

import contextlib
import csv
import datetime
import decimal
import gzip
import itertools
import lzma
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pandas as pd

from geratriz.errors import DataError
from geratriz.table.data import schema as schemas
from geratriz.table.data.schema import Declared, Schema
from geratriz.writing import file, local

MISSING_IN_CSV = ("", "NA", "NaN", "nan", "null", "NULL", "<NA>")  # not "None" or "?", which are values in real tables
CONTRADICTORY = (LookupError, TypeError, AttributeError)  # pyarrow, where metadata for pandas belie the columns
UNREADABLE = (ValueError, OSError, EOFError, csv.Error, lzma.LZMAError, zlib.error)  # pyarrow raises the first two
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(?P<offset>Z|[+-]\d{2}:?\d{2})?)?")


@dataclass(frozen=True, slots=True)
class Table:
    """A frame (``RangeIndex``, columns in the schema's order) with its schema. Treat the frame as read-only."""

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
        overrides: Declared | None = None,
        schema: Schema | None = None,
    ) -> "Table":
        """Make a table from a frame, with ``schema`` or one inferred under ``overrides`` and ``target``.

        The frame's index is dropped: make it a column first if it is needed (``frame.reset_index()``).

        Raises:
            DataError: there are no rows or columns, columns differ from the schema, or values do not fit.
        """
        if not len(frame.columns) or not len(frame):
            shape = f"{len(frame)} rows and {len(frame.columns)} columns"
            raise DataError(f"the table has {shape}; at least one of each is needed.")
        frame = frame.reset_index(drop=True)
        frame.columns = [str(name) for name in frame.columns]
        frame = _readable(frame)
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
        overrides: Declared | None = None,
        schema: Schema | None = None,
    ) -> "Table":
        """Read a Parquet or CSV file, by its ending.

        Raises:
            DataError: the file is missing, unreadable or of another format.
        """
        return cls.from_frame(read_frame(Path(path)), target=target, overrides=overrides, schema=schema)

    def write(self, path: Path | str) -> None:
        """Write a Parquet or CSV file, by its ending."""
        write_frame(self.frame, Path(path))

    def take(self, rows: object) -> "Table":
        """Select rows by position (an index array, boolean mask or slice)."""
        return Table(self.frame.iloc[rows].reset_index(drop=True), self.schema)  # type: ignore[call-overload]

    @classmethod
    def joined(cls, parts: "Sequence[Table]") -> "Table":
        """Concatenate the rows of tables with the same schema."""
        if len(parts) == 1:
            return parts[0]
        return cls(pd.concat([part.frame for part in parts], ignore_index=True), parts[0].schema)


def read_frame(path: Path) -> pd.DataFrame:
    """Read the frame in a Parquet or CSV file.

    In CSV, ISO dates become datetimes and ``MISSING_IN_CSV`` become missing. In Parquet, dates become datetimes,
    decimals become floats, and a named index becomes columns.

    Raises:
        DataError: the file is missing, unreadable or of another format; a CSV file has columns without a name, two of
            the same name, or a row with more or fewer fields than the header.
    """
    check_readable(path)
    is_csv = _is_csv(path)
    with unreadable(path, "csv" if is_csv else "parquet"):
        return _read_csv(path) if is_csv else _read_parquet(path)


def _is_csv(path: Path) -> bool:
    return path.suffix == ".csv" or "".join(path.suffixes[-2:]) in (".csv.gz", ".csv.xz")


def check_readable(path: Path) -> None:
    """Check that :func:`read_frame` may be able to read a file.

    Raises:
        DataError: the file is missing, empty or of another format.
        RequestError: the path is an address.
    """
    local(path)
    if not path.exists():
        hint = f" It is versioned: `dvc pull {path}.dvc` fetches it." if Path(f"{path}.dvc").exists() else ""
        raise DataError(f"{path} does not exist.{hint}")
    is_csv = _is_csv(path)
    if not is_csv and path.suffix != ".parquet":
        raise DataError(f"{path} is neither Parquet nor CSV: its name must end in .parquet, .csv or .csv.gz.")
    if path.is_file() and not path.stat().st_size:
        kind = "csv" if is_csv else "parquet"
        raise DataError(f"{path} cannot be read as {kind}: it is empty (0 bytes). Copy or export it again.")


@contextlib.contextmanager
def unreadable(path: Path, kind: str) -> Iterator[None]:
    """Raise reading errors as :class:`DataError`.

    Raises:
        DataError: the file cannot be read as ``kind``.
    """
    try:
        yield
    except UnicodeDecodeError as problem:
        found = f"byte 0x{problem.object[problem.start]:02x}"
        raise DataError(
            f"{path} cannot be read as csv: it is not UTF-8 text ({found}). Convert it, for example with "
            f"`iconv -f LATIN1 -t UTF-8 {path} > utf8.csv`."
        ) from None
    except CONTRADICTORY as problem:
        found = f"its metadata contradict its columns ({type(problem).__name__}: {problem})"
        raise DataError(f"{path} cannot be read as {kind}: {found}. Export it again.") from None
    except UNREADABLE as problem:
        first_line = (str(problem) or type(problem).__name__).splitlines()[0].rstrip(".")
        raise DataError(f"{path} cannot be read as {kind}: {first_line}. Copy or export it again.") from None


def _read_csv(path: Path) -> pd.DataFrame:
    with _open_text(path) as file:
        names, first = (*itertools.islice(filter(None, csv.reader(file)), 2), [], [])[:2]
    check_names(names, path)
    if len(names) == 1 == len(first) and (
        sign := next((char for char in ";\t|" if 0 < names[0].count(char) == first[0].count(char)), None)
    ):
        raise DataError(
            f"{path} has one column, {names[0]!r}: its fields seem to be separated by {sign!r}, not by commas. Export "
            "it with commas."
        )
    _check_fields(path, len(names), lines=2)  # pandas takes extra fields at the start of the first row for an index
    try:
        frame = pd.read_csv(
            path,
            keep_default_na=False,
            na_values=list(MISSING_IN_CSV),
            encoding="utf-8-sig",
            low_memory=False,  # read in chunks, one column could hold both the number 1 and the text "1"
        )
    except pd.errors.ParserError:
        _check_fields(path, len(names))
        raise
    if frame.iloc[:, -1].isna().any():  # rows that are too short were padded
        _check_fields(path, len(names))
    return _parse_dates(_readable(frame))


def _check_fields(path: Path, wanted: int, lines: int | None = None) -> None:
    """Reject rows with another number of fields than the header, among the first ``lines`` or all of them."""
    with _open_text(path) as file:
        rows = csv.reader(file)
        for row in itertools.islice(filter(None, rows), lines):
            if len(row) != wanted:
                raise DataError(
                    f"{path} cannot be read as csv: line {rows.line_num} has {len(row)} fields, the header {wanted}. "
                    'Correct that line (put a text with a comma in double quotes: "a, b").'
                )


def _open_text(path: Path) -> IO[str]:
    openers: Mapping[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
    file: IO[str] = openers.get(path.suffix, open)(path, "rt", encoding="utf-8-sig", newline="")
    return file


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet

    if path.is_file():
        check_names(pyarrow.parquet.read_schema(path).names, path)
    frame = pd.read_parquet(path)
    levels = [name for name in frame.index.names if name is not None]
    if levels:
        frame = frame.reset_index(level=levels)
    return _readable(frame)


def _readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert dates and decimals that pandas holds as objects to datetimes and floats, and integers beyond 64 bits
    (keys) to text. The input frame is not changed."""
    changed: dict[Any, pd.Series] = {}
    for name, values in frame.items():
        present = values.dropna() if pd.api.types.is_object_dtype(values.dtype) else ()
        first = next(iter(present), None)
        if isinstance(first, datetime.date):
            with contextlib.suppress(ValueError, TypeError):  # not all are dates: infer() reports it
                changed[name] = pd.to_datetime(values)
        elif isinstance(first, decimal.Decimal):
            changed[name] = values.astype("float64")
        elif isinstance(first, int) and any(isinstance(cell, int) and abs(cell) >= 2**63 for cell in present):
            changed[name] = values.map(str, na_action="ignore").astype("str")
    return frame.assign(**changed) if changed else frame


def check_names(names: list[str], path: Path) -> None:
    """Reject column names that pandas would rename silently or read in part.

    Raises:
        DataError: a column has no name, or two have the same.
    """
    duplicates = sorted(name for name, count in Counter(names).items() if count > 1 and name.strip())
    if duplicates:
        raise DataError(f"{path}: column names must be unique; repeated: {', '.join(map(repr, duplicates))}.")
    nameless = [str(number) for number, name in enumerate(names, start=1) if not name.strip()]
    if nameless:
        raise DataError(
            f"{path}: column {', '.join(nameless)} of {len(names)} has no name. Name it; if it numbers the rows, leave "
            "it out (pandas: to_csv(..., index=False))."
        )


def check_ending(path: Path) -> None:
    """Check that :func:`write_frame` can write a file.

    Raises:
        DataError: its ending names no format.
        RequestError: it is an address.
    """
    local(path)
    if path.suffix not in (".parquet", ".csv"):
        raise DataError(f"{path} cannot be written: its name must end in .parquet or .csv.")


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write ``frame`` as Parquet (zstd) or CSV, by the file's ending; parent folders are created.

    The file is written whole or not at all, so it may be the one that the frame was read from.

    Raises:
        DataError: the ending names no format.
        RequestError: the path is an address such as ``s3://bucket/rows.parquet``, or cannot be written.
    """
    check_ending(path)
    with file(path) as partial:
        if path.suffix == ".parquet":
            frame.to_parquet(partial, index=False, compression="zstd")
        else:
            frame.to_csv(partial, index=False)


def _parse_dates(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert ISO dates to datetimes, times with several offsets (summer and winter) to UTC."""
    for name in frame.columns:
        values = frame[name].dropna()
        if not pd.api.types.is_string_dtype(values.dtype) or not len(values):
            continue
        offsets = set()
        for text in values:
            match = _ISO_DATE.fullmatch(text) if isinstance(text, str) else None
            if match is None:
                break
            offsets.add(match.group("offset"))
        else:
            with contextlib.suppress(ValueError):  # such as 0000-00-00: text, then
                utc = len(offsets) > 1 and None not in offsets
                frame[name] = pd.to_datetime(frame[name], format="ISO8601", utc=utc)
    return frame
