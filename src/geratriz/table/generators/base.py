"""The contract of every table generator: data in, data of the same type out; a generator you hold is fitted.

``fit`` and ``load`` are the only ways to get one. They, ``sample``, ``blocks`` and ``save`` are written once, here;
an algorithm writes the hooks below them. What is promised, and tested for every entry of the catalog:

- ``sample(n)`` has the training table's schema, column order and dtypes, and n rows;
- equal data, config, seed and thread count give equal bytes; another seed gives another table;
- sampling changes nothing, neither the generator nor global random state;
- values that few rows share are not learnt, and the rules it was given hold in every row it draws;
- a saved generator, loaded, samples equal bytes; its files never run code;
- rows come in blocks seeded by (seed, block), always computed whole and then cut: any range can be drawn alone.
"""

import abc
import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar, final

import numpy as np
import pandas as pd

from geratriz import bundle, seeding
from geratriz.data.codec import Codec, Encoded, check_words
from geratriz.data.protect import pooled, protect
from geratriz.data.rules import NOT_NULL, Rules
from geratriz.data.schema import Schema
from geratriz.data.split import row_hashes
from geratriz.data.table import Table
from geratriz.errors import BundleError, RequestError, TrainingError
from geratriz.generators._fit import Fit, Progress, Record, interruptible, saved, settings, whole
from geratriz.tracking import NullTracker, Tracker, Trackers

BLOCK = 8192  # rows computed together when sampling; a change changes what every seed gives
ATTEMPTS = 50  # blocks drawn, at most, for one whose rows all keep the rules
HOPELESS = 10  # blocks drawn without a row that does

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Generator(abc.ABC, Generic[C]):
    """A fitted generator of tables. Build one with :meth:`fit` or :meth:`load`."""

    kind: ClassVar[str]
    """Its name in params.yaml, on the command line and on disk."""
    config_cls: ClassVar[type[Any]]
    """Its settings: a frozen dataclass that holds every default."""

    config: C
    codec: Codec
    record: Record
    rules: Rules = dataclasses.field(default=Rules(), kw_only=True)
    """What every row it draws keeps, but for what its values keep by construction."""

    @classmethod
    @final
    def fit(
        cls,
        data: Table,
        config: C | None = None,
        *,
        seed: int,
        device: str = "auto",
        tracker: Tracker | None = None,
        checkpoint: Path | None = None,
        rules: Rules | None = None,
    ) -> Self:
        """Learn the distribution of ``data``, but for values that few rows share (:func:`protect`).

        Args:
            data: the rows to learn from.
            config: settings; the defaults of ``config_cls`` when None.
            seed: of everything random. Equal data, config, seed and threads give equal generators.
            device: ``cpu``, ``cuda``, or ``auto`` for the best there is. Generators without a network ignore it.
            tracker: told of the losses while they fall.
            checkpoint: a folder to leave checkpoints in and to go on from; a fit that is cut off and run again with
                the same arguments ends in the bytes of one that never was. Emptied when the fit is done.
            rules: kept by ``data``, and to be kept by every row that is drawn. A rule about an id or a personal column
                is left out, since their values are made anew; the tracker is told.

        Raises:
            ConfigError: ``config`` is of another generator, or a rule does not fit its columns.
            DataError: the table cannot be learnt from, or breaks a rule.
            TrainingError: the fit went wrong, or the rows drawn from it do not keep the rules.
            KeyboardInterrupt: as it came, saying how far the fit got and what is kept.
        """
        chosen = settings(cls.kind, cls.config_cls, config)
        inside, outside = (rules or Rules()).among(column.name for column in data.schema.learnt)
        inside.require(data.frame)
        progress = Progress()
        run = Fit(
            seed=seed,
            device=device,
            tracker=Trackers([progress, NullTracker() if tracker is None else tracker]),
            checkpoint=checkpoint,
            data=hashlib.sha256(row_hashes(data.frame).tobytes()).hexdigest(),
        )
        with interruptible(cls.kind, progress, checkpoint):
            check_words(data)
            kept = protect(data, seed)
            if words := pooled(data, kept):
                run.tracker.note(f"words too rare to be repeated are learnt as others (column, rows): {words}")
            with seeding.scope(seed):
                generator = cls._fit(kept, chosen, run)
            if left := [str(each) for each in outside.rules if each.type != NOT_NULL]:
                run.tracker.note(f"not held to rules about columns that are made anew: {'; '.join(left)}")
            return generator._under(inside, run.tracker) if inside else generator

    @final
    @property
    def schema(self) -> Schema:
        """The schema of the tables it was fitted on and gives."""
        return self.codec.schema

    @final
    def sample(self, n: int, *, seed: int, where: Mapping[str, Any] | None = None) -> Table:
        """``n`` new rows.

        Args:
            n: how many, at least 1.
            seed: of the rows; equal seeds give equal rows.
            where: values that columns must have, such as ``{"income": ">50K"}``; the rest follows given them.

        Raises:
            RequestError: ``n`` is below 1, ``where`` asks for what was never seen, or too few rows keep the rules.
        """
        blocks = list(self.blocks(n, seed=seed, where=where))
        frame = pd.concat([block.frame for block in blocks], ignore_index=True) if len(blocks) > 1 else blocks[0].frame
        return Table(frame, self.schema)

    @final
    def blocks(self, n: int, *, seed: int, where: Mapping[str, Any] | None = None, start: int = 0) -> Iterator[Table]:
        """Rows ``start`` to ``start + n`` of the endless table that ``seed`` and ``where`` name, in bounded memory.

        Raises:
            RequestError: as :meth:`sample`, at the call's first step.
        """
        n, start = whole("n, the number of rows,", n, least=1), whole("start, the first row,", start, least=0)
        codes, cells = self.codec.condition(where or {})
        for block in range(start // BLOCK, (start + n - 1) // BLOCK + 1):
            first = block * BLOCK
            end = min(start + n - first, BLOCK)
            table = self._block(first, end, seeding.derive(seed, "block", block), codes, cells)
            yield table.take(slice(max(start - first, 0), end))

    @final
    def acceptance(self, *, seed: int, where: Mapping[str, Any] | None = None) -> float:
        """The share of the first block's rows that keep all rules as they are drawn; the others are drawn again.

        Raises:
            RequestError: ``where`` asks for what was never seen.
        """
        if not self.rules:
            return 1.0
        codes, cells = self.codec.condition(where or {})
        return float(self.rules.holds(self._drawn(0, seeding.derive(seed, "block", 0), codes, cells).frame).mean())

    def _under(self, rules: Rules, tracker: Tracker) -> Self:
        """This generator under ``rules``, once it has been seen to keep them."""
        bound = dataclasses.replace(self, rules=rules.narrowed(self.schema, self.codec.values()))
        seed = seeding.derive(self.record.seed, "block", 0)
        try:
            bound._block(0, BLOCK, seed, {}, {})
        except RequestError as problem:
            raise TrainingError(f"{self.kind} was fitted, but does not keep the rules: {problem}") from None
        drawn = bound._drawn(0, seed, {}, {}).frame
        share, broken = bound.rules.holds(drawn).mean(), bound.rules.broken(drawn)
        worst = "".join(f"; broken by {part:.2%}: {rule}" for rule, part in broken.items())
        tracker.note(f"{share:.2%} of the rows drawn keep the {len(rules)} rules, the others are drawn again{worst}")
        return bound

    def _block(self, first: int, end: int, seed: int, codes: Mapping[int, int], cells: Mapping[str, Any]) -> Table:
        """The block that starts with row ``first``; of its rows, those before ``end`` keep the rules.

        Whole blocks are drawn again, each from a seed of its own, and their rows that keep the rules take the places of
        those that do not, in order.
        """
        table = self._drawn(first, seed, codes, cells)
        gaps = np.flatnonzero(~self.rules.holds(table.frame[:end]))
        if not len(gaps):
            return table
        learnt = [column.name for column in self.schema.learnt]  # what is made anew stays where it is
        frames, places, rows = [table.frame[learnt]], np.arange(BLOCK), BLOCK
        for attempt in range(1, ATTEMPTS):
            again = self._drawn(first, seeding.derive(seed, "again", attempt), codes, cells).frame
            good = np.flatnonzero(self.rules.holds(again))[: len(gaps)]
            places[gaps[: len(good)]] = rows + np.arange(len(good))
            frames.append(again[learnt].iloc[good])
            gaps, rows = gaps[len(good) :], rows + len(good)
            if not len(gaps):
                kept = pd.concat(frames, ignore_index=True).take(places).reset_index(drop=True)
                return Table(table.frame.assign(**{name: kept[name] for name in learnt}), self.schema)
            if attempt == HOPELESS and len(gaps) == end:
                break
        broken = "; ".join(f"{rule} (by {share:.2%})" for rule, share in self.rules.broken(again).items())
        raise RequestError(
            f"of {(attempt + 1) * BLOCK:,} rows drawn {end - len(gaps):,} keep every rule, and {end:,} are needed. The "
            f"last {BLOCK:,} broke: {broken}. Loosen these rules in the contract"
            f"{', ask for less in where' if cells else ''}, or fit a generator that learns the table better (more "
            "rounds, another kind)."
        )

    def _drawn(self, first: int, seed: int, codes: Mapping[int, int], cells: Mapping[str, Any]) -> Table:
        rng = np.random.default_rng(seed)
        with seeding.scope(seed):
            encoded = self._encoded(BLOCK, rng, codes, cells)
        table = self.codec.decode(encoded, first_row=first, seed=seed)
        for name, value in cells.items():  # a binned column comes back as the very value asked for
            column = self.schema[name]
            table.frame[name] = column.restore(pd.Series([value] * BLOCK, dtype=object if value is None else None))
        return Table(self.rules.fill(table.frame, self.schema, fixed=cells), self.schema)

    @final
    def save(self, folder: Path | str) -> None:
        """Write the generator as a bundle (JSON and safetensors) into ``folder``."""
        codec_head, codec_arrays = self.codec.to_state()
        meta, arrays = self._state()
        head = {
            **({"rules": self.rules.to_json()} if self.rules else {}),
            "config": dataclasses.asdict(self.config),  # type: ignore[call-overload]
            "codec": codec_head,
            "meta": meta,
            "record": dataclasses.asdict(self.record),
        }
        bundle.write(Path(folder), kind=self.kind, head=head, arrays={**codec_arrays, **arrays})

    @classmethod
    @final
    def load(cls, folder: Path | str) -> Self:
        """Read a bundle that :meth:`save` wrote.

        Raises:
            BundleError: it is missing, damaged, of a newer format or of another kind of generator.
        """
        config, record, found = saved(Path(folder), cls.kind, cls.config_cls)
        codec = Codec.from_state(found.head["codec"], found.arrays)
        try:
            rules = Rules.from_json(found.head.get("rules", ()))
        except ValueError as problem:
            raise BundleError(f"{folder} has a rule that this version does not know: {problem}. Upgrade.") from None
        generator = cls._from_state(config, codec, record, found.head["meta"], found.arrays)
        return dataclasses.replace(generator, rules=rules)

    @classmethod
    @abc.abstractmethod
    def _fit(cls, data: Table, config: C, run: Fit) -> Self:
        """Learn. Global random state is seeded around this call and restored after it."""

    @abc.abstractmethod
    def _encoded(
        self, rows: int, rng: np.random.Generator, codes: Mapping[int, int], cells: Mapping[str, Any]
    ) -> Encoded:
        """``rows`` rows under the wanted binned ``codes`` by position, which are ``cells`` by name."""

    @abc.abstractmethod
    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What was learnt, as JSON and arrays."""

    @classmethod
    @abc.abstractmethod
    def _from_state(
        cls, config: C, codec: Codec, record: Record, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Self:
        """Rebuild from what :meth:`_state` gave."""


@dataclass(frozen=True, slots=True)
class CodeGenerator(Generator[C]):
    """A generator over codes alone: numbers of many values are told apart by their quantile bin and no further."""

    def _encoded(
        self, rows: int, rng: np.random.Generator, codes: Mapping[int, int], cells: Mapping[str, Any]
    ) -> Encoded:
        return self.codec.unbin(self._sample(rows, rng, codes), rng)

    @abc.abstractmethod
    def _sample(self, rows: int, rng: np.random.Generator, codes: Mapping[int, int]) -> np.ndarray:
        """Binned codes, shape (rows, modelled columns), with the wanted ``codes`` by position in their place."""
