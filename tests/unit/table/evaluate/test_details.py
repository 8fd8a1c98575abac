"""What a page shows beside the metrics."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.metric import measure
from geratriz.table.data import forms
from geratriz.table.data.table import Table
from geratriz.table.evaluate.details import details
from geratriz.table.evaluate.suite import METRICS
from geratriz.table.evaluate.trio import EvaluateConfig, Trio
from tests.personal_table import people
from tests.tables import mixed

pytestmark = pytest.mark.usefixtures("fewer_guesses")
NO_MARKS = Landmarks(rows=10, floor={}, ceiling={})


def shown(trio: Trio) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(details(trio, measure(METRICS, trio), NO_MARKS), allow_nan=False))
    return found


@pytest.fixture(scope="module")
def page(fewer_guesses: None) -> dict[str, Any]:
    config = EvaluateConfig(bootstrap=20)
    return shown(Trio(train=mixed(500, 1), test=mixed(400, 2), synthetic=mixed(400, 3), config=config))


def test_every_learnt_column_is_shown_with_shares_that_add_up(page: dict[str, Any]) -> None:
    assert [each["name"] for each in page["columns"]] == [
        "group", "size", "price", "weight", "sold", "day", "rating", "note"
    ]  # fmt: skip
    for column in page["columns"]:
        bars = column.get("histogram")
        sides = [bars[side] if bars else [level[side] for level in column["levels"]] for side in ("real", "synthetic")]
        for side in sides:
            assert sum(side) == pytest.approx(1, abs=1e-3)
        assert set(column["missing"]) == {"real", "synthetic"}


def test_dates_keep_their_digits(page: dict[str, Any]) -> None:
    day = next(each for each in page["columns"] if each["name"] == "day")
    edges = np.array(day["histogram"]["edges"])
    assert (np.diff(edges) > 86400).all()
    assert edges[0] >= pd.Timestamp("2024-01-01").timestamp()


def test_a_number_says_up_to_where_its_sides_differ_most_which_is_its_error(page: dict[str, Any]) -> None:
    column = next(each for each in page["columns"] if each["name"] == "price")
    shares = column["up_to"]
    assert 100 * abs(shares["real"] - shares["synthetic"]) == pytest.approx(column["shape_error"], abs=1e-4)
    price = mixed(400, 2).frame["price"]
    assert column["mean"]["real"] == pytest.approx(price.mean())
    assert (price <= shares["value"]).mean() == pytest.approx(shares["real"])


def test_utility_is_told_by_class_for_either_side(page: dict[str, Any]) -> None:
    assert page["utility"]["target"] == "sold"
    assert page["utility"]["measure"] == "AUC"
    for each in page["utility"]["classes"]:
        assert each["real"]["auc"] == pytest.approx(each["synthetic"]["auc"], abs=0.1)
        assert each["real"]["rows"] > 0 < each["synthetic"]["rows"]


def test_without_a_target_there_is_no_utility() -> None:
    table = Table.from_frame(mixed(100).frame)
    found = shown(Trio(train=table, test=table, synthetic=table, config=EvaluateConfig(bootstrap=20)))
    assert found["utility"] is None


def test_pairs_are_a_symmetric_matrix(page: dict[str, Any]) -> None:
    matrix = np.array(page["pairs"]["matrix"])
    assert matrix.shape == (8, 8)
    assert (matrix == matrix.T).all()


def test_a_few_rows_stand_beside_the_training_row_nearest_to_them() -> None:
    train = mixed(300, 1)
    found = shown(Trio(train=train, test=mixed(300, 2), synthetic=train, config=EvaluateConfig(bootstrap=20)))
    assert len(found["nearest"]) == 5
    for each in found["nearest"]:
        assert each["distance"] == 0
        assert each["synthetic"] == each["train"]


def test_wide_tables_and_many_levels_stay_small() -> None:
    """A second or two: 40 columns, judged by every metric."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{i}": rng.normal(size=60) for i in range(30)})
    frame = frame.assign(**{f"w{i}": [f"{i}-{k}" for k in rng.integers(0, 50, 60)] for i in range(10)})
    table = Table.from_frame(frame)
    found = shown(Trio(train=table, test=table, synthetic=table, config=EvaluateConfig(bootstrap=20)))
    assert len(json.dumps(found)) < 300_000
    assert all(len(each["levels"]) <= 20 for each in found["columns"] if "levels" in each)


def test_a_column_that_is_never_there_is_shown_as_missing() -> None:
    table = Table.from_frame(pd.DataFrame({"x": [np.nan] * 40, "y": np.arange(40) / 7}))
    found = shown(Trio(train=table, test=table, synthetic=table, config=EvaluateConfig(bootstrap=20)))
    assert found["columns"][0]["missing"] == {"real": 1, "synthetic": 1}


def test_nothing_of_personal_columns_is_shown() -> None:
    declared = {name: "personal" for name in people(10) if name not in ("group", "age")}
    train, test = (Table.from_frame(people(200, seed), overrides=declared, target="group") for seed in (1, 2))
    text = json.dumps(shown(Trio(train=train, test=test, synthetic=train, config=EvaluateConfig(bootstrap=20))))
    assert '"age"' in text
    for name in declared:
        assert not any(json.dumps(each)[1:-1] in text for each in forms.texts(train.frame[name]) if len(each) > 5)
