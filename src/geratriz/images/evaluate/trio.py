"""What every metric of images takes: three sets of images and how thoroughly they are judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from geratriz import seeding
from geratriz.images.data.images import Images
from geratriz.images.evaluate.features import ExtractorConfig, features_of


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageEvaluateConfig:
    """How thoroughly synthetic images are judged."""

    seed: int = 0
    max_images: int = 5_000
    """At most so many a side; more narrow the intervals and cost time."""
    extractor: ExtractorConfig = field(default_factory=ExtractorConfig)

    def __post_init__(self) -> None:
        if self.max_images < 10:
            raise ValueError(f"max_images must be at least 10, got {self.max_images}")


@dataclass(frozen=True, kw_only=True, eq=False)  # equal to itself alone: what was found out about it is kept by it
class ImageTrio:
    """The three sets a metric compares, each side cut to ``size`` images; features are computed once for all metrics.

    ``train`` is what the generator saw, ``test`` real images it did not see. Whether images were learnt by heart is
    asked of all training images, and of more unseen ones, ``fresh``, where there are some.
    """

    train: Images
    test: Images
    synthetic: Images
    config: ImageEvaluateConfig = field(default_factory=ImageEvaluateConfig)
    fresh: Images | None = None
    """More real images the generator did not see."""
    images: int | None = None
    """Images a side; as many as the smallest of the three sets has when None."""
    seen: dict[int, tuple[Images, np.ndarray]] = field(default_factory=dict)
    """Features that are known already, by the identity of their set; trios that share it compute none twice."""

    _distances: dict[tuple[str, str], np.ndarray] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def size(self) -> int:
        """Images a side."""
        smallest = min(len(self.train), len(self.test), len(self.synthetic), self.config.max_images)
        return smallest if self.images is None else min(self.images, smallest)

    @property
    def counts(self) -> dict[str, int]:
        """How many there are in each part, and how many per side are compared."""
        return {
            "train": len(self.train),
            "test": len(self.test),
            "synthetic": len(self.synthetic),
            "compared": self.size,
        }

    @cached_property
    def cut(self) -> Mapping[str, Images]:
        """``train``, ``test`` and ``synthetic`` at equal size: images drawn without replacement under the seed."""
        return {name: getattr(self, name).take(self._chosen(name)) for name in ("train", "test", "synthetic")}

    @cached_property
    def unseen(self) -> Images:
        """All real images the generator did not see."""
        return self.test if self.fresh is None else Images.joined([self.test, self.fresh])

    def features(self, name: str) -> np.ndarray:
        """The features of the cut side ``name``, float32 (size, D)."""
        cut: np.ndarray = self.all_features(name)[self._chosen(name)]
        return cut

    def all_features(self, name: str) -> np.ndarray:
        """The features of all images of ``train``, ``test``, ``fresh``, ``synthetic`` or ``unseen``, float32 (N, D)."""
        if name == "unseen" and self.fresh is not None:
            return np.concatenate([self.all_features("test"), self.all_features("fresh")])
        images: Images = self.test if name == "unseen" else getattr(self, name)
        if id(images) not in self.seen:  # kept beside its features, so that no other set gets its identity
            self.seen[id(images)] = (images, features_of(images, self.config.extractor))
        return self.seen[id(images)][1]

    def between(self, one: str, other: str) -> np.ndarray:
        """Distances between the features of two cut sides, float32 (size, size); each pair of sides once."""
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
