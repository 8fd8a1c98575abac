"""Copies exact and near, rare values, extremes, nearness."""

import numpy as np
import pandas as pd
import pytest

from geratriz.table.data.table import Table
from geratriz.table.evaluate.copies import copy_excess, copy_rate, dcr_share, extreme_excess, rare_excess
from geratriz.table.evaluate.trio import EvaluateConfig, Trio
from tests.tables import mixed
from tests.unit.table.evaluate.trios import trio


@pytest.fixture(scope="module")
def parts() -> dict[str, Table]:
    return {name: mixed(rows, seed) for seed, (name, rows) in enumerate(
        {"train": 3000, "test": 2000, "fresh": 3000}.items()
    )}  # fmt: skip


def leaking(parts: dict[str, Table], share: float) -> Trio:
    """Synthetic rows of which ``share`` are training rows, the others fresh."""
    copies = round(share * len(parts["fresh"]))
    chosen = np.random.default_rng(0).permutation(len(parts["train"]))[:copies]
    frame = pd.concat([parts["train"].frame.iloc[chosen], parts["fresh"].frame.iloc[copies:]], ignore_index=True)
    return Trio(train=parts["train"], test=parts["test"], synthetic=Table(frame, parts["train"].schema))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_copy_rate_is_the_share_of_copies(parts: dict[str, Table], share: float) -> None:
    score = copy_rate(leaking(parts, share))
    assert score.low <= score.value <= score.high
    assert score.value == pytest.approx(share, abs=0.03)


def test_a_copy_under_a_new_id_is_a_copy_and_a_repeat_among_synthetic_rows_is_none(parts: dict[str, Table]) -> None:
    train = parts["train"]
    renumbered = Table(train.frame.assign(number=train.frame["number"] + 10_000), train.schema)
    assert copy_rate(Trio(train=train, test=parts["test"], synthetic=renumbered)).value == 1
    repeated = parts["fresh"].take(np.zeros(500, dtype=int))
    assert copy_rate(Trio(train=train, test=parts["test"], synthetic=repeated)).value == 0


def test_copies_are_found_in_the_whole_training_table_not_in_a_cut_of_it(parts: dict[str, Table]) -> None:
    few = parts["train"].take(slice(2900, 3000))
    trio = Trio(train=parts["train"], test=parts["test"], synthetic=few, config=EvaluateConfig(max_rows=50))
    assert copy_rate(trio).value == 1


def test_fresh_rows_are_as_near_to_training_rows_as_to_test_rows_and_copies_nearer(parts: dict[str, Table]) -> None:
    score = dcr_share(leaking(parts, 0.0))
    assert score.low < 0.5 < score.high
    copies = Trio(train=parts["train"], test=parts["test"], synthetic=parts["train"])
    assert dcr_share(copies).low > 0.6


def test_rows_as_near_to_both_count_half() -> None:
    table = Table.from_frame(pd.DataFrame({"x": [1.5, 2.5, 3.0] * 20}))
    assert dcr_share(Trio(train=table, test=table, synthetic=table)).value == 0.5


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3])
def test_copies_beyond_chance_are_the_share_that_was_copied(share: float) -> None:
    score = copy_excess(trio(copied=share))
    assert score.low <= share <= score.high
    assert score.value == pytest.approx(share, abs=0.004)
    assert score.detail["exact"]["train"] == pytest.approx(share, abs=1e-9)


def test_copies_with_a_little_noise_are_near_copies() -> None:
    detail = copy_excess(trio(copied=0.05, noise=1e-4)).detail
    assert detail["exact"]["excess"] < 0.001
    assert detail["near"]["excess"] > 0.03


def test_rows_that_several_real_rows_are_like_are_nobodys() -> None:
    """A table of few different rows: all synthetic rows equal a training row, and none is a copy of somebody."""
    words = pd.DataFrame({"a": list("ab") * 300, "b": list("xyz") * 200, "c": [0, 1] * 300})
    table = Table.from_frame(words)
    given = Trio(train=table, test=table, synthetic=table)
    assert copy_rate(given).value == 1
    assert copy_excess(given).value == 0


def test_a_generator_that_draws_common_rows_too_often_copies_nobody() -> None:
    given = trio(seed=3)
    crowd = given.synthetic.take(np.repeat(np.arange(60), 100))
    score = copy_excess(Trio(train=given.train, test=given.test, fresh=given.fresh, synthetic=crowd))
    assert score.low <= 0 <= score.high


def test_no_copy_in_few_rows_is_no_certainty() -> None:
    few, many = (copy_excess(trio(rows=rows)) for rows in (150, 6000))
    assert few.low < 0
    assert many.low < 0
    assert few.high > 0.01 > 0.0075 > many.high


def test_rare_categories_are_held_against_what_unseen_rows_show() -> None:
    def frame(words: list[str]) -> pd.DataFrame:
        return pd.DataFrame({"word": words, "x": np.arange(len(words)) % 7})

    common = ["common"] * 996
    train = Table.from_frame(frame([*common, "Ann", "Bo", "Cy", "Di"]))
    test = Table.from_frame(frame([*common, "Eve", "Fay", "Gus", "Bo"]), schema=train.schema)
    told = Table.from_frame(frame(["common"] * 900 + ["Ann"] * 100), schema=train.schema)
    score = rare_excess(Trio(train=train, test=test, synthetic=told))
    assert score is not None
    assert score.value == pytest.approx(0.1 - 0.001)
    assert score.low > 0.05
    honest = rare_excess(Trio(train=train, test=test, synthetic=test))
    assert honest is not None
    assert honest.value == 0
    allowed = Table.from_frame(train.frame, overrides={"word": {"rare": 1}})
    public = rare_excess(Trio(train=allowed, test=test, synthetic=told))
    assert public is not None
    assert public.value == 0


def test_extremes_count_unless_many_share_them() -> None:
    rng = np.random.default_rng(0)
    wage = rng.normal(0, 1, 2000).round(6)
    capped = np.minimum(rng.integers(0, 120, 2000), 99)  # top-coded, as in a census: many share the 99
    train = Table.from_frame(pd.DataFrame({"wage": wage, "age": capped}))
    test = Table.from_frame(pd.DataFrame({"wage": rng.normal(0, 1, 2000).round(6), "age": capped}), schema=train.schema)
    top = Table.from_frame(pd.DataFrame({"wage": np.r_[wage[:1900], [wage.max()] * 100], "age": 99}))
    score = extreme_excess(Trio(train=train, test=test, synthetic=Table(top.frame, train.schema)))
    assert score is not None
    assert 0.05 <= score.value < 0.06
    same = extreme_excess(Trio(train=train, test=test, synthetic=test))
    assert same is not None
    assert same.value == 0
