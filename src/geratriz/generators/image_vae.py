"""A variational autoencoder for images: an encoder to latents, a decoder back, and a learnt prior to draw from.

- Likelihood: Gaussian with one variance a band of frequencies (_bands.py), at its optimum for each batch: the loss is
  the sum of N / 2 log(MSE) over bands of N numbers, and the KL term (Rybkin et al., arXiv 2006.13202, section 4, have
  one band), so nothing weighs pixels against the KL term, and fine detail is not lost in the variance of the coarse.
- Texture: how far pixels scatter around that mean, predicted for each place from the decoder's maps, which learn
  nothing from it, so that the mean stays as good as it is (Stirn et al., arXiv 2212.09184). Samples are drawn at a low
  temperature: the mean alone is too smooth, the whole scatter is grain.
- The KL term's weight rises over the first part of the fit, else latents are switched off before they are of use.
- Prior: what the encoder makes of the training images is far from a standard Gaussian, and what the decoder makes of
  latents it never saw is no image. A flow is fitted to the aggregate posterior after the networks (_flow.py).
- Labels: encoder, decoder and prior are told.
- Held-out images decide which round is kept; a fit whose latents are all switched off ends with the reason.

docs/log.md has the measurements behind each choice. Shapes: N images, C channels, H x W pixels, Z latents.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np
import torch
from torch import Tensor, nn

from geratriz import seeding
from geratriz.data.images import Images, ImageSchema
from geratriz.errors import RequestError, TrainingError
from geratriz.generators import _flow, _images, _rounds
from geratriz.generators._bands import bands, divide, join
from geratriz.generators._fit import Fit, Record
from geratriz.generators._flow import Flow
from geratriz.generators._images import ImageNetworkConfig, Pace, Stock, placed
from geratriz.generators._pyramid import SLOPE, Down, Up
from geratriz.generators._torch import Ema, Runtime, arrays_of, normal, restore
from geratriz.generators.image_base import ImageGenerator, shares_of

HELD_OUT = 0.05  # share of the images that judge each round
HELD_OUT_MOST = 1000
WARM_UP = 0.2  # share of the steps after which the KL term has its full weight
LEAST_VARIANCE = 6e-6  # of a pixel: a quarter of the step between two bytes, squared
SCATTER = (-11.0, 1.0)  # of log variances of texture
TEXTURE = 64  # channels of the layer that predicts them
LABEL = 16  # dimensions of a label's embedding
ACTIVE = 0.01  # variance of a latent's posterior mean above which it is in use (Burda et al., arXiv 1509.00519)
LOOKED_AT = 2048  # images whose latents are counted
CLIP = 100.0  # norm of the gradient, beyond which a step is shortened


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageVaeConfig(ImageNetworkConfig):
    """Settings of the VAE; the defaults were chosen on Fashion-MNIST (docs/log.md)."""

    batch: int = 32
    """Images a step."""
    rate: float = 2e-3
    """Peak of the learning rate."""
    latent: int = 64
    """Dimensions of the latents."""
    prior_steps: int = 3000
    """Steps of fitting the prior."""
    texture: float = 0.25
    """Temperature of the scatter around the decoder's mean: 0 is smooth, 1 what the likelihood says."""

    def __post_init__(self) -> None:
        ImageNetworkConfig.__post_init__(self)
        for name in ("latent", "prior_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.rate <= 0 or self.texture < 0:
            raise ValueError(f"rate must be positive and texture not negative, got {self.rate} and {self.texture}")


class _Network(nn.Module):
    """Encoder and decoder."""

    def __init__(self, schema: ImageSchema, config: ImageVaeConfig) -> None:
        super().__init__()
        given = LABEL if schema.classes else 0
        self.label = nn.Embedding(len(schema.classes), given) if given else None
        self.down = Down(schema, config.width)
        self.posterior = nn.Linear(self.down.features + given, 2 * config.latent)
        self.up = Up(config.latent + given, schema, config.width)
        self.texture = nn.Sequential(
            nn.Conv2d(self.up.patches.in_channels, TEXTURE, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(TEXTURE, 4 * schema.channels, 3, padding=1),
        )
        nn.init.normal_(self.posterior.weight, std=0.1 * self.posterior.in_features**-0.5)
        nn.init.zeros_(self.posterior.bias)

    def encode(self, images: Tensor, labels_N: Tensor | None) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z | x, y), (N, Z) each, float32."""
        mean, log_variance = self.posterior(self._told(self.down(images), labels_N)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)

    def decode(self, z_NZ: Tensor, labels_N: Tensor | None) -> Tensor:
        """Mean images of p(x | z, y), (N, C, H, W), float32."""
        images: Tensor = self.up(self._told(z_NZ, labels_N))
        return images

    def draw(self, z_NZ: Tensor, labels_N: Tensor | None, temperature: float) -> Tensor:
        """Images of p(x | z, y) at a ``temperature``, (N, C, H, W), float32; drawn with torch's global generator."""
        maps = self.up.maps(self._told(z_NZ, labels_N))
        images = self.up.images(maps).clamp(-1, 1)
        if not temperature:
            return images
        scatter = (self._log_scatter(maps) / 2).exp()
        return images + temperature * self.up.crop(join(scatter * torch.randn_like(scatter)))

    def terms(self, images: Tensor, labels_N: Tensor | None, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Of an image, at one draw of the posterior, in nats without constants: the negative log likelihood at the
        optimal variance of each band, the KL term, and the negative log likelihood of what is left as texture."""
        mean, log_variance = self.encode(images, labels_N)
        drawn = mean + (log_variance / 2).exp() * normal(rng, *mean.shape)
        maps = self.up.maps(self._told(drawn, labels_N))
        left = self.up.images(maps) - images
        optimal = [band[0].numel() / 2 * band.square().mean().clamp_min(LEAST_VARIANCE).log() for band in bands(left)]
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        with torch.no_grad():
            rest = divide(self.up.sizes.cover(left.clamp(-2, 2)))
        scatter = self._log_scatter(maps.detach())
        texture = 0.5 * (rest.square() * (-scatter).exp() + scatter).sum((1, 2, 3)).mean()
        return torch.stack(optimal).sum(), kl, texture

    def _log_scatter(self, maps: Tensor) -> Tensor:
        """The log variance of each coefficient of each patch."""
        log_variance: Tensor = self.texture(maps).float()
        return log_variance.clamp(*SCATTER)

    def _told(self, features: Tensor, labels_N: Tensor | None) -> Tensor:
        return features if self.label is None else torch.cat([features, self.label(labels_N)], 1)


@final
@dataclass(frozen=True, slots=True)
class ImageVae(ImageGenerator[ImageVaeConfig]):
    """A VAE for images, conditional on the label where there is one."""

    kind: ClassVar[str] = "image_vae"
    config_cls: ClassVar[type[Any]] = ImageVaeConfig

    network: _Network
    """In evaluation mode, on the device it was fitted or loaded on."""
    prior: Flow
    """Of the latents."""

    def encode(self, images: Images) -> np.ndarray:
        """The posterior means of ``images``, float32 (N, Z).

        Raises:
            RequestError: they have another size or other classes than the images it was fitted on.
        """
        if images.schema != self.schema:
            raise RequestError(f"encode got images of {images.schema}; expected those of {self.schema}.")
        latents = [np.empty((0, self.config.latent), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(images), 256):
                part = images.take(slice(start, start + 256))
                pixels = _images.as_numbers(torch.from_numpy(np.array(part.pixels)).to(self._device))
                latents.append(self.network.encode(pixels, self._labels_of(part.labels))[0].cpu().numpy())
        return np.concatenate(latents)

    def decode(self, latents: np.ndarray, labels: np.ndarray | None = None) -> Images:
        """The image of each latent, shape (N, Z); ``labels`` (N,), where the images have them.

        Raises:
            RequestError: the latents have another shape, or labels are missing.
        """
        if latents.ndim != 2 or latents.shape[1] != self.config.latent:
            raise RequestError(f"latents have shape {latents.shape}, expected (images, {self.config.latent}).")
        if (labels is None) == bool(self.schema.classes):
            raise RequestError("give labels, one an image, where the images have them, and only there.")
        with torch.inference_mode():
            z = torch.from_numpy(latents.astype(np.float32)).to(self._device)
            pixels = _images.as_pixels(self.network.decode(z, self._labels_of(labels)))
        return Images(pixels, self.schema, labels)

    @classmethod
    def _fit(cls, data: Images, config: ImageVaeConfig, run: Fit) -> Self:
        runtime = _images.runtime_of(config, run)
        checkpoint = _images.checkpoint_of(data, config, run, runtime)
        with runtime.active():
            learning = _Learning(data, config, runtime, run.seed)
            run.tracker.note(learning.plan)
            network = _rounds.train(
                learning.round,
                judge=learning.judge if len(learning.held) else None,
                rounds=learning.rounds,
                patience=max(learning.rounds // 4, 3),
                ema=learning.ema,
                parts=learning.parts,
                rng=learning.rng,
                checkpoint=checkpoint,
                tracker=run.tracker,
                look=learning.look,
            )
            prior = learning.fit_prior(network)
        checkpoint.clear()
        return cls(config, data.schema, shares_of(data), _images.record_of(data, run, runtime), network, prior)

    def _latents(self, rows: int, rng: np.random.Generator, labels: np.ndarray | None) -> np.ndarray:
        return rng.standard_normal((rows, self.config.latent), dtype=np.float32)

    def _decode(self, latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        with torch.inference_mode():
            given = self._labels_of(labels)
            z = self.prior.latents(torch.from_numpy(latents).to(self._device), given)
            return _images.as_pixels(self.network.draw(z, given, self.config.texture))

    def _labels_of(self, labels: np.ndarray | None) -> Tensor | None:
        return None if labels is None else torch.from_numpy(np.array(labels)).to(self._device)

    @property
    def _device(self) -> torch.device:
        return self.network.posterior.weight.device

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        prior = {f"prior.{name}": array for name, array in arrays_of(self.prior).items()}
        return {}, {**arrays_of(self.network), **prior}

    @classmethod
    def _from_state(
        cls,
        config: ImageVaeConfig,
        schema: ImageSchema,
        shares: tuple[float, ...],
        record: Record,
        meta: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
    ) -> Self:
        prior = {name.removeprefix("prior."): array for name, array in arrays.items() if name.startswith("prior.")}
        network = restore(_Network(schema, config), arrays)
        return cls(config, schema, shares, record, network, restore(_flow_for(schema, config), prior))


def _flow_for(schema: ImageSchema, config: ImageVaeConfig) -> Flow:
    return Flow(config.latent, len(schema.classes), width=4 * config.latent, blocks=3)


class _Learning:
    """Networks and prior on their way to the fitted ones."""

    def __init__(self, data: Images, config: ImageVaeConfig, runtime: Runtime, seed: int) -> None:
        self._config, self._runtime, self._seed, self._schema = config, runtime, seed, data.schema
        order = seeding.generator(seed, "held").permutation(len(data))
        count = min(int(len(data) * HELD_OUT), HELD_OUT_MOST)
        self.held = torch.from_numpy(order[:count].copy())
        self._known = torch.from_numpy(np.sort(order[count:]))
        self._numbers = int(np.prod(data.schema.shape))
        pace = Pace.of(config, len(data), held=count)
        self.rounds, self._steps = pace.rounds, pace.steps
        self._stock = Stock(data, runtime, index=self._known, batch=pace.batch, seed=seed)
        self._network = placed(_Network(data.schema, config), runtime)
        self.ema = Ema(self._network, config.ema)
        self._optimiser = torch.optim.AdamW(
            self._network.parameters(), lr=config.rate, betas=(0.9, 0.99), weight_decay=1e-4, fused=True
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser, config.rate, total_steps=self.rounds * self._steps, pct_start=0.1
        )
        self.parts = {"network": self._network, "optimiser": self._optimiser, "schedule": self._schedule}
        self.rng = torch.Generator(runtime.device).manual_seed(seeding.derive(seed, "train"))
        self.plan = pace.said(data, runtime, [self._network])

    def round(self, number: int) -> dict[str, float]:
        """Train one round, and count the latents in use.

        Raises:
            TrainingError: none is: the posterior has collapsed.
        """
        sums = torch.zeros(3, device=self._runtime.device)
        for step in range((number - 1) * self._steps, number * self._steps):
            images, labels = self._stock.at(step)
            with self._runtime.autocast():
                terms = self._network.terms(images, labels, self.rng)
            weight = min((step + 1) / (WARM_UP * self.rounds * self._steps), 1.0)
            loss = terms[0] + weight * terms[1] + terms[2]
            self._optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self._network.parameters(), CLIP)
            self._optimiser.step()
            self._schedule.step()
            self.ema.update(step + 1)
            sums += torch.stack(terms).detach()
        reconstruction, kl, texture = (sums / self._steps).tolist()
        active = self._active()
        values = {
            "reconstruction": reconstruction,
            "kl": kl,
            "sigma": float(np.exp(reconstruction / self._numbers)),  # the geometric mean over bands
            "texture": texture,
            "active_units": float(active),
        }
        if _images.is_watched(number, self.rounds, self._steps) and np.isfinite(kl) and not active:
            raise TrainingError(
                f"the posterior collapsed: after round {number} of {self.rounds} none of the {self._config.latent} "
                f"latents says anything of an image (KL {kl:.2g} nats). Lower the setting `rate` (now "
                f"{self._config.rate:g}). What the rounds before left stays in the checkpoint."
            )
        return values

    def judge(self, averaged: _Network) -> float:
        """The negative lower bound of held-out images, in nats an image; the same noise each time."""
        rng = torch.Generator(self._runtime.device).manual_seed(seeding.derive(self._seed, "judge"))
        with torch.no_grad(), self._runtime.autocast():
            reconstruction, kl, _ = averaged.terms(*self._stock.take(self.held), rng)
        return float(reconstruction + kl)

    def look(self, network: _Network) -> np.ndarray:
        """Held-out images, or training images where none are held out, each beside its reconstruction."""
        index = (self.held if len(self.held) else self._known)[: _images.LOOKED_AT // 2]
        images, labels = self._stock.take(index)
        with torch.no_grad(), self._runtime.autocast():
            back = network.decode(network.encode(images, labels)[0], labels)
        pairs = torch.stack([images, back], 1).flatten(0, 1)
        return _images.show(_images.as_pixels(pairs))

    def fit_prior(self, network: _Network) -> Flow:
        """The flow to one draw of the posterior an image."""
        parts = [self._posterior(network, each) for each in torch.split(self._known, 512)]
        mean, log_variance = (torch.cat(each) for each in zip(*parts, strict=True))
        labels = None if self._stock.labels is None else self._stock.labels[self._known.to(mean.device)]

        def draw(index: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor | None]:
            noise = normal(rng, len(index), mean.shape[1])
            return mean[index] + (log_variance[index] / 2).exp() * noise, None if labels is None else labels[index]

        flow = _flow_for(self._schema, self._config).to(self._runtime.device)
        steps = self._config.prior_steps
        fitted = _flow.fit(flow, draw, len(mean), steps=steps, runtime=self._runtime, seed=self._seed)
        return fitted.requires_grad_(False)

    def _posterior(self, network: _Network, index: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad(), self._runtime.autocast():
            return network.encode(*self._stock.take(index))

    def _active(self) -> int:
        """Latents whose posterior mean varies from image to image."""
        mean, _ = self._posterior(self.ema.average, self._known[:LOOKED_AT])
        return int((mean.var(0, correction=0) > ACTIVE).sum())
