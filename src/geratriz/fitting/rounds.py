"""Training in rounds: validation on held-out data, the best network, checkpoints, and stopping early."""

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

HELD_OUT = "held_out"  # key of the validation loss in the history


def train(
    one_round: Callable[[int], Mapping[str, float]],
    *,
    validate: Callable[[N], float] | None,
    rounds: int,
    patience: int,
    ema: Ema[N],
    parts: Mapping[str, Any],
    rng: torch.Generator,
    checkpoint: Checkpoint,
    tracker: Tracker,
    preview: Callable[[N], np.ndarray] | None = None,
) -> N:
    """Train in rounds and return the average of the best round (without ``validate``, the last) in evaluation mode.

    After each round the losses are reported and the whole state is checkpointed. The same call with the same checkpoint
    resumes from there and gives the same bytes.

    Args:
        one_round: trains one round, given its number from 1, and returns its mean losses.
        validate: returns a loss of the averaged network on held-out data; lower is better.
        rounds: maximum number of rounds.
        patience: number of successive rounds without improvement after which the fit stops.
        ema: average of the network that is used for sampling.
        parts: everything with ``state_dict`` and ``load_state_dict`` that a round changes, by name.
        rng: random generator of the rounds.
        checkpoint: state on disk.
        tracker: observer of each round, and of the reason for an early stop.
        preview: draws a picture of samples from the averaged network, uint8 (h, w, C), to report after each round.

    Raises:
        TrainingError: a loss is not finite, or a round found that its networks learn nothing; the message says where
            the last good state is.
    """
    everything = {**parts, "ema": ema.average}
    done, best_round, best_value = 0, 0, math.inf  # a round with an infinite value is used only if all have one
    best = _copy(ema.average)
    saved = checkpoint.load(tracker)
    if saved is not None:
        for name, part in everything.items():
            part.load_state_dict(saved["parts"][name])
        rng.set_state(saved["rng"])
        done, best_round, best_value, best = (saved[name] for name in ("done", "best_round", "best_value", "best"))
        tracker.note(f"resuming from a checkpoint: {done} of {rounds} rounds are done")
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
            saved_in = f" The state after round {done - 1}, the last good one, is saved in {checkpoint.path}."
            raise TrainingError(f"{problem}{saved_in if checkpoint.path else ''}") from None
        value = -float(done) if validate is None else validate(ema.average)  # without validation the last is the best
        if validate is not None:
            values[HELD_OUT] = value
        if value <= best_value:  # if equal, the later round, which has learnt more
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
        if preview is not None:
            tracker.picture(preview(ema.average), step=done)
    if best_round < done:
        tracker.note(
            f"{'stopped early, ' if done < rounds else ''}{done} of {rounds} rounds done; "
            f"round {best_round} is used: it was best on the held-out rows ({best_value:.4g})"
        )
    ema.average.load_state_dict(best)
    return ema.average.eval()


def _copy(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}
