"""Encode columns as compact arrays and back: a code per cell, and a quantile-normal value if the cell is continuous.

Levels, atoms and continuous cells are defined in :mod:`geratriz.table.data.levels`. :meth:`Codec.bin` divides the
continuous level into quantile bins, for models over codes alone.
A column that is one-to-one with another (education and its rank) is not modelled: it is filled in from its twin, so the
two never contradict each other. Ids and personal columns are not learnt: new values are issued.
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
from geratriz.table.data.entities import entities
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
    """Cells as arrays (rows, learnt columns): int32 ``codes`` and quantile-normal float32 ``values`` (0 at atoms)."""

    codes: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, slots=True)
class Codec:
    """Converts tables of one schema to arrays and back.

    Categories, booleans, atoms and missing values are restored exactly (datetimes to the microsecond, outside of 1834
    to 2106 to the millisecond); continuous cells are restored on the column's grid, inside the observed range and as
    closely as float32 and :data:`geratriz.table.data.levels.KNOTS` knots allow.
    """

    schema: Schema
    levels: tuple[Levels, ...]
    twins: tuple[Twin, ...] = ()
    sources: Mapping[str, personal.Source] = field(default_factory=dict)
    """Source of new values for each personal column, by column name."""

    @classmethod
    def fit(cls, table: Table, config: CodecConfig, rng: np.random.Generator) -> "Codec":
        """Find the levels of every learnt column, and the sources of new values of the personal columns.

        Raises:
            ConfigError: a personal column is declared with an unknown form or locale.
            DataError: there is no column to learn; a column holds values other than text, numbers, dates or booleans,
                too many categories, or undeclared texts that look personal or are almost all different; or a personal
                column has a type for which no new values can be made.
        """
        if not table.schema.learnt:
            raise DataError(
                "every column is an id or personal: there is nothing to learn. Set data.schema.COLUMN to another kind."
            )
        owners = entities(table)
        levels = tuple(fit_levels(column, table.frame[column.name], config, owners) for column in table.schema.learnt)
        schema, sources = replaced(table)
        return cls(schema, levels, find_twins(levels, table, rng), sources)

    @property
    def modelled(self) -> tuple[int, ...]:
        """Positions, among the learnt columns, of those that are not filled in from a twin."""
        twins = {twin.column for twin in self.twins}
        return tuple(i for i in range(len(self.levels)) if i not in twins)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Codes per modelled column after binning."""
        return tuple(levels.size for levels in self.modelled_levels)

    @property
    def modelled_levels(self) -> tuple[Levels, ...]:
        """Levels of each modelled column."""
        return tuple(self.levels[i] for i in self.modelled)

    def encode(self, table: Table, rng: np.random.Generator, *, gaps: bool = False) -> Encoded:
        """Encode ``table``; ``rng`` spreads grid values over their grid cells so that they have a density.

        With ``gaps`` a cell may be missing in a column without missing training values; its code is -1.

        Raises:
            RequestError: the training data did not have a category or, without ``gaps``, missing values in a column.
        """
        pairs = [encode_cells(levels, table.frame[levels.column.name], rng, gaps=gaps) for levels in self.levels]
        return Encoded(np.stack([c for c, _ in pairs], axis=1), np.stack([v for _, v in pairs], axis=1))

    def decode(self, encoded: Encoded, *, first_row: int = 0, seed: int = 0) -> Table:
        """Decode to a table; ids are issued from ``first_row`` on, and personal values from there under ``seed``."""
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
        """Codes, int32 (rows, modelled columns), with continuous cells as quantile bins of equal probability."""
        binned = np.empty((len(encoded.codes), len(self.modelled)), dtype=np.int32)
        for position, i in enumerate(self.modelled):
            binned[:, position] = bin_cells(self.levels[i], encoded.codes[:, i], encoded.values[:, i])
        return binned

    def codes(self, table: Table, rng: np.random.Generator) -> np.ndarray:
        """Result of :meth:`encode` and :meth:`bin`, computed column by column in little memory.

        Shape (N, modelled columns), int16 if the number of levels allows it, otherwise int32.

        Raises:
            RequestError: as :meth:`encode`.
        """
        small = np.int16 if max(self.sizes) <= np.iinfo(np.int16).max else np.int32
        binned = np.empty((len(table), len(self.modelled)), dtype=small)
        positions = {i: position for position, i in enumerate(self.modelled)}
        for i, levels in enumerate(self.levels):  # twins too, so that the random stream does not depend on them
            codes, normal = encode_cells(levels, table.frame[levels.column.name], rng, gaps=False)
            if i in positions:
                binned[:, positions[i]] = bin_cells(levels, codes, normal)
        return binned

    def unbin(self, binned: np.ndarray, rng: np.random.Generator) -> Encoded:
        """Inverse of :meth:`bin`: draws a uniform position inside each bin and fills in twins."""
        codes = np.zeros((len(binned), len(self.levels)), dtype=np.int32)
        codes[:, self.modelled] = binned
        for twin in self.twins:
            codes[:, twin.column] = np.array(twin.codes)[codes[:, twin.of]]
        values = np.zeros(codes.shape, dtype=np.float32)
        for i, levels in enumerate(self.levels):
            if levels.bins:
                spread = rng.random(len(codes))  # drawn for all rows: the stream does not depend on the codes
                continuous = codes[:, i] >= levels.exact
                probability = (codes[continuous, i] - levels.exact + spread[continuous]) / levels.bins
                values[continuous, i] = ndtri(np.clip(probability, TAIL, 1 - TAIL))
                codes[continuous, i] = levels.exact
        return Encoded(codes, values)

    def condition(self, where: Mapping[str, Any]) -> tuple[dict[int, int], dict[str, Any]]:
        """Encode conditions: {position among the modelled columns: binned code}, {column name: value in its own type}.

        Raises:
            RequestError: a column is not learnt, a value was never observed or is outside the observed range, or two
                values never occur together.
        """
        names = [levels.column.name for levels in self.levels]
        twins = {twin.column: twin for twin in self.twins}
        codes: dict[int, int] = {}
        cells = {}
        for name, wanted in where.items():
            if name not in names and name in self.schema.names:
                raise RequestError(
                    f"where names {name!r}, which the generator did not learn: its kind is {self.schema[name].kind}, "
                    f"so its values are new.{nearest('', names)}"
                )
            if name not in names:
                raise RequestError(f"where names {name!r}, which the generator did not learn.{nearest(name, names)}")
            column = names.index(name)
            code, cells[name] = condition_code(self.levels[column], wanted)
            if column in twins:
                column, code = twins[column].of, twins[column].codes.index(code)
            position = self.modelled.index(column)
            if codes.setdefault(position, code) != code:
                raise RequestError(
                    f"where asks for {name} = {wanted!r} with another {names[column]}: they never occur together."
                )
        return codes, cells

    def values(self) -> dict[str, tuple[pd.Series, bool]]:
        """Levels and range ends of each learnt column, and whether these are all of its values, by column name."""
        found = {}
        for levels in self.levels:
            codes = np.append(np.arange(levels.exact), [levels.exact] * 2 if levels.bins else []).astype(np.int64)
            ends = np.where(np.arange(len(codes)) == levels.exact, -np.inf, np.inf)
            found[levels.column.name] = decode_cells(levels, codes, ends), not levels.bins
        return found

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON mapping and arrays of the codec; :meth:`from_state` is the inverse."""
        head = {
            "schema": self.schema.to_json(),
            "levels": [{"atoms": list(item.atoms), "missing": item.missing, "bins": item.bins} for item in self.levels],
            "twins": [{"column": twin.column, "of": twin.of, "codes": list(twin.codes)} for twin in self.twins],
            "personal": {name: source.to_json() for name, source in self.sources.items()},
        }
        arrays = {}
        for i, levels in enumerate(self.levels):
            if levels.bins:
                arrays[f"codec.{i}.knots"], arrays[f"codec.{i}.heights"] = levels.knots, levels.heights
        return head, arrays

    @classmethod
    def from_state(cls, head: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Codec":
        """Rebuild a codec from the result of :meth:`to_state`.

        Every level is decoded once, so that a state that was edited fails here and not while rows are drawn.
        """
        schema = Schema.from_json(head["schema"])
        levels = tuple(
            Levels(
                column=column,
                atoms=tuple(content["atoms"]),
                missing=content["missing"],
                bins=content["bins"],
                knots=arrays.get(f"codec.{i}.knots", np.empty(0)),
                heights=arrays.get(f"codec.{i}.heights", np.empty(0)),
            )
            for i, (column, content) in enumerate(zip(schema.learnt, head["levels"], strict=True))
        )
        for level in levels:
            if not isinstance(level.missing, bool) or not isinstance(level.bins, int) or level.bins < 0:
                raise ValueError(f"column {level.column.name!r} has missing {level.missing!r} and bins {level.bins!r}.")
            codes = np.arange(level.exact + bool(level.bins))
            decode_cells(level, codes, np.linspace(-3, 3, len(codes), dtype=np.float32))
        twins = tuple(Twin(twin["column"], twin["of"], tuple(twin["codes"])) for twin in head["twins"])
        sources = {name: personal.Source.from_json(source) for name, source in head.get("personal", {}).items()}
        return cls(schema, levels, twins, sources)
