"""The levels of a column: its exact values, missing, and one continuous level with a distribution function.

A column of few values has one level per value (an *atom*). A numeric column of many values keeps its heavy values as
atoms and has one level more, *continuous*; the place of such a cell in the column's distribution function is its value,
mapped to a standard normal. A number that fewer rows have than the column's ``rare`` is no atom: among few values it
counts as the nearest that is one. Missing is a level like any other, so its pattern is part of what is learnt.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from geratriz.column import NUMERIC, Column, as_codes, as_numbers, as_shown, from_numbers, to_datetime
from geratriz.errors import DataError, RequestError, nearest
from geratriz.table.data import forms
from geratriz.table.data.schema import MIN_ROWS_FOR_ID
from geratriz.table.data.table import Table

KNOTS = 1024  # resolution of a column's distribution function: KS error of at most 1 / KNOTS
ROWS_PER_ATOM = 5  # a value seen less often on average says little by itself: the column is taken as continuous
ROWS_PER_BIN = 20
MAX_WORDS = 20_000  # each costs the networks a row of two matrices, and a step its share of them: docs/log.md
OWN_SHARE = 0.8  # where more texts than this are another one, each says whose row it is
TAIL = 1e-6  # distribution function values are kept in [TAIL, 1 - TAIL], within +-4.75 standard deviations


@dataclass(frozen=True, kw_only=True, slots=True)
class CodecConfig:
    """How finely columns are told apart."""

    max_levels: int = 160
    """A numeric column with at most this many distinct values keeps each as a level of its own."""
    bins: int = 128
    """Quantile bins of a column with more; a value with at least 1 / bins of the rows is a level of its own."""

    @property
    def codec(self) -> "CodecConfig":
        """These settings themselves, as a generator's settings have them."""
        return self

    def __post_init__(self) -> None:
        if self.max_levels < 2 or self.bins < 2:
            raise ValueError(f"max_levels and bins must be at least 2, got {self.max_levels} and {self.bins}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Levels:
    """The levels of one column, in the order of their codes: atoms, then missing, then continuous."""

    column: Column
    atoms: tuple[Any, ...]
    """Values with a level of their own; numbers ascending, words as they were first seen."""
    missing: bool
    """Whether missing values were seen."""
    bins: int
    """Quantile bins of the continuous level; 0 where there is none."""
    knots: np.ndarray
    """Increasing values of the continuous part, shape (K,); empty where there is none."""
    heights: np.ndarray
    """The distribution function at the knots, shape (K,), from 0 to 1."""

    @property
    def exact(self) -> int:
        """How many levels are not continuous; also the code of the continuous level."""
        return len(self.atoms) + self.missing

    @property
    def size(self) -> int:
        """How many codes the column has after binning."""
        return self.exact + self.bins

    def to_place(self, numbers: np.ndarray) -> np.ndarray:
        """The distribution function of the continuous part at ``numbers``, in [TAIL, 1 - TAIL]."""
        places: np.ndarray = np.clip(np.interp(numbers, self.knots, self.heights), TAIL, 1 - TAIL)
        return places

    def to_number(self, places: np.ndarray) -> np.ndarray:
        """Its inverse, on the column's grid and inside the range that was seen."""
        clipped: np.ndarray = np.clip(self.column.snap(np.interp(places, self.heights, self.knots)), *self.ends)
        return clipped

    def cell(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The distribution function at both ends of each number's cell of the grid; equal where there is no grid.

        What :meth:`to_number` makes of the places between them is that number. A number outside the range that was seen
        counts as its end, and the cells of the ends reach to 0 and to 1: all cells together are the whole.
        """
        inside = np.clip(self.column.snap(numbers), *self.ends)
        if self.column.step is None:
            places = self.to_place(inside)
            return places, places
        half = self.column.step / 2
        low, high = (np.interp(inside + each, self.knots, self.heights) for each in (-half, half))
        return np.where(inside <= self.ends[0], 0.0, low), np.where(inside >= self.ends[1], 1.0, high)

    def slope(self, numbers: np.ndarray) -> np.ndarray:
        """The derivative of the distribution function at ``numbers``: a density in the column's own units."""
        segment = np.clip(np.searchsorted(self.knots, numbers, side="right"), 1, len(self.knots) - 1)
        slopes: np.ndarray = np.diff(self.heights)[segment - 1] / np.diff(self.knots)[segment - 1]
        return slopes

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest number of the continuous part, on the column's grid."""
        low, high = self.column.snap(self.knots[[0, -1]])
        return float(low), float(high)


def fit_levels(column: Column, values: pd.Series, config: CodecConfig, rng: np.random.Generator) -> Levels:
    """The levels of a column with these values; ``rng`` spreads grid values over their cell."""
    missing = bool(values.isna().any())
    if column.kind not in NUMERIC:
        atoms = _words(column, values)
        return Levels(column=column, atoms=atoms, missing=missing, bins=0, knots=np.empty(0), heights=np.empty(0))
    numbers = as_numbers(column.name, values, column.kind)
    numbers = numbers[~np.isnan(numbers)]
    distinct, counts = np.unique(numbers, return_counts=True)
    few = is_few(len(distinct), len(numbers), config)
    least = column.rare if few else max(len(numbers) / config.bins, 2, column.rare)  # rows of an atom
    heavy = counts >= least
    rest = numbers[~_among(numbers, distinct[heavy])]
    if few or len(distinct) - heavy.sum() < 2:  # one value is no distribution
        heavy, rest = counts >= min(column.rare, counts.max(initial=0)), rest[:0]  # the others go to the nearest atom
    knots, heights, bins = np.empty(0), np.empty(0), 0
    if len(rest):
        bins = min(config.bins, max(2, len(rest) // ROWS_PER_BIN))
        knots, heights = _distribution(_spread(column, rest, rng))
    atoms = tuple(distinct[heavy].tolist())
    return Levels(column=column, atoms=atoms, missing=missing, bins=bins, knots=knots, heights=heights)


def is_few(distinct: int, rows: int, config: CodecConfig) -> bool:
    """Whether a numeric column has so few values, each in so many rows on average, that it has levels alone."""
    return distinct <= config.max_levels and rows >= ROWS_PER_ATOM * distinct


def _words(column: Column, values: pd.Series) -> tuple[Any, ...]:
    """The distinct values of a category, unless they are too many to be one."""
    distinct = pd.Series(pd.unique(values)).dropna()  # before anything else: there may be millions of rows
    atoms = tuple(_word(column, each) for each in distinct.tolist())
    key = f"data.schema.{column.name} (geratriz fit: --schema)"
    if len(atoms) > MAX_WORDS:
        raise DataError(
            f"column {column.name!r} holds {len(atoms):,} different values, more than the {MAX_WORDS:,} that can be "
            f"learnt one by one. Put the rare ones into groups, set {key} to id if they are keys (new ones are issued "
            "then), or leave the column out."
        )
    suspicion = None if column.declared else forms.recognise(distinct, column.name)
    if suspicion is not None and suspicion.certain:
        raise DataError(
            f"column {column.name!r} looks personal: {suspicion.because}, which synthetic rows would repeat word for "
            f"word. Say what it is: set {key} to {{kind: personal, form: {suspicion.form}}} for new ones in their "
            "place, to id if they are keys, to category if they may be repeated, or leave the column out."
        )
    rows = int(values.notna().sum())
    own = not column.declared and rows >= MIN_ROWS_FOR_ID and len(atoms) > OWN_SHARE * rows
    if own and isinstance(atoms[0], str):
        raise DataError(
            f"column {column.name!r} holds {len(atoms):,} different texts in {rows:,} rows: keys, names or free "
            f"text, which synthetic rows would repeat word for word. Say what it is: set {key} to personal for new "
            "ones of the same form, to id for new keys, to category if they may be repeated, or leave the column out."
        )
    return atoms


def check_words(table: Table) -> None:
    """Whether words can be learnt as they are, before rare ones are pooled and names may look like categories.

    Raises:
        DataError: as :meth:`Codec.fit`.
    """
    for column in table.schema.learnt:
        if column.kind not in NUMERIC:
            _words(column, table.frame[column.name])


def _distribution(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An increasing piecewise linear distribution function through at most KNOTS + 1 quantiles."""
    heights = np.linspace(0, 1, min(KNOTS, len(numbers) - 1) + 1)
    knots = np.quantile(numbers, heights)
    last_of_equals = np.append(knots[1:] > knots[:-1], True)
    knots, heights = knots[last_of_equals], heights[last_of_equals]
    return knots, np.where(np.arange(len(heights)) == 0, 0.0, heights)


def _spread(column: Column, numbers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Grid values moved by up to half a step: a grid has no density, this has, and snapping undoes it exactly."""
    return numbers if column.step is None else numbers + column.step * (rng.random(len(numbers)) - 0.5)


def encode_cells(
    levels: Levels, values: pd.Series, rng: np.random.Generator, *, gaps: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The codes of a column, int32 (N,), and the quantile-normal values of its continuous cells, float32 (N,)."""
    column, rows = levels.column, len(values)
    normal = np.zeros(rows, dtype=np.float32)
    absent = values.isna().to_numpy()
    if absent.any() and not levels.missing and not gaps:
        row = int(np.flatnonzero(absent)[0])
        raise RequestError(f"column {column.name!r} is missing in row {row}, which it never was in the training data.")
    codes = np.full(rows, len(levels.atoms) if levels.missing else -1, dtype=np.int32)  # right where missing
    if column.kind not in NUMERIC:
        index = {atom: code for code, atom in enumerate(levels.atoms)}
        places, distinct = as_codes(values)
        plain = (each.item() if isinstance(each, np.generic) else each for each in distinct)
        code_of = np.array([*(index.get(each, -1) for each in plain), -1], dtype=np.int32)
        found = code_of[places]
        strange = (found < 0) & ~absent
        if strange.any():
            stranger = values.iloc[int(strange.argmax())]
            raise RequestError(
                f"column {column.name!r} holds {stranger!r}, never seen in the training data."
                f"{nearest(str(stranger), map(str, levels.atoms))}{_kept(column)}"
            )
        return np.where(absent, codes, found), normal
    numbers = as_numbers(column.name, values, column.kind)[~absent]
    spread = _spread(column, numbers, rng)
    atoms = np.array(levels.atoms, dtype=np.float64)
    place = np.searchsorted(atoms, numbers)
    at_atom = _among(numbers, atoms)
    if levels.bins:
        codes[~absent] = np.where(at_atom, place, levels.exact)
        normal[~absent] = np.where(at_atom, 0, ndtri(levels.to_place(spread)))
    elif len(atoms):  # a number between the atoms goes to the nearest
        low, high = np.clip(place - 1, 0, len(atoms) - 1), np.clip(place, 0, len(atoms) - 1)
        codes[~absent] = np.where(numbers - atoms[low] < atoms[high] - numbers, low, high)
    return codes, normal


def bin_cells(levels: Levels, codes: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """The codes of one column, its continuous cells by their quantile bin; shape (N,)."""
    if not levels.bins:
        return codes
    binned, continuous = codes.copy(), codes == levels.exact
    place = ndtr(normal[continuous].astype(np.float64))
    binned[continuous] += np.minimum((place * levels.bins).astype(np.int32), levels.bins - 1)
    return binned


def _among(numbers: np.ndarray, ascending: np.ndarray) -> np.ndarray:
    """Which ``numbers`` are among the ``ascending`` ones; np.isin would sort all of them."""
    if not len(ascending):
        return np.zeros(len(numbers), dtype=bool)
    place = np.minimum(np.searchsorted(ascending, numbers), len(ascending) - 1)
    among: np.ndarray = ascending[place] == numbers
    return among


def decode_cells(levels: Levels, codes: np.ndarray, normal: np.ndarray) -> pd.Series:
    """The inverse of :func:`encode_cells`, in the column's own dtype."""
    column = levels.column
    if column.kind not in NUMERIC:
        words = np.array([*levels.atoms, None], dtype=object)  # the code of missing is the one after the atoms
        return column.restore(pd.Series(words[codes], dtype=object))
    numbers = np.array([*levels.atoms, np.nan], dtype=np.float64)[np.minimum(codes, len(levels.atoms))]
    if levels.bins:
        continuous = codes == levels.exact
        numbers[continuous] = levels.to_number(ndtr(normal[continuous].astype(np.float64)))
    return from_numbers(column, numbers)


def condition_code(levels: Levels, wanted: Any) -> tuple[int, Any]:
    """The binned code of a wanted cell, and the cell in its own type.

    Raises:
        RequestError: it was never seen, or lies outside the range seen.
    """
    column = levels.column
    if pd.api.types.is_scalar(wanted) and pd.isna(wanted):
        if not levels.missing:
            raise RequestError(f"where asks for a missing {column.name!r}, which it never was in the training data.")
        return len(levels.atoms), None
    if column.kind not in NUMERIC:
        for code, atom in enumerate(levels.atoms):
            if atom == wanted or str(atom) == str(wanted):
                return code, atom
        raise RequestError(
            f"where asks for {column.name} = {wanted!r}, never seen in the training data."
            f"{nearest(str(wanted), map(str, levels.atoms))}{_kept(column)}"
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
        seen = ", ".join(_shown(column, each) for each in closest) or "it was always missing"
        raise RequestError(
            f"where asks for {column.name} = {wanted!r}, never seen in the training data. "
            f"Nearest: {seen}.{_kept(column)}"
        )
    low, high = levels.ends
    if not low <= number <= high:
        raise RequestError(
            f"where asks for {column.name} = {wanted!r}, outside the range of the training data, "
            f"{_shown(column, low)} to {_shown(column, high)}.{_kept(column)}"
        )
    place = levels.to_place(np.array([number]))
    code = levels.exact + min(int(place[0] * levels.bins), levels.bins - 1)
    return code, decode_cells(levels, np.array([levels.exact]), ndtri(place)).iloc[0]


def _kept(column: Column) -> str:
    if column.rare < 2:
        return ""
    return f" Values that fewer than {column.rare} rows share are not kept (data.schema.{column.name}.rare)."


def _shown(column: Column, number: float) -> str:
    return str(to_datetime(column, np.array([number])).iloc[0]) if column.kind == "datetime" else f"{number:g}"


def _word(column: Column, value: Any) -> Any:
    """A category as JSON can keep it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (str, bool, int)) or (isinstance(value, float) and np.isfinite(value)):
        return value
    raise DataError(
        f"column {column.name!r} holds a {type(value).__name__} ({value!r}); categories must be text, finite "
        "numbers or booleans. Convert it, or leave the column out."
    )
