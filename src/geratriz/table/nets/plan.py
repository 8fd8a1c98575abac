"""Before the first step of a network: its data as codes, rows held out, what `auto` means, what the fit will take."""

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from geratriz import seeding
from geratriz.fitting.checkpoint import Checkpoint
from geratriz.fitting.record import FitRun, Record
from geratriz.fitting.runtime import Precision, Runtime
from geratriz.table.data.codec import Codec
from geratriz.table.data.levels import CodecConfig
from geratriz.table.data.split import places
from geratriz.table.data.table import Table

Auto = int | Literal["auto"]

HELD_OUT_LEAST = 10  # held-out rows; fewer say nothing
HELD_OUT_WANTED = 50  # small tables give a larger share for it
HELD_OUT_MOST = 4000  # more cost time and say little more
MANY = 4096  # levels above which the first and the last layer are most of what a step takes: a row of each a level
FLOAT = 4  # bytes
COPIES = 7  # of the weights: themselves, gradients, two moments, the average, the best one, bfloat16 and buffers
CELL = 12  # bytes a cell of the table takes: as it was read, without its rare values, as codes, twice (docs/log.md)
LIBRARIES = 400e6  # bytes that torch and pandas take before the first row


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkConfig:
    """Settings that every network here has."""

    batch: Auto = "auto"
    """Rows a step."""
    width: Auto = "auto"
    """Units of the layers."""
    blocks: int = 2
    """Residual blocks of each network."""
    ema: float = 0.998
    """Decay of the averaged weights per step."""
    max_levels: int = 160
    """A numeric column with at most this many distinct values keeps each as a level of its own."""
    bins: int = 128
    """Quantile bins of a column with more."""
    precision: Precision = "auto"
    threads: int | None = None
    """CPU threads; all when null. Part of what equal bytes depend on."""
    compile: bool = False
    """Whether torch.compile makes code for the networks before a fit: a minute that long fits on a GPU get back."""

    @property
    def codec(self) -> CodecConfig:
        """How finely numbers are told apart."""
        return CodecConfig(max_levels=self.max_levels, bins=self.bins)

    def __post_init__(self) -> None:
        least_one(self, "batch", "width", "blocks")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema must be in [0, 1), got {self.ema}")


def least_one(config: NetworkConfig, *names: str) -> None:
    """Refuse a setting below 1.

    Raises:
        ValueError: one is; names it.
    """
    for name in names:
        value = getattr(config, name)
        if value != "auto" and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """What a fit starts from."""

    runtime: Runtime
    codec: Codec
    rows: Tensor
    """Binned codes, int16 or int32 (N, C), on the runtime's device."""
    held: Tensor
    """Which rows judge the fit and are not trained on, bool (N,)."""
    checkpoint: Checkpoint

    @classmethod
    def of(cls, data: Table, config: NetworkConfig, run: FitRun, *, held: float) -> "Start":
        """Encode ``data``, and hold out about the share ``held`` of its rows."""
        runtime = Runtime.choose(device=run.device, threads=config.threads, precision=config.precision)
        codec = Codec.fit(data, config.codec, seeding.generator(run.seed, "codec"))
        codes = codec.codes(data, seeding.generator(run.seed, "encode"))
        return cls(
            runtime=runtime,
            codec=codec,
            rows=torch.from_numpy(codes).to(runtime.device),
            held=torch.from_numpy(hold_out(data, held)).to(runtime.device),
            checkpoint=Checkpoint(
                run.checkpoint,
                code=run.code,
                config=config,
                seed=run.seed,
                data=run.data,
                schema=data.schema.to_json(),  # what is rare is learnt as something else
                runtime=runtime,
            ),
        )

    def record(self, run: FitRun) -> Record:
        """The record of the fit that started here."""
        runtime = self.runtime
        return run.record(
            len(self.rows),
            device=runtime.device.split(":")[0],
            threads=runtime.threads,
            precision=runtime.precision,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The sizes that were settled before the first step."""

    batch: int
    width: int
    rounds: int
    steps: int
    """Steps a round."""


def batch_of(config: NetworkConfig, rows: int) -> int:
    """512 rows a step from 8,192 rows on; in small tables at least 16 steps go over them."""
    return int(min(512, max(16, 2 ** round(np.log2(rows / 16))))) if config.batch == "auto" else config.batch


def width_of(config: NetworkConfig, rows: int, *, most: int) -> int:
    """``most`` units from 8,192 rows on: with fewer rows a wide network learns them by heart, and takes longer."""
    if config.width != "auto":
        return config.width
    return most if rows >= 8192 else most // 2 if rows >= 2048 else most // 4


def hold_out(data: Table, share: float) -> np.ndarray:
    """Which rows are kept from training to judge it by, bool (N,); none where they would be too few.

    Chosen by content, as `prepare` divides: a row that repeats is held out about as often as any other.
    """
    place = places(data.frame)
    share = min(max(share, HELD_OUT_WANTED / len(data)), HELD_OUT_MOST / len(data), 0.2)
    held: np.ndarray = place < share
    return held if held.sum() >= HELD_OUT_LEAST else np.zeros(len(data), dtype=bool)


def describe(start: Start, plan: Plan, *, parameters: int, passes: float, levels: int | None = None) -> str:
    """The plan in a sentence, with an estimate of memory and time.

    Args:
        start: what is fitted, and where it is computed; a product of the plan's size is timed there.
        plan: what was settled.
        parameters: of all networks.
        passes: how often a step goes through all parameters; a forward and backward pass is 3.
        levels: that are told apart; those of the codec, quantile bins included, when None.
    """
    runtime, rows = start.runtime, start.rows
    levels = sum(start.codec.sizes) if levels is None else levels
    seconds = plan.rounds * plan.steps * 2 * passes * parameters * plan.batch / _speed(plan, runtime)
    memory = (
        LIBRARIES
        + parameters * FLOAT * COPIES
        + CELL * rows.numel()
        + plan.batch * (8 * levels + 40 * plan.width) * FLOAT
    )
    return (
        f"{len(rows):,} rows, {rows.shape[1]} columns to model, {levels:,} levels: batch {plan.batch}, width "
        f"{plan.width}, at most {plan.rounds} rounds of {plan.steps:,} steps; {parameters / 1e6:.1f} M parameters, "
        f"about {memory / 1e9:.1f} GB and {_duration(seconds)} on {runtime.device} ({runtime.threads} threads, "
        f"{runtime.precision})"
    )


def _speed(plan: Plan, runtime: Runtime) -> float:
    """Floating-point operations a second in a step: a matrix product's, less what all else in a step costs."""
    dtype = torch.bfloat16 if runtime.precision == "bfloat16" else torch.float32
    a = torch.ones(plan.batch, plan.width, dtype=dtype, device=runtime.device)
    b = torch.ones(plan.width, plan.width, dtype=dtype, device=runtime.device)
    fastest = np.inf
    for _ in range(6):
        started = time.perf_counter()
        float((a @ b)[0, 0])
        fastest = min(fastest, time.perf_counter() - started)
    overhead = 2.5  # measured on Adult: products take about two fifths of a step
    return 2 * plan.batch * plan.width**2 / fastest / overhead


def _duration(seconds: float) -> str:
    return f"{max(seconds, 1):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
