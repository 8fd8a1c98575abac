"""The contract of every generator, whatever its data: data in, data of the same type out; one you hold is fitted.

``fit`` and ``load`` are the only ways to get one. They, ``sample``, ``blocks`` and ``save`` are written once, here; a
domain writes the first hooks below them, an algorithm the rest. What is promised, and tested for every generator:

- ``sample(n)`` has the training data's schema and type, and n rows or images;
- equal data, config, seed and thread count give equal bytes; another seed gives other data;
- sampling changes nothing, neither the generator nor global random state;
- a saved generator, loaded, samples equal bytes; its files never run code;
- data come in blocks seeded by (seed, block), always computed whole and then cut: any range can be drawn alone;
- a fit that is interrupted and run again with the same arguments ends in the bytes of one that never was.
"""

import abc
import dataclasses
import operator
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, final

import numpy as np

from geratriz import bundle, config, seeding
from geratriz.errors import BundleError, ConfigError, RequestError
from geratriz.fitting.record import FitRun, Progress, Record, code_of
from geratriz.tracking import NullTracker, Tracker, Trackers


class Data(Protocol):
    """What a generator learns from and gives: a table, or a set of images."""

    def __len__(self) -> int:
        """Rows or images."""

    def take(self, index: Any) -> Self:
        """The rows or images at ``index``."""

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The data of ``parts`` with one schema, one after the other."""


D = TypeVar("D", bound=Data)
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Fitted(abc.ABC, Generic[D, C]):
    """A fitted generator. Build one with :meth:`fit` or :meth:`load`."""

    kind: ClassVar[str]
    """Its name in params.yaml, on the command line and on disk."""
    config_cls: ClassVar[type[Any]]
    """Its settings: a frozen dataclass that holds every default."""
    block: ClassVar[int]
    """Rows or images computed together when sampling; a change changes what every seed gives."""
    unit: ClassVar[str]
    """What is counted: ``rows`` or ``images``."""

    config: C
    record: Record

    @classmethod
    @final
    def fit(
        cls,
        data: D,
        config: C | None = None,
        *,
        seed: int,
        device: str = "auto",
        tracker: Tracker | None = None,
        checkpoint: Path | None = None,
        **terms: Any,
    ) -> Self:
        """Learn the distribution of ``data``.

        Args:
            data: the rows or images to learn from.
            config: settings; the defaults of ``config_cls`` when None.
            seed: of everything random. Equal data, config, seed and threads give equal generators.
            device: ``cpu``, ``cuda``, or ``auto`` for the best there is. Generators without a network ignore it.
            tracker: observer of the losses and, for images, of what is drawn.
            checkpoint: a folder to leave checkpoints in and to resume from; a fit that is interrupted and run again
                with the same arguments ends in the bytes of one that never was. Emptied when the fit is done.
            terms: what else the domain's generators accept; for tables ``rules``, the rules every row must keep.

        Raises:
            ConfigError: ``config`` is of another generator, or a term does not fit the data.
            DataError: the data cannot be learnt from.
            TrainingError: the fit went wrong: a loss that is not finite, a collapse. The last good state stays in
                ``checkpoint``.
            KeyboardInterrupt: as it came, saying how far the fit got and what is kept.
        """
        chosen = cls.config_cls() if config is None else config
        if not isinstance(chosen, cls.config_cls):
            raise ConfigError(f"{cls.kind} takes a {cls.config_cls.__name__}, got a {type(chosen).__name__}.")
        progress = Progress()
        run = FitRun(
            seed=seed,
            device=device,
            tracker=Trackers([progress, NullTracker() if tracker is None else tracker]),
            checkpoint=checkpoint,
            data=cls._fingerprint(data),
            code=code_of(cls),
        )
        with _interruptible(cls.kind, progress, checkpoint):
            return cls._learn(data, chosen, run, **terms)

    @final
    def sample(self, n: int, *, seed: int, where: Mapping[str, Any] | None = None) -> D:
        """``n`` new rows or images.

        Args:
            n: how many, at least 1.
            seed: of the data; equal seeds give equal data.
            where: values that columns must have, such as ``{"income": ">50K"}``, or ``{"label": NAME}`` for images of
                one class; the rest follows given them.

        Raises:
            RequestError: ``n`` is below 1, or ``where`` asks for what was never seen or cannot be met.
        """
        blocks = list(self.blocks(n, seed=seed, where=where))
        return type(blocks[0]).joined(blocks)

    @final
    def blocks(self, n: int, *, seed: int, where: Mapping[str, Any] | None = None, start: int = 0) -> Iterator[D]:
        """Items ``start`` to ``start + n`` of the endless data that ``seed`` and ``where`` name, in bounded memory.

        Raises:
            RequestError: as :meth:`sample`, at the call's first step.
        """
        n = whole_number(f"n, the number of {self.unit},", n, least=1)
        start = whole_number(f"start, the first of the {self.unit},", start, least=0)
        condition = self._condition(where or {})
        for block in range(start // self.block, (start + n - 1) // self.block + 1):
            first = block * self.block
            end = min(start + n - first, self.block)
            drawn = self._block(first, end, seeding.derive(seed, "block", block), condition)
            yield drawn.take(slice(max(start - first, 0), end))

    def acceptance(self, *, seed: int, where: Mapping[str, Any] | None = None) -> float:
        """The share of the first block that is kept as it is drawn; the rest is drawn again."""
        del seed, where
        return 1.0

    @final
    def save(self, folder: Path | str) -> None:
        """Write the generator as a bundle (JSON and safetensors) into ``folder``."""
        head, arrays = self._saved()
        shared = {"config": dataclasses.asdict(self.config), "record": dataclasses.asdict(self.record)}  # type: ignore[call-overload]
        bundle.write(Path(folder), kind=self.kind, head={**shared, **head}, arrays=arrays)

    @classmethod
    @final
    def load(cls, folder: Path | str) -> Self:
        """Read a bundle that :meth:`save` wrote.

        Raises:
            BundleError: it is missing, damaged, of a newer format or of another kind of generator.
        """
        found = bundle.read(Path(folder))
        if found.kind != cls.kind:
            raise BundleError(
                f"{folder} holds a {found.kind!r} generator, not {cls.kind!r}. geratriz.load() finds the class."
            )
        chosen = config.load(cls.config_cls, found.head["config"], "config")
        return cls._restored(chosen, config.load(Record, found.head["record"], "record"), found)

    # Hooks of a domain ------------------------------------------------------------------------------------------------

    @classmethod
    @abc.abstractmethod
    def _fingerprint(cls, data: D) -> str:
        """SHA-256 of the training data, in order."""

    @classmethod
    @abc.abstractmethod
    def _learn(cls, data: D, config: C, run: FitRun, **terms: Any) -> Self:
        """Check and prepare ``data``, fit, and check what was fitted."""

    @abc.abstractmethod
    def _condition(self, where: Mapping[str, Any]) -> Any:
        """``where``, checked, in the form that :meth:`_block` takes."""

    @abc.abstractmethod
    def _block(self, first: int, end: int, seed: int, condition: Any) -> D:
        """The whole block that starts with item ``first``; its items from ``end`` on are not used."""

    @abc.abstractmethod
    def _saved(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What the bundle holds beside config and record, as JSON and arrays."""

    @classmethod
    @abc.abstractmethod
    def _restored(cls, config: C, record: Record, saved: bundle.Bundle) -> Self:
        """Rebuild from what :meth:`_saved` gave."""

    # Hooks of an algorithm --------------------------------------------------------------------------------------------

    @classmethod
    @abc.abstractmethod
    def _fit(cls, data: D, config: C, run: FitRun) -> Self:
        """Learn. Global random state is seeded around this call and restored after it."""

    @abc.abstractmethod
    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What was learnt, as JSON and arrays; ``_from_state`` of the domain's generators is its inverse."""


def whole_number(what: str, given: Any, *, least: int) -> int:
    """``given`` as an integer of at least ``least``; NumPy's integers too.

    Raises:
        RequestError: it is not; ``what`` names it.
    """
    try:
        number = operator.index(given)
    except TypeError:
        raise RequestError(f"{what} is {given!r}; it must be a whole number.") from None
    if number < least:
        raise RequestError(f"{what} is {number}; it must be at least {least}.")
    return number


@contextmanager
def _interruptible(kind: str, progress: Progress, checkpoint: Path | None) -> Iterator[None]:
    """Let an interrupt inside the block say how far the fit got and what is kept."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"fitting {kind} was interrupted {progress.where(checkpoint)}") from None
