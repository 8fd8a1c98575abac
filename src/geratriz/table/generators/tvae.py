"""Variational autoencoder for tables, with a Gaussian mixture fitted to its aggregate posterior as the prior.

The encoder sums one embedding per cell, the decoder outputs a categorical distribution over codec levels per column;
both are residual networks. Training maximises the evidence lower bound of Kingma and Welling (arXiv 1312.6114) with a
weight ``beta`` on the KL term (Higgins et al. 2017). Then a mixture of Gaussians is fitted to draws of the aggregate
posterior q(z) = mean_n q(z | x_n), from which N(0, I) differs (Tomczak and Welling, arXiv 1705.07120; Ghosh et al.,
arXiv 1903.12436 for fitting it afterwards); each class of the target has its own components. If ``prior`` is ``flow``,
a flow that starts from the mixture corrects it. The decoder's output biases are then calibrated to the marginals of the
table. Categories are sampled from the decoder's distribution; taking its mode would lose the rare ones.

Conditions: given z the columns are independent, so p(condition | z) is exact. Latents are drawn from the prior in a
pool, resampled in proportion to it, and decoded: importance resampling without a rejection loop.

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
from geratriz.table.nets.codes import CHUNK_ROWS, POOL_FACTOR, Layout, Residual, resample
from geratriz.table.nets.mixture import MAX_ROWS, Mixture
from geratriz.table.nets.plan import MANY_LEVELS, Auto, NetworkConfig, Plan, Start, batch_of, describe, width_of

MAX_WIDTH = 512  # units per layer if `width` is auto and the table is large; half of it if there are many levels
HELD_OUT = 0.05  # share of the rows that decide when to stop; the prior and the codec use them too
MIN_STEPS, MAX_STEPS = 20, 500  # steps per round; the number of steps per epoch if it is in this range
EM_STEPS = 50  # the likelihood has converged by then
COMPONENTS_PER_CLASS = 10  # average from which on classes have their own components
ROWS_PER_LATENT = 2  # minimum rows per latent unit in a class with its own components
FLOW_SIZE = {"width": 256, "blocks": 3}
FLOW_STEPS, FLOW_BATCH = 3000, 1024
MAX_FLOW_ROWS = 200_000  # rows that the flow is fitted to; its steps do not reach more
NEARNESS = 0.5  # start of a path relative to its end: 0 anywhere in the component, 1 at the end; short paths are easy
HEUN_STEPS = 4  # integration steps; enough for short paths
ACTIVE = 0.01  # variance of the posterior mean above which a latent unit is active (Burda et al., arXiv 1509.00519)


@dataclass(frozen=True, kw_only=True, slots=True)
class TvaeConfig(NetworkConfig):
    """Settings of the tabular VAE; the defaults were chosen on Adult (docs/log.md)."""

    epochs: Auto = "auto"
    """Maximum passes over the rows: 30 on 32,000 rows, more on fewer, 4 on millions. The fit stops earlier when it no
    longer improves on held-out rows."""
    rate: float = 2e-3
    """Peak of the one-cycle learning rate."""
    latent: int = 32
    beta: float | Literal["auto"] = "auto"
    """Weight of the KL term. Below 1 the latents encode more of the row, and the mixture prior compensates: 0.3 from
    8,192 rows on. 1 below 2,048, where they would soon identify the row."""
    weight_decay: float = 1e-4
    components: int = 100
    """Gaussians in the prior."""
    prior: Literal["mixture", "flow"] = "mixture"
    """Prior of the latents: the mixture, or a flow that starts from it and corrects its errors."""

    def __post_init__(self) -> None:
        NetworkConfig.__post_init__(self)
        self.check_at_least_one("epochs", "latent", "components")
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
        """Return mean and log variance of q(z | x), float32."""
        hidden = self.encoder(self.embed(codes_NC + self.layout.offsets))
        mean, log_variance = self.posterior(hidden).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)

    def decode(self, z_NZ: Tensor) -> Tensor:
        """Return logits of every level, (N, L), float32."""
        logits: Tensor = self.logits(self.decoder(z_NZ)).float()
        return logits

    def terms(self, codes_NC: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return reconstruction and KL terms of the negative lower bound, means over rows, at one posterior draw."""
        mean, log_variance = self.encode(codes_NC)
        logits = self.decode(mean + (log_variance / 2).exp() * normal(rng, *mean.shape))
        reconstruction = -self.layout.log_likelihood(logits, codes_NC).sum(1).mean()
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        return reconstruction, kl


@final
@dataclass(frozen=True, slots=True)
class Tvae(CodeGenerator[TvaeConfig]):
    """Generator of tables: a VAE."""

    kind: ClassVar[str] = "tvae"
    config_cls: ClassVar[type[Any]] = TvaeConfig

    plan: Plan
    network: _Network
    """Fitted network in evaluation mode, on the device of the fit or the load."""
    prior: Mixture
    """Mixture prior of the latents."""
    flow: Flow | None
    """Flow from the mixture to the latents, if the setting ``prior`` is ``flow``."""

    def encode(self, data: Table) -> np.ndarray:
        """Return the posterior means of the rows of ``data``, float32, shape (N, Z).

        Raises:
            RequestError: ``data`` holds values that were never seen.
        """
        encoded = self.codec.encode(data, seeding.generator(self.record.seed, "encode"))
        codes = torch.from_numpy(self.codec.bin(encoded)).long()
        with torch.inference_mode():
            return self.network.encode(codes.to(self._device))[0].cpu().numpy()

    def decode(self, latents: np.ndarray, *, seed: int) -> Table:
        """Draw one row per latent, shape (N, Z), each cell from the decoder's distribution.

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
        """Decode ``steps`` rows on the straight line between the latents of the two rows of ``ends``, both included.

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
        start = Start.of(data, config, run, held_out=HELD_OUT)
        with start.runtime.active():
            plan = _resolve(config, len(data), sum(start.codec.sizes))
            network = _Network(start.codec.sizes, config, plan.width).to(start.runtime.device)
            parameters = sum(weights.numel() for weights in network.parameters())
            run.tracker.note(describe(start, plan, parameters=parameters, passes=3))
            network = _train(network, start, plan, config, run)
            max_rows = MAX_FLOW_ROWS if config.prior == "flow" else MAX_ROWS
            posteriors = _Posteriors.of(network, start.rows, max_rows, run.seed)
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
        """Calibrate the output biases to the marginals of ``rows``: the decoder was trained on posteriors, and no prior
        equals their sum exactly."""
        rng = seeding.generator(self.record.seed, "calibrate")
        layout = self.network.layout
        layout.calibrate(
            self.network.logits.bias, layout.frequencies(rows), lambda count: self._logits(self._latents(count, rng))
        )

    def _sample(self, rows: int, rng: np.random.Generator, codes: Mapping[int, int]) -> np.ndarray:
        with torch.inference_mode():
            latents = self._latents(rows * (POOL_FACTOR if codes else 1), rng)
            if codes:
                chosen, _ = resample(self.network.layout.agreement(self._logits, latents, codes), rows, rng)
                latents = latents[torch.from_numpy(chosen).to(self._device)]
            drawn = self._draw(latents, rng)
        for index, code in codes.items():
            drawn[:, index] = code
        return drawn

    def _latents(self, rows: int, rng: np.random.Generator) -> Tensor:
        """Draw ``rows`` latents from the prior, (rows, Z), on the device."""
        drawn = torch.from_numpy(self.prior.sample(rows, rng)).to(self._device)
        if self.flow is None:
            return drawn
        with autocast(self._device.type, self.record.precision):
            return torch.cat([self.flow.transport(part, steps=HEUN_STEPS) for part in torch.split(drawn, CHUNK_ROWS)])

    def _logits(self, latents_NZ: Tensor) -> Tensor:
        with autocast(self._device.type, self.record.precision):
            return self.network.decode(latents_NZ)

    def _draw(self, latents_NZ: Tensor, rng: np.random.Generator) -> np.ndarray:
        drawn = self.network.layout.sample(self._logits, latents_NZ, rng)
        return drawn.cpu().numpy().astype(np.int32)

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        prior = {f"prior.{name}": array for name, array in dataclasses.asdict(self.prior).items()}
        if self.flow is not None:
            prior |= {f"prior.{name}": array for name, array in arrays_of(self.flow).items()}
        return {"plan": dataclasses.asdict(self.plan)}, {**arrays_of(self.network), **prior}

    @staticmethod
    def _from_state(
        config: TvaeConfig, codec: Codec, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> tuple[Any, ...]:
        plan = configs.load(Plan, meta["plan"], "plan")
        network = restore(_Network(codec.sizes, config, plan.width), arrays)
        prior = Mixture(arrays["prior.weights"], arrays["prior.means"], arrays["prior.factors"])
        flow = restore(Flow(config.latent, 0, **FLOW_SIZE), arrays, "prior.") if config.prior == "flow" else None
        return plan, network, prior, flow


def _resolve(config: TvaeConfig, rows: int, levels: int) -> Plan:
    """Resolve ``auto`` for a table of ``rows`` rows and ``levels`` levels in all."""
    batch = batch_of(config, rows)
    default = round(min(max(30 * (32_000 / rows) ** 0.5, 4), 200))  # ten times the rows take three times the steps
    epochs = default if config.epochs == "auto" else config.epochs
    total_steps = epochs * max(rows // batch, 1)
    steps = min(max(rows // batch, MIN_STEPS), MAX_STEPS)
    width = width_of(config, rows, maximum=MAX_WIDTH if levels <= MANY_LEVELS else MAX_WIDTH // 2)
    return Plan(batch=batch, width=width, rounds=-(-total_steps // steps), steps=steps)


def _beta(rows: int) -> float:
    """Resolve ``auto``, the weight of the KL term, for a table of ``rows`` rows."""
    return 0.3 if rows >= 8192 else 0.5 if rows >= 2048 else 1.0


def _train(network: _Network, start: Start, plan: Plan, config: TvaeConfig, run: FitRun) -> _Network:
    """Train, and return the averaged network of the round that is best on held-out rows."""
    rows, held_out, runtime = start.rows[~start.held_out], start.rows[start.held_out], start.runtime
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

    def validate(averaged: _Network) -> float:
        """Return the negative lower bound of held-out rows, in nats per row, with the same noise on each call."""
        noise = torch.Generator(runtime.device).manual_seed(seeding.derive(run.seed, "judge"))
        with torch.no_grad():
            reconstruction, kl = averaged.terms(held_out, noise)
        return float(reconstruction + beta * kl)

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


@dataclass(frozen=True, slots=True)
class _Posteriors:
    """Posteriors q(z | x) of the rows that a prior is fitted to, in random order."""

    codes: Tensor
    """Codes of the rows, int (N, C)."""
    mean: Tensor
    """Means, float32 (N, Z)."""
    log_variance: Tensor
    """Log variances, float32 (N, Z)."""

    @classmethod
    def of(cls, network: _Network, codes: Tensor, max_rows: int, seed: int) -> "_Posteriors":
        """Encode ``max_rows`` random rows of ``codes``, or all if there are fewer."""
        rng = torch.Generator().manual_seed(seeding.derive(seed, "prior", "rows"))
        sample = codes[torch.randperm(len(codes), generator=rng)[:max_rows].to(codes.device)]
        with torch.no_grad():
            parts = [network.encode(part) for part in torch.split(sample, CHUNK_ROWS)]
        mean, log_variance = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
        return cls(sample, mean, log_variance)

    def draw(self, index: Tensor, rng: torch.Generator) -> tuple[Tensor, None]:
        """Draw a latent for each row at ``index``; there are no labels."""
        mean, log_variance = self.mean[index], self.log_variance[index]
        return mean + (log_variance / 2).exp() * normal(rng, *mean.shape), None


def _target(codec: Codec) -> int | None:
    """Return the index of the modelled column that is the target or its twin, or None without a target of classes."""
    names = [levels.column.name for levels in codec.levels]
    if codec.schema.target not in names or codec.schema[codec.schema.target].kind in NUMERIC:
        return None
    target = names.index(codec.schema.target)
    modelled_by = {twin.column: twin.of for twin in codec.twins}
    return codec.modelled.index(modelled_by.get(target, target))


def _fit_prior(posteriors: _Posteriors, target: int | None, config: TvaeConfig, seed: int) -> Mixture:
    """Fit the mixture to one draw of the posterior per row, for at most MAX_ROWS rows.

    If there are few classes, each has its own components, in proportion to its share of the rows: components shared by
    classes would blur the differences between them. Classes with too few rows join the most common class.
    """
    rng = torch.Generator(posteriors.mean.device).manual_seed(seeding.derive(seed, "prior"))
    codes = posteriors.codes[:MAX_ROWS]
    draws = posteriors.draw(torch.arange(len(codes), device=codes.device), rng)[0].cpu()
    classes = np.zeros(len(codes), dtype=int) if target is None else codes[:, target].cpu().numpy()
    max_groups, min_rows = config.components // COMPONENTS_PER_CLASS, ROWS_PER_LATENT * config.latent
    group = _groups(classes, max_groups=max_groups, min_rows=min_rows)
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


def _groups(classes: np.ndarray, *, max_groups: int, min_rows: int) -> np.ndarray:
    """Group rows by class; classes of too few rows join the most common one, and too many classes are one group."""
    counts = np.bincount(classes)
    merged = np.where(counts[classes] < min_rows, counts.argmax(), classes)
    numbers, group = np.unique(merged, return_inverse=True)
    return group if len(numbers) <= max_groups else np.zeros_like(group)


def _fit_flow(posteriors: _Posteriors, mixture: Mixture, runtime: Runtime, seed: int) -> Flow:
    """Fit a flow from points of the mixture to nearby draws of the posterior."""
    rows, latent = posteriors.mean.shape
    flow = fit_flow(
        Flow(latent, 0, **FLOW_SIZE).to(runtime.device),
        posteriors.draw,
        rows,
        steps=FLOW_STEPS,
        runtime=runtime,
        seed=seed,
        starts_of=mixture.neighbours(NEARNESS, runtime.device),
        batch=FLOW_BATCH,
    )
    return flow.requires_grad_(False)
