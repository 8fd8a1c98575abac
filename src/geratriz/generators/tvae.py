"""A variational autoencoder for tables, with a Gaussian mixture fitted to its aggregate posterior as the prior.

The encoder sums one embedding a cell, the decoder gives every column a categorical distribution over its codec levels;
both are residual networks. Training maximises the evidence lower bound of Kingma and Welling (arXiv 1312.6114) with a
weight ``beta`` on the KL term (Higgins et al. 2017). Then a mixture of Gaussians is fitted to draws of the aggregate
posterior q(z) = mean_n q(z | x_n), which N(0, I) misses (Tomczak and Welling, arXiv 1705.07120; Ghosh et al., arXiv
1903.12436 for fitting it afterwards). Categories are drawn from the decoder's distribution, never arg-maxed: the
mode loses the rare ones.

Conditions: given z the columns are independent, so p(condition | z) is exact. Latents are drawn from the prior in a
pool, resampled in proportion to it, and decoded: importance resampling, no rejection loop.

Shapes: N rows, C modelled columns, L levels over all columns, W width, Z latent.
"""

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np
import torch
from torch import Tensor, nn

from geratriz import seeding
from geratriz.data import codec as codec_module
from geratriz.data.codec import Codec, CodecConfig
from geratriz.data.table import Table
from geratriz.errors import RequestError, TrainingError
from geratriz.generators import _mixture, _torch, base
from geratriz.generators._mixture import Mixture
from geratriz.generators._torch import Checkpoint, Ema, Precision, Runtime, epoch_of_batches
from geratriz.generators.base import Fit, Generator, Record

EM_STEPS = 50  # the likelihood has settled by then
POOL = 8  # prior draws per wanted row when a condition is given
ACTIVE = 0.01  # variance of the posterior mean above which a latent unit is active (Burda et al., arXiv 1509.00519)


@dataclass(frozen=True, kw_only=True, slots=True)
class TvaeConfig:
    """Settings of the tabular VAE; the defaults were chosen on Adult (docs/log.md)."""

    epochs: int = 30
    batch: int = 512
    rate: float = 2e-3
    """Peak of the one-cycle learning rate."""
    latent: int = 32
    width: int = 512
    blocks: int = 2
    """Residual blocks in the encoder and in the decoder."""
    beta: float = 0.3
    """Weight of the KL term: below 1 the latents say more about the row, and the mixture prior takes up the slack."""
    weight_decay: float = 1e-4
    ema: float = 0.998
    """Decay of the averaged weights per step."""
    components: int = 100
    """Gaussians in the prior."""
    max_levels: int = 160
    """A numeric column with at most this many distinct values keeps each as a level of its own."""
    bins: int = 128
    """Quantile bins of a column with more."""
    precision: Precision = "auto"
    threads: int | None = None
    """CPU threads; all when null. Part of what equal bytes depend on."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "latent", "width", "blocks", "components"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.rate <= 0 or self.beta <= 0 or not 0 <= self.ema < 1:
            raise ValueError("rate and beta must be positive, and ema in [0, 1)")


class _Block(nn.Module):
    """x + W2 silu(W1 layernorm(x)): pre-norm residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, width)
        nn.init.zeros_(self.down.weight)  # each block starts as the identity

    def forward(self, x_NW: Tensor) -> Tensor:
        out: Tensor = x_NW + self.down(nn.functional.silu(self.up(self.norm(x_NW))))
        return out


class _Network(nn.Module):
    """Encoder and decoder."""

    offsets: Tensor
    member: Tensor

    def __init__(self, sizes: tuple[int, ...], config: TvaeConfig) -> None:
        super().__init__()
        width, levels = config.width, sum(sizes)
        self.sizes = sizes
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self.register_buffer("offsets", torch.tensor(starts, dtype=torch.int64), persistent=False)
        column = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
        self.register_buffer("member", nn.functional.one_hot(column, len(sizes)).float(), persistent=False)  # (L, C)
        self.embed = nn.EmbeddingBag(levels, width, mode="sum")
        nn.init.normal_(self.embed.weight, std=len(sizes) ** -0.5)
        self.encoder = nn.Sequential(*(_Block(width) for _ in range(config.blocks)), nn.LayerNorm(width))
        self.posterior = nn.Linear(width, 2 * config.latent)
        self.decoder = nn.Sequential(
            nn.Linear(config.latent, width), *(_Block(width) for _ in range(config.blocks)), nn.LayerNorm(width)
        )
        self.logits = nn.Linear(width, levels)

    def encode(self, codes_NC: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z | x), float32."""
        hidden = self.encoder(self.embed(codes_NC + self.offsets))
        mean, log_variance = self.posterior(hidden).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)

    def decode(self, z_NZ: Tensor) -> Tensor:
        """Logits of every level, (N, L), float32."""
        logits: Tensor = self.logits(self.decoder(z_NZ)).float()
        return logits

    def log_likelihood(self, logits_NL: Tensor, codes_NC: Tensor) -> Tensor:
        """log p(x_c | z) per row and column, (N, C): a softmax a column, all columns in one product."""
        shifted = logits_NL - logits_NL.amax(1, keepdim=True)
        normaliser = (shifted.clamp_min(-60).exp() @ self.member).log()
        return shifted.gather(1, codes_NC + self.offsets) - normaliser


@final
@dataclass(frozen=True, slots=True)
class Tvae(Generator[TvaeConfig]):
    """A tabular VAE."""

    kind: ClassVar[str] = "tvae"
    config_cls: ClassVar[type[Any]] = TvaeConfig

    network: _Network
    """In evaluation mode, on the device it was fitted or loaded on."""
    prior: Mixture
    """Of the latents."""

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
            logits = self.network.decode(torch.from_numpy(latents.astype(np.float32)).to(self._device))
        return self.codec.decode(self.codec.unbin(_draw(logits, self.network.sizes, rng), rng))

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
        return self.network.offsets.device

    @classmethod
    def _fit(cls, data: Table, config: TvaeConfig, run: Fit) -> Self:
        runtime = Runtime.choose(device=run.device, threads=config.threads, precision=config.precision)
        codec_config = CodecConfig(max_levels=config.max_levels, bins=config.bins)
        codec = Codec.fit(data, codec_config, seeding.generator(run.seed, "codec"))
        codes = codec.bin(codec.encode(data, seeding.generator(run.seed, "encode")))
        code = _torch.code_of(sys.modules[__name__], _torch, _mixture, base, codec_module)
        checkpoint = Checkpoint(
            run.checkpoint,
            config=config,
            seed=run.seed,
            data=run.data,
            runtime=runtime,
            code=code,
            torch=torch.__version__,
        )
        with runtime.active():
            rows = torch.from_numpy(codes).long().to(runtime.device)
            network = _train(rows, codec.sizes, config, run, runtime, checkpoint)
            prior = _fit_prior(network, rows, config, run.seed)
        record = Record(
            seed=run.seed,
            rows=len(data),
            data=run.data,
            device=runtime.device.split(":")[0],
            threads=runtime.threads,
            precision=runtime.precision,
        )
        checkpoint.clear()
        return cls(config, codec, record, network, prior)

    def _sample(self, rows: int, rng: np.random.Generator, codes: Mapping[int, int]) -> np.ndarray:
        latents = self.prior.sample(rows * (POOL if codes else 1), rng)
        with torch.inference_mode():
            logits = self.network.decode(torch.from_numpy(latents).to(self._device))
            if codes:
                wanted = torch.tensor(list(codes), device=self._device)
                target = torch.zeros(len(latents), len(self.network.sizes), dtype=torch.int64, device=self._device)
                target[:, wanted] = torch.tensor(list(codes.values()), device=self._device)
                fit = self.network.log_likelihood(logits, target)[:, wanted].sum(1).double().cpu().numpy()
                logits = logits[torch.from_numpy(_resample(fit, rows, rng)).to(self._device)]
        drawn = _draw(logits, self.network.sizes, rng)
        for index, code in codes.items():
            drawn[:, index] = code
        return drawn

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        arrays = {f"network.{name}": each.cpu().numpy() for name, each in self.network.state_dict().items()}
        prior = {f"prior.{name}": each for name, each in dataclasses.asdict(self.prior).items()}
        return {}, {**arrays, **prior}

    @classmethod
    def _from_state(
        cls,
        config: TvaeConfig,
        codec: Codec,
        record: Record,
        meta: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
    ) -> Self:
        network = _Network(codec.sizes, config)
        prefix = "network."
        network.load_state_dict(
            {
                name.removeprefix(prefix): torch.from_numpy(each)
                for name, each in arrays.items()
                if name.startswith(prefix)
            }
        )
        prior = Mixture(arrays["prior.weights"], arrays["prior.means"], arrays["prior.factors"])
        return cls(config, codec, record, network.eval().requires_grad_(False), prior)


def _train(
    rows: Tensor, sizes: tuple[int, ...], config: TvaeConfig, run: Fit, runtime: Runtime, checkpoint: Checkpoint
) -> _Network:
    """The averaged network after ``config.epochs`` epochs on ``rows`` (N, C)."""
    network = _Network(sizes, config).to(runtime.device)
    ema = Ema(network, config.ema)
    steps = max(len(rows) // config.batch, 1) * config.epochs
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.rate, weight_decay=config.weight_decay, betas=(0.9, 0.99), fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, total_steps=steps, pct_start=0.1)
    rng = torch.Generator(runtime.device).manual_seed(seeding.derive(run.seed, "train"))
    parts: dict[str, Any] = {"network": network, "ema": ema.average, "optimiser": optimiser, "schedule": schedule}
    done = 0
    saved = checkpoint.load()
    if saved is not None:
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        rng.set_state(saved["rng"])
        done = saved["epoch"]
    step = done * (steps // config.epochs)
    for epoch in range(done + 1, config.epochs + 1):
        sums = torch.zeros(2, device=rows.device)
        batches = 0
        for batch in epoch_of_batches(rows, config.batch, rng):
            with runtime.autocast():
                mean, log_variance = network.encode(batch)
                noise = torch.randn(mean.shape, generator=rng, device=rng.device)
                logits = network.decode(mean + (log_variance / 2).exp() * noise)
            reconstruction = -network.log_likelihood(logits, batch).sum(1).mean()
            kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
            optimiser.zero_grad(set_to_none=True)
            (reconstruction + config.beta * kl).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            step += 1
            batches += 1
            ema.update(step)
            sums += torch.stack([reconstruction.detach(), kl.detach()])
        reconstruction_mean, kl_mean = (sums / batches).tolist()
        if not np.isfinite(reconstruction_mean + kl_mean):
            raise TrainingError(
                f"the loss is not finite in epoch {epoch} of {config.epochs} (reconstruction {reconstruction_mean}, "
                f"kl {kl_mean}). Lower train.tvae.rate (now {config.rate:g}) or set precision to float32."
            )
        with torch.no_grad():
            active = int((network.encode(rows[:4096])[0].var(0, correction=0) > ACTIVE).sum())
        state = {name: part.state_dict() for name, part in parts.items()}
        checkpoint.save({**state, "rng": rng.get_state(), "epoch": epoch})
        losses = {"reconstruction": reconstruction_mean, "kl": kl_mean, "active_units": float(active)}
        run.tracker.metrics(losses, step=epoch, steps=config.epochs)
    return ema.average.eval()  # type: ignore[return-value]


def _fit_prior(network: _Network, rows: Tensor, config: TvaeConfig, seed: int) -> Mixture:
    """The mixture fitted to one draw of the posterior a row."""
    rng = torch.Generator(rows.device).manual_seed(seeding.derive(seed, "prior"))
    with torch.inference_mode():
        mean, log_variance = network.encode(rows)
        noise = torch.randn(mean.shape, generator=rng, device=rng.device)
        draws = (mean + (log_variance / 2).exp() * noise).cpu()
    return Mixture.fit(draws, config.components, iterations=EM_STEPS, seed=seeding.derive(seed, "mixture"))


def _draw(logits_NL: Tensor, sizes: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A code per row and column from the logits, by inverting each column's distribution function; int32 (N, C)."""
    uniform = torch.from_numpy(rng.random((len(logits_NL), len(sizes)), dtype=np.float32)).to(logits_NL.device)
    drawn = torch.empty(len(logits_NL), len(sizes), dtype=torch.int32)
    for i, logits in enumerate(torch.split(logits_NL, list(sizes), dim=1)):
        heights = logits.softmax(1).cumsum(1)
        below = heights[:, :-1] <= uniform[:, i : i + 1]  # the last level takes what rounding leaves
        drawn[:, i] = below.sum(1).int().cpu()
    return drawn.numpy()


def _resample(log_weights: np.ndarray, rows: int, rng: np.random.Generator) -> np.ndarray:
    """``rows`` indices in proportion to the weights: systematic resampling, the least noisy one, then shuffled."""
    weights = np.exp(log_weights - log_weights.max())
    heights = np.cumsum(weights / weights.sum())
    positions = (np.arange(rows) + rng.random()) / rows
    chosen = np.minimum(np.searchsorted(heights, positions, side="right"), len(weights) - 1)
    shuffled: np.ndarray = rng.permutation(chosen)
    return shuffled
