"""The tools behind every interval."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from geratriz.scoring.resampling import auc, normal_interval, share, weights


def test_the_area_is_scikit_learns_with_ties_and_with_weights() -> None:
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 9, 300).astype(float), rng.random(300) < 0.3
    weight = weights(300, 4, 0, "test")
    found = auc(scores, positive, weight)
    assert found == pytest.approx([roc_auc_score(positive, scores, sample_weight=w) for w in weight])
    assert auc(scores, positive)[0] == pytest.approx(roc_auc_score(positive, scores))


def test_a_resample_of_one_class_has_an_area_of_a_half() -> None:
    assert auc(np.arange(3.0), np.zeros(3, dtype=bool))[0] == 0.5


def test_a_resample_draws_as_many_rows_as_there_are() -> None:
    drawn = weights(50, 20, 0, "test")
    assert drawn.shape == (20, 50)
    assert (drawn.sum(1) == 50).all()
    assert (drawn == weights(50, 20, 0, "test")).all()
    assert (drawn != weights(50, 20, 0, "other")).any()


def test_an_interval_holds_its_value_and_stays_inside_the_limits() -> None:
    low, high = normal_interval(0.99, np.array([0.7, 0.9, 0.95, 1.0]), floor=0, ceiling=1)
    assert low < 0.99 < high == 1


@pytest.mark.parametrize("hits", [0, 1, 50, 100])
def test_the_interval_of_a_share_holds_it_and_is_not_empty_at_the_ends(hits: int) -> None:
    score = share(hits, 100)
    assert 0 <= score.low <= score.value <= score.high <= 1
    assert score.high - score.low > 0.03


def test_wilsons_interval_has_its_published_ends() -> None:
    score = share(15, 148)  # Newcombe 1998, table I: 15 of 148
    assert (score.low, score.high) == pytest.approx((0.0624, 0.1605), abs=1e-4)
