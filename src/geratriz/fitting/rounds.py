"""What a fit does around its steps: rounds, a judge on held-out rows, the best network kept, checkpoints, the end."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from geratriz.errors import TrainingError
from geratriz.fitting.average import Ema
from geratriz.fitting.checkpoint import Checkpoint
from geratriz.fitting.network import N
from geratriz.tracking import Tracker

HELD_OUT = "held_out"  # the judge's figure in the history


def train(
    one_round: Callable[[int], Mapping[str, float]],
    *,
    judge: Callable[[N], float] | None,
    rounds: int,
    patience: int,
    ema: Ema[N],
    parts: Mapping[str, Any],
    rng: torch.Generator,
    checkpoint: Checkpoint,
    tracker: Tracker,
    look: Callable[[N], np.ndarray] | None = None,
) -> N:
    """The averaged network, in evaluation mode, after the round the judge liked best; the last one's without a judge.

    After each round the losses are reported and everything is checkpointed: the same call with the same checkpoint
    goes on there and ends in the same bytes.

    Args:
        one_round: trains one round, given its number from 1, and returns its mean losses.
        judge: a figure of the averaged network on rows that are not trained on; lower is better.
        rounds: at most so many.
        patience: the fit ends when so many rounds in succession brought nothing better.
        ema: of the network that is sampled from.
        parts: everything with ``state_dict`` and ``load_state_dict`` that a round changes, by name.
        rng: what a round draws from.
        checkpoint: where the state is kept.
        tracker: told of each round, and why the fit ended early.
        look: a picture of what the averaged network draws, uint8 (h, w, C), to show after each round.

    Raises:
        TrainingError: a loss is not finite, or a round found that its networks learn nothing; with the place of the
            last good state.
    """
    everything = {**parts, "ema": ema.average}
    done, best_round, best_value = 0, 0, math.inf  # infinite: not to be kept if any other round is not
    best = _copy(ema.average)
    saved = checkpoint.load()
    if saved is not None:
        for name, part in everything.items():
            part.load_state_dict(saved["parts"][name])
        rng.set_state(saved["rng"])
        done, best_round, best_value, best = (saved[name] for name in ("done", "best_round", "best_value", "best"))
        tracker.note(f"going on from a checkpoint: {done} of {rounds} rounds are done")
    while done < rounds and done - best_round < patience:
        done += 1
        try:
            values = dict(one_round(done))
            if not all(map(math.isfinite, values.values())):
                figures = ", ".join(f"{name} {value:g}" for name, value in values.items())
                raise TrainingError(
                    f"a loss is not finite in round {done} of {rounds} ({figures}). Lower the setting `rate`, or set "
                    "`precision` to float32."
                )
        except TrainingError as problem:
            kept = f" The state after round {done - 1}, the last good one, is kept in {checkpoint.path}."
            raise TrainingError(f"{problem}{kept if checkpoint.path else ''}") from None
        value = -float(done) if judge is None else judge(ema.average)  # without a judge the last is the best
        if judge is not None:
            values[HELD_OUT] = value
        if value <= best_value:  # of equals the later one, which has learnt more
            best_round, best_value, best = done, value, _copy(ema.average)
        checkpoint.save(
            {
                "parts": {name: part.state_dict() for name, part in everything.items()},
                "rng": rng.get_state(),
                "done": done,
                "best_round": best_round,
                "best_value": best_value,
                "best": best,
            }
        )
        tracker.metrics(values, step=done, steps=rounds)
        if look is not None:
            tracker.picture(look(ema.average), step=done)
    if best_round < done:
        tracker.note(
            f"{'stopped early, ' if done < rounds else ''}{done} of {rounds} rounds done; "
            f"round {best_round} is kept: it was best on the held-out rows ({best_value:.4g})"
        )
    ema.average.load_state_dict(best)
    return ema.average.eval()


def _copy(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: each.clone() for name, each in network.state_dict().items()}
