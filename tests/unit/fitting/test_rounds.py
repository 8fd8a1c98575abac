"""Rounds of a fit: when it ends, which round is kept, and the batches of a step."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from geratriz.errors import TrainingError
from geratriz.fitting.average import Ema
from geratriz.fitting.batches import Batches
from geratriz.fitting.checkpoint import Checkpoint
from geratriz.fitting.rounds import train
from tests.unit.fitting.recorder import Recorder


def descend(judged: list[float], heard: Recorder, folder: Path | None = None, **changes: Any) -> float:
    """Rounds that each add 1 to the single weight of a network; what the judge says is given. Returns the weight."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    ema = Ema(network, 0.0)

    def one_round(number: int) -> dict[str, float]:
        with torch.no_grad():
            network.weight += 1
        ema.update(10**6)
        return {"loss": float(number)}

    best = train(
        changes.get("one_round", one_round),
        validate=(lambda averaged: judged[int(averaged.weight.detach()) - 1]) if judged else None,
        rounds=changes.get("rounds", 6),
        patience=changes.get("patience", 3),
        ema=ema,
        parts={"network": network},
        rng=torch.Generator(),
        checkpoint=Checkpoint(folder, of="test"),
        tracker=heard,
    )
    return float(best.weight.detach())


def test_the_round_the_judge_liked_best_is_kept_and_the_end_is_early() -> None:
    heard = Recorder()
    assert descend([5, 3, 4, 4, 4, 1], heard) == 2
    assert len(heard.rounds) == 5
    assert heard.notes == ["stopped early, 5 of 6 rounds done; round 2 is used: it was best on the held-out rows (3)"]


def test_of_equal_rounds_the_later_one_is_kept() -> None:
    assert descend([3, 3, 3, 4, 4, 4], Recorder()) == 3


def test_without_a_judge_all_rounds_are_trained_and_the_last_is_kept() -> None:
    heard = Recorder()
    assert descend([], heard) == 6
    assert not heard.notes


def test_a_fit_that_ended_early_ends_there_again_when_it_was_cut_off_after_its_last_round(tmp_path: Path) -> None:
    first, again = Recorder(), Recorder()
    assert descend([5, 3, 4, 4, 4, 1], first, tmp_path) == 2
    assert descend([5, 3, 4, 4, 4, 1], again, tmp_path) == 2
    assert not again.rounds
    assert again.notes == ["resuming from a checkpoint: 5 of 6 rounds are done", *first.notes]


def test_a_loss_that_is_not_finite_ends_the_fit_and_names_itself() -> None:
    with pytest.raises(TrainingError, match=r"not finite in round 1 of 6 \(loss nan\)"):
        descend([], Recorder(), one_round=lambda number: {"loss": float("nan")})


def test_a_fit_that_goes_wrong_says_where_its_last_good_state_is(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="The state after round 2, the last good one, is saved in") as told:
        descend([], Recorder(), tmp_path, one_round=lambda number: {"loss": 1.0 if number < 3 else float("inf")})
    (kept,) = tmp_path.glob("*.pt")
    assert str(told.value).endswith(f"{kept}.")


def test_an_epoch_goes_over_the_rows_once_and_any_step_can_be_had_alone() -> None:
    rows = torch.arange(100)
    batches = Batches(rows, 10, seed=0)
    epochs = [torch.cat([batches.at(10 * epoch + step) for step in range(10)]) for epoch in (0, 1)]
    assert all(sorted(epoch.tolist()) == rows.tolist() for epoch in epochs)
    assert not torch.equal(*epochs)
    assert torch.equal(Batches(rows, 10, seed=0).at(13), batches.at(13))
    assert len(Batches(rows, 500, seed=0).at(3)) == 100
