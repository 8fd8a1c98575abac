"""The base of every generator of images: latents decoded into pixels, by class where there are labels."""

import abc
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar, final

import numpy as np

from geratriz import seeding
from geratriz.bundle import Bundle
from geratriz.errors import ConfigError, DataError, RequestError, nearest
from geratriz.fitting.generator import Fitted, whole_number
from geratriz.fitting.record import FitRun, Record
from geratriz.images.data.images import LABEL, Images, ImageSchema

BLOCK = 256  # images computed together when sampling; a change changes what every seed gives

FINGERPRINTED = 4096  # images read at once

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class ImageGenerator(Fitted[Images, C]):
    """A fitted generator of images. Build one with :meth:`fit` or :meth:`load`.

    It learns the distribution of images and, where there are labels, of images given their label.
    """

    block: ClassVar[int] = BLOCK
    unit: ClassVar[str] = "images"

    schema: ImageSchema
    """Schema of the images it was fitted on and gives."""
    shares: tuple[float, ...]
    """How frequent each class is; empty where the images have no labels."""

    @final
    def interpolate(self, steps: int, *, rows: int, seed: int, where: Mapping[str, Any] | None = None) -> Images:
        """``rows`` walks of ``steps`` images each, from one latent to another; an image is of one walk and one class.

        Images that change smoothly along a walk say that the generator has learnt a space, and not the images in it.

        Raises:
            RequestError: ``steps`` is below 2, ``rows`` below 1, or ``where`` asks for what cannot be had.
        """
        steps, rows = whole_number("steps", steps, least=2), whole_number("rows", rows, least=1)
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

    @classmethod
    def _fingerprint(cls, data: Images) -> str:
        """Over shape, classes, pixels and labels."""
        total = hashlib.sha256(repr((data.schema.shape, data.schema.classes, len(data))).encode())
        for start in range(0, len(data), FINGERPRINTED):  # never all pixels in memory
            total.update(np.ascontiguousarray(data.pixels[start : start + FINGERPRINTED]).data)
        if data.labels is not None:
            total.update(np.ascontiguousarray(data.labels).data)
        return total.hexdigest()

    @classmethod
    def _learn(cls, data: Images, config: C, run: FitRun, **terms: Any) -> Self:
        if terms:
            raise ConfigError(f"{cls.kind} takes no {', '.join(terms)}; that is about the rows of a table.")
        if len(data) < 2:
            raise DataError(f"there is {len(data)} image to learn from; expected two at least, many more to be useful.")
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

    @staticmethod
    @abc.abstractmethod
    def _from_state(
        config: Any, schema: ImageSchema, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> tuple[Any, ...]:
        """The generator's own fields, in order, from what :meth:`_state` gave."""


def shares_of(data: Images) -> tuple[float, ...]:
    """How frequent each class of ``data`` is; empty where there are no labels."""
    if data.labels is None:
        return ()
    counts = np.bincount(data.labels, minlength=len(data.schema.classes))
    return tuple((counts / counts.sum()).tolist())
