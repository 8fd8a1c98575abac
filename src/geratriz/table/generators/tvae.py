"""A variational autoencoder for tables, with a Gaussian mixture fitted to its aggregate posterior as the prior.

The encoder sums one embedding a cell, the decoder gives every column a categorical distribution over its codec levels;
both are residual networks. Training maximises the evidence lower bound of Kingma and Welling (arXiv 1312.6114) with a
weight ``beta`` on the KL term (Higgins et al. 2017). Then a mixture of Gaussians is fitted to draws of the aggregate
posterior q(z) = mean_n q(z | x_n), which N(0, I) misses (Tomczak and Welling, arXiv 1705.07120; Ghosh et al., arXiv
1903.12436 for fitting it afterwards), each class of the target having components of its own. What the mixture misses, a
flow can learn that starts from it (``prior``). The decoder's output biases are then set so that rows drawn have the
table's marginals. Categories are drawn from the decoder's distribution, never arg-maxed: the mode loses the rare ones.

Conditions: given z the columns are independent, so p(condition | z) is exact. Latents are drawn from the prior in a
pool, resampled in proportion to it, and decoded: importance resampling, no rejection loop.

Shapes: N rows, C modelled columns, L levels over all columns, W width, Z latent.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, final

import numpy as np
import torch
from torch import Tensor, nn

from geratriz import config as configs
from geratriz import seeding
from geratriz.column import NUMERIC
from geratriz.errors import RequestError
from geratriz.fitting.batches import Batches
from geratriz.fitting.flow import Flow, fit_flow
from geratriz.fitting.learner import Learner
from geratriz.fitting.network import arrays_of, normal, restore
from geratriz.fitting.record import FitRun
from geratriz.fitting.rounds import train
from geratriz.fitting.runtime import Runtime, autocast
from geratriz.table.data.codec import Codec
from geratriz.table.data.table import Table
from geratriz.table.generators.base import CodeGenerator
from geratriz.table.nets.codes import CHUNK, POOL, Layout, Residual, resample
from geratriz.table.nets.mixture import ROWS, Mixture
from geratriz.table.nets.plan import MANY, Auto, NetworkConfig, Plan, Start, batch_of, describe, least_one, width_of

WIDEST = 512  # units of a layer, where `width` is auto and the table is large; half as many where levels are many
HELD_OUT = 0.05  # share of the rows that say when to stop; the prior and the codec use them too
STEPS = (20, 500)  # of a round, at least and at most; as many as an epoch has where that lies between
EM_STEPS = 50  # the likelihood has settled by then
PER_CLASS = 10  # components a class, at least on average, for each class to have its own
LEAST = 2  # rows for each latent unit in a class that has
FLOW = {"width": 256, "blocks": 3}  # of the flow's network
FLOW_STEPS, FLOW_BATCH = 3000, 1024
FLOW_ROWS = 200_000  # that the flow is fitted to, at most: its steps come by no more
NEAR = 0.5  # how near its end a path starts, from 0 (anywhere in the component) to 1: short paths are quickly learnt
FOLLOWED = 4  # steps of Heun's method: short paths need no more
ACTIVE = 0.01  # variance of the posterior mean above which a latent unit is active (Burda et al., arXiv 1509.00519)


@dataclass(frozen=True, kw_only=True, slots=True)
class TvaeConfig(NetworkConfig):
    """Settings of the tabular VAE; the defaults were chosen on Adult (docs/log.md)."""

    epochs: Auto = "auto"
    """How often each row is seen, at most: 30 times on 32,000 rows, oftener on fewer, 4 times on millions. The fit ends
    earlier when held-out rows say so."""
    rate: float = 2e-3
    """Peak of the one-cycle learning rate."""
    latent: int = 32
    beta: float | Literal["auto"] = "auto"
    """Weight of the KL term. Below 1 the latents say more about the row, and the mixture prior takes up the slack: 0.3
    from 8,192 rows on. 1 below 2,048, where they would soon say which row it was."""
    weight_decay: float = 1e-4
    components: int = 100
    """Gaussians in the prior."""
    prior: Literal["mixture", "flow"] = "mixture"
    """What latents are drawn from: the mixture, or a flow that starts from it and learns what it misses."""

    def __post_init__(self) -> None:
        NetworkConfig.__post_init__(self)
        least_one(self, "epochs", "latent", "components")
        if self.rate <= 0 or (self.beta != "auto" and self.beta <= 0):
            raise ValueError(f"rate and beta must be positive, got {self.rate} and {self.beta}")
        if self.prior not in ("mixture", "flow"):
            raise ValueError(f"prior must be mixture or flow, got {self.prior!r}")


class _Network(nn.Module):
    """Encoder and decoder."""

    def __init__(self, sizes: tuple[int, ...], config: TvaeConfig, width: int) -> None:
        super().__init__()
        levels = sum(sizes)
        self.layout = Layout(sizes)
        self.embed = nn.EmbeddingBag(levels, width, mode="sum")
        nn.init.normal_(self.embed.weight, std=len(sizes) ** -0.5)
        self.encoder = nn.Sequential(*(Residual(width) for _ in range(config.blocks)), nn.LayerNorm(width))
        self.posterior = nn.Linear(width, 2 * config.latent)
        self.decoder = nn.Sequential(
            nn.Linear(config.latent, width), *(Residual(width) for _ in range(config.blocks)), nn.LayerNorm(width)
        )
        self.logits = nn.Linear(width, levels)

    def encode(self, codes_NC: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z | x), float32."""
        hidden = self.encoder(self.embed(codes_NC + self.layout.offsets))
        mean, log_variance = self.posterior(hidden).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)

    def decode(self, z_NZ: Tensor) -> Tensor:
        """Logits of every level, (N, L), float32."""
        logits: Tensor = self.logits(self.decoder(z_NZ)).float()
        return logits

    def terms(self, codes_NC: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Reconstruction and KL term of the negative lower bound, means over rows, at one draw of the posterior."""
        mean, log_variance = self.encode(codes_NC)
        logits = self.decode(mean + (log_variance / 2).exp() * normal(rng, *mean.shape))
        reconstruction = -self.layout.log_likelihood(logits, codes_NC).sum(1).mean()
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        return reconstruction, kl


@final
@dataclass(frozen=True, slots=True)
class Tvae(CodeGenerator[TvaeConfig]):
    """A tabular VAE."""

    kind: ClassVar[str] = "tvae"
    config_cls: ClassVar[type[Any]] = TvaeConfig

    plan: Plan
    network: _Network
    """In evaluation mode, on the device it was fitted or loaded on."""
    prior: Mixture
    """Of the latents."""
    flow: Flow | None
    """From the mixture on to the latents, where ``prior`` is ``flow``."""

    def encode(self, data: Table) -> np.ndarray:
        """The posterior means of the rows of ``data``, float32, shape (N, Z).

        Raises:
            RequestError: ``data`` holds values that were never seen.
        """
        encoded = self.codec.encode(data, seeding.generator(self.record.seed, "encode"))
        codes = torch.from_numpy(self.codec.bin(encoded)).long()
        with torch.inference_mode():
            return self.network.encode(codes.to(self._device))[0].cpu().numpy()

    def decode(self, latents: np.ndarray, *, seed: int) -> Table:
        """One row per latent of shape (N, Z), each cell drawn from the decoder's distribution.

        Raises:
            RequestError: ``latents`` has another shape.
        """
        if latents.ndim != 2 or latents.shape[1] != self.config.latent:
            raise RequestError(f"latents have shape {latents.shape}, expected (rows, {self.config.latent}).")
        rng = seeding.generator(seed, "decode")
        with torch.inference_mode():
            drawn = self._draw(torch.from_numpy(latents.astype(np.float32)).to(self._device), rng)
        return self.codec.decode(self.codec.unbin(drawn, rng))

    def interpolate(self, ends: Table, steps: int, *, seed: int) -> Table:
        """``steps`` rows on the straight line between the latents of the two rows of ``ends``, both included.

        Raises:
            RequestError: ``ends`` has another number of rows than two, or ``steps`` is below 2.
        """
        if len(ends) != 2 or steps < 2:
            raise RequestError(
                f"interpolate takes a table of 2 rows and at least 2 steps, got {len(ends)} and {steps}."
            )
        first, last = self.encode(ends)
        share = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
        return self.decode((1 - share) * first + share * last, seed=seed)

    @property
    def _device(self) -> torch.device:
        return self.network.layout.offsets.device

    @classmethod
    def _fit(cls, data: Table, config: TvaeConfig, run: FitRun) -> Self:
        start = Start.of(data, config, run, held=HELD_OUT)
        with start.runtime.active():
            plan = _settle(config, len(data), sum(start.codec.sizes))
            network = _Network(start.codec.sizes, config, plan.width).to(start.runtime.device)
            parameters = sum(each.numel() for each in network.parameters())
            run.tracker.note(describe(start, plan, parameters=parameters, passes=3))
            network = _train(network, start, plan, config, run)
            most = FLOW_ROWS if config.prior == "flow" else ROWS
            posteriors = _Posteriors.of(network, start.rows, most, run.seed)
            prior = _fit_prior(posteriors, _target(start.codec), config, run.seed)
            flow = None
            if config.prior == "flow":
                run.tracker.note(f"fitting a flow from the mixture to the latents: {FLOW_STEPS:,} steps")
                flow = _fit_flow(posteriors, prior, start.runtime, run.seed)
            fitted = cls(config, start.record(run), start.codec, plan, network, prior, flow)
            fitted._calibrate(start.rows)
        start.checkpoint.clear()
        return fitted

    def _calibrate(self, rows: Tensor) -> None:
        """Set the output biases so that rows drawn have the marginals of ``rows``: the decoder learnt on posteriors,
        and no prior is quite their sum."""
        rng = seeding.generator(self.record.seed, "calibrate")
        layout = self.network.layout
        layout.calibrate(
            self.network.logits.bias, layout.frequencies(rows), lambda some: self._logits(self._latents(some, rng))
        )

    def _sample(self, rows: int, rng: np.random.Generator, codes: Mapping[int, int]) -> np.ndarray:
        with torch.inference_mode():
            latents = self._latents(rows * (POOL if codes else 1), rng)
            if codes:
                chosen, _ = resample(self.network.layout.agreement(self._logits, latents, codes), rows, rng)
                latents = latents[torch.from_numpy(chosen).to(self._device)]
            drawn = self._draw(latents, rng)
        for index, code in codes.items():
            drawn[:, index] = code
        return drawn

    def _latents(self, rows: int, rng: np.random.Generator) -> Tensor:
        """``rows`` draws from the prior, (rows, Z), on the device."""
        drawn = torch.from_numpy(self.prior.sample(rows, rng)).to(self._device)
        if self.flow is None:
            return drawn
        with autocast(self._device.type, self.record.precision):
            return torch.cat([self.flow.onward(part, steps=FOLLOWED) for part in torch.split(drawn, CHUNK)])

    def _logits(self, latents_NZ: Tensor) -> Tensor:
        with autocast(self._device.type, self.record.precision):
            return self.network.decode(latents_NZ)

    def _draw(self, latents_NZ: Tensor, rng: np.random.Generator) -> np.ndarray:
        drawn = self.network.layout.sample(self._logits, latents_NZ, rng)
        return drawn.cpu().numpy().astype(np.int32)

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        prior = {f"prior.{name}": each for name, each in dataclasses.asdict(self.prior).items()}
        if self.flow is not None:
            prior |= {f"prior.{name}": each for name, each in arrays_of(self.flow).items()}
        return {"plan": dataclasses.asdict(self.plan)}, {**arrays_of(self.network), **prior}

    @staticmethod
    def _from_state(
        config: TvaeConfig, codec: Codec, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> tuple[Any, ...]:
        plan = configs.load(Plan, meta["plan"], "plan")
        network = restore(_Network(codec.sizes, config, plan.width), arrays)
        prior = Mixture(arrays["prior.weights"], arrays["prior.means"], arrays["prior.factors"])
        flow = restore(Flow(config.latent, 0, **FLOW), arrays, "prior.") if config.prior == "flow" else None
        return plan, network, prior, flow


def _settle(config: TvaeConfig, rows: int, levels: int) -> Plan:
    """What ``auto`` stands for on a table of ``rows`` rows and so many ``levels`` in all."""
    batch = batch_of(config, rows)
    usual = round(min(max(30 * (32_000 / rows) ** 0.5, 4), 200))  # on ten times the rows three times the steps
    epochs = usual if config.epochs == "auto" else config.epochs
    in_all = epochs * max(rows // batch, 1)
    steps = min(max(rows // batch, STEPS[0]), STEPS[1])
    width = width_of(config, rows, most=WIDEST if levels <= MANY else WIDEST // 2)
    return Plan(batch=batch, width=width, rounds=-(-in_all // steps), steps=steps)


def _beta(rows: int) -> float:
    """The weight of the KL term that ``auto`` stands for on a table of ``rows`` rows."""
    return 0.3 if rows >= 8192 else 0.5 if rows >= 2048 else 1.0


def _train(network: _Network, start: Start, plan: Plan, config: TvaeConfig, run: FitRun) -> _Network:
    """The averaged network after training, as far as the held-out rows say that it learns."""
    rows, held, runtime = start.rows[~start.held], start.rows[start.held], start.runtime
    beta = _beta(len(start.rows)) if config.beta == "auto" else config.beta
    learner = Learner(
        network,
        rate=config.rate,
        steps=plan.rounds * plan.steps,
        ema=config.ema,
        weight_decay=config.weight_decay,
    )
    if config.compile:
        network.encoder.compile()
        network.decoder.compile()
    rng = torch.Generator(runtime.device).manual_seed(seeding.derive(run.seed, "train"))
    batches = Batches(rows, plan.batch, run.seed)

    def one_round(number: int) -> dict[str, float]:
        sums = torch.zeros(2, device=rows.device)
        for step in range((number - 1) * plan.steps, number * plan.steps):
            with runtime.autocast():
                reconstruction, kl = network.terms(batches.at(step), rng)
            learner.step(reconstruction + beta * kl, step)
            sums += torch.stack([reconstruction.detach(), kl.detach()])
        reconstruction_mean, kl_mean = (sums / plan.steps).tolist()
        with torch.no_grad():
            active = int((network.encode(rows[:4096])[0].var(0, correction=0) > ACTIVE).sum())
        return {"reconstruction": reconstruction_mean, "kl": kl_mean, "active_units": float(active)}

    def judge(averaged: _Network) -> float:
        """The negative lower bound of held-out rows, in nats a row; the same noise each time."""
        noise = torch.Generator(runtime.device).manual_seed(seeding.derive(run.seed, "judge"))
        with torch.no_grad():
            reconstruction, kl = averaged.terms(held, noise)
        return float(reconstruction + beta * kl)

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


@dataclass(frozen=True, slots=True)
class _Posteriors:
    """q(z | x) of as many rows as a prior is fitted to, in random order."""

    codes: Tensor
    """Of the rows, int (N, C)."""
    mean: Tensor
    """float32 (N, Z)."""
    log_variance: Tensor
    """float32 (N, Z)."""

    @classmethod
    def of(cls, network: _Network, codes: Tensor, most: int, seed: int) -> "_Posteriors":
        """Of ``most`` of the rows with these ``codes``, or of all where they are fewer."""
        rng = torch.Generator().manual_seed(seeding.derive(seed, "prior", "rows"))
        some = codes[torch.randperm(len(codes), generator=rng)[:most].to(codes.device)]
        with torch.no_grad():
            parts = [network.encode(part) for part in torch.split(some, CHUNK)]
        mean, log_variance = (torch.cat(each) for each in zip(*parts, strict=True))
        return cls(some, mean, log_variance)

    def draw(self, index: Tensor, rng: torch.Generator) -> tuple[Tensor, None]:
        """A latent of each row at ``index``, and no label."""
        mean, log_variance = self.mean[index], self.log_variance[index]
        return mean + (log_variance / 2).exp() * normal(rng, *mean.shape), None


def _target(codec: Codec) -> int | None:
    """Which modelled column is the target, or says the same as it does, if it is one of classes."""
    names = [levels.column.name for levels in codec.levels]
    if codec.schema.target not in names or codec.schema[codec.schema.target].kind in NUMERIC:
        return None
    place = names.index(codec.schema.target)
    said_by = {twin.column: twin.of for twin in codec.twins}
    return codec.modelled.index(said_by.get(place, place))


def _fit_prior(posteriors: _Posteriors, target: int | None, config: TvaeConfig, seed: int) -> Mixture:
    """The mixture fitted to one draw of the posterior a row, of as many rows as it looks at.

    Where there are few classes each has components of its own, as many as its share is: a component of several
    has what tells them apart inside it, and blurs that. Classes of too few rows for one are the commonest's.
    """
    rng = torch.Generator(posteriors.mean.device).manual_seed(seeding.derive(seed, "prior"))
    codes = posteriors.codes[:ROWS]
    draws = posteriors.draw(torch.arange(len(codes), device=codes.device), rng)[0].cpu()
    classes = np.zeros(len(codes), dtype=int) if target is None else codes[:, target].cpu().numpy()
    group = _groups(classes, most=config.components // PER_CLASS, least=LEAST * config.latent)
    shares = np.bincount(group) / len(group)
    parts = [
        Mixture.fit(
            draws[torch.from_numpy(group == number)],
            max(round(config.components * share), 1),
            iterations=EM_STEPS,
            seed=seeding.derive(seed, "mixture", number),
        )
        for number, share in enumerate(shares)
    ]
    return Mixture.joined(parts, shares)


def _groups(classes: np.ndarray, *, most: int, least: int) -> np.ndarray:
    """A group for every row: its class. One of fewer than ``least`` rows goes to the commonest, and more than ``most``
    are one."""
    counts = np.bincount(classes)
    kept = np.where(counts[classes] < least, counts.argmax(), classes)
    numbers, group = np.unique(kept, return_inverse=True)
    return group if len(numbers) <= most else np.zeros_like(group)


def _fit_flow(posteriors: _Posteriors, mixture: Mixture, runtime: Runtime, seed: int) -> Flow:
    """The flow from points of the mixture to draws of the posterior beside them."""
    rows, latent = posteriors.mean.shape
    flow = fit_flow(
        Flow(latent, 0, **FLOW).to(runtime.device),
        posteriors.draw,
        rows,
        steps=FLOW_STEPS,
        runtime=runtime,
        seed=seed,
        begin=mixture.beside(NEAR, runtime.device),
        batch=FLOW_BATCH,
    )
    return flow.requires_grad_(False)
