"""shape_error: SDMetrics' figures where it has them, and sense where it has none."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from geratriz.table.evaluate.fidelity import shape_error
from geratriz.table.evaluate.trio import Trio
from tests.tables import mixed
from tests.unit.table.evaluate.sdmetrics import rows_for_sdmetrics
from tests.unit.table.evaluate.trios import against

SDMETRICS_SHAPES = {"age": 0.6, "wage": 17.8, "sector": 7.8, "member": 9.8, "since": 1.2}
"""100 (1 - KSComplement, TVComplement) of SDMetrics 0.32.1, for the table of sdmetrics.py."""


def test_single_columns_have_the_errors_sdmetrics_gives_them() -> None:
    real = rows_for_sdmetrics(37, 8)
    score = shape_error(Trio(train=real, test=real, synthetic=rows_for_sdmetrics(29, 11)))
    assert score.detail["columns"] == pytest.approx(SDMETRICS_SHAPES, abs=1e-4)
    assert score.value == pytest.approx(np.mean(list(SDMETRICS_SHAPES.values())), abs=1e-4)


def test_the_distance_of_numbers_is_kolmogorov_and_smirnovs_ties_included() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.poisson(5, 300), rng.poisson(6, 300)
    score = shape_error(against(pd.DataFrame({"x": a}), pd.DataFrame({"x": b})))
    assert score.value == pytest.approx(100 * ks_2samp(a, b).statistic, abs=1e-4)


def test_a_table_beside_itself_has_no_error() -> None:
    table = mixed(400)
    trio = Trio(train=table, test=table, synthetic=table)
    assert shape_error(trio).value == 0


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
