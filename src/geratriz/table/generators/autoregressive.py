"""An any-order autoregressive network over the codec's cells: one model of every P(A | B).

The network is told some of a row's cells and gives the distribution of each of the others, given those. A row is drawn
cell by cell, each given all before it. Training is order-agnostic (Uria et al., arXiv 1310.1757; Hoogeboom et al.,
arXiv 2110.02037): of each row a random part is told, and the others' mean negative log likelihood, times the number of
columns, is an unbiased estimate of a whole row's under a random order. MADE (Germain et al., arXiv 1502.03509) fixes
the masks in the weights, TabularARGN (Tiwald et al., arXiv 2501.12012) gives each column a network of its own; here one
residual network sees the sum of the told cells' embeddings, and its last layer has a head for each column.

A number of few values is a level each. One of many has its heavy values, missing and "continuous" as levels, and where
it is continuous a mixture of Gaussians over its quantile-normal value. Values on a grid have the mass of their cell,
and what follows sees the middle of that cell: the distribution of a row is exact, sums to one, and is the one drawn
from.

Rows are drawn in :data:`ORDERS` orders in turn, so the distribution is the mean over these. The target comes last in
each: what it follows from is known then. Half of the rows are told in one of these orders while training, the others in
a random one: the first are what is drawn, the second what gives every other question an answer.

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
from geratriz.fitting.network import arrays_of, kept, restore, uniform
from geratriz.fitting.record import FitRun
from geratriz.fitting.rounds import train
from geratriz.fitting.runtime import autocast
from geratriz.table.data.codec import Codec, Encoded
from geratriz.table.data.levels import TAIL, Levels
from geratriz.table.data.table import Table
from geratriz.table.generators.base import ATTEMPTS, BLOCK, Generator
from geratriz.table.nets.codes import Layout, Residual, evenly
from geratriz.table.nets.numbers import FEATURES, HALF_LOG_2_PI, Features, Mixtures
from geratriz.table.nets.plan import MANY, Auto, NetworkConfig, Plan, Start, batch_of, describe, least_one, width_of

WIDEST = 256  # units of a layer, where `width` is auto and the table is large
HELD_OUT = 0.05  # share of the rows that say when to stop
STEPS = (20, 500)  # of a round, at least and at most; as many as an epoch has where that lies between
DROPPED = 0.2  # of a block's units while training, where no column is a number of many values (docs/log.md)
HIDDEN = 64  # units of the layer that a column of numbers has for itself
ORDERS = 4  # that rows are drawn in; each costs a likelihood as much again
MANY_ALIKE = 0.8  # groups of equal rows, as a share of the rows, above which they are not looked for
JUDGED = 4  # parts of each held-out row that the judge tells the network


@dataclass(frozen=True, kw_only=True, slots=True)
class AutoregressiveConfig(NetworkConfig):
    """Settings of the any-order autoregressive generator; the defaults were chosen on Adult and MAGIC (docs/log.md)."""

    epochs: Auto = "auto"
    """How often each row is seen, at most: 60 times on 32,000 rows, oftener on fewer, 4 times on millions; half as
    often above 4,096 levels. The fit ends earlier when held-out rows say so."""
    rate: float = 2e-3
    """Peak of the one-cycle learning rate."""
    weight_decay: float = 1e-4
    components: int = 8
    """Gaussians in the mixture of a number of many values."""

    def __post_init__(self) -> None:
        NetworkConfig.__post_init__(self)
        least_one(self, "epochs", "components")
        if self.rate <= 0:
            raise ValueError(f"rate must be positive, got {self.rate}")


@dataclass(frozen=True, slots=True)
class _Cells:
    """Rows as the network reads them."""

    codes: Tensor
    """Integers (N, C); -1 where a cell is not known."""
    low: Tensor
    """The places in the distribution function where a number's cell begins, float32 (N, M) ..."""
    high: Tensor
    """... and ends; equal where its column is on no grid."""

    def __len__(self) -> int:
        return len(self.codes)

    def at(self, rows: Tensor) -> "_Cells":
        return _Cells(self.codes[rows], self.low[rows], self.high[rows])

    def middle(self) -> Tensor:
        """The quantile-normal values in the middle of the cells, (N, M): one value for one number."""
        return _normal((self.low + self.high) / 2)

    def spread(self, rng: torch.Generator) -> Tensor:
        """Values drawn from the cells, (N, M): a grid has no density, this has."""
        return _normal(self.low + uniform(rng, *self.low.shape) * (self.high - self.low))


def _normal(places: Tensor) -> Tensor:
    values: Tensor = torch.special.ndtri(places.clamp(TAIL, 1 - TAIL))
    return values


class _Mixers(nn.Module):
    """A head with a hidden layer for each column of numbers, all of them as two products.

    The trunk speaks of all columns at once; what bends for one of them alone bends here.
    """

    def __init__(self, columns: int, width: int, components: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, columns * HIDDEN)
        self.down = nn.Parameter(torch.randn(columns, HIDDEN, 3 * components) * HIDDEN**-0.5)
        start = torch.zeros(columns, 3, components)  # Gaussians side by side over a standard normal
        start[:, 1] = torch.from_numpy(ndtri((np.arange(components) + 0.5) / components))
        start[:, 2] = -1.0
        self.bias = nn.Parameter(start.flatten(1))

    def forward(self, hidden_NW: Tensor) -> Tensor:
        """What is said of every mixture, (N, M, 3, K)."""
        columns = len(self.down)
        hidden = nn.functional.silu(self.up(hidden_NW)).view(-1, columns, HIDDEN).transpose(0, 1)
        said = torch.bmm(hidden, self.down).transpose(0, 1) + self.bias
        return said.reshape(len(hidden_NW), columns, 3, -1)

    def one(self, hidden_NW: Tensor, column: int) -> Tensor:
        """What is said of the mixtures of one column, (N, 3, K)."""
        part = slice(column * HIDDEN, (column + 1) * HIDDEN)
        hidden = nn.functional.silu(nn.functional.linear(hidden_NW, self.up.weight[part], self.up.bias[part]))
        return (hidden @ self.down[column] + self.bias[column]).view(len(hidden_NW), 3, -1)


class _Network(nn.Module):
    """What is told of a row in, a distribution for each of its cells out."""

    unknown: Tensor
    numbers: Tensor
    continuous: Tensor

    def __init__(self, levels: Sequence[Levels], config: AutoregressiveConfig, width: int) -> None:
        super().__init__()
        sizes = _sizes(levels)
        numbers = [i for i, each in enumerate(levels) if each.bins]
        self.layout = Layout(sizes)
        self.embed = nn.EmbeddingBag(sum(sizes) + len(sizes), width, mode="sum")  # a level each, and not known
        nn.init.normal_(self.embed.weight, std=len(sizes) ** -0.5)
        self.features = Features()
        self.values = nn.Linear(len(numbers) * FEATURES, width, bias=False) if numbers else None
        self.dropped = DROPPED * (1 - len(numbers) / len(sizes))  # words are learnt by heart, mixtures need all units
        self.trunk = nn.Sequential(*(Residual(width) for _ in range(config.blocks)), nn.LayerNorm(width))
        self.logits = nn.Linear(width, sum(sizes))
        self.mixtures = _Mixers(len(numbers), width, config.components) if numbers else None
        buffers = {
            "unknown": sum(sizes) + torch.arange(len(sizes)),  # (C,) rows of `embed`
            "numbers": torch.tensor(numbers, dtype=torch.int64),  # (M,) which columns have a continuous level ...
            "continuous": torch.tensor([levels[i].exact for i in numbers], dtype=torch.int64),  # (M,) ... and its code
        }
        for name, buffer in buffers.items():
            self.register_buffer(name, buffer, persistent=False)

    def enter(self, codes_NC: Tensor, values_NM: Tensor) -> Tensor:
        """The sum of what is told of each row, (N, W)."""
        told: Tensor = self.embed(torch.where(codes_NC < 0, self.unknown, codes_NC + self.layout.offsets))
        if self.values is not None:
            is_number = codes_NC[:, self.numbers] == self.continuous
            told = told + self.values((self.features(values_NM) * is_number[..., None]).flatten(1))
        return told

    def change(self, column: int, codes_N: Tensor, number: int | None, values_N: Tensor | None) -> Tensor:
        """What :meth:`enter` changes by when one more cell of each row is told, (N, W)."""
        weight = self.embed.weight
        more = weight.index_select(0, codes_N + self.layout.offsets[column]) - weight[self.unknown[column]]
        if number is not None and values_N is not None and self.values is not None:
            part = self.values.weight[:, number * FEATURES : (number + 1) * FEATURES]
            is_number = codes_N == self.continuous[number]
            more = more + nn.functional.linear(self.features(values_N) * is_number[:, None], part)
        return more

    def hidden(self, told_NW: Tensor) -> Tensor:
        """What the trunk makes of what is told, (N, W), in the trunk's own precision."""
        with torch.autocast(told_NW.device.type, enabled=False):
            out: Tensor = self.trunk(told_NW.to(next(self.trunk.parameters()).dtype))
        return out

    def thinned(self, told_NW: Tensor, rng: torch.Generator) -> Tensor:
        """The same while training, units of the blocks dropped at random."""
        *blocks, norm = self.trunk
        for block in blocks:
            told_NW = block(told_NW, kept(rng, told_NW, self.dropped))
        out: Tensor = norm(told_NW)
        return out

    def log_levels(self, hidden_NW: Tensor, column: int) -> Tensor:
        """Log probabilities of a column's levels, float32 (N, levels)."""
        first, end = int(self.layout.offsets[column]), int(self.layout.ends[column])
        said = nn.functional.linear(hidden_NW, self.logits.weight[first:end], self.logits.bias[first:end])
        return said.float().log_softmax(1)

    def mixture(self, hidden_NW: Tensor, number: int) -> Mixtures:
        """The mixtures of one column of numbers."""
        assert self.mixtures is not None
        return Mixtures(self.mixtures.one(hidden_NW, number))

    def loss(
        self, cells: _Cells, ranks_NC: Tensor, told_N: Tensor, rng: torch.Generator, *, training: bool = False
    ) -> Tensor:
        """Negative log likelihood in nats a row, estimated from the cells beyond the ``told_N`` first in rank.

        Unbiased where ranks are random. In a fixed order a late cell is asked for more often than the chain rule has
        it, given less: docs/log.md says what that is good for.
        """
        known = ranks_NC < told_N[:, None]
        told = self.enter(torch.where(known, cells.codes, -1), cells.middle())
        hidden = self.thinned(told, rng) if training else self.trunk(told)
        log_likelihood = self.layout.log_likelihood(self.logits(hidden).float(), cells.codes)
        sums = (log_likelihood * ~known).sum(1)
        if self.mixtures is not None:
            density = Mixtures(self.mixtures(hidden)).log_density(cells.spread(rng))
            asked = (cells.codes[:, self.numbers] == self.continuous) & ~known[:, self.numbers]
            sums = sums + (density * asked).sum(1)
        columns = cells.codes.shape[1]
        return -(sums * columns / (columns - told_N)).mean()


@dataclass(frozen=True, slots=True)
class _Alike:
    """Rows of which the same is told, while they are few enough that one can stand for all of its kind."""

    group: Tensor
    """Of each row, int64 (N,)."""
    first: Tensor
    """A row of each group."""

    @classmethod
    def of(cls, codes_NC: Tensor, values_NM: Tensor) -> "_Alike | None":
        """All rows alike, or None where they are not."""
        same = bool((codes_NC == codes_NC[:1]).all()) and bool((values_NM == values_NM[:1]).all())
        return cls(torch.zeros_like(codes_NC[:, 0]), torch.zeros_like(codes_NC[:1, 0])) if same else None

    def beside(self, codes_N: Tensor) -> "_Alike | None":
        """The groups when these codes are told too; None where they have become many."""
        pairs = self.group * (codes_N.max() + 1) + codes_N
        found, group = torch.unique(pairs, return_inverse=True)
        if len(found) > MANY_ALIKE * len(pairs):
            return None
        first = torch.empty_like(found).scatter_(0, group, torch.arange(len(pairs), device=pairs.device))
        return _Alike(group, first)


@final
@dataclass(frozen=True, slots=True)
class Autoregressive(Generator[AutoregressiveConfig]):
    """An any-order autoregressive generator of tables."""

    kind: ClassVar[str] = "autoregressive"
    config_cls: ClassVar[type[Any]] = AutoregressiveConfig

    plan: Plan
    network: _Network
    """In evaluation mode, on the device it was fitted or loaded on."""

    def impute(self, data: Table, *, seed: int) -> Table:
        """``data`` with its missing cells filled in, each drawn given all that is known of its row.

        No cell that was there changes. Missing is never the answer, though it may be learnt. Columns that are not
        learnt (ids, personal ones) and columns that were always missing stay as they are.

        Args:
            data: rows with the schema's columns, of any number of which cells may be missing.
            seed: of what is filled in; equal data and seeds give equal rows, another seed another completion.

        Raises:
            RequestError: ``data`` holds a category that was never seen, or rows that cannot be made to keep the rules.
        """
        frames = []
        for number, first in enumerate(range(0, len(data), BLOCK)):
            part = data.take(slice(first, first + BLOCK))
            frames.append(self._kept(part, first, seeding.derive(seed, "impute", number)))
        return Table(pd.concat(frames, ignore_index=True), self.schema)

    def log_likelihood(self, data: Table) -> np.ndarray:
        """The exact log likelihood of each row in nats, float64 (N,): of the very distribution rows are drawn from.

        It is the logarithm of a probability in columns of words, of few values, and on a grid (integers, decimals,
        dates; their cell has the probability), and of a density in the column's own units (datetimes: seconds) where a
        column is on no grid. Missing is a level with a probability. A number that was not learnt counts as the
        nearest that was, as when fitting. A row that contradicts a pair of columns that say the same has -inf. Rules
        do not enter, and columns that are not learnt (ids, personal ones) do not count.

        Raises:
            RequestError: ``data`` holds a category that was never seen, or is missing where no row ever was.
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
        """The orders that columns are drawn in."""
        return _orders(self._levels, self.schema.target, self.record.seed)

    @contextmanager
    def _computing(self) -> Iterator[_Network]:
        """The network in the precision of the fit, for a likelihood too: it is that of the rows that are drawn."""
        network = copy.deepcopy(self.network)
        if self.record.precision == "bfloat16":
            network.trunk.bfloat16()  # the trunk whole: casts and sums in float32 would be a third of its time
        with torch.inference_mode(), autocast(self._device.type, self.record.precision):
            yield network

    @classmethod
    def _fit(cls, data: Table, config: AutoregressiveConfig, run: FitRun) -> Self:
        start = Start.of(data, config, run, held=HELD_OUT)
        levels = start.codec.modelled_levels
        with start.runtime.active():
            outputs = sum(_sizes(levels))
            plan = _settle(config, len(data), outputs)
            network = _Network(levels, config, plan.width).to(start.runtime.device)
            parameters = sum(each.numel() for each in network.parameters())
            run.tracker.note(describe(start, plan, parameters=parameters, passes=3, levels=outputs))
            exact = torch.tensor([each.exact for each in levels]).to(start.rows)
            low, high = (torch.from_numpy(each).float().to(start.rows.device) for each in _places(levels, data.frame))
            cells = _Cells(start.rows.minimum(exact), low, high)
            network = _train(network, cells, _orders(levels, data.schema.target, run.seed), start, plan, config, run)
        start.checkpoint.clear()
        return cls(config, start.record(run), start.codec, plan, network)

    def _encoded(
        self, rows: int, rng: np.random.Generator, codes: Mapping[int, int], cells: Mapping[str, Any]
    ) -> Encoded:
        levels = self._levels
        known = np.full((rows, len(levels)), -1)
        numbers = [i for i, each in enumerate(levels) if each.bins]
        low, high = np.zeros((2, rows, len(numbers)))
        for index, code in codes.items():
            known[:, index] = code
            if index in numbers and code >= levels[index].exact:
                known[:, index] = levels[index].exact
                column = levels[index].column
                wanted = as_numbers(column.name, pd.Series([cells[column.name]]), column.kind)
                where = numbers.index(index)
                low[:, where], high[:, where] = levels[index].cell(wanted)
        return self._filled(self._to_cells(known, low, high), rng, missing=True)

    def _to_cells(self, codes: np.ndarray, low: np.ndarray, high: np.ndarray) -> _Cells:
        device = self._device
        return _Cells(
            torch.from_numpy(codes).long().to(device),
            torch.from_numpy(low).float().to(device),
            torch.from_numpy(high).float().to(device),
        )

    def _filled(self, cells: _Cells, rng: np.random.Generator, *, missing: bool) -> Encoded:
        """The rows with every unknown cell drawn; whether it may be drawn as ``missing``."""
        codes, values = cells.codes.clone(), cells.middle()
        with self._computing() as network:
            for turn, order in enumerate(self._orders):
                part = slice(turn, None, ORDERS)
                self._walk(network, order, codes[part], values[part], rng, missing=missing)
        return self._to_encoded(codes.cpu().numpy(), values.cpu().numpy())

    def _walk(
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
        places, components = (torch.from_numpy(evenly(rng, *shape)).to(self._device) for shape in shapes)
        noise = torch.from_numpy(rng.standard_normal(values_NM.shape, dtype=np.float32)).to(self._device)
        unknown = codes_NC < 0
        told = network.enter(codes_NC, values_NM)
        alike = _Alike.of(codes_NC, values_NM)
        for column in order:
            wanted = torch.nonzero(unknown[:, column])[:, 0]
            if not len(wanted):
                continue
            part = slice(None) if len(wanted) == len(told) else wanted  # all rows: nothing is copied
            seen = network.hidden(told[part if alike is None else alike.first])
            seen = seen if alike is None else seen.index_select(0, alike.group)
            heights = network.log_levels(seen, column)
            if not missing and levels[column].missing and heights.shape[1] > 1:
                heights[:, len(levels[column].atoms)] = -torch.inf
            drawn = _draw(heights, places[part, column])
            number, given = positions.get(column), None
            if number is not None:
                value = network.mixture(seen, number).draw(components[part, number], noise[part, number])
                drawn, given = _settled(levels[column], drawn, value)
                values_NM[part, number] = given
            codes_NC[part, column] = drawn
            told[part] += network.change(column, drawn, number, given).float()
            alike = alike.beside(drawn) if alike is not None and number is None else None

    def _to_encoded(self, codes: np.ndarray, values: np.ndarray) -> Encoded:
        """Modelled columns as the codec has them, twins filled in."""
        shape = (len(codes), len(self.codec.levels))
        all_codes, all_values = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.float32)
        all_codes[:, self.codec.modelled] = codes
        numbers = [i for i in self.codec.modelled if self.codec.levels[i].bins]
        all_values[:, numbers] = values
        for twin in self.codec.twins:
            all_codes[:, twin.column] = np.array(twin.codes)[all_codes[:, twin.of]]
        return Encoded(all_codes, all_values)

    def _kept(self, data: Table, first: int, seed: int) -> pd.DataFrame:
        """The frame of at most a block of rows, completed; rows that break a rule then are completed anew."""
        holed = data.frame[[column.name for column in self.schema.learnt]].isna().to_numpy().any(1)
        frame = self._completed(data, seed)
        for attempt in range(1, ATTEMPTS):
            left = np.flatnonzero(holed & ~self.rules.holds(frame))
            if not len(left):
                return frame
            again = self._completed(data.take(left), seeding.derive(seed, "again", attempt))
            places = np.arange(len(frame))
            places[left] = len(frame) + np.arange(len(left))
            frame = pd.concat([frame, again], ignore_index=True).take(places).reset_index(drop=True)
        broken = "; ".join(self.rules.broken(frame.iloc[left]))
        raise RequestError(
            f"{len(left):,} rows, the first of them {first + left[0]}, were filled in {ATTEMPTS} times and never kept "
            f"every rule: {broken}. What is known of these rows may break them: mend it, or leave these rows out."
        )

    def _completed(self, data: Table, seed: int) -> pd.DataFrame:
        """The frame of rows with every missing cell drawn once, in the schema's own dtypes."""
        gaps = {column.name: data.frame[column.name].isna().to_numpy() for column in self.schema.learnt}
        codes = self.codec.encode(data, np.random.default_rng(seed), gaps=True).codes
        for i, gap in enumerate(gaps.values()):
            codes[gap, i] = -1
        for twin in self.codec.twins:  # what its twin says of a cell is known
            back = np.argsort(twin.codes)
            told = (codes[:, twin.of] < 0) & (codes[:, twin.column] >= 0)
            codes[told, twin.of] = back[codes[told, twin.column]]
        cells = self._to_cells(codes[:, self.codec.modelled], *_places(self._levels, data.frame))
        drawn = self.codec.decode(self._filled(cells, np.random.default_rng(seed), missing=False)).frame
        frame = self._merged(data.frame, drawn, gaps)
        if not self.rules:
            return frame
        whole = [name for name, gap in gaps.items() if not gap.any()]
        return self._merged(frame, self.rules.fill(frame, self.schema, fixed=whole), gaps)

    def _merged(self, there: pd.DataFrame, given: pd.DataFrame, where: Mapping[str, np.ndarray]) -> pd.DataFrame:
        """The frame that is ``there`` with the cells ``given`` where they are wanted, by column."""
        merged = {}
        for name, cells in where.items():
            values = np.where(cells, given[name].astype(object), there[name].astype(object))
            merged[name] = self.schema[name].restore(pd.Series(values, dtype=object))
        return there.assign(**merged)

    def _scored(self, data: Table) -> np.ndarray:
        """The log likelihoods of at most a block of rows."""
        levels, frame = self._levels, data.frame
        codes = self.codec.encode(data, np.random.default_rng(0)).codes
        agree = np.ones(len(data), dtype=bool)
        for twin in self.codec.twins:
            agree &= np.array(twin.codes)[codes[:, twin.of]] == codes[:, twin.column]
        cells = self._to_cells(codes[:, self.codec.modelled], *_places(levels, frame))
        bounds = [_bounds(each, frame) for each in levels if each.bins]
        positions = {int(column): number for number, column in enumerate(self.network.numbers)}
        values, device = cells.middle(), self._device
        totals = torch.zeros(ORDERS, len(data), dtype=torch.float64, device=device)
        with self._computing() as network:
            nothing = network.enter(torch.full_like(cells.codes, -1), values)
            for total, order in zip(totals, self._orders, strict=True):
                told = nothing.clone()
                for column in order:
                    number, seen = positions.get(column), network.hidden(told)
                    code = cells.codes[:, column]
                    heights = network.log_levels(seen, column).double()
                    term = heights.gather(1, code[:, None])[:, 0]
                    if number is not None:
                        low, high, log_slope = (torch.from_numpy(each).to(device) for each in bounds[number])
                        mixture, at_number = network.mixture(seen, number), code == network.continuous[number]
                        if levels[column].column.step is None:
                            value = values[:, number]
                            density = mixture.log_density(value).double() + HALF_LOG_2_PI + value.double().square() / 2
                            term = torch.where(at_number, term + density + log_slope, term)
                        else:
                            log_mass = torch.where(high > low, mixture.log_mass(low, high), -torch.inf)
                            inside = heights[:, int(network.continuous[number])] + log_mass
                            term = torch.where(at_number, inside, torch.logaddexp(term, inside))
                    total += term
                    told += network.change(column, code, number, None if number is None else values[:, number])
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
    """Levels of each column, "continuous" one of them."""
    return tuple(each.exact + (each.bins > 0) for each in levels)


def _orders(levels: Sequence[Levels], target: str | None, seed: int) -> list[list[int]]:
    """The orders that rows are drawn in: random ones, the target last."""
    rng = seeding.generator(seed, "orders")
    orders = [rng.permutation(len(levels)).tolist() for _ in range(ORDERS)]
    return [sorted(order, key=lambda column: levels[column].column.name == target) for order in orders]


def _places(levels: Sequence[Levels], frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Where the cells of the columns with a continuous level begin and end, float64 (N, M) each; 0 where missing."""
    columns = [each for each in levels if each.bins]
    bounds = np.zeros((2, len(frame), len(columns)))
    for number, each in enumerate(columns):
        values = as_numbers(each.column.name, frame[each.column.name], each.column.kind)
        present = ~np.isnan(values)
        bounds[:, present, number] = each.cell(values[present])
    return bounds[0], bounds[1]


def _bounds(levels: Levels, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of one column: its cells' ends in quantile-normal space, and its distribution function's log slope; float64 (N,).

    Cells of heavy values count too, as the continuous level may be drawn there; what it cannot give has an empty one.
    """
    column = levels.column
    numbers = as_numbers(column.name, frame[column.name], column.kind)
    heavy = np.isin(numbers, np.array(levels.atoms, dtype=np.float64))
    outside = (numbers < levels.ends[0]) | (numbers > levels.ends[1])
    given = ~np.isnan(numbers) & ~(heavy & outside)
    low, high, log_slope = np.full((3, len(numbers)), 0.0)
    low[given], high[given] = map(ndtri, levels.cell(numbers[given]))
    log_slope[given] = np.log(levels.slope(np.clip(numbers[given], *levels.ends)))
    return low, high, log_slope


def _settled(levels: Levels, codes_N: Tensor, values_N: Tensor) -> tuple[Tensor, Tensor]:
    """Codes and values as reading the drawn numbers would give them: on the grid, a heavy value as its own level."""
    codes, values = codes_N.cpu().numpy().copy(), values_N.double().cpu().numpy()
    continuous = codes == levels.exact
    if levels.column.step is not None:
        numbers = levels.to_number(ndtr(values[continuous]))
        values[continuous] = ndtri(np.clip(np.mean(levels.cell(numbers), axis=0), TAIL, 1 - TAIL))
        heavy = levels.column.snap(np.array(levels.atoms, dtype=np.float64))
        if len(heavy):
            place = np.minimum(np.searchsorted(heavy, numbers), len(heavy) - 1)
            codes[continuous] = np.where(heavy[place] == numbers, place, levels.exact)
    values[codes != levels.exact] = 0
    return torch.from_numpy(codes).to(codes_N.device), torch.from_numpy(values).float().to(values_N.device)


def _draw(log_heights_NL: Tensor, places_N: Tensor) -> Tensor:
    """A level of each row, int64 (N,), where its distribution function passes the place."""
    heights = log_heights_NL.exp().double().cumsum(1)  # float32 would blur the last of many rare levels
    found = torch.searchsorted(heights, places_N.double()[:, None] * heights[:, -1:], right=True)
    return found[:, 0].clamp(max=heights.shape[1] - 1)


def _settle(config: AutoregressiveConfig, rows: int, levels: int) -> Plan:
    """What ``auto`` stands for on a table of so many ``rows`` and ``levels``."""
    batch = batch_of(config, rows)
    wanted = 30 if levels > MANY else 60  # a step of many takes several times as long
    usual = round(min(max(wanted * (32_000 / rows) ** 0.5, 4), 200))  # on ten times the rows three times the steps
    in_all = (usual if config.epochs == "auto" else config.epochs) * max(rows // batch, 1)
    steps = min(max(rows // batch, STEPS[0]), STEPS[1])
    return Plan(batch=batch, width=width_of(config, rows, most=WIDEST), rounds=-(-in_all // steps), steps=steps)


def _train(
    network: _Network,
    cells: _Cells,
    orders: list[list[int]],
    start: Start,
    plan: Plan,
    config: AutoregressiveConfig,
    run: FitRun,
) -> _Network:
    """The averaged network after training, as far as the held-out rows say that it learns."""
    runtime, columns = start.runtime, cells.codes.shape[1]
    held = torch.nonzero(start.held)[:, 0]
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
    batches = Batches(torch.nonzero(~start.held)[:, 0], plan.batch, run.seed)

    ranks_of_orders = torch.tensor(orders, device=runtime.device).argsort(1)

    def asked(rows: Tensor, first: int, noise: torch.Generator) -> tuple[_Cells, Tensor, Tensor]:
        """These rows, in what order their cells are told, and how many: each number equally often, the least noise."""
        batch = cells.at(rows)
        turns = torch.arange(first, first + len(batch), device=runtime.device)
        of_drawing = ranks_of_orders[turns // columns // 2 % len(orders)]
        at_random = uniform(noise, *batch.codes.shape).argsort(1).argsort(1)
        ranks = torch.where((turns // columns % 2 > 0)[:, None], of_drawing, at_random)
        return batch, ranks, turns % columns

    def one_round(number: int) -> dict[str, float]:
        total = torch.zeros((), device=runtime.device)
        for step in range((number - 1) * plan.steps, number * plan.steps):
            questions = asked(batches.at(step), step * plan.batch, rng)
            with runtime.autocast():
                loss = network.loss(*questions, rng, training=True)
            learner.step(loss, step)
            total += loss.detach()
        return {"loss": float(total / plan.steps)}

    def judge(averaged: _Network) -> float:
        """The negative log likelihood of held-out rows, in nats a row; the same parts are told each time."""
        noise = torch.Generator(runtime.device).manual_seed(seeding.derive(run.seed, "judge"))
        values = []
        with torch.no_grad():
            for part in range(JUDGED):
                values.append(float(averaged.loss(*asked(held, part * len(held), noise), noise)))
        return float(np.mean(values))

    return train(
        one_round,
        judge=judge if len(held) else None,
        rounds=plan.rounds,
        patience=max(plan.rounds // 5, 5),
        ema=learner.ema,
        parts=learner.parts,
        rng=rng,
        checkpoint=start.checkpoint,
        tracker=run.tracker,
    )
