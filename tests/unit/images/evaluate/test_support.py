"""Precision, recall, density and coverage of sets whose answers are known."""

import numpy as np
import pytest

from geratriz.images.data.images import Images
from geratriz.images.evaluate import support
from geratriz.images.evaluate.trio import ImageTrio, distances
from tests.images import shapes


def trio(test: np.ndarray, synthetic: np.ndarray) -> ImageTrio:
    """A trio whose features are given."""
    images = [shapes(len(test), seed=seed) for seed in range(3)]
    seen = {id(each): (each, part) for each, part in zip(images[1:], (test, synthetic), strict=True)}
    return ImageTrio(train=images[0], test=images[1], synthetic=images[2], seen=seen)


def cloud(count: int = 80, *, at: float = 0.0, width: float = 1.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(at, width, (count, 4)).astype(np.float32)


def values(test: np.ndarray, synthetic: np.ndarray) -> dict[str, float]:
    found = {}
    for name in ("precision", "recall", "density", "coverage"):
        score = getattr(support, name)(trio(test, synthetic))
        assert score.low <= score.value <= score.high
        found[name] = score.value
    return found


def test_the_same_distribution_scores_high_in_all() -> None:
    found = values(cloud(), cloud(seed=1))
    assert min(found.values()) > 0.7
    assert found["density"] == pytest.approx(1, abs=0.3)


def test_another_place_scores_nothing() -> None:
    assert max(values(cloud(), cloud(at=50)).values()) == 0


def test_one_mode_of_two_is_precise_and_covers_half() -> None:
    both = np.concatenate([cloud(40), cloud(40, at=30, seed=1)])
    found = values(both, cloud(80, seed=2))
    assert found["precision"] > 0.8
    assert found["recall"] < 0.6 and found["coverage"] < 0.6


def test_a_narrow_generator_is_dense_and_recalls_little() -> None:
    found = values(cloud(), cloud(width=0.1, seed=1))
    assert found["density"] > 1.5
    assert found["recall"] < 0.1


def test_too_few_images_are_not_measured() -> None:
    few = trio(cloud(3), cloud(3))
    assert support.precision(few) is None
    assert support.coverage(few) is None


def test_distances_are_euclidean() -> None:
    a, b = cloud(5), cloud(6, seed=1)
    expected = np.linalg.norm(a[:, None] - b[None], axis=2)
    assert distances(a, b) == pytest.approx(expected, abs=1e-4)


def test_images_given_without_features_are_looked_at() -> None:
    sets: list[Images] = [shapes(8, seed=seed) for seed in range(3)]
    assert support.recall(ImageTrio(train=sets[0], test=sets[1], synthetic=sets[2])) is not None
