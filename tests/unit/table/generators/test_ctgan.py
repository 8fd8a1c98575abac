"""What is particular to the tabular GAN: the joint distribution, conditions, collapse."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from geratriz.errors import TrainingError
from geratriz.table.data.table import Table
from geratriz.table.generators.ctgan import Ctgan, CtganConfig, _Game
from geratriz.table.nets.detector import detection_auc
from tests.unit.fitting.recorder import Recorder

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick_calibration")]


@pytest.fixture(scope="module")
def data() -> Table:
    """The grade depends on the group, and the note is missing in group b alone."""
    rng = np.random.default_rng(0)
    group = rng.choice(["a", "b", "c"], 3000, p=[0.6, 0.3, 0.1])
    grade = pd.Series(group).map({"a": 0, "b": 4, "c": 8}).to_numpy() + rng.integers(0, 3, 3000)
    note = np.where(group == "b", None, rng.choice(["x", "y"], 3000))
    return Table.from_frame(
        pd.DataFrame({"group": group, "grade": grade, "note": note, "coin": rng.random(3000) < 0.5})
    )


@pytest.fixture(scope="module")
def losses() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def generator(data: Table, losses: Recorder) -> Ctgan:
    """One fit of seconds for many tests: a GAN that knows the rare group takes that many steps."""
    config = CtganConfig(steps=500, rate=6e-3, width=64, noise=16, batch=96, threads=1, precision="float32")
    return Ctgan.fit(data, config, seed=0, device="cpu", tracker=losses)


def test_both_losses_the_accuracy_and_what_is_watched_are_logged(losses: Recorder, generator: Ctgan) -> None:
    names = {"generator_loss", "discriminator_loss", "accuracy", "distinct", "marginals_off", "held_out"}
    assert all(set(each) == names for each in losses.rounds)
    assert all(0.3 < each["accuracy"] <= 1 for each in losses.rounds)
    assert losses.rounds[-1]["distinct"] > 0.9


def test_what_depends_in_the_data_depends_in_the_sample(generator: Ctgan, data: Table) -> None:
    sample = generator.sample(5000, seed=1).frame
    for frame in (sample, data.frame):
        means = frame.groupby("group", observed=True)["grade"].mean()
        assert means.to_numpy() == pytest.approx([1, 5, 9], abs=1.2)
        missing = frame["note"].isna().groupby(frame["group"]).mean()
        assert missing.to_numpy() == pytest.approx([0, 1, 0], abs=0.1)


def test_a_condition_too_rare_to_be_met_by_chance_is_given_to_the_network(generator: Ctgan) -> None:
    impossible = generator.sample(500, seed=1, where={"group": "c", "grade": 0, "note": "x"}).frame
    assert (impossible[["group", "grade", "note"]] == ["c", 0, "x"]).all().all()
    assert impossible["coin"].mean() == pytest.approx(0.5, abs=0.15)


def test_any_number_of_given_columns_pulls_the_others_along(generator: Ctgan) -> None:
    rare = generator.sample(2000, seed=1, where={"group": "c"}).frame
    assert (rare["group"] == "c").all()
    assert rare["grade"].mean() == pytest.approx(9, abs=1.2)
    two = generator.sample(2000, seed=1, where={"grade": 5, "coin": True}).frame
    assert (two["coin"] & (two["grade"] == 5)).all()
    assert (two["group"] == "b").mean() > 0.9
    assert two["note"].isna().mean() > 0.9


def test_marginals_are_not_biased_towards_rare_categories() -> None:
    words = np.random.default_rng(0).choice(["common", "rare"], 2000, p=[0.97, 0.03])
    table = Table.from_frame(pd.DataFrame({"x": words, "y": np.random.default_rng(1).permutation(words)}))
    drawn = Ctgan.fit(table, CtganConfig(steps=40, width=32, noise=8, threads=1), seed=0).sample(8000, seed=0).frame
    for name in ("x", "y"):
        assert (drawn[name] == "rare").mean() == pytest.approx((table.frame[name] == "rare").mean(), abs=0.01)


def test_a_generator_that_collapses_ends_the_fit_with_the_reason(data: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_row(game: _Game, network: object, rows: int, name: str) -> torch.Tensor:
        return game._rows[:1].expand(rows, -1)

    monkeypatch.setattr(_Game, "_draw", one_row)  # no setting makes every machine's generator collapse
    with pytest.raises(
        TrainingError, match=r"collapsed: after round 6 of 20, .* have 1 distinct values.*Lower the setting `rate`"
    ):
        Ctgan.fit(data, CtganConfig(steps=20, width=32, noise=8, batch=64, threads=1), seed=0)


@pytest.mark.parametrize(
    "setting",
    [{"steps": 0}, {"batch": 0}, {"rate": 0.0}, {"temperature": 0.0}, {"penalty": -1.0}],
)
def test_settings_out_of_range_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        CtganConfig(**setting)


def test_the_detector_tells_other_rows_apart_and_not_the_same() -> None:
    rng = np.random.default_rng(0)
    real, same, other = (rng.integers(0, 9, (1000, 3)) for _ in range(3))
    other[:, 1] = other[:, 0]
    assert detection_auc(real, same, seed=0) < 0.55
    assert detection_auc(real, other, seed=0) > 0.9
