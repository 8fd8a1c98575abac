"""Conditional generative adversarial network for tables: a generator draws rows, a discriminator detects them.

Both work on codec levels. The generator maps noise and any observed cells to a categorical distribution per column; the
discriminator sums one embedding per cell and also gets the mask of observed cells. Every step takes real rows; the
generator observes none of their cells in one half of the batch and some, of any number of columns, in the other; and
real rows are compared with generated ones. Rows are sampled without a condition, and that half of the batch has the
table's own frequencies, so marginals are unbiased. CTGAN (Xu et al., arXiv 1907.00503), whose training by sampling this
follows, always conditions on one column, and its rows inherit the frequencies with which the conditions are drawn.

- Loss: relativistic pairing, softplus(-(D(real) - D(fake))) and its mirror image (Jolicoeur-Martineau, arXiv
  1807.00734; Huang et al., arXiv 2501.05441), with zero-centred gradient penalties on real and generated rows
  (Mescheder et al., arXiv 1801.04406) in the space of the summed embeddings, every few steps.
- Categories are drawn with the straight-through Gumbel-softmax (Jang et al., arXiv 1611.01144), through which gradients
  pass, so the discriminator sees hard categories only.
- The generator is trained to reproduce observed cells, as in CTGAN: without that, rare conditions are learnt last.
- In both networks, levels of numbers share part of their vectors with neighbours (nets/ordered.py, docs/adr/0026).
- Both networks train on one draw per step, the discriminator first and with dropout on its inputs.
- The generator's loss includes the chi-square distances from the table's marginals and shares of pairs of levels,
  estimated without bias from two halves of the batch. After the fit its output biases are calibrated to the marginals.
- After every round, boosted trees try to separate held-out rows from generated ones, and the best generator is used.
  Rounds in which the discriminator separates training rows from held-out ones are rejected: later ones would copy rows.

Conditions when sampling: the generator is more exact without a condition, so noise is drawn in a pool and resampled in
proportion to the probability of the required cells. Only if too few draws of the pool agree with the condition, the
required cells are given to the network as observed.

docs/log.md has the measurements behind each choice. Shapes: N rows, C modelled columns, L levels, W width, Z noise.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np
import torch
from torch import Tensor, nn

from geratriz import config as configs
from geratriz import seeding
from geratriz.errors import TrainingError
from geratriz.fitting.average import Ema
from geratriz.fitting.learner import descend
from geratriz.fitting.network import arrays_of, dropout_mask, normal, restore, uniform
from geratriz.fitting.record import FitRun
from geratriz.fitting.rounds import train
from geratriz.fitting.runtime import autocast
from geratriz.table.data.codec import Codec
from geratriz.table.data.levels import Levels
from geratriz.table.data.table import Table
from geratriz.table.generators.base import CodeGenerator
from geratriz.table.nets.codes import POOL_FACTOR, Layout, Residual, resample
from geratriz.table.nets.detector import detection_auc
from geratriz.table.nets.ordered import Vectors
from geratriz.table.nets.plan import MANY_LEVELS, Auto, NetworkConfig, Plan, Start, batch_of, describe, width_of

MAX_WIDTH = 256  # units per layer if `width` is auto and the table is large
HELD_OUT = 0.1  # share of the rows that validate each round; marginals and the codec use them too
MAX_ROUNDS = 20
WARM_UP = 0.05  # share of the steps after which the rate is at its peak
PENALTY_INTERVAL = 8  # steps from one gradient penalty to the next, and the factor on its weight
WATCHED_ROWS = 2048  # rows drawn after each round to detect a collapse of the generator
MIN_DISTINCT = 0.1  # distinct rows, relative to those of real rows, below which the generator has collapsed
MAX_EXCESS = 0.5  # excess, over real rows, of the mean total variation distance above which it has collapsed
MAX_OVERFITTING = 0.6  # discriminator overfitting (Karras et al., arXiv 2006.06676) above which a round is rejected
PASSES = 4.5  # passes through each network per step: the generator's 3, the discriminator's 6 and the penalty
MAX_PAIR_GROUPS = 1024  # groups of levels whose pairs are matched
DROPOUT = 0.2  # dropout rate of the discriminator's inputs, which delays memorisation
OBSERVED_WEIGHT = 0.1  # weight of the loss on observed cells that are not reproduced
CANDIDATES = 8  # rows from which the one for a condition on one cell is chosen
MIN_EFFECTIVE_DRAWS = 100  # effective sample size in the pool from which on a condition is met by resampling
MAX_COUNTED_ROWS = 200_000  # rows in which pairs are counted
SHARE_OFFSET = 1e-3  # added to expected shares, which limits the weight of rare levels


@dataclass(frozen=True, kw_only=True, slots=True)
class CtganConfig(NetworkConfig):
    """Settings of the tabular GAN; the defaults were chosen on Adult (docs/log.md)."""

    steps: Auto = "auto"
    """Steps of each network: 3,000 on 32,000 rows, fewer on fewer; half as many above 4,096 levels. The fit stops
    earlier when it no longer improves on held-out rows."""
    rate: float = 2e-3
    """Peak learning rate of both networks; it falls to 0 along a cosine."""
    noise: int = 128
    """Dimensions of the generator's noise."""
    temperature: float = 0.5
    """Temperature of the Gumbel-softmax that gradients pass through: lower is less biased and noisier."""
    penalty: float = 0.1
    """Weight of the gradient penalties: higher is steadier and slower."""
    marginals: float = 1.0
    """Weight, in the generator's loss, of the distance of single columns from the table's."""
    pairs: float = 0.1
    """Weight, in the generator's loss, of the distance of pairs of columns from the table's."""

    def __post_init__(self) -> None:
        NetworkConfig.__post_init__(self)
        self.check_at_least_one("steps", "noise")
        if self.rate <= 0 or self.temperature <= 0:
            raise ValueError(f"rate and temperature must be positive, got {self.rate} and {self.temperature}")
        if min(self.penalty, self.marginals, self.pairs) < 0:
            raise ValueError("penalty, marginals and pairs must not be negative")


class _Generator(nn.Module):
    """Network from noise and observed cells to the logits of every level."""

    free: Tensor

    def __init__(self, levels: Sequence[Levels], config: CtganConfig, width: int) -> None:
        super().__init__()
        self.layout = Layout(tuple(column.size for column in levels))
        count, columns = sum(self.layout.sizes), len(levels)
        self.noise = nn.Linear(config.noise, width)
        self.given = nn.EmbeddingBag(count + columns, width, mode="sum")  # a cell's level, or "not observed"
        nn.init.normal_(self.given.weight, std=columns**-0.5)
        self.body = nn.Sequential(*(Residual(width) for _ in range(config.blocks)), nn.LayerNorm(width))
        self.levels = Vectors(levels, width, 0.2 * width**-0.5)
        self.bias = nn.Parameter(torch.zeros(count))
        self.register_buffer("free", count + torch.arange(columns), persistent=False)

    def forward(self, noise_NZ: Tensor, codes_NC: Tensor, observed_NC: Tensor) -> Tensor:
        """Return logits, (N, L), float32; ``codes_NC`` is used where ``observed_NC`` is true."""
        cells = torch.where(observed_NC, codes_NC + self.layout.offsets, self.free)
        hidden = self.body(self.noise(noise_NZ) + self.given(cells))
        return nn.functional.linear(hidden, self.levels(), self.bias).float()


class _Discriminator(nn.Module):
    """Network from rows, as sums of their cells' embeddings, and masks of observed cells to scores; not normalised."""

    def __init__(self, levels: Sequence[Levels], config: CtganConfig, width: int) -> None:
        super().__init__()
        self.layout = Layout(tuple(column.size for column in levels))
        self.levels = Vectors(levels, width, len(levels) ** -0.5)
        self.given = nn.Linear(len(levels), width, bias=False)
        self.body = nn.Sequential(
            nn.Linear(width, width), *(Residual(width, normalised=False) for _ in range(config.blocks)), nn.SiLU()
        )
        self.score = nn.Linear(width, 1)

    def embed(self, codes_NC: Tensor, vectors_LW: Tensor) -> Tensor:
        """Return the sum of each row's cells, (N, W), a cell being the vector of its level from :attr:`levels`."""
        return nn.functional.embedding_bag(codes_NC + self.layout.offsets, vectors_LW, mode="sum")

    def forward(self, embedded_NW: Tensor, observed_NC: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Return scores, (N,), float32, higher for more realistic rows; with ``rng`` dropout is applied to the rows."""
        if rng is not None:
            embedded_NW = embedded_NW * dropout_mask(rng, embedded_NW, DROPOUT)
        first = self.body[0](embedded_NW) + self.given(observed_NC.float())
        score: Tensor = self.score(self.body[1:](first)).float().squeeze(1)
        return score


@final
@dataclass(frozen=True, slots=True)
class Ctgan(CodeGenerator[CtganConfig]):
    """Generator of tables: a conditional GAN."""

    kind: ClassVar[str] = "ctgan"
    config_cls: ClassVar[type[Any]] = CtganConfig

    plan: Plan
    network: _Generator
    """Fitted network in evaluation mode, on the device of the fit or the load."""

    @classmethod
    def _fit(cls, data: Table, config: CtganConfig, run: FitRun) -> Self:
        start = Start.of(data, config, run, held_out=HELD_OUT)
        with start.runtime.active():
            plan = _resolve(config, len(data), sum(start.codec.sizes))
            game = _Game(start, plan, config, run.seed)
            run.tracker.note(describe(start, plan, parameters=game.parameters, passes=PASSES))
            network = train(
                game.round,
                validate=game.validate if start.held_out.any() else None,
                rounds=plan.rounds,
                patience=max(plan.rounds // 2, 3),
                ema=game.ema,
                parts=game.parts,
                rng=game.rng,
                checkpoint=start.checkpoint,
                tracker=run.tracker,
            )
            noise = torch.Generator(start.runtime.device).manual_seed(seeding.derive(run.seed, "calibrate"))
            network.layout.calibrate(
                network.bias, game.frequencies, lambda rows: _unconditional(network, rows, config.noise, noise)
            )
        start.checkpoint.clear()
        return cls(config, start.record(run), start.codec, plan, network)

    def _sample(self, rows: int, rng: np.random.Generator, codes: Mapping[int, int]) -> np.ndarray:
        layout, device = self.network.layout, self.network.free.device
        row = torch.zeros(len(self.codec.sizes), dtype=torch.int64, device=device)
        observed = torch.zeros(len(row), dtype=torch.bool, device=device)
        noise = rng.standard_normal((rows * (POOL_FACTOR if codes else 1), self.config.noise), dtype=np.float32)
        pool = torch.from_numpy(noise).to(device)

        def logits_of(noise_NZ: Tensor) -> Tensor:
            with autocast(device.type, self.record.precision):
                out: Tensor = self.network(noise_NZ, row.expand(len(noise_NZ), -1), observed.expand(len(noise_NZ), -1))
            return out

        with torch.inference_mode():
            if codes:
                chosen, effective = resample(layout.agreement(logits_of, pool, codes), rows, rng)
                row[list(codes)] = torch.tensor(list(codes.values()), device=device)
                if effective >= MIN_EFFECTIVE_DRAWS:
                    pool = pool[torch.from_numpy(chosen).to(device)]
                else:  # too rare to occur without conditioning the network
                    observed[list(codes)] = True
            drawn = layout.sample(logits_of, pool[:rows], rng)
            drawn[:, list(codes)] = row[list(codes)]
        return drawn.cpu().numpy().astype(np.int32)

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {"plan": dataclasses.asdict(self.plan)}, arrays_of(self.network)

    @staticmethod
    def _from_state(
        config: CtganConfig, codec: Codec, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> tuple[Any, ...]:
        plan = configs.load(Plan, meta["plan"], "plan")
        network = restore(_Generator(codec.modelled_levels, config, plan.width), arrays)
        return plan, network


def _resolve(config: CtganConfig, rows: int, levels: int) -> Plan:
    """Resolve ``auto`` for a table of ``rows`` rows and ``levels`` levels in all."""
    standard = 3000 if levels <= MANY_LEVELS else 1500  # a step with many levels takes several times as long
    default = round(min(max(standard * (rows / 32_000) ** (1 / 3), 600), 30_000))
    steps = default if config.steps == "auto" else config.steps
    rounds = min(MAX_ROUNDS, steps)
    return Plan(
        batch=batch_of(config, rows),
        width=width_of(config, rows, maximum=MAX_WIDTH),
        rounds=rounds,
        steps=-(-steps // rounds),
    )


class _Moments:
    """Marginals and pairs of levels of the table, and the distance of a batch of distributions from them.

    A squared mean is biased by the batch's own variance and would penalise it; the product of the differences of two
    independent halves is not. Pairs are compared over at most MAX_PAIR_GROUPS groups of levels: in a column with many
    levels, neighbours in the order of codes share a group.
    """

    def __init__(self, rows: Tensor, layout: Layout) -> None:
        self._offsets = layout.offsets
        sizes = layout.sizes
        self.frequencies = layout.frequencies(rows)
        maximum = max(MAX_PAIR_GROUPS // len(sizes), 2)
        groups = [min(size, maximum) if sum(sizes) > MAX_PAIR_GROUPS else size for size in sizes]
        starts = np.cumsum([0, *groups])
        parts = [torch.arange(size) * group // size for size, group in zip(sizes, groups, strict=True)]
        self._group = torch.cat([int(start) + part for start, part in zip(starts, parts, strict=False)]).to(rows.device)
        self._groups = int(starts[-1])
        self._pairs = torch.zeros(self._groups, self._groups, device=rows.device)
        sample = rows[torch.linspace(0, len(rows) - 1, min(len(rows), MAX_COUNTED_ROWS), device=rows.device).long()]
        for chunk in torch.split(sample + layout.offsets, 4096):
            cells = torch.zeros(len(chunk), self._groups, device=rows.device).scatter_(1, self._group[chunk], 1.0)
            self._pairs += cells.T @ cells / len(sample)
        column = torch.repeat_interleave(torch.arange(len(groups)), torch.tensor(groups)).to(rows.device)
        single = self._pairs.diagonal()
        different = column[:, None] != column  # a column paired with itself adds nothing to its marginal
        self._weight = different / (single[:, None] * single + SHARE_OFFSET) / 2

    def distances(self, shares_NL: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distances, over columns and over pairs, of distributions without a condition from the table."""
        half = len(shares_NL) // 2 or 1
        halves = shares_NL[:half], shares_NL[-half:]
        one, two = (part.mean(0) - self.frequencies for part in halves)
        marginals = (one * two / (self.frequencies + SHARE_OFFSET)).sum()
        first, second = ((part.T @ part).float() / half - self._pairs for part in map(self._grouped, halves))
        return marginals, (first * second * self._weight).sum()

    def marginal_distance(self, rows_NC: Tensor) -> float:
        """Return the mean total variation distance of the rows' marginals from the table's."""
        seen = torch.zeros_like(self.frequencies)
        seen.index_add_(0, (rows_NC + self._offsets).flatten(), torch.ones(rows_NC.numel(), device=seen.device))
        return float((seen / len(rows_NC) - self.frequencies).abs().sum()) / 2 / rows_NC.shape[1]

    def _grouped(self, shares_NL: Tensor) -> Tensor:
        if self._groups == len(self.frequencies):
            return shares_NL
        return shares_NL.new_zeros(len(shares_NL), self._groups).index_add(1, self._group, shares_NL)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Batch drawn from the generator."""

    codes: Tensor
    """Drawn categories and observed cells, (N, C)."""
    soft: Tensor
    """Softened categories, through which gradients pass, (N, L); 0 for observed cells."""
    logits: Tensor
    """Logits that the categories were drawn from, (N, L)."""


class _Game:
    """Training of the generator and the discriminator against each other."""

    def __init__(self, start: Start, plan: Plan, config: CtganConfig, seed: int) -> None:
        rows, levels, runtime = start.rows, start.codec.modelled_levels, start.runtime
        self._rows, self._held_out = rows[~start.held_out], rows[start.held_out]
        self._plan, self._config, self._seed, self._runtime = plan, config, seed, runtime
        self._generator = _Generator(levels, config, plan.width).to(runtime.device)
        self._layout = self._generator.layout
        self._discriminator = _Discriminator(levels, config, plan.width).to(runtime.device)
        self._moments = _Moments(rows, self._layout)
        self.frequencies = self._moments.frequencies
        with torch.no_grad():  # start at the marginals
            self._generator.bias.copy_(self.frequencies.clamp_min(1e-5).log())
        self.ema = Ema(self._generator, config.ema)
        if config.compile:  # not the discriminator: its penalty needs a second derivative, which compiled code lacks
            self._generator.compile()
        self._optimisers = [
            torch.optim.Adam(network.parameters(), lr=config.rate, betas=(0.0, 0.99), fused=True)
            for network in (self._generator, self._discriminator)
        ]
        self.parts = {
            "generator": self._generator,
            "discriminator": self._discriminator,
            "generator_steps": self._optimisers[0],
            "discriminator_steps": self._optimisers[1],
        }
        self.rng = torch.Generator(runtime.device).manual_seed(seeding.derive(seed, "train"))
        self.parameters = sum(p.numel() for part in (self._generator, self._discriminator) for p in part.parameters())
        self._real_distinct = _distinct(self._rows[:WATCHED_ROWS])

    def round(self, number: int) -> dict[str, float]:
        """Train one round, and check the rows that the generator draws then.

        Raises:
            TrainingError: the generator has collapsed.
        """
        plan = self._plan
        sums = torch.zeros(3, device=self._rows.device)
        for step in range((number - 1) * plan.steps, number * plan.steps):
            self._set_rate(step)
            penalised = self._config.penalty > 0 and step % PENALTY_INTERVAL == 0
            sums += torch.stack(self._step(penalised=penalised))
            self.ema.update(step + 1)
        discriminator, accuracy, generator = (sums / plan.steps).tolist()
        values = {"generator_loss": generator, "discriminator_loss": discriminator, "accuracy": accuracy}
        self._watch(number, values)
        return values

    def validate(self, averaged: _Generator) -> float:
        """Return the AUC of boosted trees on held-out and generated rows; 1 if training rows would soon be copied."""
        rows = len(self._held_out)
        drawn = self._draw(averaged, rows, "judge")
        nothing = torch.zeros_like(drawn, dtype=torch.bool)
        with torch.no_grad():
            vectors = self._discriminator.levels()
            scores = [
                self._discriminator(self._discriminator.embed(codes, vectors), nothing[: len(codes)])
                for codes in (self._rows[:rows], self._held_out, drawn)
            ]
        known, unknown, generated = scores
        lead = float(known.mean() - unknown.mean())
        chance = 2 * float((known.var() / len(known) + unknown.var() / len(unknown)) ** 0.5)
        if lead > max(chance, MAX_OVERFITTING * float(known.mean() - generated.mean())):
            return 1.0
        return detection_auc(self._held_out.cpu().numpy(), drawn.cpu().numpy(), seeding.derive(self._seed, "detector"))

    def _set_rate(self, step: int) -> None:
        done = (step + 1) / (self._plan.rounds * self._plan.steps)
        rate = self._config.rate * min(1.0, done / WARM_UP) * (1 + math.cos(math.pi * done)) / 2
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate

    def _conditions(self) -> tuple[Tensor, Tensor]:
        """Choose real rows, (batch, C), and the cells of them that the generator observes, bool (batch, C).

        In the first half of the batch no cell is observed, in the third quarter any part of them, in the last quarter
        one cell, of a row chosen from some candidates in inverse proportion to the frequency of the cell's level. Rare
        conditions thus occur more often; the distribution learnt given one does not depend on its frequency.
        """
        rng, size, columns = self.rng, self._plan.batch, self._rows.shape[1]
        single = size // 4
        rows = self._rows[self._random(len(self._rows), size)]
        observed = uniform(rng, size, columns) < uniform(rng, size, 1)
        observed[: size - size // 2] = False
        if single:
            column = self._random(columns, single)
            candidates = self._rows[self._random(len(self._rows), single * CANDIDATES)].view(single, -1, columns)
            levels = candidates.gather(2, column[:, None, None].expand(-1, CANDIDATES, 1)).squeeze(2)
            frequency = self.frequencies[levels + self._layout.offsets[column][:, None]]
            chosen = torch.multinomial(1 / frequency, 1, generator=rng)
            rows[-single:] = candidates.take_along_dim(chosen[:, :, None], 1).squeeze(1)
            observed[-single:] = nn.functional.one_hot(column, columns).bool()
        return rows, observed

    def _random(self, below: int, size: int) -> Tensor:
        return torch.randint(below, (size,), generator=self.rng, device=self.rng.device)

    def _generate(self, rows: Tensor, observed: Tensor) -> _Drawn:
        """Draw the cells that are not observed from the generator.

        Gumbel noise is -log E of an exponential number E, so the softmax of perturbed logits needs no logarithm of it:
        it is (exp(logit) / E) ** (1 / temperature), normalised.
        """
        logits: Tensor = self._generator(normal(self.rng, len(rows), self._config.noise), rows, observed)
        race = uniform(self.rng, *logits.shape).clamp_(1e-7, 1 - 1e-7).log_().neg_()
        soft = self._layout.probabilities(logits, 1 / self._config.temperature, race, ~observed)
        return _Drawn(torch.where(observed, rows, self._layout.highest(soft.detach())), soft, logits)

    def _step(self, *, penalised: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Train both networks on one draw; return the discriminator's loss, the share of pairs in which the real row
        scored higher, and the generator's loss."""
        rows, observed = self._conditions()
        with self._runtime.autocast():
            drawn = self._generate(rows, observed)
        loss, accuracy = self._step_discriminator(rows, observed, drawn.codes, penalised=penalised)
        return loss, accuracy, self._step_generator(rows, observed, drawn)

    def _step_discriminator(
        self, rows: Tensor, observed: Tensor, drawn: Tensor, *, penalised: bool
    ) -> tuple[Tensor, Tensor]:
        discriminator = self._discriminator
        both = torch.cat([observed, observed])
        with self._runtime.autocast():
            embedded = discriminator.embed(torch.cat([rows, drawn]), discriminator.levels())
            real, fake = discriminator(embedded, both, self.rng).chunk(2)
        loss = nn.functional.softplus(fake - real).mean()
        total = loss
        if penalised:
            point = embedded.detach().requires_grad_()
            with self._runtime.autocast():
                scores = discriminator(point, both, self.rng).sum()
            (slope,) = torch.autograd.grad(scores, point, create_graph=True)
            total = total + self._config.penalty * PENALTY_INTERVAL * slope.float().square().sum(1).mean()
        descend(total, self._optimisers[1])
        return loss.detach(), (real > fake).float().mean()

    def _step_generator(self, rows: Tensor, observed: Tensor, drawn: _Drawn) -> Tensor:
        discriminator = self._discriminator.requires_grad_(False)
        free = len(rows) - len(rows) // 2
        with self._runtime.autocast():
            vectors = discriminator.levels()
            mean = drawn.soft @ vectors
            hard = discriminator.embed(drawn.codes, vectors) + (mean - mean.detach())  # gradients of soft categories
            fake = discriminator(hard, observed, self.rng)
            real = discriminator(discriminator.embed(rows, vectors), observed, self.rng)
            marginals, pairs = self._moments.distances(self._layout.probabilities(drawn.logits[:free]))
        loss = nn.functional.softplus(real - fake).mean()
        reproduced = self._layout.log_likelihood(drawn.logits[free:], rows[free:])
        missed = -(reproduced * observed[free:]).sum() / observed.sum().clamp_min(1)
        total = loss + self._config.marginals * marginals + self._config.pairs * pairs + OBSERVED_WEIGHT * missed
        descend(total, self._optimisers[0])
        discriminator.requires_grad_(True)
        return loss.detach()

    def _draw(self, network: _Generator, rows: int, name: str) -> Tensor:
        """Draw codes from ``network`` without a condition, with the same noise on each call, int64 (rows, C)."""
        rng = torch.Generator(self._runtime.device).manual_seed(seeding.derive(self._seed, name))
        with torch.no_grad():
            logits = _unconditional(network, rows, self._config.noise, rng)
            return self._layout.draw(self._layout.probabilities(logits), rng)

    def _watch(self, number: int, values: dict[str, float]) -> None:
        """Add to ``values`` the variety of the averaged generator's rows and their distance from the marginals."""
        drawn = self._draw(self.ema.average, WATCHED_ROWS, "watch")
        distance, distinct = self._moments.marginal_distance(drawn), _distinct(drawn[: len(self._rows)])
        values["distinct"] = distinct / self._real_distinct
        values["marginals_off"] = distance
        limit = self._moments.marginal_distance(self._rows[:WATCHED_ROWS]) + MAX_EXCESS
        collapsed = distinct < MIN_DISTINCT * self._real_distinct or distance > limit
        if number > self._plan.rounds / 4 and collapsed:
            raise TrainingError(
                f"the generator collapsed: after round {number} of {self._plan.rounds}, {len(drawn):,} rows drawn from "
                f"it have {distinct:,} distinct values, the same number of real rows {self._real_distinct:,}; its "
                f"marginals are {distance:.0%} off. The discriminator was right on {values['accuracy']:.0%} of the "
                f"pairs. Lower the setting `rate` (now {self._config.rate:g}), or raise `penalty` (now "
                f"{self._config.penalty:g})."
            )


def _unconditional(network: _Generator, rows: int, noise: int, rng: torch.Generator) -> Tensor:
    """Return logits for ``rows`` draws of noise without observed cells, (rows, L)."""
    nothing = torch.zeros_like(network.layout.offsets).expand(rows, -1)
    logits: Tensor = network(normal(rng, rows, noise), nothing, nothing.bool())
    return logits


def _distinct(rows: Tensor) -> int:
    return len(torch.unique(rows, dim=0))
