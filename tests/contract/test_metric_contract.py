"""What every metric promises, held for every entry of METRICS: a new metric inherits this file."""

import random
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from geratriz.scoring.metric import Metric
from geratriz.scoring.score import Score
from geratriz.table.data.table import Table
from geratriz.table.draft import suite_of
from geratriz.table.evaluate.suite import METRICS
from geratriz.table.evaluate.trio import EvaluateConfig, Trio
from tests.tables import mixed

QUICK = EvaluateConfig(bootstrap=50)
pytestmark = pytest.mark.usefixtures("brief_metrics")


@pytest.fixture(params=METRICS)
def metric(request: pytest.FixtureRequest) -> Metric:
    return METRICS[request.param]


def shuffled(table: Table, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    columns = {name: table.frame[name].iloc[rng.permutation(len(table))].array for name in table.frame}
    return Table(pd.DataFrame(columns), table.schema)


@cache
def tables(rows: int) -> tuple[Table, Table, Table, dict[str, Any]]:
    """Train, test and synthetic rows, and a contract of theirs."""
    train, test, other = (
        Table.from_frame(
            mixed(rows, seed).frame.assign(who=[f"{seed}-{row}" for row in range(rows)]),
            target="price",
            overrides={"who": "personal"},
        )
        for seed in (1, 2, 3)
    )
    return train, test, shuffled(other), suite_of(train, "mixed")


def trio(rows: int = 400) -> Trio:
    """A trio no metric has looked at."""
    train, test, synthetic, suite = tables(rows)
    return Trio(train=train, test=test, synthetic=synthetic, config=QUICK, suite=suite)


@cache
def score_of(name: str) -> Score | None:
    return METRICS[name].compute(trio())


@pytest.fixture(scope="module")
def used(brief_metrics: None) -> Trio:
    """A trio every metric has looked at."""
    looked_at = trio()
    for metric in METRICS.values():
        metric.compute(looked_at)
    return looked_at


def assert_sound(score: Score | None) -> None:
    if score is None:
        return
    assert all(type(each) is float for each in (score.value, score.low, score.high)), score
    assert np.isfinite([score.value, score.low, score.high]).all()
    assert score.low <= score.value <= score.high


def test_a_score_is_finite_and_inside_its_interval(metric: Metric) -> None:
    score = metric.compute(trio(6000 if metric.name == "mia_tpr_at_1pct_outliers" else 600))
    assert score is not None
    assert_sound(score)


def test_equal_tables_give_equal_scores(metric: Metric) -> None:
    assert metric.compute(trio()) == score_of(metric.name)


def test_scores_do_not_depend_on_which_metrics_ran_before(metric: Metric, used: Trio) -> None:
    assert metric.compute(used) == score_of(metric.name)


def test_neither_the_tables_nor_global_random_state_are_touched(metric: Metric) -> None:
    judged = trio()
    before = [side.frame.copy(deep=True) for side in (judged.train, judged.test, judged.synthetic)]
    np.random.seed(0)  # noqa: NPY002 - the state others read
    random.seed(0)
    state = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    metric.compute(judged)
    assert (np.random.get_state()[1] == state[0]).all()  # noqa: NPY002
    assert random.getstate() == state[1]
    for side, frame in zip((judged.train, judged.test, judged.synthetic), before, strict=True):
        pd.testing.assert_frame_equal(side.frame, frame)


def test_more_rows_make_a_narrower_interval(metric: Metric) -> None:
    scores = [metric.compute(trio(rows)) for rows in (300, 1500)]
    few, many = (float("inf") if score is None else score.high - score.low for score in scores)
    guesses = metric.name == "singling_out"  # among few rows hardly any guess is true of anybody, and that is certain
    certain = metric.name == "personal_overlap"  # of the file, no estimate
    assert many < few or few == float("inf") or guesses or certain


def test_ids_say_nothing(metric: Metric) -> None:
    one = trio()
    frame = one.synthetic.frame.assign(number=one.synthetic.frame["number"].to_numpy() + 5)
    other = Trio(train=one.train, test=one.test, synthetic=Table(frame, one.train.schema), config=QUICK)
    same = Trio(train=one.train, test=one.test, synthetic=one.synthetic, config=QUICK)
    assert metric.compute(other) == metric.compute(same)


def _one_column() -> list[pd.DataFrame]:
    return [pd.DataFrame({"x": np.random.default_rng(seed).normal(size=60)}) for seed in range(3)]


def _never_there() -> list[pd.DataFrame]:
    return [frame.assign(absent=np.nan, blank=None, y=list("ab") * 30) for frame in _one_column()]


def _never_there_in_one() -> list[pd.DataFrame]:
    train, test, synthetic = _one_column()
    return [train.assign(y=1.5), test.assign(y=np.arange(60) / 8), synthetic.assign(y=np.nan)]


def _constant() -> list[pd.DataFrame]:
    return [frame.assign(number=0.1, word="w", y=list("ab") * 30) for frame in _one_column()]


def _thirty_rows() -> list[pd.DataFrame]:
    return [mixed(30, seed).frame.drop(columns="number") for seed in range(3)]


def _three_rows() -> list[pd.DataFrame]:
    return [frame.iloc[:3] for frame in _thirty_rows()]


def _one_row() -> list[pd.DataFrame]:
    return [frame.iloc[:1].assign(y="a") for frame in _one_column()]


def _new_category() -> list[pd.DataFrame]:
    train, test, synthetic = (frame.assign(y=list("ab") * 30) for frame in _one_column())
    return [train, test, synthetic.assign(y=list("ac") * 30)]


def _dates() -> list[pd.DataFrame]:
    day = pd.Timestamp("1901-03-01T12:30:15")
    return [frame.assign(y=day + pd.to_timedelta(np.arange(60) * 3.7e5, unit="s")) for frame in _one_column()]


def _many_categories() -> list[pd.DataFrame]:
    draws = (np.random.default_rng(seed).integers(0, 500, 600) for seed in range(3))
    return [pd.DataFrame({"word": [f"c{i}" for i in draw], "x": draw % 7 / 3}) for draw in draws]


@pytest.mark.parametrize(
    "make",
    [
        _one_column,
        _never_there,
        _never_there_in_one,
        _constant,
        _thirty_rows,
        _three_rows,
        _one_row,
        _new_category,
        _dates,
        _many_categories,
    ],
)
def test_awkward_tables_are_measured_or_left_out(metric: Metric, make: Callable[[], list[pd.DataFrame]]) -> None:
    frames = make()
    target = "y" if "y" in frames[0] else None
    overrides = {name: "float" for name in ("absent", "x") if name in frames[0]}
    train = Table.from_frame(frames[0], target=target, overrides=overrides)
    test, synthetic = (Table.from_frame(frame, schema=train.schema) for frame in frames[1:])
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        score = metric.compute(Trio(train=train, test=test, synthetic=synthetic, config=QUICK))
    assert_sound(score)
