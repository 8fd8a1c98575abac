"""What each column of a table is: inferred from the frame, corrected by the user, kept beside the data as JSON."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geratriz import config
from geratriz.column import EXACT, KINDS, NUMERIC, RARE, REPLACED, Column, Kind, as_numbers
from geratriz.errors import ConfigError, DataError, nearest

MAX_DECIMALS = 6  # a float column with more digits than this is taken as continuous
UNITS_OF_TIME = (86400.0, 3600.0, 60.0, 1.0)  # seconds in a day, an hour, a minute, a second
CONVERT = "Convert it to numbers, text, booleans or dates, or leave it out."
MIN_ROWS_FOR_ID = 50  # in a shorter table distinct values prove nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """The columns in order, and which one is the ``target`` that utility is measured on (or None)."""

    columns: tuple[Column, ...]
    target: str | None = None

    def __post_init__(self) -> None:
        if self.target is not None and self.target not in self.names:
            hint = nearest(self.target, self.names)
            raise DataError(f"the target {self.target!r} is not a column of the table.{hint}")

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
        """The columns a generator models: all but ids and personal ones, which are made anew."""
        return tuple(column for column in self.columns if column.kind not in REPLACED)

    def to_json(self) -> dict[str, Any]:
        """A JSON mapping; :meth:`from_json` is its inverse."""
        columns = [
            {key: value for key, value in dataclasses.asdict(column).items() if value not in (None, False)}
            for column in self.columns
        ]
        return {"target": self.target, "columns": columns}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Schema":
        """The schema in a mapping that :meth:`to_json` made."""
        return config.load(cls, content, "schema")

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Schema":
        """Read what :meth:`write` wrote.

        Raises:
            DataError: it is not there, or not JSON.
        """
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as problem:
            raise DataError(f"{path} is no schema ({problem}). `dvc repro prepare` writes it.") from None


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """What the user says of a column: an entry of ``data.schema`` in params.yaml. A kind alone may stand for it."""

    kind: Kind | None = None
    """As inferred where it is not given."""
    rare: int = RARE
    form: str | None = None
    locale: str = "en_US"

    def __post_init__(self) -> None:
        if self.rare < 1:
            raise ValueError(f"rare is {self.rare}; it must be at least 1, which lets every value be repeated")
        if self.form is not None and self.kind != "personal":
            raise ValueError(f"form is {self.form!r}, but only a column of kind personal has one, not {self.kind}")


Declared = Mapping[str, str | Mapping[str, Any]]  # as it stands in params.yaml, by column


def infer(frame: pd.DataFrame, *, overrides: Declared | None = None, target: str | None = None) -> Schema:
    """The schema of ``frame``; ``overrides`` says of columns what they are and wins over what the values suggest.

    An override is a kind, or a mapping of :class:`Declaration`'s fields.

    Raises:
        ConfigError: an override names an unknown column or kind, or a field that is none.
        DataError: names are not unique text, or a column's values do not fit its kind.
    """
    names = [str(name) for name in frame.columns]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(f"column names must be unique; {', '.join(map(repr, doubled))} stand more than once.")
    if not all(name.strip() for name in names):
        raise DataError(f"column {[bool(name.strip()) for name in names].index(False) + 1} has no name. Name it.")
    declared = {name: _declaration(name, given, names) for name, given in (overrides or {}).items()}
    columns = tuple(_column(name, frame[name], declared.get(name, Declaration())) for name in names)
    return Schema(columns=columns, target=target)


def _declaration(name: str, given: str | Mapping[str, Any], names: list[str]) -> Declaration:
    if name not in names:
        raise ConfigError(f"data.schema.{name} names a column the table does not have.{nearest(name, names)}")
    mapping = given if isinstance(given, Mapping) else {"kind": given}
    kind = mapping.get("kind")
    if kind is not None and kind not in KINDS:
        raise ConfigError(f"data.schema.{name} is {kind!r}, which is no kind of column.{nearest(str(kind), KINDS)}")
    return config.load(Declaration, mapping, f"data.schema.{name}")


def _column(name: str, values: pd.Series, said: Declaration) -> Column:
    _check_cells(name, values)
    chosen = _kind(values) if said.kind is None else said.kind
    is_categorical = isinstance(values.dtype, pd.CategoricalDtype)
    if is_categorical and chosen in NUMERIC and not pd.api.types.is_numeric_dtype(values.cat.categories.dtype):
        raise DataError(f"column {name!r} is a pandas category of text and declared {chosen}. {CONVERT}")
    return Column(
        name=name,
        kind=chosen,
        dtype="category" if is_categorical else str(values.dtype),
        step=_step(name, values, chosen) if chosen in NUMERIC else None,
        categories=tuple(values.cat.categories.tolist()) if is_categorical else None,
        ordered=bool(values.cat.ordered) if is_categorical else False,
        declared=said.kind is not None,
        rare=said.rare,
        form=said.form,
        locale=said.locale,
    )


def _check_cells(name: str, values: pd.Series) -> None:
    """Refuse cells that are no single values, columns of several types, and types that no file or JSON could hold."""
    cells = values.cat.categories if isinstance(values.dtype, pd.CategoricalDtype) else values
    if not pd.api.types.is_object_dtype(cells.dtype):
        if not _is_plain(cells.dtype, moments=cells is values):
            raise DataError(f"column {name!r} is of type {cells.dtype}. {CONVERT}")
        return
    present = cells[cells.notna()]
    types = {type(each) for each in present}
    nested = next((each for each in types if issubclass(each, (list, dict, set, frozenset, tuple, np.ndarray))), None)
    if nested is not None:
        raise DataError(
            f"column {name!r} holds a {nested.__name__} in a cell; a cell is one value. Flatten it, or drop it."
        )
    sorts = {_sort(each) for each in types}
    if len(sorts) > 1:
        raise DataError(
            f"column {name!r} holds values of several types: {', '.join(sorted(sorts))}. Make them one, for example "
            f"with frame[{name!r}].astype(str)."
        )
    if not sorts <= {"number", "text", "boolean"}:
        raise DataError(f"column {name!r} holds a {sorts.pop()} ({present.tolist()[0]!r}). {CONVERT}")
    if sorts == {"text"}:
        try:
            "".join(present).encode()
        except UnicodeEncodeError as problem:
            lone = problem.object[problem.start]
            raise DataError(f"column {name!r} holds text that is no valid Unicode ({lone!r}). Mend it.") from None


def _is_plain(dtype: Any, *, moments: bool) -> bool:
    types = pd.api.types
    if isinstance(dtype, pd.SparseDtype) or (isinstance(dtype, np.dtype) and dtype.itemsize > 8):
        return False
    number = types.is_bool_dtype(dtype) or types.is_integer_dtype(dtype) or types.is_float_dtype(dtype)
    return number or types.is_string_dtype(dtype) or (moments and types.is_datetime64_any_dtype(dtype))


def _sort(cell: type) -> str:
    """What a type of Python or NumPy is to us, or its own name where it is nothing."""
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
        if np.abs(numbers).max() >= EXACT:
            if pd.api.types.is_float_dtype(values.dtype):
                return "float"
            return "id" if complete and present.is_unique else "category"
        steps = np.diff(numbers)
        return "id" if complete and steps[0] != 0 and np.all(steps == steps[0]) else "integer"
    if len(present) and all(isinstance(each, bool) for each in present):
        return "boolean"
    if len(present) == len(values) >= MIN_ROWS_FOR_ID and present.is_unique:
        return "id"
    return "category"


def _step(name: str, values: pd.Series, kind: str) -> float | None:
    """The coarsest grid that holds every value: a power of ten, or a unit of time for datetimes."""
    numbers = as_numbers(name, values, kind)
    numbers = numbers[~np.isnan(numbers)]
    if kind == "integer" and len(numbers) and np.abs(numbers).max() >= EXACT:
        raise DataError(
            f"column {name!r} is declared integer but holds numbers beyond 2^53, which would not come back exactly. "
            "Declare it id (new ones are issued) or category."
        )
    if kind == "datetime":
        return next((unit for unit in UNITS_OF_TIME if np.all(numbers % unit == 0)), None)
    short = values.dtype == np.float32
    largest = np.abs(numbers).max(initial=0)
    with np.errstate(over="ignore"):  # the largest float has none beyond it; on a finer grid all numbers stand
        finest = np.spacing(np.float32(largest)) if short else 4 * np.spacing(largest)
    for digits in range(MAX_DECIMALS + 1):
        if digits and 10.0**-digits < finest:
            break
        rounded = np.round(numbers, digits)
        if short:  # so coarse that a tolerance would find a grid in any numbers
            on_grid = rounded.astype(np.float32) == numbers
        else:  # sums such as 0.1 + 0.2 are on the grid they were meant for
            on_grid = np.abs(numbers - rounded) <= 2 * np.finfo(np.float64).eps * np.abs(numbers)
        if on_grid.all():
            return 10.0**-digits
        if kind == "integer":
            raise DataError(f"column {name!r} is declared integer but holds fractions. Declare it float.")
    return None
