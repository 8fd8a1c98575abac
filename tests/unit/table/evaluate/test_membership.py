"""Each membership attack by itself, the greatest of them, and its interval."""

import numpy as np
import pytest

from geratriz.scoring.resampling import auc, interval_of_max, rate_at, weights
from geratriz.table.evaluate.membership import ATTACKS, Ranking, mia_auc, mia_auc_outliers, mia_tpr_at_1pct, rank
from geratriz.table.evaluate.trio import EvaluateConfig, Trio
from tests.unit.table.evaluate.trios import trio


@pytest.fixture(scope="module")
def rankings() -> dict[float, Ranking | None]:
    """Every attack on fresh rows and on copies."""
    return {share: rank(trio(copied=share)) for share in (0.0, 1.0)}


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_finds_copies_and_nothing_among_fresh_rows(
    attack: str, rankings: dict[float, Ranking | None]
) -> None:
    found = {}
    for share, ranking in rankings.items():
        assert ranking is not None
        found[share] = float(auc(ranking.suspicion[attack], ranking.member)[0])
    assert found[0.0] == pytest.approx(0.5, abs=0.03)
    assert found[1.0] > 0.55


@pytest.mark.parametrize(("share", "least"), [(0.1, 0.52), (0.5, 0.65), (1.0, 0.9)])
def test_the_strongest_attack_finds_copied_training_rows(share: float, least: float) -> None:
    score = mia_auc(trio(copied=share))
    assert score is not None
    assert score.value > least
    assert score.low > 0.5
    assert score.value == max(score.detail["attacks"].values())


def test_the_rate_at_few_false_alarms_sees_what_the_average_does_not() -> None:
    given = trio(copied=0.03)
    average, top = mia_auc(given), mia_tpr_at_1pct(given)
    assert average is not None
    assert top is not None
    assert average.low < 0.52
    assert top.low > 0.025


def test_copied_outliers_are_found_among_outliers() -> None:
    given = trio()
    far = given.train.frame.sort_values("wage").index[-400:]
    copied = given.train.take(np.concatenate([far, far, far]))
    leaking = Trio(train=given.train, test=given.test, fresh=given.fresh, synthetic=copied)
    outliers, all_rows = mia_auc_outliers(leaking), mia_auc(leaking)
    assert outliers is not None
    assert all_rows is not None
    assert outliers.value > all_rows.value + 0.1


def test_the_interval_of_the_greatest_of_many_guesses_holds_chance() -> None:
    """Of twenty attacks that know nothing the best looks good, and its interval is not deceived."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(40):
        member, guesses = np.repeat([True, False], 300), rng.random((20, 600))
        drawn = np.hstack([weights(300, 100, 0, "members"), weights(300, 100, 0, "others")])
        values = np.array([auc(guess, member)[0] for guess in guesses])
        resampled = np.stack([auc(guess, member, drawn) for guess in guesses], axis=1)
        low, high = interval_of_max(values, resampled, resampled - values + 0.5, 0.5)
        held += low <= 0.5 <= high
        assert values.max() > 0.5
    assert held >= 36


def test_the_rate_at_a_share_of_false_alarms_lies_on_the_roc_curve() -> None:
    member = np.array([True] * 4 + [False] * 4)
    scores = np.array([9.0, 8.0, 3.0, 1.0, 7.0, 6.0, 5.0, 2.0])
    assert rate_at(scores, member, 0.0)[0] == 0.5
    assert rate_at(scores, member, 0.25)[0] == 0.5
    assert rate_at(scores, member, 0.75)[0] == 0.75
    assert rate_at(np.zeros(8), member, 0.1)[0] == pytest.approx(0.1)  # ties: chance
    one_class = np.zeros((1, 8), dtype=np.float32)
    one_class[0, :4] = 1
    assert rate_at(scores, member, 0.1, one_class)[0] == pytest.approx(0.1)


def test_too_few_strangers_are_not_attacked() -> None:
    assert mia_auc(trio(rows=60)) is None
    assert mia_tpr_at_1pct(trio(rows=600)) is None


def test_equal_seeds_give_equal_scores_and_each_trio_its_own() -> None:
    one, same, other = (
        mia_auc(
            Trio(train=t.train, test=t.test, fresh=t.fresh, synthetic=t.synthetic, config=EvaluateConfig(seed=seed))
        )
        for t, seed in ((trio(rows=1500), 0), (trio(rows=1500), 0), (trio(rows=1500), 1))
    )
    assert one == same
    assert one != other
