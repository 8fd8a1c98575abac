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

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from geratriz import seeding
from geratriz.column import Column
from geratriz.errors import DataError, RequestError, nearest
from geratriz.table.data import personal
from geratriz.table.data.issued import issue_ids, replaced
from geratriz.table.data.levels import (
    TAIL,
    CodecConfig,
    Levels,
    bin_cells,
    condition_code,
    decode_cells,
    encode_cells,
    fit_levels,
)
from geratriz.table.data.schema import Schema
from geratriz.table.data.table import Table
from geratriz.table.data.twins import Twin, find_twins


@dataclass(frozen=True, slots=True)
class Encoded:
    """Cells as arrays, rows by learnt columns: int32 ``codes`` and quantile-normal float32 ``values`` (0 at atoms)."""

    codes: np.ndarray
    values: np.ndarray


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
        levels = tuple(fit_levels(column, table.frame[column.name], config, rng) for column in table.schema.learnt)
        schema, sources = replaced(table)
        return cls(schema, levels, find_twins(levels, table, rng), sources)

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
        pairs = [encode_cells(levels, table.frame[levels.column.name], rng, gaps=gaps) for levels in self.levels]
        return Encoded(np.stack([c for c, _ in pairs], axis=1), np.stack([v for _, v in pairs], axis=1))

    def decode(self, encoded: Encoded, *, first_row: int = 0, seed: int = 0) -> Table:
        """The table in ``encoded``; ids are issued from ``first_row`` on, personal values under ``seed`` as well."""
        rows = len(encoded.codes)
        learnt = {
            levels.column.name: decode_cells(levels, encoded.codes[:, i], encoded.values[:, i])
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
            return issue_ids(column, first_row, rows)
        return personal.issue(column, source, first_row, rows, seeding.generator(seed, "personal", column.name))

    def bin(self, encoded: Encoded) -> np.ndarray:
        """Codes alone, int32, rows by modelled columns: continuous cells as quantile bins of equal probability."""
        binned = np.empty((len(encoded.codes), len(self.modelled)), dtype=np.int32)
        for position, i in enumerate(self.modelled):
            binned[:, position] = bin_cells(self.levels[i], encoded.codes[:, i], encoded.values[:, i])
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
            codes, normal = encode_cells(levels, table.frame[levels.column.name], rng, gaps=False)
            if i in positions:
                binned[:, positions[i]] = bin_cells(levels, codes, normal)
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
            code, cells[name] = condition_code(self.levels[column], wanted)
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
            found[each.column.name] = decode_cells(each, codes, ends), not each.bins
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
