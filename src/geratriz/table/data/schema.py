"""Schema of a table: inferred from the frame, corrected by the user, stored as JSON next to the data."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geratriz import config
from geratriz.column import KINDS, MAX_EXACT_INTEGER, NUMERIC, RARE, REPLACED, Column, Kind, as_numbers
from geratriz.errors import ConfigError, DataError, nearest

MAX_DECIMALS = 6  # decimals of a float column; with more it is continuous
UNITS_OF_TIME = (86400.0, 3600.0, 60.0, 1.0)  # seconds per day, hour, minute, second
CONVERT = "Convert it to numbers, text, booleans or dates, or leave it out."
MIN_ROWS_FOR_ID = 50  # in a shorter table, distinct values are no evidence of an id


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """Columns in order, and the ``target`` column that utility is measured on (or None)."""

    columns: tuple[Column, ...]
    target: str | None = None
    entity: str | None = None
    """Column of the keys of entities that have several rows each; None where every row is its own entity. Where it is
    given, protection and attacks count entities instead of rows."""

    def __post_init__(self) -> None:
        for role, name in (("target", self.target), ("entity", self.entity)):
            if name is not None and name not in self.names:
                hint = nearest(name, self.names)
                raise DataError(f"the {role} {name!r} is not a column of the table.{hint}")

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise DataError(f"the table has no column {name!r}.{nearest(name, self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def learnt(self) -> tuple[Column, ...]:
        """Columns that a generator models: all but ids and personal columns, which get new values."""
        return tuple(column for column in self.columns if column.kind not in REPLACED)

    def to_json(self) -> dict[str, Any]:
        """JSON mapping; :meth:`from_json` is its inverse."""
        columns = [
            {key: value for key, value in dataclasses.asdict(column).items() if value not in (None, False)}
            for column in self.columns
        ]
        entity = {} if self.entity is None else {"entity": self.entity}
        return {"target": self.target, **entity, "columns": columns}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Schema":
        """Schema from a mapping made by :meth:`to_json`."""
        return config.load(cls, content, "schema")

    def write(self, path: Path) -> None:
        """Write the schema as JSON."""
        path.write_text(json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Schema":
        """Read a schema written by :meth:`write`.

        Raises:
            DataError: the file does not exist, or is not JSON.
        """
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as problem:
            raise DataError(f"{path} is not a schema ({problem}). `dvc repro prepare` writes it.") from None


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """Declaration of a column by the user: an entry of ``data.schema`` in params.yaml, or its kind alone."""

    kind: Kind | None = None
    """Kind of the column; None infers it."""
    rare: int = RARE
    form: str | None = None
    locale: str = "en_US"

    def __post_init__(self) -> None:
        if self.rare < 1:
            raise ValueError(f"rare is {self.rare}; it must be at least 1, which lets every value be repeated")
        if self.form is not None and self.kind != "personal":
            raise ValueError(f"form is {self.form!r}, but only a column of kind personal has one, not {self.kind}")


Declared = Mapping[str, str | Mapping[str, Any]]  # entries of data.schema in params.yaml, by column


def infer(frame: pd.DataFrame, *, overrides: Declared | None = None, target: str | None = None) -> Schema:
    """Infer the schema of ``frame``; ``overrides`` declares columns and takes precedence over their values.

    An override is a kind, or a mapping of the fields of :class:`Declaration`.

    Raises:
        ConfigError: an override names an unknown column, kind or field.
        DataError: names are not unique text, or a column's values do not fit its kind.
    """
    names = [str(name) for name in frame.columns]
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise DataError(f"column names must be unique; repeated: {', '.join(map(repr, duplicates))}.")
    if not all(name.strip() for name in names):
        raise DataError(f"column {[bool(name.strip()) for name in names].index(False) + 1} has no name. Name it.")
    declared = {name: _declaration(name, override, names) for name, override in (overrides or {}).items()}
    columns = tuple(_column(name, frame[name], declared.get(name, Declaration())) for name in names)
    return Schema(columns=columns, target=target)


def _declaration(name: str, override: str | Mapping[str, Any], names: list[str]) -> Declaration:
    if name not in names:
        raise ConfigError(f"data.schema.{name} names a column the table does not have.{nearest(name, names)}")
    mapping = override if isinstance(override, Mapping) else {"kind": override}
    kind = mapping.get("kind")
    if kind is not None and kind not in KINDS:
        raise ConfigError(f"data.schema.{name} is {kind!r}, which is not a kind of column.{nearest(str(kind), KINDS)}")
    return config.load(Declaration, mapping, f"data.schema.{name}")


def _column(name: str, values: pd.Series, declaration: Declaration) -> Column:
    _check_cells(name, values)
    kind = _kind(values) if declaration.kind is None else declaration.kind
    is_categorical = isinstance(values.dtype, pd.CategoricalDtype)
    if is_categorical and kind in NUMERIC and not pd.api.types.is_numeric_dtype(values.cat.categories.dtype):
        raise DataError(f"column {name!r} is a pandas category of text and declared {kind}. {CONVERT}")
    return Column(
        name=name,
        kind=kind,
        dtype="category" if is_categorical else str(values.dtype),
        step=_step(name, values, kind) if kind in NUMERIC else None,
        categories=tuple(values.cat.categories.tolist()) if is_categorical else None,
        ordered=bool(values.cat.ordered) if is_categorical else False,
        declared=declaration.kind is not None,
        rare=declaration.rare,
        form=declaration.form,
        locale=declaration.locale,
    )


def _check_cells(name: str, values: pd.Series) -> None:
    """Reject cells that are not single values, columns of several types, and types that no file or JSON can hold."""
    cells = values.cat.categories if isinstance(values.dtype, pd.CategoricalDtype) else values
    if not pd.api.types.is_object_dtype(cells.dtype):
        if not _is_plain(cells.dtype, moments=cells is values):
            raise DataError(f"column {name!r} is of type {cells.dtype}. {CONVERT}")
        return
    present = cells[cells.notna()]
    types = {type(cell) for cell in present}
    nested = next((kind for kind in types if issubclass(kind, (list, dict, set, frozenset, tuple, np.ndarray))), None)
    if nested is not None:
        raise DataError(
            f"column {name!r} holds a {nested.__name__} in a cell; a cell is one value. Flatten it, or drop it."
        )
    type_names = {_type_name(cell) for cell in types}
    if len(type_names) > 1:
        raise DataError(
            f"column {name!r} holds values of several types: {', '.join(sorted(type_names))}. Make them one, for "
            f"example with frame[{name!r}].astype(str)."
        )
    if not type_names <= {"number", "text", "boolean"}:
        raise DataError(f"column {name!r} holds a {type_names.pop()} ({present.tolist()[0]!r}). {CONVERT}")
    if type_names == {"text"}:
        try:
            "".join(present).encode()
        except UnicodeEncodeError as problem:
            lone = problem.object[problem.start]
            raise DataError(f"column {name!r} holds text that is not valid Unicode ({lone!r}). Correct it.") from None


def _is_plain(dtype: Any, *, moments: bool) -> bool:
    types = pd.api.types
    if isinstance(dtype, pd.SparseDtype) or (isinstance(dtype, np.dtype) and dtype.itemsize > 8):
        return False
    number = types.is_bool_dtype(dtype) or types.is_integer_dtype(dtype) or types.is_float_dtype(dtype)
    return number or types.is_string_dtype(dtype) or (moments and types.is_datetime64_any_dtype(dtype))


def _type_name(cell: type) -> str:
    """Category of a Python or NumPy type, or its own name if it is not supported."""
    if issubclass(cell, (bool, np.bool_)):
        return "boolean"
    return "number" if issubclass(cell, (int, float, np.number)) else "text" if issubclass(cell, str) else cell.__name__


def _kind(values: pd.Series) -> Kind:
    present = values.dropna()
    if pd.api.types.is_bool_dtype(values.dtype):
        return "boolean"
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return "datetime"
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = present.to_numpy(dtype=np.float64)
        if not len(numbers) or not np.array_equal(numbers, np.round(numbers)):
            return "float"
        complete = len(numbers) == len(values) >= MIN_ROWS_FOR_ID
        if np.abs(numbers).max() >= MAX_EXACT_INTEGER:
            if pd.api.types.is_float_dtype(values.dtype):
                return "float"
            return "id" if complete and present.is_unique else "category"
        steps = np.diff(numbers)
        return "id" if complete and steps[0] != 0 and np.all(steps == steps[0]) else "integer"
    if len(present) and all(isinstance(cell, bool) for cell in present):
        return "boolean"
    if len(present) == len(values) >= MIN_ROWS_FOR_ID and present.is_unique:
        return "id"
    return "category"


def _step(name: str, values: pd.Series, kind: str) -> float | None:
    """Find the coarsest grid that contains every value: a power of ten, or a unit of time for datetimes."""
    numbers = as_numbers(name, values, kind)
    numbers = numbers[~np.isnan(numbers)]
    if kind == "integer" and len(numbers) and np.abs(numbers).max() >= MAX_EXACT_INTEGER:
        raise DataError(
            f"column {name!r} is declared integer but holds numbers beyond 2^53, which float64 cannot restore exactly. "
            "Declare it id (new ones are issued) or category."
        )
    if kind == "datetime":
        return next((unit for unit in UNITS_OF_TIME if np.all(numbers % unit == 0)), None)
    short = values.dtype == np.float32
    largest = np.abs(numbers).max(initial=0)
    with np.errstate(over="ignore"):  # spacing of the largest float; finer grids contain any number
        finest = np.spacing(np.float32(largest)) if short else 4 * np.spacing(largest)
    for digits in range(MAX_DECIMALS + 1):
        if digits and 10.0**-digits < finest:
            break
        rounded = np.round(numbers, digits)
        if short:  # so coarse that a tolerance would find a grid for any numbers
            on_grid = rounded.astype(np.float32) == numbers
        else:  # sums such as 0.1 + 0.2 count as on the grid
            on_grid = np.abs(numbers - rounded) <= 2 * np.finfo(np.float64).eps * np.abs(numbers)
        if on_grid.all():
            return 10.0**-digits
        if kind == "integer":
            raise DataError(f"column {name!r} is declared integer but holds fractions. Declare it float.")
    return None
