"""A conditional generative adversarial network for tables: a generator draws rows, a discriminator tells them apart.

Both work on codec levels. The generator maps noise and any cells that are given to a categorical distribution a
column; the discriminator sums one embedding a cell and is told which cells were given. Every step takes real rows,
gives the generator none of their cells in one half of the batch and a part of them in the other, any number of columns,
and sets the real rows against the generated ones. Rows are sampled without a condition and that half of the batch has
the table's own frequencies, so marginals are unbiased; CTGAN (Xu et al., arXiv 1907.00503), whose training by sampling
this follows, gives one column always, and rows sampled from it inherit the frequencies its conditions are drawn with.

- Loss: relativistic pairing, softplus(-(D(real) - D(fake))) and its mirror image (Jolicoeur-Martineau, arXiv
  1807.00734; Huang et al., arXiv 2501.05441), with zero-centred gradient penalties on real and generated rows
  (Mescheder et al., arXiv 1801.04406) in the space of the summed embeddings, every few steps.
- Categories are drawn, and gradients pass by the straight-through Gumbel-softmax (Jang et al., arXiv 1611.01144): the
  discriminator only ever sees whole categories.
- The generator is to give back the cells it was given, as CTGAN's is: without that, rare conditions are learnt last.
- Levels of numbers share what those beside them learn, in both networks (``_ordered``, docs/adr/0026).
- Both networks learn from one draw a step, the discriminator first; part of what it sees of a row is dropped.
- The generator is also asked to have the table's marginals and its shares of pairs of levels: unbiased estimates of
  the chi-square distances, from two halves of the batch. After the fit its output biases are set so that the marginals
  hold.
- Every round a detector of boosted trees tells held-out rows from generated ones, and the best generator is kept.
  Rounds in which the discriminator knows its training rows from held-out ones are not: from there on rows would be
  copied.

Conditions when sampling: the generator without a condition is the more exact one, so noise is drawn in a pool and
resampled in proportion to how probable the wanted cells are under it. Only where too few draws of the pool agree, the
wanted cells are given to the network.

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
from geratriz.fitting.network import arrays_of, kept, normal, restore, uniform
from geratriz.fitting.record import FitRun
from geratriz.fitting.rounds import train
from geratriz.fitting.runtime import autocast
from geratriz.table.data.codec import Codec
from geratriz.table.data.levels import Levels
from geratriz.table.data.table import Table
from geratriz.table.generators.base import CodeGenerator
from geratriz.table.nets.codes import POOL, Layout, Residual, resample
from geratriz.table.nets.detector import tell_apart
from geratriz.table.nets.ordered import Vectors
from geratriz.table.nets.plan import MANY, Auto, NetworkConfig, Plan, Start, batch_of, describe, least_one, width_of

WIDEST = 256  # units of a layer, where `width` is auto and the table is large
HELD_OUT = 0.1  # share of the rows that judge each round; marginals and the codec use them too
ROUNDS = 20
WARM_UP = 0.05  # share of the steps after which the rate is at its peak
LAZY = 8  # the gradient penalty is computed every so many steps, at so many times its weight
WATCHED = 2048  # rows drawn after each round to see whether the generator has collapsed
COLLAPSED = 0.1  # distinct rows, as a share of the distinct rows among as many real ones, below which it has
FAR = 0.5  # mean total variation distance from the marginals, beyond that of as many real rows, above which it has
KNOWS = 0.6  # overfitting of the discriminator (Karras et al., arXiv 2006.06676) above which a round is not kept
PASSES = 4.5  # through each network in a step: the generator's 3, the discriminator's 6 and the penalty
PAIRED = 1024  # groups of levels whose pairs are matched
DROPPED = 0.2  # of what the discriminator sees of a row while training: it knows its rows by heart later
TOLD = 0.1  # weight of giving back a cell that was given
CANDIDATES = 8  # rows that a condition of one cell is picked from
ENOUGH = 100  # draws of the pool that agree with a condition, in effect, for it to be met by them
COUNTED = 200_000  # rows that pairs are counted in
RARE = 1e-3  # added to expected shares: what is rarer weighs no more


@dataclass(frozen=True, kw_only=True, slots=True)
class CtganConfig(NetworkConfig):
    """Settings of the tabular GAN; the defaults were chosen on Adult (docs/log.md)."""

    steps: Auto = "auto"
    """Steps of each network: 3,000 on 32,000 rows, fewer on fewer; half as many above 4,096 levels. The fit ends
    earlier when held-out rows say so."""
    rate: float = 2e-3
    """Peak of the learning rate of both networks; it falls to 0 along a cosine."""
    noise: int = 128
    """Dimensions of what the generator draws from."""
    temperature: float = 0.5
    """Of the Gumbel-softmax that gradients pass through: lower is less biased and noisier."""
    penalty: float = 0.1
    """Weight of the gradient penalties: higher is steadier and slower."""
    marginals: float = 1.0
    """Weight, in the generator's loss, of how far single columns are from the table's."""
    pairs: float = 0.1
    """The same of pairs of columns."""

    def __post_init__(self) -> None:
        NetworkConfig.__post_init__(self)
        least_one(self, "steps", "noise")
        if self.rate <= 0 or self.temperature <= 0:
            raise ValueError(f"rate and temperature must be positive, got {self.rate} and {self.temperature}")
        if min(self.penalty, self.marginals, self.pairs) < 0:
            raise ValueError("penalty, marginals and pairs must not be negative")


class _Generator(nn.Module):
    """Noise and given cells to the logits of every level."""

    free: Tensor

    def __init__(self, levels: Sequence[Levels], config: CtganConfig, width: int) -> None:
        super().__init__()
        self.layout = Layout(tuple(each.size for each in levels))
        count, columns = sum(self.layout.sizes), len(levels)
        self.noise = nn.Linear(config.noise, width)
        self.given = nn.EmbeddingBag(count + columns, width, mode="sum")  # a cell's level, or "this column is free"
        nn.init.normal_(self.given.weight, std=columns**-0.5)
        self.body = nn.Sequential(*(Residual(width) for _ in range(config.blocks)), nn.LayerNorm(width))
        self.levels = Vectors(levels, width, 0.2 * width**-0.5)
        self.bias = nn.Parameter(torch.zeros(count))
        self.register_buffer("free", count + torch.arange(columns), persistent=False)

    def forward(self, noise_NZ: Tensor, codes_NC: Tensor, given_NC: Tensor) -> Tensor:
        """Logits, (N, L), float32; ``codes_NC`` counts where ``given_NC`` is true."""
        cells = torch.where(given_NC, codes_NC + self.layout.offsets, self.free)
        hidden = self.body(self.noise(noise_NZ) + self.given(cells))
        return nn.functional.linear(hidden, self.levels(), self.bias).float()


class _Discriminator(nn.Module):
    """Rows, as the sum of their cells' embeddings, and which cells were given, to a score; no normalisation."""

    def __init__(self, levels: Sequence[Levels], config: CtganConfig, width: int) -> None:
        super().__init__()
        self.layout = Layout(tuple(each.size for each in levels))
        self.levels = Vectors(levels, width, len(levels) ** -0.5)
        self.given = nn.Linear(len(levels), width, bias=False)
        self.body = nn.Sequential(
            nn.Linear(width, width), *(Residual(width, normalised=False) for _ in range(config.blocks)), nn.SiLU()
        )
        self.score = nn.Linear(width, 1)

    def embed(self, codes_NC: Tensor, vectors_LW: Tensor) -> Tensor:
        """The sum of a row's cells, (N, W), each as the vector that :attr:`levels` gives its level."""
        return nn.functional.embedding_bag(codes_NC + self.layout.offsets, vectors_LW, mode="sum")

    def forward(self, embedded_NW: Tensor, given_NC: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Scores, (N,), float32: higher is more like a real row. With ``rng`` part of what is embedded is dropped."""
        if rng is not None:
            embedded_NW = embedded_NW * kept(rng, embedded_NW, DROPPED)
        first = self.body[0](embedded_NW) + self.given(given_NC.float())
        score: Tensor = self.score(self.body[1:](first)).float().squeeze(1)
        return score


@final
@dataclass(frozen=True, slots=True)
class Ctgan(CodeGenerator[CtganConfig]):
    """A conditional tabular GAN."""

    kind: ClassVar[str] = "ctgan"
    config_cls: ClassVar[type[Any]] = CtganConfig

    plan: Plan
    network: _Generator
    """In evaluation mode, on the device it was fitted or loaded on."""

    @classmethod
    def _fit(cls, data: Table, config: CtganConfig, run: FitRun) -> Self:
        start = Start.of(data, config, run, held=HELD_OUT)
        with start.runtime.active():
            plan = _settle(config, len(data), sum(start.codec.sizes))
            game = _Game(start, plan, config, run.seed)
            run.tracker.note(describe(start, plan, parameters=game.parameters, passes=PASSES))
            network = train(
                game.round,
                judge=game.judge if start.held.any() else None,
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
        given = torch.zeros(len(row), dtype=torch.bool, device=device)
        noise = rng.standard_normal((rows * (POOL if codes else 1), self.config.noise), dtype=np.float32)
        pool = torch.from_numpy(noise).to(device)

        def logits_of(noise_NZ: Tensor) -> Tensor:
            with autocast(device.type, self.record.precision):
                out: Tensor = self.network(noise_NZ, row.expand(len(noise_NZ), -1), given.expand(len(noise_NZ), -1))
            return out

        with torch.inference_mode():
            if codes:
                chosen, effective = resample(layout.agreement(logits_of, pool, codes), rows, rng)
                row[list(codes)] = torch.tensor(list(codes.values()), device=device)
                if effective >= ENOUGH:
                    pool = pool[torch.from_numpy(chosen).to(device)]
                else:  # too rare to be met without being asked for
                    given[list(codes)] = True
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


def _settle(config: CtganConfig, rows: int, levels: int) -> Plan:
    """What ``auto`` stands for on a table of so many ``rows`` and ``levels``."""
    wanted = 3000 if levels <= MANY else 1500  # a step of many levels takes several times as long
    usual = round(min(max(wanted * (rows / 32_000) ** (1 / 3), 600), 30_000))
    steps = usual if config.steps == "auto" else config.steps
    rounds = min(ROUNDS, steps)
    return Plan(
        batch=batch_of(config, rows),
        width=width_of(config, rows, most=WIDEST),
        rounds=rounds,
        steps=-(-steps // rounds),
    )


class _Moments:
    """The table's marginals and pairs of levels, and how far a batch of distributions is from them.

    A squared mean is biased by the batch's own scatter and would punish it; the product of two independent halves'
    differences is not. Pairs are looked at over at most PAIRED groups of levels: of a column with many, neighbours in
    the order of their codes share one.
    """

    def __init__(self, rows: Tensor, layout: Layout) -> None:
        self._offsets = layout.offsets
        sizes = layout.sizes
        self.frequencies = layout.frequencies(rows)
        most = max(PAIRED // len(sizes), 2)
        groups = [min(size, most) if sum(sizes) > PAIRED else size for size in sizes]
        starts = np.cumsum([0, *groups])
        parts = [torch.arange(size) * group // size for size, group in zip(sizes, groups, strict=True)]
        self._group = torch.cat([int(start) + part for start, part in zip(starts, parts, strict=False)]).to(rows.device)
        self._groups = int(starts[-1])
        self._pairs = torch.zeros(self._groups, self._groups, device=rows.device)
        some = rows[torch.linspace(0, len(rows) - 1, min(len(rows), COUNTED), device=rows.device).long()]
        for chunk in torch.split(some + layout.offsets, 4096):
            cells = torch.zeros(len(chunk), self._groups, device=rows.device).scatter_(1, self._group[chunk], 1.0)
            self._pairs += cells.T @ cells / len(some)
        column = torch.repeat_interleave(torch.arange(len(groups)), torch.tensor(groups)).to(rows.device)
        single = self._pairs.diagonal()
        apart = column[:, None] != column  # a column beside itself says what its marginal says
        self._weight = apart / (single[:, None] * single + RARE) / 2

    def distances(self, shares_NL: Tensor) -> tuple[Tensor, Tensor]:
        """How far distributions drawn without a condition are from the table: over columns, and over pairs."""
        half = len(shares_NL) // 2 or 1
        halves = shares_NL[:half], shares_NL[-half:]
        one, two = (part.mean(0) - self.frequencies for part in halves)
        marginals = (one * two / (self.frequencies + RARE)).sum()
        first, second = ((part.T @ part).float() / half - self._pairs for part in map(self._grouped, halves))
        return marginals, (first * second * self._weight).sum()

    def off(self, rows_NC: Tensor) -> float:
        """The mean total variation distance of the rows' marginals from the table's."""
        seen = torch.zeros_like(self.frequencies)
        seen.index_add_(0, (rows_NC + self._offsets).flatten(), torch.ones(rows_NC.numel(), device=seen.device))
        return float((seen / len(rows_NC) - self.frequencies).abs().sum()) / 2 / rows_NC.shape[1]

    def _grouped(self, shares_NL: Tensor) -> Tensor:
        if self._groups == len(self.frequencies):
            return shares_NL
        return shares_NL.new_zeros(len(shares_NL), self._groups).index_add(1, self._group, shares_NL)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A batch of the generator's."""

    codes: Tensor
    """Whole categories, and the cells that were given, (N, C)."""
    soft: Tensor
    """The same softened, where gradients pass, (N, L); 0 where cells were given."""
    logits: Tensor
    """What it was drawn from, (N, L)."""


class _Game:
    """Generator and discriminator against each other."""

    def __init__(self, start: Start, plan: Plan, config: CtganConfig, seed: int) -> None:
        rows, levels, runtime = start.rows, start.codec.modelled_levels, start.runtime
        self._rows, self._held = rows[~start.held], rows[start.held]
        self._plan, self._config, self._seed, self._runtime = plan, config, seed, runtime
        self._generator = _Generator(levels, config, plan.width).to(runtime.device)
        self._layout = self._generator.layout
        self._discriminator = _Discriminator(levels, config, plan.width).to(runtime.device)
        self._moments = _Moments(rows, self._layout)
        self.frequencies = self._moments.frequencies
        with torch.no_grad():  # start at the marginals
            self._generator.bias.copy_(self.frequencies.clamp_min(1e-5).log())
        self.ema = Ema(self._generator, config.ema)
        if config.compile:  # not the discriminator: its penalty needs a second derivative, which compiled code has not
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
        self._watched = _distinct(self._rows[:WATCHED])

    def round(self, number: int) -> dict[str, float]:
        """Train one round, and look at what the generator draws now.

        Raises:
            TrainingError: the generator has collapsed.
        """
        plan = self._plan
        sums = torch.zeros(3, device=self._rows.device)
        for step in range((number - 1) * plan.steps, number * plan.steps):
            self._set_rate(step)
            penalised = self._config.penalty > 0 and step % LAZY == 0
            sums += torch.stack(self._teach(penalised=penalised))
            self.ema.update(step + 1)
        discriminator, accuracy, generator = (sums / plan.steps).tolist()
        values = {"generator_loss": generator, "discriminator_loss": discriminator, "accuracy": accuracy}
        self._watch(number, values)
        return values

    def judge(self, averaged: _Generator) -> float:
        """How well boosted trees tell held-out rows from generated ones (AUC); 1 where rows would soon be copied."""
        rows = len(self._held)
        drawn = self._draw(averaged, rows, "judge")
        nothing = torch.zeros_like(drawn, dtype=torch.bool)
        with torch.no_grad():
            vectors = self._discriminator.levels()
            scores = [
                self._discriminator(self._discriminator.embed(each, vectors), nothing[: len(each)])
                for each in (self._rows[:rows], self._held, drawn)
            ]
        known, unknown, generated = scores
        lead = float(known.mean() - unknown.mean())
        chance = 2 * float((known.var() / len(known) + unknown.var() / len(unknown)) ** 0.5)
        if lead > max(chance, KNOWS * float(known.mean() - generated.mean())):
            return 1.0
        return tell_apart(self._held.cpu().numpy(), drawn.cpu().numpy(), seeding.derive(self._seed, "detector"))

    def _set_rate(self, step: int) -> None:
        done = (step + 1) / (self._plan.rounds * self._plan.steps)
        rate = self._config.rate * min(1.0, done / WARM_UP) * (1 + math.cos(math.pi * done)) / 2
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate

    def _conditions(self) -> tuple[Tensor, Tensor]:
        """Real rows, (batch, C), and which of their cells are given to the generator, bool (batch, C).

        In the first half of the batch none; in the third quarter any part of the cells; in the last one cell, of a row
        picked from some candidates in inverse proportion to how often the cell's level occurs. Rare conditions are
        met oftener so, and what is learnt given one does not depend on how often it is met.
        """
        rng, size, columns = self.rng, self._plan.batch, self._rows.shape[1]
        alone = size // 4
        rows = self._rows[self._random(len(self._rows), size)]
        given = uniform(rng, size, columns) < uniform(rng, size, 1)
        given[: size - size // 2] = False
        if alone:
            column = self._random(columns, alone)
            candidates = self._rows[self._random(len(self._rows), alone * CANDIDATES)].view(alone, CANDIDATES, columns)
            levels = candidates.gather(2, column[:, None, None].expand(-1, CANDIDATES, 1)).squeeze(2)
            frequency = self.frequencies[levels + self._layout.offsets[column][:, None]]
            chosen = torch.multinomial(1 / frequency, 1, generator=rng)
            rows[-alone:] = candidates.take_along_dim(chosen[:, :, None], 1).squeeze(1)
            given[-alone:] = nn.functional.one_hot(column, columns).bool()
        return rows, given

    def _random(self, below: int, size: int) -> Tensor:
        return torch.randint(below, (size,), generator=self.rng, device=self.rng.device)

    def _generate(self, rows: Tensor, given: Tensor) -> _Drawn:
        """What the generator draws beside the cells that it is given.

        Gumbel noise is -log E of an exponential number E, so the softmax of perturbed logits needs no logarithm of it:
        it is (exp(logit) / E) ** (1 / temperature), normalised.
        """
        logits: Tensor = self._generator(normal(self.rng, len(rows), self._config.noise), rows, given)
        race = uniform(self.rng, *logits.shape).clamp_(1e-7, 1 - 1e-7).log_().neg_()
        soft = self._layout.probabilities(logits, 1 / self._config.temperature, race, ~given)
        return _Drawn(torch.where(given, rows, self._layout.highest(soft.detach())), soft, logits)

    def _teach(self, *, penalised: bool) -> tuple[Tensor, Tensor, Tensor]:
        """One step of each, on one draw: the discriminator's loss, the share of pairs in which the real row scored
        higher, and the generator's loss."""
        rows, given = self._conditions()
        with self._runtime.autocast():
            drawn = self._generate(rows, given)
        loss, accuracy = self._teach_discriminator(rows, given, drawn.codes, penalised=penalised)
        return loss, accuracy, self._teach_generator(rows, given, drawn)

    def _teach_discriminator(
        self, rows: Tensor, given: Tensor, drawn: Tensor, *, penalised: bool
    ) -> tuple[Tensor, Tensor]:
        discriminator = self._discriminator
        both = torch.cat([given, given])
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
            total = total + self._config.penalty * LAZY * slope.float().square().sum(1).mean()
        descend(total, self._optimisers[1])
        return loss.detach(), (real > fake).float().mean()

    def _teach_generator(self, rows: Tensor, given: Tensor, drawn: _Drawn) -> Tensor:
        discriminator = self._discriminator.requires_grad_(False)
        free = len(rows) - len(rows) // 2
        with self._runtime.autocast():
            vectors = discriminator.levels()
            mean = drawn.soft @ vectors
            whole = discriminator.embed(drawn.codes, vectors) + (mean - mean.detach())  # gradients of soft categories
            fake = discriminator(whole, given, self.rng)
            real = discriminator(discriminator.embed(rows, vectors), given, self.rng)
            marginals, pairs = self._moments.distances(self._layout.probabilities(drawn.logits[:free]))
        loss = nn.functional.softplus(real - fake).mean()
        told = self._layout.log_likelihood(drawn.logits[free:], rows[free:])
        told = -(told * given[free:]).sum() / given.sum().clamp_min(1)
        total = loss + self._config.marginals * marginals + self._config.pairs * pairs + TOLD * told
        descend(total, self._optimisers[0])
        discriminator.requires_grad_(True)
        return loss.detach()

    def _draw(self, network: _Generator, rows: int, name: str) -> Tensor:
        """Codes the averaged generator draws without a condition; the same noise each time, int64 (rows, C)."""
        rng = torch.Generator(self._runtime.device).manual_seed(seeding.derive(self._seed, name))
        with torch.no_grad():
            logits = _unconditional(network, rows, self._config.noise, rng)
            return self._layout.draw(self._layout.probabilities(logits), rng)

    def _watch(self, number: int, values: dict[str, float]) -> None:
        """Add to ``values`` how varied and how near to the marginals the averaged generator's rows are."""
        drawn = self._draw(self.ema.average, WATCHED, "watch")
        off, distinct = self._moments.off(drawn), _distinct(drawn[: len(self._rows)])
        values["distinct"] = distinct / self._watched
        values["marginals_off"] = off
        collapsed = distinct < COLLAPSED * self._watched or off > self._moments.off(self._rows[:WATCHED]) + FAR
        if number > self._plan.rounds / 4 and collapsed:
            raise TrainingError(
                f"the generator collapsed: after round {number} of {self._plan.rounds} {len(drawn):,} rows drawn from "
                f"it are {distinct:,} different ones, where as many real rows are {self._watched:,}; its marginals are "
                f"{off:.0%} off. The discriminator was right on {values['accuracy']:.0%} of the pairs. Lower the "
                f"setting `rate` (now {self._config.rate:g}), or raise `penalty` (now {self._config.penalty:g})."
            )


def _unconditional(network: _Generator, rows: int, noise: int, rng: torch.Generator) -> Tensor:
    """Logits for ``rows`` draws of noise without a given cell, (rows, L)."""
    nothing = torch.zeros_like(network.layout.offsets).expand(rows, -1)
    logits: Tensor = network(normal(rng, rows, noise), nothing, nothing.bool())
    return logits


def _distinct(rows: Tensor) -> int:
    return len(torch.unique(rows, dim=0))
