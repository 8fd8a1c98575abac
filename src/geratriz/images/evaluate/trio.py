"""The three sets of images that every metric compares, and the settings of an evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from geratriz import seeding
from geratriz.images.data.images import Images
from geratriz.images.evaluate.features import ExtractorConfig, features_of


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageEvaluateConfig:
    """Settings of an evaluation of synthetic images."""

    seed: int = 0
    max_images: int = 5_000
    """Most images per side; more images narrow the intervals and cost time."""
    extractor: ExtractorConfig = field(default_factory=ExtractorConfig)

    def __post_init__(self) -> None:
        if self.max_images < 10:
            raise ValueError(f"max_images must be at least 10, got {self.max_images}")


@dataclass(frozen=True, kw_only=True, eq=False)  # hashed by identity, because results are cached by trio
class ImageTrio:
    """The three sets that a metric compares, each subsampled to ``size`` images; features are computed once.

    ``train`` is the training data of the generator, ``test`` real images it has not seen. The check for memorised
    images uses all training images, and further unseen ones, ``fresh``, where there are any.
    """

    train: Images
    test: Images
    synthetic: Images
    config: ImageEvaluateConfig = field(default_factory=ImageEvaluateConfig)
    fresh: Images | None = None
    """Further real images that the generator has not seen."""
    images: int | None = None
    """Images per side; those of the smallest set when None."""
    seen: dict[int, tuple[Images, np.ndarray]] = field(default_factory=dict)
    """Cache of features by the identity of their set; trios can share it."""

    _distances: dict[tuple[str, str], np.ndarray] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def size(self) -> int:
        """Images per side."""
        smallest = min(len(self.train), len(self.test), len(self.synthetic), self.config.max_images)
        return smallest if self.images is None else min(self.images, smallest)

    @property
    def counts(self) -> dict[str, int]:
        """Number of images in each part, and compared per side."""
        return {
            "train": len(self.train),
            "test": len(self.test),
            "synthetic": len(self.synthetic),
            "compared": self.size,
        }

    @cached_property
    def cut(self) -> Mapping[str, Images]:
        """``train``, ``test`` and ``synthetic`` subsampled to equal size, without replacement, under the seed."""
        return {name: getattr(self, name).take(self._chosen(name)) for name in ("train", "test", "synthetic")}

    @cached_property
    def unseen(self) -> Images:
        """All real images that the generator has not seen."""
        return self.test if self.fresh is None else Images.joined([self.test, self.fresh])

    def features(self, name: str) -> np.ndarray:
        """Features of the subsample ``name``, float32 (size, D)."""
        cut: np.ndarray = self.all_features(name)[self._chosen(name)]
        return cut

    def all_features(self, name: str) -> np.ndarray:
        """Features of all images of ``train``, ``test``, ``fresh``, ``synthetic`` or ``unseen``, float32 (N, D)."""
        if name == "unseen" and self.fresh is not None:
            return np.concatenate([self.all_features("test"), self.all_features("fresh")])
        images: Images = self.test if name == "unseen" else getattr(self, name)
        if id(images) not in self.seen:  # the set is stored too, so that no other set gets its identity
            self.seen[id(images)] = (images, features_of(images, self.config.extractor))
        return self.seen[id(images)][1]

    def between(self, one: str, other: str) -> np.ndarray:
        """Distances between the features of two subsamples, float32 (size, size), cached."""
        if (other, one) in self._distances:
            return self._distances[other, one].T
        self._distances[one, other] = distances(self.features(one), self.features(other))
        return self._distances[one, other]

    def _chosen(self, name: str) -> np.ndarray:
        images = getattr(self, name)
        rng = seeding.generator(self.config.seed, "sample", name)
        chosen: np.ndarray = np.sort(rng.choice(len(images), self.size, replace=False))
        return chosen


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances (N, M), float32."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    squared = np.square(a).sum(1)[:, None] + np.square(b).sum(1)[None] - 2 * (a @ b.T)
    found: np.ndarray = np.sqrt(squared.clip(0)).astype(np.float32)
    return found
