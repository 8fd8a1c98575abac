"""Is a model fitted on synthetic rows any good on real ones."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from geratriz import seeding
from geratriz.scoring.metric import inapplicable
from geratriz.scoring.score import Score
from geratriz.table.data.table import Table
from geratriz.table.evaluate import utility as module
from geratriz.table.evaluate.suite import METRICS
from geratriz.table.evaluate.trees import classifier
from geratriz.table.evaluate.trio import Trio
from geratriz.table.evaluate.utility import utility, utility_real
from tests.tables import mixed


def aimed(rows: int, seed: int, target: str | None, **columns: object) -> Table:
    """`mixed` with another target, and columns replaced."""
    return Table.from_frame(mixed(rows, seed).frame.assign(**columns), target=target)


def trio(target: str | None, synthetic: Table, rows: int = 800) -> Trio:
    return Trio(train=aimed(rows, 1, target), test=aimed(rows, 2, target), synthetic=synthetic)


def measured(score: Score | None) -> Score:
    assert score is not None
    assert score.low <= score.value <= score.high
    return score


@pytest.mark.parametrize(
    ("target", "measure"),
    [("sold", "AUC"), ("group", "macro one-vs-rest AUC of 3 classes"), ("price", "R2"), ("day", "R2")],
)
def test_fresh_rows_teach_as_much_as_training_rows(target: str, measure: str) -> None:
    both = trio(target, aimed(800, 3, target))
    synthetic, real = measured(utility(both)), measured(utility_real(both))
    assert synthetic.detail["measure"] == real.detail["measure"] == measure
    assert synthetic.value == pytest.approx(real.value, abs=0.2)
    assert real.value > 0.6 or target == "day"  # nothing tells the day


@pytest.mark.parametrize("target", ["sold", "group", "price"])
def test_a_target_that_has_nothing_to_do_with_its_row_teaches_nothing(target: str) -> None:
    values = aimed(800, 3, target).frame[target]
    shuffled = values.iloc[np.random.default_rng(0).permutation(800)].array
    both = trio(target, aimed(800, 3, target, **{target: shuffled}))
    assert measured(utility(both)).value < measured(utility_real(both)).value - 0.15


def test_without_a_target_there_is_nothing_to_measure() -> None:
    assert utility(trio(None, aimed(100, 3, None))) is None
    assert utility_real(trio(None, aimed(100, 3, None))) is None
    assert inapplicable(METRICS, trio(None, aimed(100, 3, None))) == ("utility", "utility_real")
    assert inapplicable(METRICS, trio("group", aimed(100, 3, "group"))) == ()


def test_a_class_the_synthetic_rows_never_show_is_left_to_chance() -> None:
    other = aimed(800, 3, "group")
    common = Table(other.frame[other.frame["group"] == "a"].reset_index(drop=True), other.schema)
    assert measured(utility(trio("group", common))).value == 0.5
    two = Table(other.frame[other.frame["group"] != "c"].reset_index(drop=True), other.schema)
    assert 0.6 < measured(utility(trio("group", two))).value < measured(utility(trio("group", other))).value


def test_each_class_has_its_area_and_the_rows_it_rests_on() -> None:
    other = aimed(800, 3, "group")
    two = Table(other.frame[other.frame["group"] != "c"].reset_index(drop=True), other.schema)
    both = trio("group", two, rows=600)
    score = measured(utility(both))
    classes = score.detail["classes"]
    assert [each["class"] for each in classes] == ["a", "b", "c"]
    assert score.value == pytest.approx(np.mean([each["auc"] for each in classes]))
    test = both.cut[1].frame["group"].value_counts()
    fitted = both.cut[2].frame["group"].value_counts()
    assert [each["rows"] for each in classes] == [test["a"], test["b"], test["c"]]
    assert [each["fitted"] for each in classes] == [fitted["a"], fitted["b"], 0]
    assert classes[2]["auc"] == 0.5
    assert measured(utility_real(both)).detail["classes"][2]["auc"] > 0.8


def test_the_area_of_two_classes_is_scikit_learns() -> None:
    both = trio("sold", aimed(800, 3, "sold"))
    score = measured(utility(both))
    _, test, synthetic = both.features
    i = test.index("sold")
    fit, held = (np.delete(side.for_trees(), i, axis=1) for side in (synthetic, test))
    categorical, seed = np.delete(test.categorical, i), seeding.derive(0, "utility") % 2**32
    chance = classifier(fit, synthetic.values[:, i], categorical, seed).predict_proba(held)[:, 1]
    assert score.value == pytest.approx(roc_auc_score(test.values[:, i], chance))


def test_many_rare_classes_do_not_stop_the_common_ones_from_being_learnt() -> None:
    """A second or two: a tree a class and step."""

    def table(seed: int) -> Table:
        rng = np.random.default_rng(seed)
        number = (rng.pareto(1, 1500) * 3).astype(int) % 100
        x = number + rng.normal(scale=0.3, size=1500)
        return Table.from_frame(pd.DataFrame({"x": x, "y": [f"c{each}" for each in number]}), target="y")

    score = measured(utility(Trio(train=table(1), test=table(2), synthetic=table(3))))
    assert score.detail["measure"] == "macro one-vs-rest AUC of 20 classes"
    assert score.value > 0.85


def test_rows_without_a_class_are_left_out() -> None:
    rng = np.random.default_rng(0)
    holed = {seed: mixed(800, seed).frame["group"].where(rng.random(800) > 0.3) for seed in (1, 2, 3)}
    tables = [aimed(800, seed, "group", group=group) for seed, group in holed.items()]
    score = measured(utility(Trio(train=tables[0], test=tables[1], synthetic=tables[2])))
    assert score.value > 0.7
    assert sum(each["rows"] for each in score.detail["classes"]) == holed[2].notna().sum()
    sold = {seed: mixed(800, seed).frame["sold"].astype(object).where(rng.random(800) > 0.3) for seed in (1, 2, 3)}
    tables = [aimed(800, seed, "sold", sold=each) for seed, each in sold.items()]
    score = measured(utility(Trio(train=tables[0], test=tables[1], synthetic=tables[2])))
    assert score.detail["measure"] == "AUC"
    assert score.value > 0.9


def test_the_kind_of_the_target_says_what_is_measured_not_how_few_values_it_has() -> None:
    frames = [mixed(600, seed).frame.assign(stars=lambda rows: (rows["price"] > 9).astype(int)) for seed in (1, 2, 3)]
    number = Table.from_frame(frames[0], target="stars")
    sides = [Table.from_frame(frame, schema=number.schema) for frame in frames]
    score = measured(utility(Trio(train=sides[0], test=sides[1], synthetic=sides[2])))
    assert score.detail == {"measure": "R2", "values": 2}
    declared = Table.from_frame(frames[0], target="stars", overrides={"stars": "category"})
    sides = [Table.from_frame(frame, schema=declared.schema) for frame in frames]
    score = measured(utility(Trio(train=sides[0], test=sides[1], synthetic=sides[2])))
    assert score.detail["measure"] == "AUC"
    assert [each["class"] for each in score.detail["classes"]] == ["0", "1"]


def test_a_date_that_follows_from_other_columns_is_predicted() -> None:
    def table(seed: int) -> Table:
        size = np.random.default_rng(seed).integers(0, 300, 500)
        day = pd.Timestamp("2020-01-01") + pd.to_timedelta(size, unit="D")
        return Table.from_frame(pd.DataFrame({"size": size, "day": day}), target="day")

    assert measured(utility(Trio(train=table(1), test=table(2), synthetic=table(3)))).value > 0.95


def test_rows_without_a_target_are_left_out() -> None:
    rng = np.random.default_rng(0)
    holed = {seed: mixed(800, seed).frame["price"].where(rng.random(800) > 0.3) for seed in (1, 2, 3)}
    tables = [aimed(800, seed, "price", price=price) for seed, price in holed.items()]
    both = Trio(train=tables[0], test=tables[1], synthetic=tables[2])
    assert measured(utility(both)).value > 0.6
    empty = aimed(800, 3, "price", price=np.full(800, np.nan))
    assert utility(trio("price", empty)) is None


def test_r2_is_scikit_learns_even_for_dates_in_seconds() -> None:
    rng = np.random.default_rng(0)
    truth = 1.7e9 + rng.normal(size=300)
    guess = truth + rng.normal(scale=0.5, size=300)
    found = module._r2((guess - truth) ** 2, truth, np.ones((1, 300), dtype=np.float32))
    assert found[0] == pytest.approx(r2_score(truth, guess), abs=1e-5)


def test_a_target_of_one_class_says_nothing() -> None:
    table = Table.from_frame(pd.DataFrame({"x": np.arange(60) / 7, "y": ["only"] * 60}), target="y")
    score = measured(utility(Trio(train=table, test=table, synthetic=table)))
    assert (score.low, score.high) == (0, 1)
