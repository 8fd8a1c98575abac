"""Attacks on tables with several rows per person: persons are counted, and none is on two sides."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from geratriz.table.data.table import Table
from geratriz.table.evaluate.membership import mia_auc, mia_tpr_at_1pct
from geratriz.table.evaluate.trio import Trio, two_sides

VISITS = 8


def visits(persons: int, seed: int) -> Table:
    """Visits of persons that differ much from each other and little from visit to visit."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(persons, 4)).repeat(VISITS, axis=0)
    frame = pd.DataFrame(means + 0.1 * rng.normal(size=means.shape), columns=list("abcd"))
    frame["ward"] = rng.choice(["north", "south", "east"], persons).repeat(VISITS)
    frame["person"] = (np.arange(persons) + persons * seed).repeat(VISITS)
    table = Table.from_frame(frame, overrides={"person": "id"})
    return Table(table.frame, dataclasses.replace(table.schema, entity="person"))


def trio(seed: int, synthetic: Table | None = None) -> Trio:
    train, test, fresh = (visits(persons, 3 * seed + part) for part, persons in enumerate((250, 300, 250)))
    return Trio(train=train, test=test, synthetic=fresh if synthetic is None else synthetic)


def test_reference_and_strangers_share_no_person() -> None:
    table = visits(100, 0)
    sides = two_sides(table, 0, "attack unseen", 10**6)
    persons = [set(table.frame["person"].iloc[side]) for side in sides]
    assert not persons[0] & persons[1]
    assert sum(map(len, persons)) == 100
    assert len(persons[0]) == 33


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(2, 20))])
def test_fresh_persons_are_no_leak(seed: int) -> None:
    score = mia_auc(trio(seed))
    assert score is not None and score.low is not None
    assert score.low < 0.55 and score.value < 0.62
    assert score.detail["members"] == 250 and score.detail["strangers"] == 200


def test_a_copied_person_is_found_as_one() -> None:
    train = visits(250, 0)
    half = train.frame.iloc[: len(train) // 2]
    synthetic = Table(pd.concat([half, half], ignore_index=True), train.schema)
    score = mia_auc(trio(0, synthetic))
    assert score is not None and score.value > 0.7
    assert mia_tpr_at_1pct(trio(0, synthetic)) is None  # 200 strangers are too few
