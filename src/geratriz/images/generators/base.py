"""The contract of every image generator: that of base.py, for images.

``fit`` and ``load`` are the only ways to get one. What is promised, and tested for every entry of the catalog:

- ``sample(n)`` gives n images of the training set's size, channels and classes;
- equal data, config, seed and thread count give equal bytes; another seed gives other images;
- sampling changes nothing, neither the generator nor global random state;
- a saved generator, loaded, samples equal bytes; its files never run code;
- images come in blocks seeded by (seed, block), always computed whole and then cut: any range can be drawn alone;
- a fit that is cut off and run again with the same arguments ends in the bytes of one that never was.
"""

import abc
import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar, final

import numpy as np

from geratriz import bundle, seeding
from geratriz.data.images import LABEL, Images, ImageSchema
from geratriz.errors import DataError, RequestError, nearest
from geratriz.generators._fit import Fit, Progress, Record, interruptible, saved, settings, whole
from geratriz.tracking import NullTracker, Tracker, Trackers

BLOCK = 256  # images computed together when sampling; a change changes what every seed gives

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class ImageGenerator(abc.ABC, Generic[C]):
    """A fitted generator of images. Build one with :meth:`fit` or :meth:`load`."""

    kind: ClassVar[str]
    """Its name in params.yaml, on the command line and on disk."""
    config_cls: ClassVar[type[Any]]
    """Its settings: a frozen dataclass that holds every default."""

    config: C
    schema: ImageSchema
    """Of the images it was fitted on and gives."""
    shares: tuple[float, ...]
    """How frequent each class is; empty where the images have no labels."""
    record: Record

    @classmethod
    @final
    def fit(
        cls,
        data: Images,
        config: C | None = None,
        *,
        seed: int,
        device: str = "auto",
        tracker: Tracker | None = None,
        checkpoint: Path | None = None,
    ) -> Self:
        """Learn the distribution of ``data``: of images and, where there are labels, of images given their label.

        Args:
            data: the images to learn from.
            config: settings; the defaults of ``config_cls`` when None.
            seed: of everything random. Equal data, config, seed and threads give equal generators.
            device: ``cpu``, ``cuda``, or ``auto`` for the best there is.
            tracker: told of the losses while they fall, and shown pictures.
            checkpoint: a folder to leave checkpoints in and to go on from; emptied when the fit is done.

        Raises:
            ConfigError: ``config`` is of another generator.
            DataError: there are too few images to learn from.
            TrainingError: the fit went wrong: a loss that is not finite, a collapse. What was last kept stays in
                ``checkpoint``.
            KeyboardInterrupt: as it came, saying how far the fit got and what is kept.
        """
        chosen = settings(cls.kind, cls.config_cls, config)
        if len(data) < 2:
            raise DataError(f"there is {len(data)} image to learn from; expected two at least, many more to be useful.")
        progress = Progress()
        run = Fit(
            seed=seed,
            device=device,
            tracker=Trackers([progress, NullTracker() if tracker is None else tracker]),
            checkpoint=checkpoint,
            data=_fingerprint(data),
        )
        with interruptible(cls.kind, progress, checkpoint), seeding.scope(seed):
            return cls._fit(data, chosen, run)

    @final
    def sample(self, n: int, *, seed: int, where: Mapping[str, Any] | None = None) -> Images:
        """``n`` new images.

        Args:
            n: how many, at least 1.
            seed: of the images; equal seeds give equal images.
            where: ``{"label": NAME}`` for images of one class.

        Raises:
            RequestError: ``n`` is below 1, or ``where`` asks for what the training images did not have.
        """
        return Images.joined(list(self.blocks(n, seed=seed, where=where)))

    @final
    def blocks(self, n: int, *, seed: int, where: Mapping[str, Any] | None = None, start: int = 0) -> Iterator[Images]:
        """Images ``start`` to ``start + n`` of the endless series that ``seed`` and ``where`` name, block by block.

        Raises:
            RequestError: as :meth:`sample`, at the call's first step.
        """
        n, start = whole("n, the number of images,", n, least=1), whole("start, the first image,", start, least=0)
        label = self._label(where or {})
        for block in range(start // BLOCK, (start + n - 1) // BLOCK + 1):
            first = block * BLOCK
            own = seeding.derive(seed, "block", block)
            rng = np.random.default_rng(own)
            labels = self._labels(BLOCK, label, rng)
            with seeding.scope(own):
                pixels = self._decode(self._latents(BLOCK, rng, labels), labels)
            drawn = Images(pixels, self.schema, labels)
            yield drawn.take(slice(max(start - first, 0), min(start + n - first, BLOCK)))

    @final
    def interpolate(self, steps: int, *, rows: int, seed: int, where: Mapping[str, Any] | None = None) -> Images:
        """``rows`` walks of ``steps`` images each, from one latent to another; an image is of one walk and one class.

        Images that change smoothly along a walk say that the generator has learnt a space, and not the images in it.

        Raises:
            RequestError: ``steps`` is below 2, ``rows`` below 1, or ``where`` asks for what cannot be had.
        """
        steps, rows = whole("steps", steps, least=2), whole("rows", rows, least=1)
        rng = seeding.generator(seed, "interpolate")
        labels = self._labels(rows, self._label(where or {}), rng)
        with seeding.scope(seed):
            ends = (self._latents(rows, rng, labels), self._latents(rows, rng, labels))
            walk = np.stack([self._between(*ends, share) for share in np.linspace(0, 1, steps)], axis=1)
            along = None if labels is None else np.repeat(labels, steps)
            latents = walk.reshape(rows * steps, -1).astype(np.float32)
            parts = [slice(first, first + BLOCK) for first in range(0, len(latents), BLOCK)]
            decoded = [self._decode(latents[part], None if along is None else along[part]) for part in parts]
        return Images(np.concatenate(decoded), self.schema, along)

    @final
    def save(self, folder: Path | str) -> None:
        """Write the generator as a bundle (JSON and safetensors) into ``folder``."""
        meta, arrays = self._state()
        head = {
            "config": dataclasses.asdict(self.config),  # type: ignore[call-overload]
            "schema": self.schema.to_json(),
            "shares": list(self.shares),
            "meta": meta,
            "record": dataclasses.asdict(self.record),
        }
        bundle.write(Path(folder), kind=self.kind, head=head, arrays=arrays)

    @classmethod
    @final
    def load(cls, folder: Path | str) -> Self:
        """Read a bundle that :meth:`save` wrote.

        Raises:
            BundleError: it is missing, damaged, of a newer format or of another kind of generator.
        """
        config, record, found = saved(Path(folder), cls.kind, cls.config_cls)
        schema = ImageSchema.from_json(found.head["schema"])
        return cls._from_state(config, schema, tuple(found.head["shares"]), record, found.head["meta"], found.arrays)

    def _label(self, where: Mapping[str, Any]) -> int | None:
        """The class that ``where`` asks for, as its number."""
        classes = self.schema.classes
        for name in where:
            if name != LABEL or not classes:
                has = f"only {LABEL!r} can be asked for" if classes else "the images it was fitted on have no labels"
                raise RequestError(f"where asks for {name!r}; {has}.")
        if LABEL not in where:
            return None
        asked = str(where[LABEL])
        seen = [name for name, share in zip(classes, self.shares, strict=True) if share]
        if asked not in seen:
            raise RequestError(f"where asks for the {LABEL} {asked!r}, which was never seen.{nearest(asked, seen)}")
        return classes.index(asked)

    def _labels(self, rows: int, label: int | None, rng: np.random.Generator) -> np.ndarray | None:
        if not self.schema.classes:
            return None
        if label is not None:
            return np.full(rows, label, np.int64)
        return rng.choice(len(self.shares), rows, p=np.asarray(self.shares)).astype(np.int64)

    @classmethod
    @abc.abstractmethod
    def _fit(cls, data: Images, config: C, run: Fit) -> Self:
        """Learn. Global random state is seeded around this call and restored after it."""

    @abc.abstractmethod
    def _latents(self, rows: int, rng: np.random.Generator, labels: np.ndarray | None) -> np.ndarray:
        """What images are decoded from, float32 (rows, Z)."""

    @abc.abstractmethod
    def _decode(self, latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        """The images of ``latents``, uint8 (rows, H, W, C)."""

    @staticmethod
    def _between(one: np.ndarray, two: np.ndarray, share: float) -> np.ndarray:
        """Latents at ``share`` of the way from ``one`` to ``two``, on the great circle: as likely as both ends are.

        (White, arXiv 1609.04468, equation 1.)
        """
        unit = [each / np.maximum(np.linalg.norm(each, axis=1, keepdims=True), 1e-12) for each in (one, two)]
        angle = np.arccos(np.clip((unit[0] * unit[1]).sum(1, keepdims=True), -1, 1))
        sine = np.maximum(np.sin(angle), 1e-6)
        walked: np.ndarray = np.where(
            angle < 1e-3,
            (1 - share) * one + share * two,
            (np.sin((1 - share) * angle) * one + np.sin(share * angle) * two) / sine,
        )
        return walked

    @abc.abstractmethod
    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What was learnt, as JSON and arrays."""

    @classmethod
    @abc.abstractmethod
    def _from_state(
        cls,
        config: C,
        schema: ImageSchema,
        shares: tuple[float, ...],
        record: Record,
        meta: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
    ) -> Self:
        """Rebuild from what :meth:`_state` gave."""


def shares_of(data: Images) -> tuple[float, ...]:
    """How frequent each class of ``data`` is; empty where there are no labels."""
    if data.labels is None:
        return ()
    counts = np.bincount(data.labels, minlength=len(data.schema.classes))
    return tuple((counts / counts.sum()).tolist())


def _fingerprint(data: Images) -> str:
    """SHA-256 over shape, classes, pixels and labels, in order."""
    total = hashlib.sha256(repr((data.schema.shape, data.schema.classes, len(data))).encode())
    for start in range(0, len(data), 4096):  # never all pixels in memory
        total.update(np.ascontiguousarray(data.pixels[start : start + 4096]).data)
    if data.labels is not None:
        total.update(np.ascontiguousarray(data.labels).data)
    return total.hexdigest()
