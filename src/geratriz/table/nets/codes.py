"""Common parts of networks over codec levels: the layout of levels by column, drawing codes, residual blocks.

Shapes: N rows, C modelled columns, L levels over all columns, W width.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from geratriz.fitting.network import uniform

POOL_FACTOR = 8  # draws per requested row when there is a condition
CHUNK_ROWS = 8192  # rows computed at once, at most
CHUNK_LOGITS = 2**20  # logits computed at once, at most, so that passes over them stay in the processor's caches
CALIBRATION_STEPS = 20  # steps of fitting output biases to marginals
MAX_CALIBRATION_CELLS, MAX_CALIBRATION_ROWS = 20_000_000, 32_768  # probabilities and rows used in calibration
MIN_LOGIT = -60.0  # lower limit of logits relative to a row's highest: exp() of it is still a normal float32


class Layout(nn.Module):
    """Levels of all columns in one vector, and operations per column that run on all columns at once."""

    offsets: Tensor
    ends: Tensor

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes = list(sizes)
        ends = torch.tensor(np.cumsum(sizes), dtype=torch.int64)
        self.register_buffer("offsets", ends - torch.tensor(sizes), persistent=False)  # (C,) first level of each column
        self.register_buffer("ends", ends, persistent=False)  # (C,) one past the last

    def probabilities(
        self, logits_NL: Tensor, power: float = 1.0, race_NL: Tensor | None = None, wanted_NC: Tensor | None = None
    ) -> Tensor:
        """Return a softmax per column, float32 (N, L), of logits times ``power``.

        Args:
            logits_NL: logits of all levels.
            power: 1 gives a plain softmax, a higher power a sharper one.
            race_NL: exponential numbers; each exp(logit) is divided by one of them, and the highest level is a draw.
            wanted_NC: columns to compute; the shares of the others are 0 and pass no gradient.
        """
        out: Tensor = _Probabilities.apply(  # type: ignore[no-untyped-call]
            logits_NL, power, race_NL, wanted_NC, self.sizes
        )
        return out

    def log_likelihood(self, logits_NL: Tensor, codes_NC: Tensor) -> Tensor:
        """Return the log probability of each code under the logits, float32 (N, C)."""
        out: Tensor = _LogLikelihood.apply(  # type: ignore[no-untyped-call]
            logits_NL, codes_NC + self.offsets, self.sizes
        )
        return out

    def draw(self, probabilities_NL: Tensor, rng: np.random.Generator | torch.Generator) -> Tensor:
        """Draw a code per row and column, int64 (N, C), by inverting each column's distribution function.

        One cumulative sum runs over all columns; each column is searched between the sums at its ends.
        """
        return self._invert(probabilities_NL, self._quantiles(len(probabilities_NL), rng))

    def sample(
        self, logits_of: Callable[[Tensor], Tensor], inputs: Tensor, rng: np.random.Generator | torch.Generator
    ) -> Tensor:
        """Draw a code per row of ``inputs`` and column from ``logits_of`` chunks of rows, in bounded memory."""
        quantiles = self._quantiles(len(inputs), rng)
        chunks = zip(torch.split(inputs, self._chunk_rows), torch.split(quantiles, self._chunk_rows), strict=True)
        return torch.cat([self._invert(self.probabilities(logits_of(part)), heights) for part, heights in chunks])

    @property
    def _chunk_rows(self) -> int:
        return max(min(CHUNK_ROWS, CHUNK_LOGITS // sum(self.sizes)), 1)

    def _quantiles(self, rows: int, rng: np.random.Generator | torch.Generator) -> Tensor:
        """Draw a value of the distribution function of its column for each cell, (rows, C)."""
        shape = (rows, len(self.ends))
        if isinstance(rng, torch.Generator):
            return uniform(rng, *shape)
        return torch.from_numpy(evenly(rng, *shape)).to(self.ends.device)

    def _invert(self, probabilities_NL: Tensor, quantiles_NC: Tensor) -> Tensor:
        heights = probabilities_NL.double().cumsum(1)  # float32 loses rare levels of the last of many columns
        top = heights[:, self.ends - 1]
        bottom = nn.functional.pad(top[:, :-1], (1, 0))
        found = torch.searchsorted(heights, bottom + quantiles_NC * (top - bottom), right=True)
        return torch.minimum(torch.maximum(found, self.offsets), self.ends - 1) - self.offsets

    def agreement(self, logits_of: Callable[[Tensor], Tensor], pool_NZ: Tensor, codes: Mapping[int, int]) -> np.ndarray:
        """Return the log probability of all of ``codes``, by column, for each row of the pool, float64 (N,)."""
        bounds = {column: slice(int(self.offsets[column]), int(self.ends[column])) for column in codes}
        parts = []
        for chunk in torch.split(pool_NZ, self._chunk_rows):
            logits = logits_of(chunk)
            terms = [logits[:, bounds[column]].log_softmax(1)[:, code] for column, code in codes.items()]
            parts.append(torch.stack(terms).double().sum(0))
        return torch.cat(parts).cpu().numpy()

    def frequencies(self, codes_NC: Tensor) -> Tensor:
        """Return the share of each level in its column, float32 (L,)."""
        counts = [torch.bincount(codes_NC[:, i], minlength=size) for i, size in enumerate(self.sizes)]
        return torch.cat(counts).float() / len(codes_NC)

    def calibrate(self, bias_L: Tensor, frequencies_L: Tensor, logits_of: Callable[[int], Tensor]) -> None:
        """Shift a generator's output biases in place so that its marginals become the table's, by iterative scaling.

        Args:
            bias_L: biases added to all logits.
            frequencies_L: frequencies of the levels in the table.
            logits_of: function that draws logits (rows, L) of a number of rows from the generator.
        """
        with torch.no_grad():
            logits = logits_of(max(min(MAX_CALIBRATION_ROWS, MAX_CALIBRATION_CELLS // len(frequencies_L)), 256))
            shift = torch.zeros_like(bias_L)
            for _ in range(CALIBRATION_STEPS):
                shares = self.probabilities(logits + shift).mean(0)
                shift += 0.7 * (frequencies_L.clamp_min(1e-6) / shares.clamp_min(1e-6)).log().clamp(-1, 1)
            bias_L.add_(shift)

    def highest(self, heights_NL: Tensor) -> Tensor:
        """Return the code with the greatest height in each column, int64 (N, C)."""
        return torch.stack([part.argmax(1) for part in torch.split(heights_NL, self.sizes, dim=1)], 1)


def _heights(logits: Tensor, power: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return exp(power * logit) relative to each row's highest, bounded below, and the row's highest logit, (N, 1)."""
    top = logits.amax(1, keepdim=True)
    return (logits - top).mul_(power).clamp_(min=MIN_LOGIT).exp_(), top


def _sums(heights: Tensor, sizes: list[int]) -> Tensor:
    """Sum over each column's levels, (N, C); a loop costs a third of a product with a mask matrix (docs/log.md)."""
    return torch.stack([part.sum(1) for part in torch.split(heights, sizes, dim=1)], 1)


def _scaled(heights: Tensor, factors: Tensor, sizes: list[int]) -> Tensor:
    """Multiply ``heights``, in place, by a factor per row and column, (N, C)."""
    for part, factor in zip(torch.split(heights, sizes, dim=1), factors.unbind(1), strict=True):
        part.mul_(factor[:, None])
    return heights


class _Probabilities(torch.autograd.Function):
    """:meth:`Layout.probabilities` in few passes over the levels, forward and back."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, power: float, race: Tensor | None, wanted: Tensor | None, sizes: list[int]
    ) -> Tensor:
        heights, _ = _heights(logits, power)
        if race is not None:
            heights.div_(race**power)
        factors = 1 / _sums(heights, sizes)
        shares = _scaled(heights, factors if wanted is None else factors * wanted, sizes)
        ctx.save_for_backward(shares)
        ctx.power, ctx.sizes = power, sizes
        return shares

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (shares,) = ctx.saved_tensors
        weighted = grads[0] * shares
        weighted -= _scaled(shares.clone(), _sums(weighted, ctx.sizes), ctx.sizes)
        return weighted.mul_(ctx.power), None, None, None, None


class _LogLikelihood(torch.autograd.Function):
    """:meth:`Layout.log_likelihood` in few passes over the levels, forward and back."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, index: Tensor, sizes: list[int]) -> Tensor:
        heights, top = _heights(logits)
        sums = _sums(heights, sizes)
        ctx.save_for_backward(heights, sums, index)
        ctx.sizes = sizes
        return logits.gather(1, index) - top - sums.log()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        heights, sums, index = ctx.saved_tensors
        out = _scaled(heights.clone(), -grads[0] / sums, ctx.sizes)
        return out.scatter_add_(1, index, grads[0]), None, None


def evenly(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Draw numbers in [0, 1), float32: each is uniform, and a column has one in each of ``rows`` equal intervals.

    Codes drawn with them have the distribution of independent draws, with less noise in the shares of levels.
    """
    intervals = rng.permuted(np.tile(np.arange(rows)[:, None], columns), axis=0)
    numbers = ((intervals + rng.random(intervals.shape)) / rows).astype(np.float32)
    below_one: np.ndarray = np.minimum(numbers, np.nextafter(np.float32(1), np.float32(0)))
    return below_one


def resample(log_weights: np.ndarray, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Draw ``rows`` indices in proportion to the weights; also return their effective sample size (Kong 1992).

    Systematic resampling, the least noisy method, followed by a shuffle.
    """
    weights = np.exp(log_weights - log_weights.max())
    heights = np.cumsum(weights / weights.sum())
    positions = (np.arange(rows) + rng.random()) / rows
    chosen = np.minimum(np.searchsorted(heights, positions, side="right"), len(weights) - 1)
    return rng.permutation(chosen), float(weights.sum() ** 2 / np.square(weights).sum())


class Residual(nn.Module):
    """Residual block x + W2 silu(W1 norm(x)), with or without layer normalisation; initially the identity."""

    def __init__(self, width: int, *, normalised: bool = True) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width) if normalised else nn.Identity()
        self.up, self.down = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.zeros_(self.down.weight)

    def forward(self, x_NW: Tensor, mask_NW: Tensor | None = None) -> Tensor:
        """Return the output, (N, W); inner units are multiplied by ``mask_NW``, a dropout mask, unless it is None."""
        inner = nn.functional.silu(self.up(self.norm(x_NW)))
        out: Tensor = x_NW + self.down(inner if mask_NW is None else inner * mask_NW)
        return out
