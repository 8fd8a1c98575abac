"""Contract of every generator, for any kind of data: it is always fitted, and returns data like its training data.

``fit`` and ``load`` are the only ways to get a generator. They, ``sample``, ``blocks`` and ``save`` are implemented
here; a domain implements the first group of hooks below, an algorithm the second. Tested for every generator:

- ``sample(n)`` returns n rows or images with the schema and type of the training data;
- equal data, config, seed and thread count give equal bytes; another seed gives other data;
- sampling changes neither the generator nor the global random state;
- a loaded generator samples the same bytes as the one that was saved; loading its files never runs code;
- data are drawn in blocks seeded by (seed, block), computed in full and then cut, so any range can be drawn alone;
- a fit that is interrupted and run again with the same arguments gives the bytes of an uninterrupted one.
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
from geratriz.errors import BundleError, ConfigError, GeratrizError, RequestError
from geratriz.fitting.record import FitRun, Progress, Record, code_of
from geratriz.tracking import NullTracker, Tracker, Trackers


class Data(Protocol):
    """Data that a generator learns from and returns: a table, or a set of images."""

    def __len__(self) -> int:
        """Number of rows or images."""

    def take(self, index: Any) -> Self:
        """Return the rows or images at ``index``."""

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Concatenate ``parts``, which share one schema."""


D = TypeVar("D", bound=Data)
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Fitted(abc.ABC, Generic[D, C]):
    """A fitted generator. Build one with :meth:`fit` or :meth:`load`."""

    kind: ClassVar[str]
    """Name of the generator in params.yaml, on the command line and on disk."""
    config_cls: ClassVar[type[Any]]
    """Class of its settings: a frozen dataclass with every default."""
    block: ClassVar[int]
    """Rows or images per block when sampling; changing it changes the data of every seed."""
    unit: ClassVar[str]
    """Unit of counts in messages: ``rows`` or ``images``."""

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
            data: rows or images to learn from.
            config: settings; the defaults of ``config_cls`` when None.
            seed: seed of everything random. Equal data, config, seed and threads give equal generators.
            device: ``cpu``, ``cuda``, or ``auto`` for the best available. Generators without a network ignore it.
            tracker: observer of the losses and, for images, of samples.
            checkpoint: folder for checkpoints; a fit that is interrupted and run again with the same arguments resumes
                from it and gives the bytes of an uninterrupted one. Emptied when the fit is done.
            terms: further arguments of the domain's generators; for tables ``rules``, which every row must keep.

        Raises:
            ConfigError: ``config`` belongs to another generator, or a term does not apply to this kind of data.
            DataError: the data cannot be learnt from.
            TrainingError: the fit failed: a loss is not finite, or the generator collapsed. The last good state stays
                in ``checkpoint``.
            KeyboardInterrupt: the fit was interrupted; the message says how far it got and what was saved.
        """
        settings = cls.config_cls() if config is None else config
        if not isinstance(settings, cls.config_cls):
            raise ConfigError(f"{cls.kind} takes a {cls.config_cls.__name__}, got a {type(settings).__name__}.")
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
            return cls._learn(data, settings, run, **terms)

    @final
    def sample(self, n: int, *, seed: int, where: Mapping[str, Any] | None = None) -> D:
        """Draw ``n`` new rows or images.

        Args:
            n: number of rows or images, at least 1.
            seed: seed of the data; equal seeds give equal data.
            where: values that columns must have, such as ``{"income": ">50K"}``, or ``{"label": NAME}`` for images of
                one class; everything else is drawn given these values.

        Raises:
            RequestError: ``n`` is below 1, or ``where`` has a value that was never seen or cannot be satisfied.
        """
        blocks = list(self.blocks(n, seed=seed, where=where))
        return type(blocks[0]).joined(blocks)

    @final
    def blocks(self, n: int, *, seed: int, where: Mapping[str, Any] | None = None, start: int = 0) -> Iterator[D]:
        """Yield items ``start`` to ``start + n`` of the endless data of ``seed`` and ``where``, in bounded memory.

        Raises:
            RequestError: as :meth:`sample`, when the first block is requested.
        """
        n = check_integer(f"n, the number of {self.unit},", n, minimum=1)
        start = check_integer(f"start, the first of the {self.unit},", start, minimum=0)
        condition = self._condition(where or {})
        for block in range(start // self.block, (start + n - 1) // self.block + 1):
            first = block * self.block
            end = min(start + n - first, self.block)
            drawn = self._block(first, end, seeding.derive(seed, "block", block), condition)
            yield drawn.take(slice(max(start - first, 0), end))

    def acceptance(self, *, seed: int, where: Mapping[str, Any] | None = None) -> float:
        """Return the share of the first block that is accepted as drawn; the rest is drawn again."""
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
            BundleError: the bundle is missing, damaged, of a newer format or of another generator, or its head was
                edited so that no generator can be made of it.
        """
        saved = bundle.read(Path(folder))
        if saved.kind != cls.kind:
            raise BundleError(
                f"{folder} holds a {saved.kind!r} generator, not a {cls.kind!r} one. geratriz.load() finds the class."
            )
        try:
            settings = config.load(cls.config_cls, saved.head["config"], "config")
            return cls._restored(settings, config.load(Record, saved.head["record"], "record"), saved)
        except BundleError:
            raise
        except Exception as problem:  # the hashes fit, so somebody changed the head, or another version wrote it
            cause = str(problem) if isinstance(problem, GeratrizError) else f"{type(problem).__name__}: {problem}"
            raise BundleError(
                f"{Path(folder) / bundle.HEAD} does not describe a {cls.kind} generator of this version: "
                f"{' '.join(cause.split())[:300]}. Restore it (`dvc checkout`), or fit again."
            ) from problem

    # Hooks of a domain ------------------------------------------------------------------------------------------------

    @classmethod
    @abc.abstractmethod
    def _fingerprint(cls, data: D) -> str:
        """Return the SHA-256 of the training data, in order."""

    @classmethod
    @abc.abstractmethod
    def _learn(cls, data: D, config: C, run: FitRun, **terms: Any) -> Self:
        """Check and prepare ``data``, fit, and check the fitted generator."""

    @abc.abstractmethod
    def _condition(self, where: Mapping[str, Any]) -> Any:
        """Check ``where`` and return it in the form that :meth:`_block` takes."""

    @abc.abstractmethod
    def _block(self, first: int, end: int, seed: int, condition: Any) -> D:
        """Draw the block that starts with item ``first``; its items from ``end`` on are not used."""

    @abc.abstractmethod
    def _saved(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return the rest of the bundle, besides config and record, as JSON and arrays."""

    @classmethod
    @abc.abstractmethod
    def _restored(cls, config: C, record: Record, saved: bundle.Bundle) -> Self:
        """Rebuild the generator from what :meth:`_saved` returned."""

    # Hooks of an algorithm --------------------------------------------------------------------------------------------

    @classmethod
    @abc.abstractmethod
    def _fit(cls, data: D, config: C, run: FitRun) -> Self:
        """Fit a generator. The global random state is seeded before this call and restored after it."""

    @abc.abstractmethod
    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return what was learnt, as JSON and arrays; ``_from_state`` of the domain's generators is its inverse."""


def check_integer(name: str, value: Any, *, minimum: int) -> int:
    """Return ``value`` as an integer of at least ``minimum``; NumPy's integers are accepted.

    Raises:
        RequestError: the value is no such integer; the message names it as ``name``.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise RequestError(f"{name} is {value!r}; it must be a whole number.") from None
    if number < minimum:
        raise RequestError(f"{name} is {number}; it must be at least {minimum}.")
    return number


@contextmanager
def _interruptible(kind: str, progress: Progress, checkpoint: Path | None) -> Iterator[None]:
    """Say in an interrupt inside the block how far the fit got and what was saved."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"fitting {kind} was interrupted {progress.summary(checkpoint)}") from None
