"""Columns to compact arrays and back: a code for every cell, and a quantile-normal value where it is continuous.

Every learnt column has *levels*. A column of few values has one level a value (an *atom*). A numeric column of many
values keeps its heavy values as atoms and has one level more, *continuous*; the place of such a cell in the column's
distribution function is its value, mapped to a standard normal. A number that fewer rows have than the
column's ``rare`` is no atom: among few values it counts as the nearest that is one. Missing is a level like any other,
so its pattern is part of what is learnt. :meth:`Codec.bin` cuts the continuous level into quantile bins, for models
over codes alone.
A column that says the same as another one (education and its rank) is not modelled twice: it is filled in from its
twin, so that the two never contradict each other. Ids and personal columns are not learnt: new values are issued.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from geratriz import seeding
from geratriz.data import forms, personal
from geratriz.data.schema import MIN_ROWS_FOR_ID, NUMERIC, Column, Schema, as_codes, as_numbers
from geratriz.data.split import row_hashes
from geratriz.data.table import Table
from geratriz.errors import DataError, RequestError, nearest

KNOTS = 1024  # resolution of a column's distribution function: KS error of at most 1 / KNOTS
ROWS_PER_ATOM = 5  # a value seen less often on average says little by itself: the column is taken as continuous
ROWS_PER_BIN = 20
ROWS_PER_LEVEL = 20  # in fewer rows a level, two columns may be one-to-one by chance
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


@dataclass(frozen=True, slots=True)
class Encoded:
    """Cells as arrays, rows by learnt columns: int32 ``codes`` and quantile-normal float32 ``values`` (0 at atoms)."""

    codes: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, slots=True)
class Twin:
    """A column that is filled in from another: each level of either goes with exactly one level of the other."""

    column: int
    of: int
    """Both are positions among the learnt columns."""
    codes: tuple[int, ...]
    """The column's code for each code of its twin."""


@dataclass(frozen=True, slots=True)
class Codec:
    """Turns tables of one schema into arrays and back.

    Categories, booleans, atoms and missing values come back exactly (moments to the microsecond, outside of 1834 to
    2106 to the millisecond); continuous cells come back on the column's grid, inside the range that was seen and as
    near as float32 and :data:`KNOTS` knots allow.
    """

    schema: Schema
    levels: tuple[Levels, ...]
    twins: tuple[Twin, ...] = ()
    sources: Mapping[str, personal.Source] = field(default_factory=dict)
    """Of the new values of each personal column, by its name."""

    @classmethod
    def fit(cls, table: Table, config: CodecConfig, rng: np.random.Generator) -> "Codec":
        """Read off the levels of every learnt column, and find new values for the personal ones.

        Raises:
            ConfigError: a personal column is declared with a form or locale that is not known.
            DataError: there is no column to learn; one holds values that are no words, numbers, dates or booleans, more
                than :data:`MAX_WORDS` categories, or texts that look personal or are almost all different and were not
                declared; or a personal one has values of a type that there are no new ones of.
        """
        if not table.schema.learnt:
            raise DataError(
                "every column is an id or personal: there is nothing to learn. Set data.schema.COLUMN to another kind."
            )
        levels = tuple(_fit(column, table.frame[column.name], config, rng) for column in table.schema.learnt)
        schema, sources = _replaced(table)
        return cls(schema, levels, _twins(levels, table, rng), sources)

    @property
    def modelled(self) -> tuple[int, ...]:
        """Positions, among the learnt columns, of those that are no twin of another."""
        twins = {twin.column for twin in self.twins}
        return tuple(i for i in range(len(self.levels)) if i not in twins)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Codes per modelled column after binning."""
        return tuple(each.size for each in self.modelled_levels)

    @property
    def modelled_levels(self) -> tuple[Levels, ...]:
        """The levels of each modelled column."""
        return tuple(self.levels[i] for i in self.modelled)

    def encode(self, table: Table, rng: np.random.Generator, *, gaps: bool = False) -> Encoded:
        """Arrays for ``table``; ``rng`` spreads grid values over their cell so that they have a density.

        With ``gaps`` a cell may be missing where none ever was; its code is -1.

        Raises:
            RequestError: a category was not seen when the codec was fitted, or, without ``gaps``, a missing value.
        """
        pairs = [_encode(levels, table.frame[levels.column.name], rng, gaps=gaps) for levels in self.levels]
        return Encoded(np.stack([c for c, _ in pairs], axis=1), np.stack([v for _, v in pairs], axis=1))

    def decode(self, encoded: Encoded, *, first_row: int = 0, seed: int = 0) -> Table:
        """The table in ``encoded``; ids are issued from ``first_row`` on, personal values under ``seed`` as well."""
        rows = len(encoded.codes)
        learnt = {
            levels.column.name: _decode(levels, encoded.codes[:, i], encoded.values[:, i])
            for i, levels in enumerate(self.levels)
        }
        columns = {
            column.name: learnt[column.name] if column.name in learnt else self._issue(column, first_row, rows, seed)
            for column in self.schema.columns
        }
        return Table(pd.DataFrame(columns), self.schema)

    def _issue(self, column: Column, first_row: int, rows: int, seed: int) -> pd.Series:
        source = self.sources.get(column.name)
        if source is None:
            return _issue(column, first_row, rows)
        return personal.issue(column, source, first_row, rows, seeding.generator(seed, "personal", column.name))

    def bin(self, encoded: Encoded) -> np.ndarray:
        """Codes alone, int32, rows by modelled columns: continuous cells as quantile bins of equal probability."""
        binned = np.empty((len(encoded.codes), len(self.modelled)), dtype=np.int32)
        for position, i in enumerate(self.modelled):
            binned[:, position] = _bin(self.levels[i], encoded.codes[:, i], encoded.values[:, i])
        return binned

    def codes(self, table: Table, rng: np.random.Generator) -> np.ndarray:
        """What :meth:`bin` makes of what :meth:`encode` gives, column by column and in as few bytes as will do.

        Shape (N, modelled columns), int16 where no column has too many levels for it, else int32.

        Raises:
            RequestError: as :meth:`encode`.
        """
        small = np.int16 if max(self.sizes) <= np.iinfo(np.int16).max else np.int32
        binned = np.empty((len(table), len(self.modelled)), dtype=small)
        positions = {i: position for position, i in enumerate(self.modelled)}
        for i, levels in enumerate(self.levels):  # twins too: what is drawn from rng does not depend on them
            codes, normal = _encode(levels, table.frame[levels.column.name], rng, gaps=False)
            if i in positions:
                binned[:, positions[i]] = _bin(levels, codes, normal)
        return binned

    def unbin(self, binned: np.ndarray, rng: np.random.Generator) -> Encoded:
        """The inverse of :meth:`bin`, a place drawn uniformly inside each bin, twins filled in."""
        codes = np.zeros((len(binned), len(self.levels)), dtype=np.int32)
        codes[:, self.modelled] = binned
        for twin in self.twins:
            codes[:, twin.column] = np.array(twin.codes)[codes[:, twin.of]]
        values = np.zeros(codes.shape, dtype=np.float32)
        for i, levels in enumerate(self.levels):
            if levels.bins:
                spread = rng.random(len(codes))  # drawn for all rows: the stream does not depend on the codes
                continuous = codes[:, i] >= levels.exact
                place = (codes[continuous, i] - levels.exact + spread[continuous]) / levels.bins
                values[continuous, i] = ndtri(np.clip(place, TAIL, 1 - TAIL))
                codes[continuous, i] = levels.exact
        return Encoded(codes, values)

    def condition(self, where: Mapping[str, Any]) -> tuple[dict[int, int], dict[str, Any]]:
        """Wanted cells as ({position among the modelled columns: binned code}, {column name: value in its own type}).

        Raises:
            RequestError: a column that is not learnt, a value that was never seen or lies outside the range seen, or
                two values that never go together.
        """
        names = [levels.column.name for levels in self.levels]
        twins = {twin.column: twin for twin in self.twins}
        codes: dict[int, int] = {}
        cells = {}
        for name, wanted in where.items():
            if name not in names and name in self.schema.names:
                raise RequestError(
                    f"where names {name!r}, which is no column the generator learnt: its kind is "
                    f"{self.schema[name].kind}, and its values are made anew.{nearest('', names)}"
                )
            if name not in names:
                raise RequestError(
                    f"where names {name!r}, which is no column the generator learnt.{nearest(name, names)}"
                )
            column = names.index(name)
            code, cells[name] = _condition(self.levels[column], wanted)
            if column in twins:
                column, code = twins[column].of, twins[column].codes.index(code)
            position = self.modelled.index(column)
            if codes.setdefault(position, code) != code:
                raise RequestError(
                    f"where asks for {name} = {wanted!r} beside another {names[column]}: they never meet."
                )
        return codes, cells

    def values(self) -> dict[str, tuple[pd.Series, bool]]:
        """By learnt column: its levels and the two ends of its range, and whether these are all the values it has."""
        found = {}
        for each in self.levels:
            codes = np.append(np.arange(each.exact), [each.exact] * 2 if each.bins else []).astype(np.int64)
            ends = np.where(np.arange(len(codes)) == each.exact, -np.inf, np.inf)
            found[each.column.name] = _decode(each, codes, ends), not each.bins
        return found

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The codec as JSON and arrays; :meth:`from_state` is its inverse."""
        head = {
            "schema": self.schema.to_json(),
            "levels": [{"atoms": list(each.atoms), "missing": each.missing, "bins": each.bins} for each in self.levels],
            "twins": [{"column": each.column, "of": each.of, "codes": list(each.codes)} for each in self.twins],
            "personal": {name: each.to_json() for name, each in self.sources.items()},
        }
        arrays = {}
        for i, each in enumerate(self.levels):
            if each.bins:
                arrays[f"codec.{i}.knots"], arrays[f"codec.{i}.heights"] = each.knots, each.heights
        return head, arrays

    @classmethod
    def from_state(cls, head: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Codec":
        """Rebuild what :meth:`to_state` gave."""
        schema = Schema.from_json(head["schema"])
        levels = tuple(
            Levels(
                column=column,
                atoms=tuple(each["atoms"]),
                missing=each["missing"],
                bins=each["bins"],
                knots=arrays.get(f"codec.{i}.knots", np.empty(0)),
                heights=arrays.get(f"codec.{i}.heights", np.empty(0)),
            )
            for i, (column, each) in enumerate(zip(schema.learnt, head["levels"], strict=True))
        )
        twins = tuple(Twin(each["column"], each["of"], tuple(each["codes"])) for each in head["twins"])
        sources = {name: personal.Source.from_json(each) for name, each in head.get("personal", {}).items()}
        return cls(schema, levels, twins, sources)


def _replaced(table: Table) -> tuple[Schema, dict[str, personal.Source]]:
    """The schema of new tables, without a value of an id or a personal column, and what the latter are made from."""
    columns, sources, secret = [], {}, b""
    for column in table.schema.columns:
        values = table.frame[column.name]
        if column.kind == "id" and column.dtype == "category":  # new keys are no set: they come back as what they are
            column = dataclasses.replace(column, dtype=str(values.cat.categories.dtype), categories=None, ordered=False)
        if column.kind == "personal":
            secret = secret or row_hashes(table.frame).tobytes()
            key = hashlib.sha256(f"personal/{column.name}/".encode() + secret).digest()
            column, sources[column.name] = personal.fit(column, values, int.from_bytes(key, "big"))
        columns.append(column)
    return Schema(columns=tuple(columns), target=table.schema.target), sources


def _fit(column: Column, values: pd.Series, config: CodecConfig, rng: np.random.Generator) -> Levels:
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


def _twins(levels: tuple[Levels, ...], table: Table, rng: np.random.Generator) -> tuple[Twin, ...]:
    """Later columns that are one-to-one with an earlier one in every row, all levels exact."""
    most = len(table) // ROWS_PER_LEVEL
    alike: dict[int, list[int]] = {}  # columns by their number of levels
    for i, each in enumerate(levels):
        if not each.bins and 2 <= each.size <= most:
            alike.setdefault(each.size, []).append(i)
    found: dict[int, Twin] = {}
    for size, columns in alike.items():
        codes = {}
        for j in columns if len(columns) > 1 else ():
            codes[j] = _encode(levels[j], table.frame[levels[j].column.name], rng, gaps=False)[0]
            for i in (i for i in codes if i != j and i not in found):
                of_each = _one_to_one(codes[i], codes[j], size)
                if of_each is not None:
                    found[j] = Twin(j, i, of_each)
                    break
    return tuple(found[j] for j in sorted(found))


def _one_to_one(codes: np.ndarray, others: np.ndarray, size: int) -> tuple[int, ...] | None:
    """The other code of each of ``size`` codes; None where one has several, or none, or two have the same."""
    for rows in (slice(1000), slice(None)):  # most columns part in the first rows
        of_each = np.full(size, -1)
        of_each[codes[rows]] = others[rows]
        if (of_each[codes[rows]] != others[rows]).any():
            return None
    return tuple(of_each.tolist()) if len(np.unique(of_each)) == size and of_each.min() >= 0 else None


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


def _encode(
    levels: Levels, values: pd.Series, rng: np.random.Generator, *, gaps: bool
) -> tuple[np.ndarray, np.ndarray]:
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


def _bin(levels: Levels, codes: np.ndarray, normal: np.ndarray) -> np.ndarray:
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


def _decode(levels: Levels, codes: np.ndarray, normal: np.ndarray) -> pd.Series:
    column = levels.column
    if column.kind not in NUMERIC:
        words = np.array([*levels.atoms, None], dtype=object)  # the code of missing is the one after the atoms
        return column.restore(pd.Series(words[codes], dtype=object))
    numbers = np.array([*levels.atoms, np.nan], dtype=np.float64)[np.minimum(codes, len(levels.atoms))]
    if levels.bins:
        continuous = codes == levels.exact
        numbers[continuous] = levels.to_number(ndtr(normal[continuous].astype(np.float64)))
    return from_numbers(column, numbers)


def from_numbers(column: Column, numbers: np.ndarray) -> pd.Series:
    """The inverse of :func:`geratriz.data.schema.as_numbers`, in the column's own dtype; NaN becomes missing."""
    if column.kind == "datetime":
        return _to_datetime(column, numbers)
    return column.restore(pd.Series(numbers))


def as_shown(column: Column, numbers: np.ndarray) -> np.ndarray:
    """``numbers`` as they come back from the column: on its grid, in its precision.

    0.1 + 0.2 is the number 0.3 there, a short float another one beside its decimals, a far date of whole microseconds.
    """
    return column.snap(as_numbers(column.name, from_numbers(column, numbers), column.kind))


def _to_datetime(column: Column, seconds: np.ndarray) -> pd.Series:
    present = ~np.isnan(seconds)
    stamps = np.full(len(seconds), "NaT", dtype="datetime64[us]")  # nanoseconds would end in 2262
    stamps[present] = np.round(seconds[present] * 1e6).astype(np.int64).astype("datetime64[us]")
    moments = pd.Series(stamps).dt.tz_localize("UTC")
    if column.dtype.startswith("datetime64") and "," not in column.dtype:
        moments = moments.dt.tz_localize(None)
    elif not column.dtype.startswith("datetime64"):  # dates that were text stay text
        form = "%Y-%m-%d" if column.step == 86400.0 else "%Y-%m-%dT%H:%M:%S" + (".%f" if column.step is None else "")
        moments = moments.dt.strftime(form).astype(object)
    return column.restore(moments)


def _issue(column: Column, first_row: int, rows: int) -> pd.Series:
    """New ids: row numbers from 1, as text behind the column's name where ids are text."""
    numbers = pd.Series(np.arange(first_row + 1, first_row + rows + 1))
    if column.dtype.lower().startswith(("int", "uint", "float")):
        return column.restore(numbers)
    return column.restore(column.name + "-" + numbers.astype(str).str.zfill(9))


def _condition(levels: Levels, wanted: Any) -> tuple[int, Any]:
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
        return code, _decode(levels, np.array([code]), np.zeros(1)).iloc[0]
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
    return code, _decode(levels, np.array([levels.exact]), ndtri(place)).iloc[0]


def _kept(column: Column) -> str:
    if column.rare < 2:
        return ""
    return f" Values that fewer than {column.rare} rows share are not kept (data.schema.{column.name}.rare)."


def _shown(column: Column, number: float) -> str:
    return str(_to_datetime(column, np.array([number])).iloc[0]) if column.kind == "datetime" else f"{number:g}"


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
