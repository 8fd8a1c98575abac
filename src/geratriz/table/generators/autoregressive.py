"""Any-order autoregressive network over the codec's cells: one model of every P(A | B).

The network takes the observed cells of a row and outputs the distribution of every other cell given them. A row is
drawn cell by cell, each given all cells before it. Training is order-agnostic (Uria et al., arXiv 1310.1757; Hoogeboom
et al., arXiv 2110.02037): a random part of each row is observed, and the mean negative log likelihood of the other
cells, times the number of columns, is an unbiased estimate of a full row's under a random order. MADE (Germain et al.,
arXiv 1502.03509) fixes the masks in the weights; TabularARGN (Tiwald et al., arXiv 2501.12012) has networks by column;
here one residual network takes the sum of the observed cells' embeddings, and its last layer has a head per column.

In a numeric column of few values, each value is a level. A column of many values has its heavy values, "missing" and
"continuous" as levels, and for the latter a mixture of Gaussians over the quantile-normal value. Values on a grid have
the probability of their grid cell, and later columns are conditioned on the middle of that cell. The distribution of a
row is thus exact, sums to one, and is the distribution that rows are drawn from.

Rows are drawn in :data:`ORDERS` orders in turn, so the distribution is the mean over these. The target is last in each,
after the columns it depends on. In training, half of the rows are observed in one of these orders and half in a random
one: the first half trains the sampler, the second every other conditional distribution.

Shapes: N rows, C modelled columns, L levels over all columns, M columns with a continuous level, K Gaussians, W width.
"""

import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np
import pandas as pd
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor, nn

from geratriz import config as configs
from geratriz import seeding
from geratriz.column import as_numbers
from geratriz.errors import RequestError
from geratriz.fitting.batches import Batches
from geratriz.fitting.learner import Learner
from geratriz.fitting.network import arrays_of, dropout_mask, restore, uniform
from geratriz.fitting.record import FitRun
from geratriz.fitting.rounds import train
from geratriz.fitting.runtime import autocast
from geratriz.table.data.codec import Codec, Encoded
from geratriz.table.data.levels import TAIL, Levels
from geratriz.table.data.table import Table
from geratriz.table.generators.base import BLOCK, MAX_ATTEMPTS, Generator
from geratriz.table.nets.codes import Layout, Residual, evenly
from geratriz.table.nets.numbers import FEATURES, HALF_LOG_2_PI, Features, Mixtures
from geratriz.table.nets.plan import MANY_LEVELS, Auto, NetworkConfig, Plan, Start, batch_of, describe, width_of

MAX_WIDTH = 256  # units per layer if `width` is auto and the table is large
HELD_OUT = 0.05  # share of the rows that decide when to stop
MIN_STEPS, MAX_STEPS = 20, 500  # steps per round; the number of steps per epoch if it is in this range
DROPOUT = 0.2  # dropout rate if no numeric column has many values (docs/log.md)
HEAD_UNITS = 64  # hidden units of the head of each continuous column
ORDERS = 4  # orders that rows are drawn in; the cost of a likelihood is proportional to it
MAX_GROUPS = 0.8  # groups of equal rows, as a share of the rows, above which rows are not grouped
VALIDATION_PASSES = 4  # passes over the held-out rows per validation, each with other cells observed


@dataclass(frozen=True, kw_only=True, slots=True)
class AutoregressiveConfig(NetworkConfig):
    """Settings of the any-order autoregressive generator; the defaults were chosen on Adult and MAGIC (docs/log.md)."""

    epochs: Auto = "auto"
    """Maximum passes over the rows: 60 on 32,000 rows, more on fewer, 4 on millions; half as many above 4,096 levels.
    The fit stops earlier when it no longer improves on held-out rows."""
    rate: float = 2e-3
    """Peak of the one-cycle learning rate."""
    weight_decay: float = 1e-4
    components: int = 8
    """Gaussians in the mixture of a numeric column of many values."""

    def __post_init__(self) -> None:
        NetworkConfig.__post_init__(self)
        self.check_at_least_one("epochs", "components")
        if self.rate <= 0:
            raise ValueError(f"rate must be positive, got {self.rate}")


@dataclass(frozen=True, slots=True)
class _Cells:
    """Rows in the form that the network reads."""

    codes: Tensor
    """Integers (N, C); -1 where a cell is unknown."""
    low: Tensor
    """Value of the distribution function at the lower end of a number's grid cell, float32 (N, M)."""
    high: Tensor
    """Value at the upper end, float32 (N, M); equal to ``low`` in columns without a grid."""

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: Tensor) -> "_Cells":
        return _Cells(self.codes[rows], self.low[rows], self.high[rows])

    def middle(self) -> Tensor:
        """Return the quantile-normal values in the middle of the grid cells, (N, M): equal for equal numbers."""
        return _normal((self.low + self.high) / 2)

    def spread(self, rng: torch.Generator) -> Tensor:
        """Draw values within the grid cells, (N, M), because values on a grid have no density."""
        return _normal(self.low + uniform(rng, *self.low.shape) * (self.high - self.low))


def _normal(quantiles: Tensor) -> Tensor:
    values: Tensor = torch.special.ndtri(quantiles.clamp(TAIL, 1 - TAIL))
    return values


class _MixtureHeads(nn.Module):
    """Heads with a hidden layer for each continuous column, computed together in two products.

    The trunk is shared by all columns; the hidden layer adds nonlinearity for a single one.
    """

    def __init__(self, columns: int, width: int, components: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, columns * HEAD_UNITS)
        self.down = nn.Parameter(torch.randn(columns, HEAD_UNITS, 3 * components) * HEAD_UNITS**-0.5)
        start = torch.zeros(columns, 3, components)  # Gaussians at the quantiles of a standard normal
        start[:, 1] = torch.from_numpy(ndtri((np.arange(components) + 0.5) / components))
        start[:, 2] = -1.0
        self.bias = nn.Parameter(start.flatten(1))

    def forward(self, hidden_NW: Tensor) -> Tensor:
        """Return the parameters of every mixture, (N, M, 3, K)."""
        columns = len(self.down)
        hidden = nn.functional.silu(self.up(hidden_NW)).view(-1, columns, HEAD_UNITS).transpose(0, 1)
        parameters = torch.bmm(hidden, self.down).transpose(0, 1) + self.bias
        return parameters.reshape(len(hidden_NW), columns, 3, -1)

    def head(self, hidden_NW: Tensor, column: int) -> Tensor:
        """Return the parameters of the mixtures of one column, (N, 3, K)."""
        part = slice(column * HEAD_UNITS, (column + 1) * HEAD_UNITS)
        hidden = nn.functional.silu(nn.functional.linear(hidden_NW, self.up.weight[part], self.up.bias[part]))
        return (hidden @ self.down[column] + self.bias[column]).view(len(hidden_NW), 3, -1)


class _Network(nn.Module):
    """Network from the observed cells of a row to a distribution for each cell."""

    unknown: Tensor
    numbers: Tensor
    continuous: Tensor

    def __init__(self, levels: Sequence[Levels], config: AutoregressiveConfig, width: int) -> None:
        super().__init__()
        sizes = _sizes(levels)
        numbers = [i for i, column in enumerate(levels) if column.bins]
        self.layout = Layout(sizes)
        self.embed = nn.EmbeddingBag(sum(sizes) + len(sizes), width, mode="sum")  # levels, and an "unknown" per column
        nn.init.normal_(self.embed.weight, std=len(sizes) ** -0.5)
        self.features = Features()
        self.values = nn.Linear(len(numbers) * FEATURES, width, bias=False) if numbers else None
        self.dropout = DROPOUT * (1 - len(numbers) / len(sizes))  # words are memorised, mixtures need all units
        self.trunk = nn.Sequential(*(Residual(width) for _ in range(config.blocks)), nn.LayerNorm(width))
        self.logits = nn.Linear(width, sum(sizes))
        self.mixtures = _MixtureHeads(len(numbers), width, config.components) if numbers else None
        buffers = {
            "unknown": sum(sizes) + torch.arange(len(sizes)),  # (C,) rows of `embed`
            "numbers": torch.tensor(numbers, dtype=torch.int64),  # (M,) columns with a continuous level
            "continuous": torch.tensor([levels[i].exact for i in numbers], dtype=torch.int64),  # (M,) its code
        }
        for name, buffer in buffers.items():
            self.register_buffer(name, buffer, persistent=False)

    def embed_cells(self, codes_NC: Tensor, values_NM: Tensor) -> Tensor:
        """Return the sum of the embeddings of each row's cells, (N, W)."""
        embedded: Tensor = self.embed(torch.where(codes_NC < 0, self.unknown, codes_NC + self.layout.offsets))
        if self.values is not None:
            is_number = codes_NC[:, self.numbers] == self.continuous
            embedded = embedded + self.values((self.features(values_NM) * is_number[..., None]).flatten(1))
        return embedded

    def delta(self, column: int, codes_N: Tensor, number: int | None, values_N: Tensor | None) -> Tensor:
        """Return the change of :meth:`embed_cells` when one more cell of each row becomes known, (N, W)."""
        weight = self.embed.weight
        change = weight.index_select(0, codes_N + self.layout.offsets[column]) - weight[self.unknown[column]]
        if number is not None and values_N is not None and self.values is not None:
            part = self.values.weight[:, number * FEATURES : (number + 1) * FEATURES]
            is_number = codes_N == self.continuous[number]
            change = change + nn.functional.linear(self.features(values_N) * is_number[:, None], part)
        return change

    def hidden(self, embedded_NW: Tensor) -> Tensor:
        """Return the output of the trunk, (N, W), in the trunk's own precision."""
        with torch.autocast(embedded_NW.device.type, enabled=False):
            out: Tensor = self.trunk(embedded_NW.to(next(self.trunk.parameters()).dtype))
        return out

    def hidden_with_dropout(self, embedded_NW: Tensor, rng: torch.Generator) -> Tensor:
        """Return the output of the trunk in training, (N, W), with dropout in its blocks."""
        *blocks, norm = self.trunk
        for block in blocks:
            embedded_NW = block(embedded_NW, dropout_mask(rng, embedded_NW, self.dropout))
        out: Tensor = norm(embedded_NW)
        return out

    def log_levels(self, hidden_NW: Tensor, column: int) -> Tensor:
        """Return log probabilities of a column's levels, float32 (N, levels)."""
        first, end = int(self.layout.offsets[column]), int(self.layout.ends[column])
        logits = nn.functional.linear(hidden_NW, self.logits.weight[first:end], self.logits.bias[first:end])
        return logits.float().log_softmax(1)

    def mixture(self, hidden_NW: Tensor, number: int) -> Mixtures:
        """Return the mixtures of one continuous column."""
        assert self.mixtures is not None
        return Mixtures(self.mixtures.head(hidden_NW, number))

    def loss(
        self, cells: _Cells, ranks_NC: Tensor, known_N: Tensor, rng: torch.Generator, *, training: bool = False
    ) -> Tensor:
        """Estimate the negative log likelihood in nats per row from the cells after the first ``known_N`` in rank.

        It is unbiased if ranks are random. In a fixed order, a late cell is predicted more often than under the chain
        rule, and from fewer cells; docs/log.md describes the benefit.
        """
        known = ranks_NC < known_N[:, None]
        embedded = self.embed_cells(torch.where(known, cells.codes, -1), cells.middle())
        hidden = self.hidden_with_dropout(embedded, rng) if training else self.trunk(embedded)
        log_likelihood = self.layout.log_likelihood(self.logits(hidden).float(), cells.codes)
        sums = (log_likelihood * ~known).sum(1)
        if self.mixtures is not None:
            density = Mixtures(self.mixtures(hidden)).log_density(cells.spread(rng))
            unknown = (cells.codes[:, self.numbers] == self.continuous) & ~known[:, self.numbers]
            sums = sums + (density * unknown).sum(1)
        columns = cells.codes.shape[1]
        return -(sums * columns / (columns - known_N)).mean()


@dataclass(frozen=True, slots=True)
class _Groups:
    """Groups of rows with equal known cells, few enough that computing one row per group saves time."""

    group: Tensor
    """Group of each row, int64 (N,)."""
    first: Tensor
    """Index of a row of each group."""

    @classmethod
    def of(cls, codes_NC: Tensor, values_NM: Tensor) -> "_Groups | None":
        """Return one group if all rows are equal, otherwise None."""
        same = bool((codes_NC == codes_NC[:1]).all()) and bool((values_NM == values_NM[:1]).all())
        return cls(torch.zeros_like(codes_NC[:, 0]), torch.zeros_like(codes_NC[:1, 0])) if same else None

    def divided(self, codes_N: Tensor) -> "_Groups | None":
        """Divide the groups by one more column of codes; return None if there are too many then."""
        pairs = self.group * (codes_N.max() + 1) + codes_N
        distinct, group = torch.unique(pairs, return_inverse=True)
        if len(distinct) > MAX_GROUPS * len(pairs):
            return None
        first = torch.empty_like(distinct).scatter_(0, group, torch.arange(len(pairs), device=pairs.device))
        return _Groups(group, first)


@final
@dataclass(frozen=True, slots=True)
class Autoregressive(Generator[AutoregressiveConfig]):
    """Generator of tables: an any-order autoregressive network."""

    kind: ClassVar[str] = "autoregressive"
    config_cls: ClassVar[type[Any]] = AutoregressiveConfig

    plan: Plan
    network: _Network
    """Fitted network in evaluation mode, on the device of the fit or the load."""

    def impute(self, data: Table, *, seed: int) -> Table:
        """Fill in the missing cells of ``data``, each drawn given all observed cells of its row.

        Observed cells do not change. A cell is never filled in as missing, even if missing values were learnt. Columns
        that are not learnt (ids, personal ones) and columns that were always missing stay as they are.

        Args:
            data: rows with the schema's columns, in any of which cells may be missing.
            seed: seed of the values; equal data and seeds give equal rows, another seed gives other values.

        Raises:
            RequestError: ``data`` has a category that was never seen, or rows that cannot be made to keep the rules.
        """
        frames = []
        for number, first in enumerate(range(0, len(data), BLOCK)):
            part = data.take(slice(first, first + BLOCK))
            frames.append(self._imputed(part, first, seeding.derive(seed, "impute", number)))
        return Table(pd.concat(frames, ignore_index=True), self.schema)

    def log_likelihood(self, data: Table) -> np.ndarray:
        """Return the exact log likelihood of each row in nats, float64 (N,), under the distribution of drawn rows.

        It is the logarithm of a probability in columns of words, of few values, and on a grid (integers, decimals,
        dates; the probability is that of the grid cell), and of a density in the column's own units (datetimes:
        seconds) in other columns. Missing is a level with a probability. A number that was not learnt counts as the
        nearest that was, as when fitting. A row in which two columns that determine each other disagree has -inf. Rules
        are not taken into account, nor are columns that are not learnt (ids, personal ones).

        Raises:
            RequestError: ``data`` has a category that was never seen, or is missing where no row ever was.
        """
        parts = [self._scored(data.take(slice(first, first + BLOCK))) for first in range(0, len(data), BLOCK)]
        return np.concatenate(parts)

    @property
    def _levels(self) -> tuple[Levels, ...]:
        return self.codec.modelled_levels

    @property
    def _device(self) -> torch.device:
        return self.network.layout.offsets.device

    @property
    def _orders(self) -> list[list[int]]:
        """Orders that columns are drawn in."""
        return _orders(self._levels, self.schema.target, self.record.seed)

    @contextmanager
    def _computing(self) -> Iterator[_Network]:
        """Yield the network in the precision of the fit, also for likelihoods, so that they are those of drawn rows."""
        network = copy.deepcopy(self.network)
        if self.record.precision == "bfloat16":
            network.trunk.bfloat16()  # all of the trunk: casts and sums in float32 would be a third of its time
        with torch.inference_mode(), autocast(self._device.type, self.record.precision):
            yield network

    @classmethod
    def _fit(cls, data: Table, config: AutoregressiveConfig, run: FitRun) -> Self:
        start = Start.of(data, config, run, held_out=HELD_OUT)
        levels = start.codec.modelled_levels
        with start.runtime.active():
            outputs = sum(_sizes(levels))
            plan = _resolve(config, len(data), outputs)
            network = _Network(levels, config, plan.width).to(start.runtime.device)
            parameters = sum(weights.numel() for weights in network.parameters())
            run.tracker.note(describe(start, plan, parameters=parameters, passes=3, levels=outputs))
            exact = torch.tensor([column.exact for column in levels]).to(start.rows)
            low, high = (torch.from_numpy(end).float().to(start.rows.device) for end in _cell_ends(levels, data.frame))
            cells = _Cells(start.rows.minimum(exact), low, high)
            network = _train(network, cells, _orders(levels, data.schema.target, run.seed), start, plan, config, run)
        start.checkpoint.clear()
        return cls(config, start.record(run), start.codec, plan, network)

    def _encoded(
        self, rows: int, rng: np.random.Generator, codes: Mapping[int, int], cells: Mapping[str, Any]
    ) -> Encoded:
        levels = self._levels
        known = np.full((rows, len(levels)), -1)
        numbers = [i for i, column in enumerate(levels) if column.bins]
        low, high = np.zeros((2, rows, len(numbers)))
        for index, code in codes.items():
            known[:, index] = code
            if index in numbers and code >= levels[index].exact:
                known[:, index] = levels[index].exact
                column = levels[index].column
                value = as_numbers(column.name, pd.Series([cells[column.name]]), column.kind)
                position = numbers.index(index)
                low[:, position], high[:, position] = levels[index].cell(value)
        return self._complete(self._to_cells(known, low, high), rng, missing=True)

    def _to_cells(self, codes: np.ndarray, low: np.ndarray, high: np.ndarray) -> _Cells:
        device = self._device
        return _Cells(
            torch.from_numpy(codes).long().to(device),
            torch.from_numpy(low).float().to(device),
            torch.from_numpy(high).float().to(device),
        )

    def _complete(self, cells: _Cells, rng: np.random.Generator, *, missing: bool) -> Encoded:
        """Draw every unknown cell; ``missing`` allows it to be drawn as missing."""
        codes, values = cells.codes.clone(), cells.middle()
        with self._computing() as network:
            for turn, order in enumerate(self._orders):
                part = slice(turn, None, ORDERS)
                self._draw_in_order(network, order, codes[part], values[part], rng, missing=missing)
        return self._to_encoded(codes.cpu().numpy(), values.cpu().numpy())

    def _draw_in_order(
        self,
        network: _Network,
        order: list[int],
        codes_NC: Tensor,
        values_NM: Tensor,
        rng: np.random.Generator,
        *,
        missing: bool,
    ) -> None:
        """Draw the unknown cells of rows in ``order``, in place."""
        levels = self._levels
        positions = {int(column): number for number, column in enumerate(network.numbers)}
        shapes = codes_NC.shape, values_NM.shape
        quantiles, components = (torch.from_numpy(evenly(rng, *shape)).to(self._device) for shape in shapes)
        noise = torch.from_numpy(rng.standard_normal(values_NM.shape, dtype=np.float32)).to(self._device)
        unknown = codes_NC < 0
        embedded = network.embed_cells(codes_NC, values_NM)
        groups = _Groups.of(codes_NC, values_NM)
        for column in order:
            rows = torch.nonzero(unknown[:, column])[:, 0]
            if not len(rows):
                continue
            part = slice(None) if len(rows) == len(embedded) else rows  # a slice for all rows avoids copies
            hidden = network.hidden(embedded[part if groups is None else groups.first])
            hidden = hidden if groups is None else hidden.index_select(0, groups.group)
            log_levels = network.log_levels(hidden, column)
            if not missing and levels[column].missing and log_levels.shape[1] > 1:
                log_levels[:, len(levels[column].atoms)] = -torch.inf
            drawn = _draw(log_levels, quantiles[part, column])
            number, value = positions.get(column), None
            if number is not None:
                sample = network.mixture(hidden, number).draw(components[part, number], noise[part, number])
                drawn, value = _snap(levels[column], drawn, sample)
                values_NM[part, number] = value
            codes_NC[part, column] = drawn
            embedded[part] += network.delta(column, drawn, number, value).float()
            groups = groups.divided(drawn) if groups is not None and number is None else None

    def _to_encoded(self, codes: np.ndarray, values: np.ndarray) -> Encoded:
        """Encode modelled columns as the codec does, and fill in their twins."""
        shape = (len(codes), len(self.codec.levels))
        all_codes, all_values = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.float32)
        all_codes[:, self.codec.modelled] = codes
        numbers = [i for i in self.codec.modelled if self.codec.levels[i].bins]
        all_values[:, numbers] = values
        for twin in self.codec.twins:
            all_codes[:, twin.column] = np.array(twin.codes)[all_codes[:, twin.of]]
        return Encoded(all_codes, all_values)

    def _imputed(self, data: Table, first: int, seed: int) -> pd.DataFrame:
        """Fill in at most a block of rows; rows that break a rule afterwards are filled in again."""
        incomplete = data.frame[[column.name for column in self.schema.learnt]].isna().to_numpy().any(1)
        frame = self._completed(data, seed)
        for attempt in range(1, MAX_ATTEMPTS):
            left = np.flatnonzero(incomplete & ~self.rules.holds(frame))
            if not len(left):
                return frame
            again = self._completed(data.take(left), seeding.derive(seed, "again", attempt))
            order = np.arange(len(frame))
            order[left] = len(frame) + np.arange(len(left))
            frame = pd.concat([frame, again], ignore_index=True).take(order).reset_index(drop=True)
        broken = "; ".join(self.rules.broken(frame.iloc[left]))
        raise RequestError(
            f"{len(left):,} rows, the first of them {first + left[0]}, never kept every rule in {MAX_ATTEMPTS} tries: "
            f"{broken}. Their observed cells may break a rule: correct them, or leave these rows out."
        )

    def _completed(self, data: Table, seed: int) -> pd.DataFrame:
        """Draw every missing cell once, in the schema's own dtypes."""
        gaps = {column.name: data.frame[column.name].isna().to_numpy() for column in self.schema.learnt}
        codes = self.codec.encode(data, np.random.default_rng(seed), gaps=True).codes
        for i, gap in enumerate(gaps.values()):
            codes[gap, i] = -1
        for twin in self.codec.twins:  # a cell is known if its twin is
            inverse = np.argsort(twin.codes)
            implied = (codes[:, twin.of] < 0) & (codes[:, twin.column] >= 0)
            codes[implied, twin.of] = inverse[codes[implied, twin.column]]
        cells = self._to_cells(codes[:, self.codec.modelled], *_cell_ends(self._levels, data.frame))
        drawn = self.codec.decode(self._complete(cells, np.random.default_rng(seed), missing=False)).frame
        frame = self._merged(data.frame, drawn, gaps)
        if not self.rules:
            return frame
        complete = [name for name, gap in gaps.items() if not gap.any()]
        return self._merged(frame, self.rules.fill(frame, self.schema, fixed=complete), gaps)

    def _merged(self, frame: pd.DataFrame, drawn: pd.DataFrame, gaps: Mapping[str, np.ndarray]) -> pd.DataFrame:
        """Return ``frame`` with the cells in ``gaps``, masks by column, taken from ``drawn``."""
        merged = {}
        for name, gap in gaps.items():
            values = np.where(gap, drawn[name].astype(object), frame[name].astype(object))
            merged[name] = self.schema[name].restore(pd.Series(values, dtype=object))
        return frame.assign(**merged)

    def _scored(self, data: Table) -> np.ndarray:
        """Return the log likelihoods of at most a block of rows."""
        levels, frame = self._levels, data.frame
        codes = self.codec.encode(data, np.random.default_rng(0)).codes
        agree = np.ones(len(data), dtype=bool)
        for twin in self.codec.twins:
            agree &= np.array(twin.codes)[codes[:, twin.of]] == codes[:, twin.column]
        cells = self._to_cells(codes[:, self.codec.modelled], *_cell_ends(levels, frame))
        bounds = [_bounds(column, frame) for column in levels if column.bins]
        positions = {int(column): number for number, column in enumerate(self.network.numbers)}
        values, device = cells.middle(), self._device
        totals = torch.zeros(ORDERS, len(data), dtype=torch.float64, device=device)
        with self._computing() as network:
            nothing = network.embed_cells(torch.full_like(cells.codes, -1), values)
            for total, order in zip(totals, self._orders, strict=True):
                embedded = nothing.clone()
                for column in order:
                    number, hidden = positions.get(column), network.hidden(embedded)
                    code = cells.codes[:, column]
                    log_levels = network.log_levels(hidden, column).double()
                    term = log_levels.gather(1, code[:, None])[:, 0]
                    if number is not None:
                        low, high, log_slope = (torch.from_numpy(array).to(device) for array in bounds[number])
                        mixture, at_number = network.mixture(hidden, number), code == network.continuous[number]
                        if levels[column].column.step is None:
                            value = values[:, number]
                            density = mixture.log_density(value).double() + HALF_LOG_2_PI + value.double().square() / 2
                            term = torch.where(at_number, term + density + log_slope, term)
                        else:
                            log_mass = torch.where(high > low, mixture.log_mass(low, high), -torch.inf)
                            inside = log_levels[:, int(network.continuous[number])] + log_mass
                            term = torch.where(at_number, inside, torch.logaddexp(term, inside))
                    total += term
                    embedded += network.delta(column, code, number, None if number is None else values[:, number])
            mean = totals.logsumexp(0) - np.log(ORDERS)
        return np.where(agree, mean.cpu().numpy(), -np.inf)

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {"plan": dataclasses.asdict(self.plan)}, arrays_of(self.network)

    @staticmethod
    def _from_state(
        config: AutoregressiveConfig, codec: Codec, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> tuple[Any, ...]:
        plan = configs.load(Plan, meta["plan"], "plan")
        network = restore(_Network(codec.modelled_levels, config, plan.width), arrays)
        return plan, network


def _sizes(levels: Sequence[Levels]) -> tuple[int, ...]:
    """Return the number of levels of each column, "continuous" included."""
    return tuple(column.exact + (column.bins > 0) for column in levels)


def _orders(levels: Sequence[Levels], target: str | None, seed: int) -> list[list[int]]:
    """Draw the random orders of columns for sampling, with the target last."""
    rng = seeding.generator(seed, "orders")
    orders = [rng.permutation(len(levels)).tolist() for _ in range(ORDERS)]
    return [sorted(order, key=lambda column: levels[column].column.name == target) for order in orders]


def _cell_ends(levels: Sequence[Levels], frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the grid cells of continuous columns as quantiles, float64 (N, M) each; 0 where missing."""
    columns = [column for column in levels if column.bins]
    bounds = np.zeros((2, len(frame), len(columns)))
    for number, column in enumerate(columns):
        values = as_numbers(column.column.name, frame[column.column.name], column.column.kind)
        present = ~np.isnan(values)
        bounds[:, present, number] = column.cell(values[present])
    return bounds[0], bounds[1]


def _bounds(levels: Levels, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, float64 (N,), a column's grid cells in quantile-normal space and its distribution function's log slope.

    Heavy values have cells too, since the continuous level may be drawn there; values it cannot give have empty ones.
    """
    column = levels.column
    numbers = as_numbers(column.name, frame[column.name], column.kind)
    heavy = np.isin(numbers, np.array(levels.atoms, dtype=np.float64))
    outside = (numbers < levels.ends[0]) | (numbers > levels.ends[1])
    possible = ~np.isnan(numbers) & ~(heavy & outside)
    low, high, log_slope = np.full((3, len(numbers)), 0.0)
    low[possible], high[possible] = map(ndtri, levels.cell(numbers[possible]))
    log_slope[possible] = np.log(levels.slope(np.clip(numbers[possible], *levels.ends)))
    return low, high, log_slope


def _snap(levels: Levels, codes_N: Tensor, values_N: Tensor) -> tuple[Tensor, Tensor]:
    """Snap drawn values to the grid, and drawn heavy values to their own levels, as if the numbers were encoded."""
    codes, values = codes_N.cpu().numpy().copy(), values_N.double().cpu().numpy()
    continuous = codes == levels.exact
    if levels.column.step is not None:
        numbers = levels.to_number(ndtr(values[continuous]))
        values[continuous] = ndtri(np.clip(np.mean(levels.cell(numbers), axis=0), TAIL, 1 - TAIL))
        heavy = levels.column.snap(np.array(levels.atoms, dtype=np.float64))
        if len(heavy):
            nearest = np.minimum(np.searchsorted(heavy, numbers), len(heavy) - 1)
            codes[continuous] = np.where(heavy[nearest] == numbers, nearest, levels.exact)
    values[codes != levels.exact] = 0
    return torch.from_numpy(codes).to(codes_N.device), torch.from_numpy(values).float().to(values_N.device)


def _draw(log_levels_NL: Tensor, quantiles_N: Tensor) -> Tensor:
    """Draw a level per row, int64 (N,), by inverting its distribution function."""
    heights = log_levels_NL.exp().double().cumsum(1)  # float32 loses the last of many rare levels
    found = torch.searchsorted(heights, quantiles_N.double()[:, None] * heights[:, -1:], right=True)
    return found[:, 0].clamp(max=heights.shape[1] - 1)


def _resolve(config: AutoregressiveConfig, rows: int, levels: int) -> Plan:
    """Resolve ``auto`` for a table of ``rows`` rows and ``levels`` levels in all."""
    batch = batch_of(config, rows)
    standard = 30 if levels > MANY_LEVELS else 60  # a step with many levels takes several times as long
    default = round(min(max(standard * (32_000 / rows) ** 0.5, 4), 200))  # ten times the rows, three times the steps
    total = (default if config.epochs == "auto" else config.epochs) * max(rows // batch, 1)
    steps = min(max(rows // batch, MIN_STEPS), MAX_STEPS)
    return Plan(batch=batch, width=width_of(config, rows, maximum=MAX_WIDTH), rounds=-(-total // steps), steps=steps)


def _train(
    network: _Network,
    cells: _Cells,
    orders: list[list[int]],
    start: Start,
    plan: Plan,
    config: AutoregressiveConfig,
    run: FitRun,
) -> _Network:
    """Train, and return the averaged network of the round that is best on held-out rows."""
    runtime, columns = start.runtime, cells.codes.shape[1]
    held_out = torch.nonzero(start.held_out)[:, 0]
    learner = Learner(
        network,
        rate=config.rate,
        steps=plan.rounds * plan.steps,
        ema=config.ema,
        weight_decay=config.weight_decay,
    )
    if config.compile:
        for block in network.trunk:
            block.compile()
    rng = torch.Generator(runtime.device).manual_seed(seeding.derive(run.seed, "train"))
    batches = Batches(torch.nonzero(~start.held_out)[:, 0], plan.batch, run.seed)

    ranks_of_orders = torch.tensor(orders, device=runtime.device).argsort(1)

    def masked(rows: Tensor, first: int, noise: torch.Generator) -> tuple[_Cells, Tensor, Tensor]:
        """Return rows, ranks of their cells and numbers of known cells, each number equally often to reduce noise."""
        batch = cells.take(rows)
        turns = torch.arange(first, first + len(batch), device=runtime.device)
        fixed_ranks = ranks_of_orders[turns // columns // 2 % len(orders)]
        random_ranks = uniform(noise, *batch.codes.shape).argsort(1).argsort(1)
        ranks = torch.where((turns // columns % 2 > 0)[:, None], fixed_ranks, random_ranks)
        return batch, ranks, turns % columns

    def one_round(number: int) -> dict[str, float]:
        total = torch.zeros((), device=runtime.device)
        for step in range((number - 1) * plan.steps, number * plan.steps):
            batch = masked(batches.at(step), step * plan.batch, rng)
            with runtime.autocast():
                loss = network.loss(*batch, rng, training=True)
            learner.step(loss, step)
            total += loss.detach()
        return {"loss": float(total / plan.steps)}

    def validate(averaged: _Network) -> float:
        """Return the negative log likelihood of held-out rows, in nats per row, always with the same known cells."""
        noise = torch.Generator(runtime.device).manual_seed(seeding.derive(run.seed, "judge"))
        values = []
        with torch.no_grad():
            for part in range(VALIDATION_PASSES):
                values.append(float(averaged.loss(*masked(held_out, part * len(held_out), noise), noise)))
        return float(np.mean(values))

    return train(
        one_round,
        validate=validate if len(held_out) else None,
        rounds=plan.rounds,
        patience=max(plan.rounds // 5, 5),
        ema=learner.ema,
        parts=learner.parts,
        rng=rng,
        checkpoint=start.checkpoint,
        tracker=run.tracker,
    )
