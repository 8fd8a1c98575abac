"""alpha_precision and beta_recall: what lowers which, and what fresh real rows score."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from geratriz.scoring.score import Score
from geratriz.table.data.table import Table
from geratriz.table.evaluate import support
from geratriz.table.evaluate.trio import EvaluateConfig, Trio

ROWS = 2000


def alpha_precision(judged: Trio) -> Score:
    score = support.alpha_precision(judged)
    assert score is not None
    return score


def beta_recall(judged: Trio) -> Score:
    score = support.beta_recall(judged)
    assert score is not None
    return score


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
    def two(seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        side = np.repeat([-3, 3], ROWS // 2)
        return pd.DataFrame({"x": rng.normal(size=ROWS) + side, "y": rng.normal(size=ROWS), "side": side.astype(str)})

    train, test = (Table.from_frame(two(seed)) for seed in (0, 1))
    one = pd.concat([two(seed).query("side == '3'") for seed in (2, 3)], ignore_index=True)
    scores = [beta_recall(Trio(train=train, test=test, synthetic=Table.from_frame(rows))) for rows in (one, two(4))]
    assert scores[0].high < 0.4 < scores[1].low


def test_a_missing_mode_that_lies_far_out_costs_precision_as_well() -> None:
    near = pd.concat([real(seed).query("cloud == 'near'") for seed in (2, 3)]).iloc[:ROWS]
    assert alpha_precision(trio(near)).high < 0.92
    assert beta_recall(trio(near)).value < beta_recall(trio(real(2))).value


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


def test_columns_that_no_longer_go_together_cost_both() -> None:
    rng, rows = np.random.default_rng(3), real(2)
    judged = trio(rows.apply(lambda column: column.to_numpy()[rng.permutation(ROWS)]))
    assert alpha_precision(judged).value < 0.8
    assert beta_recall(judged).value < 0.35


def test_copies_of_the_training_rows_score_no_more_than_fresh_rows() -> None:
    copies = trio(real(0))
    assert alpha_precision(copies).value == pytest.approx(alpha_precision(trio(real(2))).value, abs=0.04)
    assert beta_recall(copies).value == pytest.approx(beta_recall(trio(real(2))).value, abs=0.04)


def test_a_few_rows_drawn_over_and_over_recall_nothing() -> None:
    few = real(2).iloc[np.random.default_rng(4).integers(0, 40, ROWS)].reset_index(drop=True)
    assert beta_recall(trio(few)).value < 0.1


@pytest.mark.parametrize("rows", [150, 1500])
def test_the_interval_is_as_wide_as_fresh_rows_differ(rows: int) -> None:
    many = pd.concat([real(seed) for seed in range(10, 24)], ignore_index=True)
    table = Table.from_frame(many)
    for metric in (alpha_precision, beta_recall):
        scores = []
        for seed in range(12):
            taken = np.random.default_rng(seed).permutation(len(table))[: 3 * rows].reshape(3, rows)
            sides = [table.take(each) for each in taken]
            scores.append(metric(Trio(train=sides[0], test=sides[1], synthetic=sides[2])))
        spread = np.std([score.value for score in scores], ddof=1)
        claimed = np.mean([(score.high - score.low) / (2 * 1.96) for score in scores])
        assert 0.4 < claimed / spread < 2.5


def test_a_level_the_real_rows_do_not_have_lies_outside_them() -> None:
    new = real(2).assign(cloud=np.where(np.arange(ROWS) % 2, "never seen", "near"))
    assert alpha_precision(trio(new)).value < 0.7


def test_one_far_value_does_not_set_the_scale() -> None:
    tables = [real(seed) for seed in (0, 1, 2)]
    for frame in tables:
        frame.loc[0, "x"] = 1e12
    sides = [Table.from_frame(frame) for frame in tables]
    judged = Trio(train=sides[0], test=sides[1], synthetic=sides[2])
    assert beta_recall(judged).value == pytest.approx(0.5, abs=0.04)
    noisy = tables[2].assign(y=tables[2]["y"] + 5)
    assert alpha_precision(Trio(train=sides[0], test=sides[1], synthetic=Table.from_frame(noisy))).value < 0.9


def test_the_area_is_that_of_the_paper() -> None:
    """Against the curves, drawn on a fine grid as the authors' code does."""
    judged = trio(real(2).assign(cloud="near"))
    rows, others = support._embedded(judged)
    grid = np.linspace(0, 1, 4001)
    balls = np.quantile(np.linalg.norm(rows - rows.mean(0), axis=1), grid)
    inside = (np.linalg.norm(others - rows.mean(0), axis=1)[:, None] <= balls).mean(0)
    area = np.trapezoid(np.abs(inside - grid), grid)
    assert alpha_precision(judged).value == pytest.approx(1 - 2 * area, abs=2e-3)
    apart, within = cdist(rows, others), cdist(rows, rows)
    np.fill_diagonal(within, np.inf)
    reached = apart.min(1) < within.min(1)
    out = np.linalg.norm(others - others.mean(0), axis=1)[apart.argmin(1)]
    recalled = (reached[:, None] & (out[:, None] <= np.quantile(out, grid))).mean(0)
    area = np.trapezoid(np.abs(recalled - grid), grid)
    assert beta_recall(judged).value == pytest.approx(1 - 2 * area, abs=2e-3)


def test_wide_tables_of_many_levels_take_seconds() -> None:
    rng = np.random.default_rng(0)
    frames = [pd.DataFrame({f"c{i}": [f"w{k}" for k in rng.integers(0, 60, 300)] for i in range(80)}) for _ in range(3)]
    sides = [Table.from_frame(frame) for frame in frames]
    judged = Trio(train=sides[0], test=sides[1], synthetic=sides[2])
    assert support._embedded(judged)[0].shape == (300, support.DIMENSIONS)
    assert 0 < beta_recall(judged).value < 1


def test_one_row_is_not_measured() -> None:
    one = Trio(**{side: Table.from_frame(real(0).head(1)) for side in ("train", "test", "synthetic")})
    assert support.alpha_precision(one) is support.beta_recall(one) is None
