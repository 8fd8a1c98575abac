"""trend_error: SDMetrics' figures where it has them, and sense where it has none."""

import numpy as np
import pandas as pd
import pytest

from geratriz.table.data.table import Table
from geratriz.table.evaluate.fidelity import shape_error
from geratriz.table.evaluate.trends import trend_error
from geratriz.table.evaluate.trio import Trio
from tests.tables import mixed
from tests.unit.table.evaluate.sdmetrics import rows_for_sdmetrics
from tests.unit.table.evaluate.trios import against

SDMETRICS_TRENDS = {
    ("age", "wage"): 5.24672,
    ("age", "sector"): 9.2,
    ("wage", "sector"): 18.0,
    ("age", "member"): 9.8,
    ("wage", "member"): 20.4,
    ("sector", "member"): 10.8,
    ("age", "since"): 0.156288,
    ("wage", "since"): 0.786156,
    ("sector", "since"): 15.6,
    ("member", "since"): 9.8,
}
"""100 (1 - CorrelationSimilarity, ContingencySimilarity) of SDMetrics 0.32.1, for the table of sdmetrics.py."""


def test_pairs_of_columns_have_the_errors_sdmetrics_gives_them() -> None:
    real = rows_for_sdmetrics(37, 8)
    score = trend_error(Trio(train=real, test=real, synthetic=rows_for_sdmetrics(29, 11)))
    assert score is not None
    at = score.detail["names"].index
    found = {pair: score.detail["matrix"][at(pair[0])][at(pair[1])] for pair in SDMETRICS_TRENDS}
    assert found == pytest.approx(SDMETRICS_TRENDS, abs=1e-3)
    assert score.value == pytest.approx(np.mean(list(SDMETRICS_TRENDS.values())), abs=1e-4)


def test_columns_drawn_independently_have_good_shapes_and_bad_trends() -> None:
    real, rng = mixed(2000), np.random.default_rng(0)
    shuffled = {name: real.frame[name].iloc[rng.permutation(len(real))].array for name in real.frame}
    trio = Trio(train=real, test=real, synthetic=Table(pd.DataFrame(shuffled), real.schema))
    trend = trend_error(trio)
    assert trend is not None
    assert shape_error(trio).value == 0
    assert trend.value > 10


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_trends_do_not_depend_on_the_unit(unit: float) -> None:
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=500), rng.normal(size=500)
    real = pd.DataFrame({"x": x * unit, "y": x + noise})
    synthetic = pd.DataFrame({"x": x * unit, "y": noise})
    trend = trend_error(against(real, synthetic))
    expected = 50 * abs(np.corrcoef(x, x + noise)[0, 1] - np.corrcoef(x, noise)[0, 1])
    assert trend is not None
    assert trend.value == pytest.approx(expected, abs=1e-4)


def test_a_number_that_does_not_vary_is_taken_as_uncorrelated() -> None:
    x = np.random.default_rng(0).normal(size=500)
    real = pd.DataFrame({"x": x, "y": x})
    trend = trend_error(against(real, pd.DataFrame({"x": x, "y": np.full(500, 0.1)})))
    assert trend is not None
    assert trend.value == pytest.approx(50)


def test_correlations_of_numbers_with_gaps_take_the_rows_where_both_are_there() -> None:
    rng = np.random.default_rng(0)
    sides = []
    for _ in range(2):
        base = rng.normal(size=(400, 2))
        x = base @ rng.normal(size=(2, 5)) + rng.normal(size=(400, 5))
        sides.append(pd.DataFrame(np.where(rng.random((400, 5)) < 0.2, np.nan, x), columns=list("abcde")))
    trend = trend_error(against(*sides))
    assert trend is not None
    expected = 50 * np.abs(sides[0].corr().to_numpy() - sides[1].corr().to_numpy())
    assert np.array(trend.detail["matrix"]) == pytest.approx(expected, abs=1e-3)


def test_a_number_that_is_constant_where_its_partner_is_present_is_uncorrelated_there() -> None:
    rng = np.random.default_rng(0)
    x = np.where(np.arange(300) < 200, 0.1, rng.normal(size=300))
    y = np.where(np.arange(300) < 200, rng.normal(size=300), np.nan)
    real, other = pd.DataFrame({"x": x, "y": y}), pd.DataFrame({"x": y, "y": y})
    trend = trend_error(against(real, other))
    assert trend is not None
    assert trend.value == pytest.approx(50)


def test_a_wide_table_is_resampled_less_and_keeps_its_interval() -> None:
    rng = np.random.default_rng(0)
    frames = [
        pd.DataFrame({f"c{i}": (base + rng.normal(size=500)) > 0 for i in range(40)})
        for base in rng.normal(size=(2, 500))
    ]
    trio = against(*frames)
    trend = trend_error(trio)
    assert trend is not None
    assert 0 < trend.high - trend.value < trend.value


def test_categories_of_thousands_of_levels_fit_into_memory() -> None:
    words = [f"w{i}" for i in range(3000)] * 2
    real = pd.DataFrame({"a": words, "b": words[::-1]})
    other = pd.DataFrame({"a": words, "b": words})
    trend = trend_error(against(real, other))
    assert trend is not None
    assert trend.value == pytest.approx(100, abs=0.1)


def test_one_column_has_no_trends() -> None:
    frame = pd.DataFrame({"x": [1.5, 2.25, 3.0] * 10})
    assert trend_error(against(frame, frame)) is None
