"""shape_error and trend_error: SDMetrics' figures where it has them, and sense where it has none."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from geratriz.data.table import Table
from geratriz.evaluate.base import Trio
from geratriz.evaluate.fidelity import shape_error, trend_error
from tests.tables import mixed

SDMETRICS_SHAPES = {"age": 0.6, "wage": 17.8, "sector": 7.8, "member": 9.8, "since": 1.2}
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
"""100 (1 - KSComplement, TVComplement, CorrelationSimilarity, ContingencySimilarity) of SDMetrics 0.32.1."""


def judged(step: int, shift: int) -> Table:
    """A table without chance: the one SDMetrics' figures above were taken from."""
    i = np.arange(500)
    age = 17 + (i * step) % 61
    frame = {
        "age": age,
        "wage": np.round(age * 1.5 + (i * 7919 % 1000) / shift, 2),
        "sector": np.array(["public", "private", "own"])[(i * step // 7 + age // 20) % 3],
        "member": (i * 13 + age) % shift < 3,
        "since": pd.Timestamp("2020-01-01") + pd.to_timedelta((i * step * 11) % 900, unit="D"),
    }
    return Table.from_frame(pd.DataFrame(frame))


def against(real: pd.DataFrame, synthetic: pd.DataFrame) -> Trio:
    table = Table.from_frame(real)
    return Trio(train=table, test=table, synthetic=Table.from_frame(synthetic[real.columns], schema=table.schema))


def test_single_columns_have_the_errors_sdmetrics_gives_them() -> None:
    real = judged(37, 8)
    score = shape_error(Trio(train=real, test=real, synthetic=judged(29, 11)))
    assert score.detail["columns"] == pytest.approx(SDMETRICS_SHAPES, abs=1e-4)
    assert score.value == pytest.approx(np.mean(list(SDMETRICS_SHAPES.values())), abs=1e-4)


def test_pairs_of_columns_have_the_errors_sdmetrics_gives_them() -> None:
    real = judged(37, 8)
    score = trend_error(Trio(train=real, test=real, synthetic=judged(29, 11)))
    assert score is not None
    at = score.detail["names"].index
    found = {pair: score.detail["matrix"][at(pair[0])][at(pair[1])] for pair in SDMETRICS_TRENDS}
    assert found == pytest.approx(SDMETRICS_TRENDS, abs=1e-3)
    assert score.value == pytest.approx(np.mean(list(SDMETRICS_TRENDS.values())), abs=1e-4)


def test_the_distance_of_numbers_is_kolmogorov_and_smirnovs_ties_included() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.poisson(5, 300), rng.poisson(6, 300)
    score = shape_error(against(pd.DataFrame({"x": a}), pd.DataFrame({"x": b})))
    assert score.value == pytest.approx(100 * ks_2samp(a, b).statistic, abs=1e-4)


def test_a_table_beside_itself_has_no_error() -> None:
    table = mixed(400)
    trio = Trio(train=table, test=table, synthetic=table)
    trend = trend_error(trio)
    assert trend is not None
    assert shape_error(trio).value == trend.value == 0


def test_columns_drawn_independently_have_good_shapes_and_bad_trends() -> None:
    real, rng = mixed(2000), np.random.default_rng(0)
    shuffled = {name: real.frame[name].iloc[rng.permutation(len(real))].array for name in real.frame}
    trio = Trio(train=real, test=real, synthetic=Table(pd.DataFrame(shuffled), real.schema))
    trend = trend_error(trio)
    assert trend is not None
    assert shape_error(trio).value == 0
    assert trend.value > 10


def test_a_number_that_is_never_missing_where_the_real_one_is_has_an_error() -> None:
    x = np.arange(200.0)
    real = pd.DataFrame({"x": np.where(x % 4 == 0, np.nan, x)})
    assert shape_error(against(real, pd.DataFrame({"x": x}))).value == pytest.approx(25)
    assert shape_error(against(real, pd.DataFrame({"x": np.full(200, np.nan)}))).value == pytest.approx(75)


def test_a_missing_category_is_a_level_and_a_new_one_counts_in_full() -> None:
    real = pd.DataFrame({"word": ["a", "b"] * 50})
    for other in (None, "new"):
        synthetic = pd.DataFrame({"word": ["a", other] * 50})
        assert shape_error(against(real, synthetic)).value == pytest.approx(50)


def test_categories_beyond_what_trees_can_take_still_count_one_by_one() -> None:
    real = pd.DataFrame({"word": [f"w{i}" for i in np.arange(1200) % 600]})
    synthetic = pd.DataFrame({"word": [f"w{i}" for i in np.arange(1200) % 300]})
    assert shape_error(against(real, synthetic)).value == pytest.approx(50)


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


def test_one_column_has_no_trends() -> None:
    frame = pd.DataFrame({"x": [1.5, 2.25, 3.0] * 10})
    assert trend_error(against(frame, frame)) is None
