"""alpha_precision and beta_recall: what lowers which, and what fresh real rows score."""

import numpy as np
import pandas as pd
import pytest

from geratriz.data.table import Table
from geratriz.evaluate.base import EvaluateConfig, Trio
from geratriz.evaluate.distances import Space
from geratriz.evaluate.features import encode
from geratriz.evaluate.support import _eccentricity, alpha_precision, beta_recall

ROWS = 2000


def real(seed: int) -> pd.DataFrame:
    """Two clouds of unequal size with a category that says which, and a number that is missing now and then."""
    rng = np.random.default_rng(seed)
    far = rng.random(ROWS) < 0.2
    x, y = rng.normal(size=(2, ROWS)) + 6 * far
    z = np.where(rng.random(ROWS) < 0.1, np.nan, x + rng.normal(size=ROWS))
    return pd.DataFrame({"x": x, "y": y, "z": z, "cloud": np.where(far, "far", "near")})


def trio(synthetic: pd.DataFrame) -> Trio:
    sides = [Table.from_frame(real(seed)) for seed in (0, 1)]
    return Trio(
        train=sides[0],
        test=sides[1],
        synthetic=Table.from_frame(synthetic, schema=sides[0].schema),
        config=EvaluateConfig(bootstrap=50),
    )


def test_fresh_real_rows_score_nearly_one_and_about_a_half() -> None:
    assert alpha_precision(trio(real(2))).value > 0.95
    assert beta_recall(trio(real(2))).value == pytest.approx(0.5, abs=0.04)


def test_rows_that_repeat_do_not_change_what_fresh_rows_score() -> None:
    coarse = [real(seed).round(0).fillna(0) for seed in (0, 1, 2)]
    tables = [Table.from_frame(each) for each in coarse]
    judged = Trio(train=tables[0], test=tables[1], synthetic=tables[2], config=EvaluateConfig(bootstrap=50))
    assert beta_recall(judged).value == pytest.approx(0.5, abs=0.06)


def test_a_missing_mode_costs_recall() -> None:
    near = pd.concat([real(seed).query("cloud == 'near'") for seed in (2, 3)]).iloc[:ROWS]
    judged = trio(near)
    assert beta_recall(judged).value < beta_recall(trio(real(2))).value - 0.03


def test_noise_costs_precision() -> None:
    noisy = real(2)
    noisy[["x", "y"]] += np.random.default_rng(9).normal(scale=3, size=(ROWS, 2))
    assert alpha_precision(trio(noisy)).value < 0.9 < alpha_precision(trio(real(2))).value


def test_rows_all_in_the_middle_are_no_precision() -> None:
    middle = real(2).assign(x=0.0, y=0.0, z=0.0, cloud="near")
    assert alpha_precision(trio(middle)).value < 0.5


def test_intervals_hold_the_value_and_narrow_with_rows() -> None:
    for metric in (alpha_precision, beta_recall):
        score = metric(trio(real(2)))
        assert score.low <= score.value <= score.high
        assert score.high - score.low < 0.1


def test_the_mean_distance_by_columns_is_the_mean_over_all_pairs() -> None:
    sides = encode([Table.from_frame(real(seed).head(40)) for seed in (0, 1)])
    space = Space.over(sides[1])
    (numbers, codes), (base_numbers, base_codes) = (space.points(side) for side in sides)
    for i in range(40):
        pairs = np.zeros(40)
        for x, y in zip(numbers[i], base_numbers.T, strict=True):
            both = np.abs(x - y)
            one = 1 + np.abs(np.where(np.isnan(y), x, y))
            pairs += np.where(np.isnan(x) & np.isnan(y), 0, np.where(np.isnan(x) | np.isnan(y), one, both))
        pairs += (codes[:, i, None] != base_codes).sum(0)
        assert _eccentricity(sides[0], sides[1], space)[i] == pytest.approx(pairs.mean())
