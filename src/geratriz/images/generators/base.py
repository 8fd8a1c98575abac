"""Base of the generators of images: latents decoded to pixels, by class if there are labels."""

import abc
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar, final

import numpy as np

from geratriz import seeding
from geratriz.bundle import Bundle
from geratriz.errors import ConfigError, DataError, RequestError, nearest
from geratriz.fitting.generator import Fitted, check_integer
from geratriz.fitting.record import FitRun, Record
from geratriz.images.data.images import LABEL, Images, ImageSchema

BLOCK = 256  # images per block when sampling; changing it changes the data of every seed

FINGERPRINT_IMAGES = 4096  # images read at once for the fingerprint

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class ImageGenerator(Fitted[Images, C]):
    """A fitted generator of images. Build one with :meth:`fit` or :meth:`load`.

    It learns the distribution of images and, if there are labels, of images given their label.
    """

    block: ClassVar[int] = BLOCK
    unit: ClassVar[str] = "images"

    schema: ImageSchema
    """Schema of the training images and of the images drawn."""
    shares: tuple[float, ...]
    """Share of each class; empty if the images have no labels."""

    @final
    def interpolate(self, steps: int, *, rows: int, seed: int, where: Mapping[str, Any] | None = None) -> Images:
        """Draw ``rows`` walks of ``steps`` images each, from one latent to another; a walk is within one class.

        Images that change smoothly along a walk show that the generator has not memorised single training images.

        Raises:
            RequestError: ``steps`` is below 2, ``rows`` below 1, or ``where`` cannot be satisfied.
        """
        steps, rows = check_integer("steps", steps, minimum=2), check_integer("rows", rows, minimum=1)
        rng = seeding.generator(seed, "interpolate")
        labels = self._labels(rows, self._label(where or {}), rng)
        with seeding.scope(seed):
            ends = (self._latents(rows, rng, labels), self._latents(rows, rng, labels))
            walk = np.stack([self._between(*ends, share) for share in np.linspace(0, 1, steps)], axis=1)
            repeated = None if labels is None else np.repeat(labels, steps)
            latents = walk.reshape(rows * steps, -1).astype(np.float32)
            parts = [slice(first, first + BLOCK) for first in range(0, len(latents), BLOCK)]
            decoded = [self._decode(latents[part], None if repeated is None else repeated[part]) for part in parts]
        return Images(np.concatenate(decoded), self.schema, repeated)

    @classmethod
    def _fingerprint(cls, data: Images) -> str:
        """Return the SHA-256 of shape, classes, pixels and labels."""
        total = hashlib.sha256(repr((data.schema.shape, data.schema.classes, len(data))).encode())
        for start in range(0, len(data), FINGERPRINT_IMAGES):  # all pixels may not fit into memory
            total.update(np.ascontiguousarray(data.pixels[start : start + FINGERPRINT_IMAGES]).data)
        if data.labels is not None:
            total.update(np.ascontiguousarray(data.labels).data)
        return total.hexdigest()

    @classmethod
    def _learn(cls, data: Images, config: C, run: FitRun, **terms: Any) -> Self:
        if terms:
            raise ConfigError(f"{cls.kind} takes no {', '.join(terms)}; that applies to tables only.")
        if len(data) < 2:
            raise DataError(f"got {len(data)} image to learn from; expected at least two, and many more to be useful.")
        with seeding.scope(run.seed):
            return cls._fit(data, config, run)

    def _condition(self, where: Mapping[str, Any]) -> int | None:
        return self._label(where)

    def _block(self, first: int, end: int, seed: int, condition: int | None) -> Images:
        del first, end
        rng = np.random.default_rng(seed)
        labels = self._labels(BLOCK, condition, rng)
        with seeding.scope(seed):
            return Images(self._decode(self._latents(BLOCK, rng, labels), labels), self.schema, labels)

    def _saved(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        meta, arrays = self._state()
        return {"schema": self.schema.to_json(), "shares": list(self.shares), "meta": meta}, arrays

    @classmethod
    def _restored(cls, config: C, record: Record, saved: Bundle) -> Self:
        schema, shares = ImageSchema.from_json(saved.head["schema"]), tuple(saved.head["shares"])
        own = cls._from_state(config, schema, saved.head["meta"], saved.arrays)
        return cls(config, record, schema, shares, *own)

    def _label(self, where: Mapping[str, Any]) -> int | None:
        """Return the number of the class that ``where`` requires, or None."""
        classes = self.schema.classes
        for name in where:
            if name != LABEL or not classes:
                reason = f"only {LABEL!r} can be asked for" if classes else "the training images have no labels"
                raise RequestError(f"where asks for {name!r}; {reason}.")
        if LABEL not in where:
            return None
        label = str(where[LABEL])
        seen = [name for name, share in zip(classes, self.shares, strict=True) if share]
        if label not in seen:
            raise RequestError(f"where asks for the {LABEL} {label!r}, which was never seen.{nearest(label, seen)}")
        return classes.index(label)

    def _labels(self, rows: int, label: int | None, rng: np.random.Generator) -> np.ndarray | None:
        if not self.schema.classes:
            return None
        if label is not None:
            return np.full(rows, label, np.int64)
        return rng.choice(len(self.shares), rows, p=np.asarray(self.shares)).astype(np.int64)

    @abc.abstractmethod
    def _latents(self, rows: int, rng: np.random.Generator, labels: np.ndarray | None) -> np.ndarray:
        """Draw the latents that images are decoded from, float32 (rows, Z)."""

    @abc.abstractmethod
    def _decode(self, latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        """Decode ``latents`` to images, uint8 (rows, H, W, C)."""

    @staticmethod
    def _between(one: np.ndarray, two: np.ndarray, share: float) -> np.ndarray:
        """Return latents at ``share`` of the way from ``one`` to ``two`` on the great circle, as likely as both ends.

        (White, arXiv 1609.04468, equation 1.)
        """
        unit = [end / np.maximum(np.linalg.norm(end, axis=1, keepdims=True), 1e-12) for end in (one, two)]
        angle = np.arccos(np.clip((unit[0] * unit[1]).sum(1, keepdims=True), -1, 1))
        sine = np.maximum(np.sin(angle), 1e-6)
        walked: np.ndarray = np.where(
            angle < 1e-3,
            (1 - share) * one + share * two,
            (np.sin((1 - share) * angle) * one + np.sin(share * angle) * two) / sine,
        )
        return walked

    @staticmethod
    @abc.abstractmethod
    def _from_state(
        config: Any, schema: ImageSchema, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> tuple[Any, ...]:
        """Return the generator's own fields, in order, from the result of :meth:`_state`."""


def shares_of(data: Images) -> tuple[float, ...]:
    """Return the share of each class of ``data``; empty if there are no labels."""
    if data.labels is None:
        return ()
    counts = np.bincount(data.labels, minlength=len(data.schema.classes))
    return tuple((counts / counts.sum()).tolist())
