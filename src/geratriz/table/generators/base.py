"""Base of the generators of tables: values that few rows share are not learnt, and rows keep the rules.

The contract of all generators is in fitting/generator.py. This module adds the parts that are specific to tables:
protection before a fit, the codec around it, and rows drawn again until every one keeps the rules.
"""

import abc
import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar, final

import numpy as np
import pandas as pd

from geratriz import seeding
from geratriz.bundle import Bundle
from geratriz.errors import BundleError, RequestError, TrainingError
from geratriz.fitting.generator import Fitted
from geratriz.fitting.record import FitRun, Record
from geratriz.table.data.checks import NOT_NULL
from geratriz.table.data.codec import Codec, Encoded
from geratriz.table.data.levels import check_categories
from geratriz.table.data.protect import pooled, protect
from geratriz.table.data.rules import Rules
from geratriz.table.data.schema import Schema
from geratriz.table.data.split import row_hashes
from geratriz.table.data.table import Table
from geratriz.tracking import Tracker

BLOCK = 8192  # rows per block when sampling; changing it changes the data of every seed
MAX_ATTEMPTS = 50  # blocks drawn for one block whose rows all keep the rules
MAX_EMPTY_ATTEMPTS = 10  # blocks drawn without any row that keeps the rules, after which sampling gives up

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Generator(Fitted[Table, C]):
    """A fitted generator of tables. Build one with :meth:`fit` or :meth:`load`.

    In addition to the contract of :class:`Fitted`, values that few rows share are not learnt, and every row drawn keeps
    the rules that the generator was fitted with.
    """

    block: ClassVar[int] = BLOCK
    unit: ClassVar[str] = "rows"

    codec: Codec
    rules: Rules = dataclasses.field(default=Rules(), kw_only=True)
    """Rules that are checked for every row drawn; those that hold by construction are left out."""

    @final
    @property
    def schema(self) -> Schema:
        """Schema of the training data and of the tables drawn."""
        return self.codec.schema

    @final
    def acceptance(self, *, seed: int, where: Mapping[str, Any] | None = None) -> float:
        """Return the share of the first block's rows that keep all rules as drawn; the others are drawn again.

        Raises:
            RequestError: ``where`` has a value that was never seen.
        """
        if not self.rules:
            return 1.0
        codes, cells = self.codec.condition(where or {})
        return float(self.rules.holds(self._drawn(0, seeding.derive(seed, "block", 0), codes, cells).frame).mean())

    @classmethod
    def _fingerprint(cls, data: Table) -> str:
        return hashlib.sha256(row_hashes(data.frame).tobytes()).hexdigest()

    @classmethod
    def _learn(cls, data: Table, config: C, run: FitRun, *, rules: Rules | None = None, **terms: Any) -> Self:
        """Fit to ``data`` without values that few rows share (:func:`protect`), under ``rules`` that its rows keep.

        Rules about ids and personal columns, whose values are newly generated, are left out and noted to the tracker.

        Raises:
            DataError: the rows break a rule.
            TrainingError: the rows drawn do not keep the rules.
        """
        if terms:
            raise TypeError(f"{cls.kind} takes no {', '.join(terms)}.")
        inside, outside = (rules or Rules()).partition(column.name for column in data.schema.learnt)
        inside.require(data.frame)
        check_categories(data)
        protected = protect(data, run.seed, config.codec)  # type: ignore[attr-defined]
        if words := pooled(data, protected):
            run.tracker.note(f"words too rare to be repeated are replaced by others (column, rows): {words}")
        with seeding.scope(run.seed):
            generator = cls._fit(protected, config, run)
        if unchecked := [str(rule) for rule in outside.rules if rule.type != NOT_NULL]:
            run.tracker.note(f"rules about newly generated columns are left out: {'; '.join(unchecked)}")
        return generator._under(inside, run.tracker) if inside else generator

    def _condition(self, where: Mapping[str, Any]) -> tuple[dict[int, int], dict[str, Any]]:
        return self.codec.condition(where)

    def _under(self, rules: Rules, tracker: Tracker) -> Self:
        """Return this generator under ``rules``, after checking that it can keep them."""
        bound = dataclasses.replace(self, rules=rules.narrowed(self.schema, self.codec.values()))
        seed = seeding.derive(self.record.seed, "block", 0)
        try:
            bound._block(0, BLOCK, seed, ({}, {}))
        except RequestError as problem:
            raise TrainingError(f"{self.kind} was fitted, but does not keep the rules: {problem}") from None
        drawn = bound._drawn(0, seed, {}, {}).frame
        share, broken = bound.rules.holds(drawn).mean(), bound.rules.broken(drawn)
        worst = "".join(f"; broken by {part:.2%}: {rule}" for rule, part in broken.items())
        tracker.note(f"{share:.2%} of the rows drawn keep the {len(rules)} rules, the others are drawn again{worst}")
        return bound

    def _block(self, first: int, end: int, seed: int, condition: tuple[Mapping[int, int], Mapping[str, Any]]) -> Table:
        """Draw the block that starts with row ``first``; of its rows, those before ``end`` keep the rules.

        Rows that break a rule are replaced, in order, by rows that keep the rules from further blocks, each drawn from
        a seed of its own.
        """
        codes, cells = condition
        table = self._drawn(first, seed, codes, cells)
        gaps = np.flatnonzero(~self.rules.holds(table.frame[:end]))
        if not len(gaps):
            return table
        learnt = [column.name for column in self.schema.learnt]  # newly generated values stay in their rows
        frames, places, rows = [table.frame[learnt]], np.arange(BLOCK), BLOCK
        for attempt in range(1, MAX_ATTEMPTS):
            again = self._drawn(first, seeding.derive(seed, "again", attempt), codes, cells).frame
            good = np.flatnonzero(self.rules.holds(again))[: len(gaps)]
            places[gaps[: len(good)]] = rows + np.arange(len(good))
            frames.append(again[learnt].iloc[good])
            gaps, rows = gaps[len(good) :], rows + len(good)
            if not len(gaps):
                filled = pd.concat(frames, ignore_index=True).take(places).reset_index(drop=True)
                return Table(table.frame.assign(**{name: filled[name] for name in learnt}), self.schema)
            if attempt == MAX_EMPTY_ATTEMPTS and len(gaps) == end:
                break
        broken = "; ".join(f"{rule} (by {share:.2%})" for rule, share in self.rules.broken(again).items())
        raise RequestError(
            f"of {(attempt + 1) * BLOCK:,} rows drawn {end - len(gaps):,} keep every rule, and {end:,} are needed. The "
            f"last {BLOCK:,} broke: {broken}. Loosen these rules in the contract"
            f"{', use fewer conditions in where' if cells else ''}, or fit a generator that learns the table better "
            "(more rounds, another algorithm)."
        )

    def _drawn(self, first: int, seed: int, codes: Mapping[int, int], cells: Mapping[str, Any]) -> Table:
        rng = np.random.default_rng(seed)
        with seeding.scope(seed):
            encoded = self._encoded(BLOCK, rng, codes, cells)
        table = self.codec.decode(encoded, first_row=first, seed=seed)
        for name, value in cells.items():  # a binned column gets exactly the requested value
            column = self.schema[name]
            table.frame[name] = column.restore(pd.Series([value] * BLOCK, dtype=object if value is None else None))
        return Table(self.rules.fill(table.frame, self.schema, fixed=cells), self.schema)

    def _saved(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        codec, codec_arrays = self.codec.to_state()
        meta, arrays = self._state()
        rules = {"rules": self.rules.to_json()} if self.rules else {}
        return {**rules, "codec": codec, "meta": meta}, {**codec_arrays, **arrays}

    @classmethod
    def _restored(cls, config: C, record: Record, saved: Bundle) -> Self:
        codec = Codec.from_state(saved.head["codec"], saved.arrays)
        try:
            rules = Rules.from_json(saved.head.get("rules", ()))
        except ValueError as problem:
            raise BundleError(
                f"the bundle has a rule that this version does not know: {problem}. Upgrade geratriz."
            ) from None
        own = cls._from_state(config, codec, saved.head["meta"], saved.arrays)
        return cls(config, record, codec, *own, rules=rules)

    @abc.abstractmethod
    def _encoded(
        self, rows: int, rng: np.random.Generator, codes: Mapping[int, int], cells: Mapping[str, Any]
    ) -> Encoded:
        """Draw ``rows`` rows with the required binned ``codes`` by position, given by name in ``cells``."""

    @staticmethod
    @abc.abstractmethod
    def _from_state(
        config: Any, codec: Codec, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> tuple[Any, ...]:
        """Return the generator's own fields, in order, from the result of :meth:`_state`."""


@dataclass(frozen=True, slots=True)
class CodeGenerator(Generator[C]):
    """Base of generators over codes alone, for which numbers of many values are quantile bins."""

    def _encoded(
        self, rows: int, rng: np.random.Generator, codes: Mapping[int, int], cells: Mapping[str, Any]
    ) -> Encoded:
        return self.codec.unbin(self._sample(rows, rng, codes), rng)

    @abc.abstractmethod
    def _sample(self, rows: int, rng: np.random.Generator, codes: Mapping[int, int]) -> np.ndarray:
        """Draw binned codes, (rows, modelled columns), with the required ``codes`` by position."""
