"""KID and the Frechet distance: known answers."""

import numpy as np
import pytest

from geratriz.images.evaluate import distances, suite
from geratriz.images.evaluate.distances import discrepancy
from geratriz.images.evaluate.trio import ImageTrio
from tests.images import shapes


def gaussian(count: int, *, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (count, 8)).astype(np.float32)


def test_equal_distributions_are_at_zero_within_the_error_and_others_are_not() -> None:
    values = []
    for seed in range(20):
        value, error = discrepancy(gaussian(200, seed=seed), gaussian(200, seed=100 + seed))
        values.append(value / error)
    assert abs(np.mean(values)) < 0.8  # unbiased
    assert np.mean(np.abs(values) < 1.96) > 0.8
    value, error = discrepancy(gaussian(200), gaussian(200, shift=0.5, seed=1))
    assert value > 3 * error


def test_the_discrepancy_is_that_of_its_definition() -> None:
    x, y = gaussian(7).astype(float), gaussian(5, shift=1, seed=1).astype(float)

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 8 + 1) ** 3)

    within = [
        np.mean([kernel(a, b) for i, a in enumerate(side) for j, b in enumerate(side) if i != j]) for side in (x, y)
    ]
    across = np.mean([kernel(a, b) for a in x for b in y])
    assert discrepancy(x, y)[0] == pytest.approx(within[0] + within[1] - 2 * across)


def test_the_standard_error_is_how_much_values_scatter() -> None:
    found = [discrepancy(gaussian(150, seed=seed), gaussian(150, shift=0.4, seed=99 + seed)) for seed in range(40)]
    values, errors = np.array(found).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.4)


def test_the_frechet_distance_of_gaussians_is_that_of_the_formula() -> None:
    rng = np.random.default_rng(0)
    scales = np.array([1.0, 2.0, 3.0])
    real, other = rng.normal(0, 1, (4000, 3)), rng.normal(1, scales, (4000, 3))
    found = distances._frechet(real.mean(0), distances._factor(real), other)
    assert found == pytest.approx(3 + np.square(scales - 1).sum(), rel=0.05)


@pytest.mark.parametrize("counts", [(5, 9), (9, 5), (5, 90), (90, 5), (40, 90)])
def test_the_frechet_distance_is_the_same_however_few_images_there_are(counts: tuple[int, int]) -> None:
    a, b = (gaussian(count, seed=seed).astype(float) for seed, count in enumerate(counts))
    one, other = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    roots = np.sqrt(np.linalg.eigvals(one @ other).real.clip(0))
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(one + other) - 2 * roots.sum()
    found = distances._frechet(a.mean(0), distances._factor(a), b)
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_error_of_the_frechet_distance_is_that_of_both_sides() -> None:
    found = []
    for seed in range(60):
        sides = [shapes(200, height=2, width=2, seed=each) for each in range(3)]
        given = (gaussian(200, seed=2 * seed), gaussian(200, shift=1, seed=2 * seed + 1))
        seen = {id(each): (each, part) for each, part in zip(sides[1:], given, strict=True)}
        score = distances.fd(ImageTrio(train=sides[0], test=sides[1], synthetic=sides[2], seen=seen))
        assert score is not None
        found.append((score.value, score.detail["standard_error"]))
    values, errors = np.array(found).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.25)


def test_noise_is_further_than_blur_and_blur_than_fresh_images() -> None:
    train, test, fresh = (shapes(30, height=16, width=16, seed=seed) for seed in range(3))
    noisy = fresh.take(np.arange(30))
    noisy.pixels[:] = np.random.default_rng(0).integers(0, 256, noisy.pixels.shape)
    for metric in (distances.kid, distances.fd):
        values = []
        for synthetic in (fresh, suite.blurred(fresh), noisy):
            score = metric(ImageTrio(train=train, test=test, synthetic=synthetic))
            assert score is not None and score.low <= score.value <= score.high
            values.append(score.value)
        assert values == sorted(values)


def test_too_few_images_are_not_measured() -> None:
    few = [shapes(2, seed=seed) for seed in range(3)]
    trio = ImageTrio(train=few[0], test=few[1], synthetic=few[2])
    assert distances.kid(trio) is None
    assert distances.fd(trio) is None
