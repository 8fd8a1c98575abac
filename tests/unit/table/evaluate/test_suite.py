"""All metrics together, and the landmarks they stand between."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geratriz.errors import DataError
from geratriz.scoring.content import metrics_json
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.metric import measure
from geratriz.table.data.table import Table
from geratriz.table.evaluate.suite import METRICS, halve, landmarks
from geratriz.table.evaluate.trio import EvaluateConfig, Trio, subsample
from tests.tables import mixed

pytestmark = pytest.mark.usefixtures("fewer_guesses")
QUICK = EvaluateConfig(bootstrap=50)


@pytest.fixture(scope="module")
def marks(fewer_guesses: None) -> Landmarks:
    """Every metric twice, some seconds, once for the file."""
    return landmarks(mixed(1200, 1), mixed(700, 2), mixed(800, 3), QUICK, None)


def test_each_metric_stands_under_its_own_name_and_says_how_to_read_it() -> None:
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.title
        assert metric.explains.endswith(".")


def test_the_ceiling_is_better_than_the_floor_where_columns_must_fit_together(marks: Landmarks) -> None:
    assert marks.rows == 700
    for name in ("detection", "utility"):
        assert marks.ceiling[name].low > marks.floor[name].high
    assert marks.ceiling["trend_error"].high < marks.floor["trend_error"].low


def test_the_ceiling_leaks_nothing(marks: Landmarks) -> None:
    assert marks.ceiling["mia_auc"].low < 0.5 < marks.ceiling["mia_auc"].high
    assert marks.ceiling["dcr_share"].low < 0.5 < marks.ceiling["dcr_share"].high


def test_fresh_rows_are_the_mark_to_read_recall_by(marks: Landmarks) -> None:
    assert marks.ceiling["beta_recall"].value == pytest.approx(0.5, abs=0.06)
    assert marks.ceiling["alpha_precision"].low > marks.floor["alpha_precision"].high


def test_what_real_rows_teach_is_measured_once(marks: Landmarks) -> None:
    assert marks.ceiling["utility_real"] is marks.floor["utility_real"]


def test_landmarks_survive_their_file(marks: Landmarks, tmp_path: Path) -> None:
    path = tmp_path / "landmarks.json"
    path.write_text(json.dumps(marks.to_json(), allow_nan=False))
    again = Landmarks.read(path)
    assert again.to_json() == marks.to_json()


def test_a_metric_stands_between_its_landmarks_and_has_none_where_they_were_not_measured(marks: Landmarks) -> None:
    trio = Trio(train=mixed(900, 1), test=mixed(800, 3), synthetic=mixed(900, 4), config=QUICK)
    scores = measure({"detection": METRICS["detection"]}, trio)
    entry = metrics_json(scores, marks, METRICS)["detection"]
    assert entry == {
        "value": scores["detection"].value,
        "low": scores["detection"].low,
        "high": scores["detection"].high,
        "floor": marks.floor["detection"].value,
        "ceiling": marks.ceiling["detection"].value,
        "better": "higher",
    }
    unmarked = metrics_json(scores, Landmarks(rows=700, floor={}, ceiling={}), METRICS)["detection"]
    assert (unmarked["floor"], unmarked["ceiling"]) == (None, None)


def test_a_metric_that_makes_no_sense_for_the_data_is_absent() -> None:
    table = Table.from_frame(pd.DataFrame({"x": np.arange(40) / 7}))
    scores = measure(METRICS, Trio(train=table, test=table, synthetic=table, config=QUICK))
    few = {name for name in METRICS if name.startswith("mia")}  # with so few rows to accuse
    alone = {"trend_error", "utility", "utility_real", "contract_violations", "attribute_advantage", "rare_excess"} | {
        "personal_overlap"
    }
    assert set(METRICS) - set(scores) == few | alone


def test_all_sides_are_cut_to_the_rows_of_the_shortest() -> None:
    trio = Trio(train=mixed(300), test=mixed(200), synthetic=mixed(100))
    assert [len(side) for side in trio.cut] == [100, 100, 100]
    assert Trio(train=mixed(300), test=mixed(200), synthetic=mixed(100), rows=60).size == 60
    assert Trio(train=mixed(300), test=mixed(200), synthetic=mixed(100), rows=160).size == 100
    assert Trio(train=mixed(300), test=mixed(200), synthetic=mixed(100), config=EvaluateConfig(max_rows=50)).size == 50


def test_a_cut_takes_rows_from_all_over_the_table_in_their_order() -> None:
    numbers = subsample(mixed(1000), 100, 0, "test").frame["number"].to_numpy()
    assert (np.diff(numbers) > 0).all()
    assert numbers[0] < 100 < 900 < numbers[-1]


def test_halves_hold_every_row_once_and_do_not_depend_on_their_order() -> None:
    table = mixed(301)
    first, second = halve(table)
    assert (len(first), len(second)) == (150, 151)
    numbers = [set(half.frame["number"]) for half in (first, second)]
    assert numbers[0] | numbers[1] == set(table.frame["number"])
    assert set(halve(table.take(slice(None, None, -1)))[0].frame["number"]) == numbers[0]


def test_equal_rows_fall_into_both_halves() -> None:
    table = Table.from_frame(pd.DataFrame({"x": ["a", "b"] * 200}))
    for half in halve(table):
        assert 60 < (half.frame["x"] == "a").sum() < 140


def test_one_row_has_no_halves() -> None:
    with pytest.raises(DataError, match="1 row"):
        halve(Table.from_frame(pd.DataFrame({"x": [1.5]})))


@pytest.mark.parametrize("settings", [{"bootstrap": 5}, {"max_rows": 1}])
def test_settings_that_make_no_interval_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        EvaluateConfig(**settings)
