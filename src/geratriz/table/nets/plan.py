"""Preparation of a network's fit: encoded data, held-out rows, resolved `auto` settings, memory and time estimates."""

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
from geratriz.table.data.split import row_positions
from geratriz.table.data.table import Table

Auto = int | Literal["auto"]

MIN_HELD_OUT = 10  # held-out rows; fewer are not informative
TARGET_HELD_OUT = 50  # held-out rows for which small tables give a larger share
MAX_HELD_OUT = 4000  # held-out rows; more cost time and add little
MANY_LEVELS = 4096  # levels above which the first and the last layer, with a row per level, dominate a step's time
FLOAT_BYTES = 4
WEIGHT_COPIES = 7  # weights, gradients, two moments, the average, the best state, bfloat16 and buffers
CELL_BYTES = 12  # per cell of the table: as read, without rare values, as codes, twice (docs/log.md)
LIBRARY_BYTES = 400e6  # taken by torch and pandas before the first row


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkConfig:
    """Settings common to all networks for tables."""

    batch: Auto = "auto"
    """Rows per step."""
    width: Auto = "auto"
    """Units per layer."""
    blocks: int = 2
    """Residual blocks per network."""
    ema: float = 0.998
    """Decay of the averaged weights per step."""
    max_levels: int = 160
    """Maximum number of distinct values of a numeric column for which each is a level of its own."""
    bins: int = 128
    """Quantile bins of a column with more distinct values."""
    precision: Precision = "auto"
    threads: int | None = None
    """CPU threads; all when null. Equal bytes require equal threads."""
    compile: bool = False
    """Whether torch.compile compiles the networks first: a minute, which pays off in long fits on a GPU."""

    @property
    def codec(self) -> CodecConfig:
        """Settings of the codec: the resolution of numbers."""
        return CodecConfig(max_levels=self.max_levels, bins=self.bins)

    def __post_init__(self) -> None:
        self.check_at_least_one("batch", "width", "blocks")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema must be in [0, 1), got {self.ema}")

    def check_at_least_one(self, *names: str) -> None:
        """Check that the settings ``names`` are at least 1.

        Raises:
            ValueError: a setting is below 1; the message names it.
        """
        for name in names:
            value = getattr(self, name)
            if value != "auto" and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """Encoded data and environment of a fit before its first step."""

    runtime: Runtime
    codec: Codec
    rows: Tensor
    """Binned codes, int16 or int32 (N, C), on the runtime's device."""
    held_out: Tensor
    """Rows that validate the fit and are not trained on, bool (N,)."""
    checkpoint: Checkpoint

    @classmethod
    def of(cls, data: Table, config: NetworkConfig, run: FitRun, *, held_out: float) -> "Start":
        """Encode ``data``, and hold out about the share ``held_out`` of its rows."""
        runtime = Runtime.choose(device=run.device, threads=config.threads, precision=config.precision)
        codec = Codec.fit(data, config.codec, seeding.generator(run.seed, "codec"))
        codes = codec.codes(data, seeding.generator(run.seed, "encode"))
        return cls(
            runtime=runtime,
            codec=codec,
            rows=torch.from_numpy(codes).to(runtime.device),
            held_out=torch.from_numpy(hold_out(data, held_out)).to(runtime.device),
            checkpoint=Checkpoint(
                run.checkpoint,
                code=run.code,
                config=config,
                seed=run.seed,
                data=run.data,
                schema=data.schema.to_json(),  # its `rare` settings decide which values are replaced
                runtime=runtime,
            ),
        )

    def record(self, run: FitRun) -> Record:
        """Return the record of the fit."""
        runtime = self.runtime
        return run.record(
            len(self.rows),
            device=runtime.device.split(":")[0],
            threads=runtime.threads,
            precision=runtime.precision,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Sizes of a fit, all resolved before the first step."""

    batch: int
    width: int
    rounds: int
    steps: int
    """Steps per round."""


def batch_of(config: NetworkConfig, rows: int) -> int:
    """Resolve the batch: 512 rows per step from 8,192 rows on; for small tables at least 16 steps per epoch."""
    return int(min(512, max(16, 2 ** round(np.log2(rows / 16))))) if config.batch == "auto" else config.batch


def width_of(config: NetworkConfig, rows: int, *, maximum: int) -> int:
    """Resolve the width: ``maximum`` from 8,192 rows on; a wide network memorises fewer rows, and is slower."""
    if config.width != "auto":
        return config.width
    return maximum if rows >= 8192 else maximum // 2 if rows >= 2048 else maximum // 4


def hold_out(data: Table, share: float) -> np.ndarray:
    """Choose rows to hold out from training for validation, bool (N,); none if they would be too few.

    Rows are chosen by content, as `prepare` divides them: repeated rows are held out about as often as any other.
    """
    position = row_positions(data.frame)
    share = min(max(share, TARGET_HELD_OUT / len(data)), MAX_HELD_OUT / len(data), 0.2)
    held_out: np.ndarray = position < share
    return held_out if held_out.sum() >= MIN_HELD_OUT else np.zeros(len(data), dtype=bool)


def describe(start: Start, plan: Plan, *, parameters: int, passes: float, levels: int | None = None) -> str:
    """Describe the plan in a sentence, with an estimate of memory and time.

    Args:
        start: data and environment of the fit; a matrix product of the plan's size is timed in it.
        plan: sizes of the fit.
        parameters: number of parameters of all networks.
        passes: passes over all parameters per step; a forward and backward pass counts 3.
        levels: number of levels; when None, those of the codec, quantile bins included.
    """
    runtime, rows = start.runtime, start.rows
    levels = sum(start.codec.sizes) if levels is None else levels
    seconds = plan.rounds * plan.steps * 2 * passes * parameters * plan.batch / _speed(plan, runtime)
    memory = (
        LIBRARY_BYTES
        + parameters * FLOAT_BYTES * WEIGHT_COPIES
        + CELL_BYTES * rows.numel()
        + plan.batch * (8 * levels + 40 * plan.width) * FLOAT_BYTES
    )
    return (
        f"{len(rows):,} rows, {rows.shape[1]} columns to model, {levels:,} levels: batch {plan.batch}, width "
        f"{plan.width}, at most {plan.rounds} rounds of {plan.steps:,} steps; {parameters / 1e6:.1f} M parameters, "
        f"about {memory / 1e9:.1f} GB and {_duration(seconds)} on {runtime.device} ({runtime.threads} threads, "
        f"{runtime.precision})"
    )


def _speed(plan: Plan, runtime: Runtime) -> float:
    """Estimate floating-point operations per second in a step: those of a matrix product, less the step's overhead."""
    dtype = torch.bfloat16 if runtime.precision == "bfloat16" else torch.float32
    a = torch.ones(plan.batch, plan.width, dtype=dtype, device=runtime.device)
    b = torch.ones(plan.width, plan.width, dtype=dtype, device=runtime.device)
    fastest = np.inf
    for _ in range(6):
        started = time.perf_counter()
        float((a @ b)[0, 0])
        fastest = min(fastest, time.perf_counter() - started)
    overhead = 2.5  # measured on Adult: matrix products take about two fifths of a step
    return 2 * plan.batch * plan.width**2 / fastest / overhead


def _duration(seconds: float) -> str:
    return f"{max(seconds, 1):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
