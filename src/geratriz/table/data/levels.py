"""Levels of a column: its exact values, missing, and one continuous level with a distribution function.

A column of few values has one level per value (an *atom*). A numeric column of many values keeps its frequent values as
atoms and has one more level, *continuous*; the value of such a cell is its probability under the column's distribution
function, mapped to a standard normal. A number of fewer entities than the column's ``rare`` is no atom: in a column of
few values it becomes the nearest atom. Missing is a level like any other, so patterns of missing values are learnt.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from geratriz.column import NUMERIC, Column, as_codes, as_numbers, as_shown, from_numbers, to_datetime
from geratriz.errors import DataError, RequestError, nearest
from geratriz.table.data import forms, intervals
from geratriz.table.data.entities import sharing
from geratriz.table.data.schema import MIN_ROWS_FOR_ID
from geratriz.table.data.table import Table

KNOTS = 1024  # intervals of a column's distribution function, in a table long enough: KS error of about 1 / KNOTS
MIN_ROWS_PER_ATOM = 5  # mean number of rows per distinct value; with fewer, a numeric column is continuous
MIN_ROWS_PER_BIN = 20
MAX_CATEGORIES = 20_000  # each adds a row to two matrices of a network, a cost in every step: docs/log.md
IDENTIFYING_SHARE = 0.8  # share of distinct texts above which each text identifies its row
TAIL = 1e-6  # probabilities are clipped to [TAIL, 1 - TAIL], within +-4.75 standard deviations


@dataclass(frozen=True, kw_only=True, slots=True)
class CodecConfig:
    """Resolution of the encoding of numeric columns."""

    max_levels: int = 160
    """A numeric column with at most this many distinct values has one level per value."""
    bins: int = 128
    """Quantile bins of a column with more values; a value in at least 1 / bins of the rows is a level of its own."""

    @property
    def codec(self) -> "CodecConfig":
        """These settings themselves, under the name that the settings of a generator use."""
        return self

    def __post_init__(self) -> None:
        if self.max_levels < 2 or self.bins < 2:
            raise ValueError(f"max_levels and bins must be at least 2, got {self.max_levels} and {self.bins}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Levels:
    """Levels of one column, in the order of their codes: atoms, then missing, then continuous."""

    column: Column
    atoms: tuple[Any, ...]
    """Values with a level of their own; numbers in ascending order, text in order of first appearance."""
    missing: bool
    """Whether the training data had missing values."""
    bins: int
    """Quantile bins of the continuous level; 0 if there is none."""
    knots: np.ndarray
    """Increasing values of the continuous part, shape (K,); empty if there is none."""
    heights: np.ndarray
    """Distribution function at the knots, shape (K,), from 0 to 1."""

    @property
    def exact(self) -> int:
        """Number of levels that are not continuous; also the code of the continuous level."""
        return len(self.atoms) + self.missing

    @property
    def size(self) -> int:
        """Number of codes after binning."""
        return self.exact + self.bins

    def to_probability(self, numbers: np.ndarray) -> np.ndarray:
        """Distribution function of the continuous part at ``numbers``, in [TAIL, 1 - TAIL]."""
        clipped: np.ndarray = np.clip(np.interp(numbers, self.knots, self.heights), TAIL, 1 - TAIL)
        return clipped

    def to_number(self, probabilities: np.ndarray) -> np.ndarray:
        """Inverse of :meth:`to_probability`, on the column's grid and inside the observed range."""
        clipped: np.ndarray = np.clip(self.column.snap(np.interp(probabilities, self.heights, self.knots)), *self.ends)
        return clipped

    def cell(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distribution function at both ends of each number's grid cell; both are equal if there is no grid.

        :meth:`to_number` maps all probabilities between them to the number. A number outside the observed range counts
        as the nearest end of the range, and the cells of the ends reach to 0 and 1: together the cells fill [0, 1].
        """
        inside = np.clip(self.column.snap(numbers), *self.ends)
        if self.column.step is None:
            probabilities = self.to_probability(inside)
            return probabilities, probabilities
        half = self.column.step / 2
        low, high = (np.interp(inside + offset, self.knots, self.heights) for offset in (-half, half))
        return np.where(inside <= self.ends[0], 0.0, low), np.where(inside >= self.ends[1], 1.0, high)

    def slope(self, numbers: np.ndarray) -> np.ndarray:
        """Derivative of the distribution function at ``numbers``: a density in the column's own units."""
        segment = np.clip(np.searchsorted(self.knots, numbers, side="right"), 1, len(self.knots) - 1)
        slopes: np.ndarray = np.diff(self.heights)[segment - 1] / np.diff(self.knots)[segment - 1]
        return slopes

    @property
    def ends(self) -> tuple[float, float]:
        """Smallest and largest number of the continuous part, on the column's grid."""
        low, high = self.column.snap(self.knots[[0, -1]]) + 0.0  # never -0.0
        return float(low), float(high)


def fit_levels(column: Column, values: pd.Series, config: CodecConfig, owners: np.ndarray | None = None) -> Levels:
    """Find the levels of a column; ``owners`` are the entities of its rows, (N,), or None where each row is its own."""
    missing = bool(values.isna().any())
    if column.kind not in NUMERIC:
        atoms = _categories(column, values)
        return Levels(column=column, atoms=atoms, missing=missing, bins=0, knots=np.empty(0), heights=np.empty(0))
    numbers = as_numbers(column.name, values, column.kind)
    present = ~np.isnan(numbers)
    numbers, owners = numbers[present], None if owners is None else owners[present]
    distinct, index, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    shared = sharing(index, owners, len(distinct)) >= column.rare
    few = is_few(column, len(distinct), len(numbers), config)
    frequent = shared if few else shared & (counts >= max(len(numbers) / config.bins, 2))
    rest = ~frequent[index]
    if few and frequent.any():
        rest[:] = False  # others become the nearest atom
    elif len(distinct) - frequent.sum() < 2:  # one value has no distribution
        frequent, rest[:] = shared if shared.any() else np.ones(len(distinct), dtype=bool), False
    knots, heights, bins = np.empty(0), np.empty(0), 0
    if rest.any():
        bins = min(config.bins, max(2, int(rest.sum()) // MIN_ROWS_PER_BIN))
        others = None if owners is None else owners[rest]
        on_grid = column.snap(numbers[rest])
        knots, heights = intervals.distribution(on_grid, others, column.step, column.rare, KNOTS)
    atoms = tuple(distinct[frequent].tolist())
    return Levels(column=column, atoms=atoms, missing=missing, bins=bins, knots=knots, heights=heights)


def is_few(column: Column, distinct: int, rows: int, config: CodecConfig) -> bool:
    """Whether a numeric column has so few values, in enough rows each on average, that all its levels are exact.

    So is a pandas category of numbers, which can hold no other numbers.
    """
    return column.dtype == "category" or (distinct <= config.max_levels and rows >= MIN_ROWS_PER_ATOM * distinct)


def _categories(column: Column, values: pd.Series) -> tuple[Any, ...]:
    """Distinct values of a category column, unless they are too many or look personal."""
    distinct = pd.Series(pd.unique(values)).dropna()  # first, as there may be millions of rows
    atoms = tuple(_category(column, value) for value in distinct.tolist())
    key = f"data.schema.{column.name} (geratriz fit: --schema)"
    if len(atoms) > MAX_CATEGORIES:
        raise DataError(
            f"column {column.name!r} holds {len(atoms):,} different values, more than the {MAX_CATEGORIES:,} that can "
            f"be learnt. Combine rare ones into groups, set {key} to id if they are keys (new ones are issued then), "
            "or leave the column out."
        )
    suspicion = None if column.declared else forms.recognise(distinct, column.name)
    if suspicion is not None and suspicion.certain:
        raise DataError(
            f"column {column.name!r} looks personal: {suspicion.because}, which synthetic rows would repeat "
            f"verbatim. Declare its kind: set {key} to {{kind: personal, form: {suspicion.form}}} for new values, to "
            "id if they are keys, to category if they may be repeated, or leave the column out."
        )
    rows = int(values.notna().sum())
    identifying = not column.declared and rows >= MIN_ROWS_FOR_ID and len(atoms) > IDENTIFYING_SHARE * rows
    if identifying and isinstance(atoms[0], str):
        raise DataError(
            f"column {column.name!r} holds {len(atoms):,} different texts in {rows:,} rows: keys, names or free "
            f"text, which synthetic rows would repeat verbatim. Declare its kind: set {key} to personal for new values "
            "of the same form, to id for new keys, to category if they may be repeated, or leave the column out."
        )
    return atoms


def check_categories(table: Table) -> None:
    """Check that categories can be learnt, before rare ones are pooled and names may look like categories.

    Raises:
        DataError: as :meth:`Codec.fit`.
    """
    for column in table.schema.learnt:
        if column.kind not in NUMERIC:
            _categories(column, table.frame[column.name])


def _spread(column: Column, numbers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move grid values by up to half a step, so that they have a density; snapping undoes it exactly."""
    return numbers if column.step is None else numbers + column.step * (rng.random(len(numbers)) - 0.5)


def encode_cells(
    levels: Levels, values: pd.Series, rng: np.random.Generator, *, gaps: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Codes of a column, int32 (N,), and quantile-normal values of its continuous cells, float32 (N,)."""
    column, rows = levels.column, len(values)
    normal = np.zeros(rows, dtype=np.float32)
    absent = values.isna().to_numpy()
    if absent.any() and not levels.missing and not gaps:
        row = int(np.flatnonzero(absent)[0])
        raise RequestError(f"column {column.name!r} is missing in row {row}, but never in the training data.")
    codes = np.full(rows, len(levels.atoms) if levels.missing else -1, dtype=np.int32)  # the code of missing
    if column.kind not in NUMERIC:
        index = {atom: code for code, atom in enumerate(levels.atoms)}
        positions, distinct = as_codes(values)
        plain = (value.item() if isinstance(value, np.generic) else value for value in distinct)
        code_of = np.array([*(index.get(value, -1) for value in plain), -1], dtype=np.int32)
        found = code_of[positions]
        unknown = (found < 0) & ~absent
        if unknown.any():
            value = values.iloc[int(unknown.argmax())]
            raise RequestError(
                f"column {column.name!r} holds {value!r}, never seen in the training data."
                f"{nearest(str(value), map(str, levels.atoms))}{_rare_note(column)}"
            )
        return np.where(absent, codes, found), normal
    numbers = as_numbers(column.name, values, column.kind)[~absent]
    spread = _spread(column, numbers, rng)
    atoms = np.array(levels.atoms, dtype=np.float64)
    position = np.searchsorted(atoms, numbers)
    at_atom = _among(numbers, atoms)
    if levels.bins:
        codes[~absent] = np.where(at_atom, position, levels.exact)
        normal[~absent] = np.where(at_atom, 0, ndtri(levels.to_probability(spread)))
    elif len(atoms):  # a number between atoms becomes the nearest atom
        low, high = np.clip(position - 1, 0, len(atoms) - 1), np.clip(position, 0, len(atoms) - 1)
        codes[~absent] = np.where(numbers - atoms[low] < atoms[high] - numbers, low, high)
    return codes, normal


def bin_cells(levels: Levels, codes: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Codes of one column with continuous cells as quantile bins; shape (N,)."""
    if not levels.bins:
        return codes
    binned, continuous = codes.copy(), codes == levels.exact
    probabilities = ndtr(normal[continuous].astype(np.float64))
    binned[continuous] += np.minimum((probabilities * levels.bins).astype(np.int32), levels.bins - 1)
    return binned


def _among(numbers: np.ndarray, ascending: np.ndarray) -> np.ndarray:
    """Which ``numbers`` occur in ``ascending``, bool (N,); np.isin would sort all of them."""
    if not len(ascending):
        return np.zeros(len(numbers), dtype=bool)
    position = np.minimum(np.searchsorted(ascending, numbers), len(ascending) - 1)
    among: np.ndarray = ascending[position] == numbers
    return among


def decode_cells(levels: Levels, codes: np.ndarray, normal: np.ndarray) -> pd.Series:
    """Inverse of :func:`encode_cells`, in the column's own dtype."""
    column = levels.column
    if column.kind not in NUMERIC:
        values = np.array([*levels.atoms, None], dtype=object)  # the code of missing follows those of the atoms
        return column.restore(pd.Series(values[codes], dtype=object))
    numbers = np.array([*levels.atoms, np.nan], dtype=np.float64)[np.minimum(codes, len(levels.atoms))]
    if levels.bins:
        continuous = codes == levels.exact
        numbers[continuous] = levels.to_number(ndtr(normal[continuous].astype(np.float64)))
    return from_numbers(column, numbers)


def condition_code(levels: Levels, wanted: Any) -> tuple[int, Any]:
    """Binned code of a wanted cell, and the cell in its own type.

    Raises:
        RequestError: the value was never observed, or is outside the observed range.
    """
    column = levels.column
    if pd.api.types.is_scalar(wanted) and pd.isna(wanted):
        if not levels.missing:
            raise RequestError(f"where asks for a missing {column.name!r}, never missing in the training data.")
        return len(levels.atoms), None
    if column.kind not in NUMERIC:
        for code, atom in enumerate(levels.atoms):
            if atom == wanted or str(atom) == str(wanted):
                return code, atom
        raise RequestError(
            f"where asks for {column.name} = {wanted!r}, never seen in the training data."
            f"{nearest(str(wanted), map(str, levels.atoms))}{_rare_note(column)}"
        )
    try:
        number = float(as_numbers(column.name, pd.Series([wanted]), column.kind)[0])
    except DataError:
        raise RequestError(f"where asks for {column.name} = {wanted!r}, but the column is {column.kind}.") from None
    number = float(column.snap(np.array([number]))[0])
    on_grid = as_shown(column, np.array(levels.atoms, dtype=np.float64))
    if number in on_grid:
        code = int(np.flatnonzero(on_grid == number)[0])
        return code, decode_cells(levels, np.array([code]), np.zeros(1)).iloc[0]
    if not levels.bins:
        closest = sorted(levels.atoms, key=lambda atom: abs(atom - number))[:3]
        known = ", ".join(_shown(column, atom) for atom in closest) or "it was always missing"
        raise RequestError(
            f"where asks for {column.name} = {wanted!r}, never seen in the training data. "
            f"Nearest: {known}.{_rare_note(column)}"
        )
    low, high = levels.ends
    if not low <= number <= high:
        raise RequestError(
            f"where asks for {column.name} = {wanted!r}, outside the range of the training data, "
            f"{_shown(column, low)} to {_shown(column, high)}.{_rare_note(column)}"
        )
    probability = levels.to_probability(np.array([number]))
    code = levels.exact + min(int(probability[0] * levels.bins), levels.bins - 1)
    return code, decode_cells(levels, np.array([levels.exact]), ndtri(probability)).iloc[0]


def _rare_note(column: Column) -> str:
    if column.rare < 2:
        return ""
    return f" Values that fewer than {column.rare} rows share are not kept (data.schema.{column.name}.rare)."


def _shown(column: Column, number: float) -> str:
    return str(to_datetime(column, np.array([number])).iloc[0]) if column.kind == "datetime" else f"{number:g}"


def _category(column: Column, value: Any) -> Any:
    """Category as a value that JSON can hold."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (str, bool, int)) or (isinstance(value, float) and np.isfinite(value)):
        return value
    raise DataError(
        f"column {column.name!r} holds a {type(value).__name__} ({value!r}); categories must be text, finite "
        "numbers or booleans. Convert it, or leave the column out."
    )
