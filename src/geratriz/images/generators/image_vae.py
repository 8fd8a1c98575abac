"""Variational autoencoder for images: an encoder to latents, a decoder to images, and a learnt prior of the latents.

- Likelihood: Gaussian with one variance per frequency band (nets/bands.py), at its optimum for each batch: the loss is
  the sum of N / 2 log(MSE) over bands of N numbers, and the KL term (Rybkin et al., arXiv 2006.13202, section 4, have
  one band), so no weight balances pixels and KL term, and fine detail is not lost in the variance of coarse structure.
- Detail: each feature map of the decoder has its own latents, drawn given all coarser ones (nets/ladder.py). With a
  vector alone the decoder outputs means, which are blurred.
- The weight of the vector's KL term rises over the first part of the fit; that of the detail is 1 from the start.
  Otherwise the detail, which is easier to learn, encodes everything, and the vector nothing.
- Prior: the encoder's latents of the training images are far from a standard Gaussian, and latents that the decoder
  never saw do not give images. A flow is fitted to the aggregate posterior after the networks (fitting/flow.py).
- Labels: encoder, decoder and prior are conditioned on them.
- Held-out images decide which round is used; a fit in which no latent is in use ends with the reason.

docs/log.md has the measurements behind each choice. Shapes: N images, C channels, H x W pixels, Z latents: those of
the vector, then those of each map, smallest map first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple, Self, cast, final

import numpy as np
import torch
from torch import Tensor, nn

from geratriz import seeding
from geratriz.errors import RequestError, TrainingError
from geratriz.fitting.flow import Flow, fit_flow
from geratriz.fitting.learner import Learner
from geratriz.fitting.network import arrays_of, normal, restore
from geratriz.fitting.record import FitRun
from geratriz.fitting.rounds import train
from geratriz.fitting.runtime import Runtime
from geratriz.images.data.images import Images, ImageSchema
from geratriz.images.generators.base import ImageGenerator, shares_of
from geratriz.images.nets.bands import bands
from geratriz.images.nets.ladder import Gaussian, Rung
from geratriz.images.nets.pyramid import Down, Up
from geratriz.images.nets.stock import (
    PREVIEW_IMAGES,
    ImageBatches,
    ImageNetworkConfig,
    Pace,
    as_numbers,
    as_pixels,
    checkpoint_of,
    is_watched,
    labels_on,
    preview_grid,
    preview_labels,
    record_of,
    runtime_of,
    to_device,
)

HELD_OUT = 0.05  # share of the images that validate each round
MAX_HELD_OUT = 1000
WARM_UP = 0.2  # share of the steps after which the KL term has its full weight
MIN_VARIANCE = (2 / 255) ** 2 / 12  # variance of a pixel from rounding to a byte
DETAIL_LATENTS = 8  # per position of the smallest map; half at each doubling of the map, and at least 2
LABEL_DIMENSIONS = 16  # dimensions of a label's embedding
ACTIVE = 0.01  # variance of a latent's posterior mean above which it is in use (Burda et al., arXiv 1509.00519)
WATCHED_IMAGES = 512  # images in which active latents are counted
CHUNK_BATCHES = 4  # batches that pass through the networks at once outside training
MAX_GRADIENT_NORM = 100.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageVaeConfig(ImageNetworkConfig):
    """Settings of the VAE; the defaults were chosen on Fashion-MNIST (docs/log.md)."""

    batch: int = 32
    """Images per step."""
    rate: float = 2e-3
    """Peak learning rate."""
    latent: int = 64
    """Dimensions of the vector of latents."""
    prior_steps: int = 3000
    """Steps of the prior's fit."""

    def __post_init__(self) -> None:
        ImageNetworkConfig.__post_init__(self)
        for name in ("latent", "prior_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.rate <= 0:
            raise ValueError(f"rate must be positive, got {self.rate}")


class _Terms(NamedTuple):
    """Terms of the negative lower bound at one draw of the posterior, in nats per image, without constants."""

    reconstruction: Tensor
    """Negative log likelihood at the optimal variance of each band."""
    vector: Tensor
    """KL term of the vector."""
    detail: Tensor
    """KL term of the latents of maps."""


class _Network(nn.Module):
    """Encoder and decoder."""

    def __init__(self, schema: ImageSchema, config: ImageVaeConfig) -> None:
        super().__init__()
        dimensions = LABEL_DIMENSIONS if schema.classes else 0
        self.label = nn.Embedding(len(schema.classes), dimensions) if dimensions else None
        self.down = Down(schema, config.width)
        self.posterior = nn.Linear(self.down.features + dimensions, 2 * config.latent)
        self.up = Up(config.latent + dimensions, schema, config.width)
        self.rungs = nn.ModuleList(
            Rung(channels, max(DETAIL_LATENTS >> level, 2)) for level, channels in enumerate(self.up.widths)
        )
        nn.init.normal_(self.posterior.weight, std=0.1 * self.posterior.in_features**-0.5)
        nn.init.zeros_(self.posterior.bias)
        sizes = self.up.sizes
        self.shapes = [
            (self._rung(level).latents, sizes.height << level, sizes.width << level) for level in range(len(self.rungs))
        ]
        ends = np.cumsum([0, config.latent, *(int(np.prod(shape)) for shape in self.shapes)])
        self.parts = [slice(start, end) for start, end in pairwise(ends.tolist())]
        """Slices of the vector and of each map in all latents."""
        self.latents = self.parts[-1].stop

    def encode(self, images: Tensor, labels_N: Tensor | None) -> Tensor:
        """Return the posterior means of all latents of p(z | x, y), (N, Z), float32."""
        encoded = self.down.maps(images)
        mean = self._vector(encoded, labels_N).mean
        means = [mean]

        def take(level: int, prior: Gaussian, maps: Tensor) -> Tensor:
            means.append(self._rung(level).posterior(prior, maps, encoded[-1 - level])[0].mean)
            return means[-1]

        self._decode(mean, labels_N, take)
        return torch.cat([latents.flatten(1) for latents in means], 1)

    def vector(self, images: Tensor, labels_N: Tensor | None) -> Gaussian:
        """Return the posterior of the vector, (N, latent) each."""
        return self._vector(self.down.maps(images), labels_N)

    def decode(self, z_NZ: Tensor, labels_N: Tensor | None) -> Tensor:
        """Return the images of all latents, means of p(x | z, y), (N, C, H, W), float32."""
        return self._decode(z_NZ[:, self.parts[0]], labels_N, lambda level, prior, _: self._map(level, z_NZ))

    def draw(self, z_NZ: Tensor, labels_N: Tensor | None) -> Tensor:
        """Return the images of a vector, and of standard noise for the latents of maps, (N, C, H, W), float32."""
        return self._decode(z_NZ[:, self.parts[0]], labels_N, lambda level, prior, _: prior.at(self._map(level, z_NZ)))

    def terms(self, images: Tensor, labels_N: Tensor | None, rng: torch.Generator) -> _Terms:
        """Return the terms of the negative lower bound, means over ``images``."""
        encoded = self.down.maps(images)
        vector = self._vector(encoded, labels_N)
        kl = 0.5 * (vector.mean.square() + vector.log_variance.exp() - 1 - vector.log_variance).sum(1).mean()
        details: list[Tensor] = []

        def take(level: int, prior: Gaussian, maps: Tensor) -> Tensor:
            posterior, cost = self._rung(level).posterior(prior, maps, encoded[-1 - level])
            details.append(cost.sum((1, 2, 3)).mean())
            return posterior.at(normal(rng, *posterior.mean.shape))

        error = self._decode(vector.at(normal(rng, *vector.mean.shape)), labels_N, take) - images
        optimal = [band[0].numel() / 2 * band.square().mean().clamp_min(MIN_VARIANCE).log() for band in bands(error)]
        return _Terms(torch.stack(optimal).sum(), kl, torch.stack(details).sum())

    def _vector(self, encoded: list[Tensor], labels_N: Tensor | None) -> Gaussian:
        mean, log_variance = self.posterior(self._join(self.down.flat(encoded[-1]), labels_N)).float().chunk(2, dim=1)
        return Gaussian(mean, log_variance.clamp(-12, 4))

    def _decode(self, z: Tensor, labels_N: Tensor | None, take: Callable[[int, Gaussian, Tensor], Tensor]) -> Tensor:
        """Decode a vector and the latents that ``take`` returns for a level, its prior and its maps."""
        maps = self.up.smallest(self._join(z, labels_N))
        for level in range(len(self.rungs)):
            rung = self._rung(level)
            maps = self.up.levels[level](maps)
            maps = rung(maps, take(level, rung.prior(maps), maps))
        return self.up.images(maps)

    def _rung(self, level: int) -> Rung:
        return cast(Rung, self.rungs[level])

    def _map(self, level: int, z_NZ: Tensor) -> Tensor:
        return z_NZ[:, self.parts[level + 1]].reshape(-1, *self.shapes[level])

    def _join(self, features: Tensor, labels_N: Tensor | None) -> Tensor:
        return features if self.label is None else torch.cat([features, self.label(labels_N)], 1)


@final
@dataclass(frozen=True, slots=True)
class ImageVae(ImageGenerator[ImageVaeConfig]):
    """Generator of images: a VAE, conditional on the label if there are labels."""

    kind: ClassVar[str] = "image_vae"
    config_cls: ClassVar[type[Any]] = ImageVaeConfig

    network: _Network
    """Fitted network in evaluation mode, on the device of the fit or the load."""
    prior: Flow
    """Prior of the vector."""

    def encode(self, images: Images) -> np.ndarray:
        """Return the posterior means of ``images``, float32 (N, Z).

        Raises:
            RequestError: ``images`` differ from the training images in size or classes.
        """
        if images.schema != self.schema:
            raise RequestError(f"encode got images of {images.schema}; expected those of {self.schema}.")
        latents = [np.empty((0, self.network.latents), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(images), 256):
                part = images.take(slice(start, start + 256))
                pixels = as_numbers(torch.from_numpy(np.array(part.pixels)).to(self._device))
                latents.append(self.network.encode(pixels, labels_on(part.labels, self._device)).cpu().numpy())
        return np.concatenate(latents)

    def decode(self, latents: np.ndarray, labels: np.ndarray | None = None) -> Images:
        """Decode latents (N, Z) to images; ``labels`` (N,) are required if the images have them.

        Raises:
            RequestError: the latents have another shape, or labels are missing or superfluous.
        """
        if latents.ndim != 2 or latents.shape[1] != self.network.latents:
            raise RequestError(f"latents have shape {latents.shape}, expected (images, {self.network.latents}).")
        if (labels is None) == bool(self.schema.classes):
            raise RequestError("give labels, one per image, if the training images have labels, and only then.")
        with torch.inference_mode():
            z = torch.from_numpy(latents.astype(np.float32)).to(self._device)
            pixels = as_pixels(self.network.decode(z, labels_on(labels, self._device)))
        return Images(pixels, self.schema, labels)

    @classmethod
    def _fit(cls, data: Images, config: ImageVaeConfig, run: FitRun) -> Self:
        runtime = runtime_of(config, run)
        checkpoint = checkpoint_of(data, config, run, runtime)
        with runtime.active():
            trainer = _Trainer(data, config, runtime, run.seed)
            run.tracker.note(trainer.plan)
            network = train(
                trainer.round,
                validate=trainer.validate if len(trainer.held_out) else None,
                rounds=trainer.rounds,
                patience=max(trainer.rounds // 4, 3),
                ema=trainer.ema,
                parts=trainer.parts,
                rng=trainer.rng,
                checkpoint=checkpoint,
                tracker=run.tracker,
                preview=trainer.preview,
            )
            prior = trainer.fit_prior(network)
        checkpoint.clear()
        return cls(config, record_of(data, run, runtime), data.schema, shares_of(data), network, prior)

    def _latents(self, rows: int, rng: np.random.Generator, labels: np.ndarray | None) -> np.ndarray:
        return rng.standard_normal((rows, self.network.latents), dtype=np.float32)

    def _decode(self, latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        with torch.inference_mode():
            labels_N = labels_on(labels, self._device)
            noise = torch.from_numpy(latents).to(self._device)
            vector = self.prior.latents(noise[:, : self.config.latent], labels_N)
            return as_pixels(self.network.draw(torch.cat([vector, noise[:, self.config.latent :]], 1), labels_N))

    @property
    def _device(self) -> torch.device:
        return self.network.posterior.weight.device

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        prior = {f"prior.{name}": array for name, array in arrays_of(self.prior).items()}
        return {}, {**arrays_of(self.network), **prior}

    @staticmethod
    def _from_state(
        config: ImageVaeConfig, schema: ImageSchema, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> tuple[Any, ...]:
        network = restore(_Network(schema, config), arrays)
        flow = restore(_flow_for(schema, config), arrays, "prior.")
        return network, flow


def _flow_for(schema: ImageSchema, config: ImageVaeConfig) -> Flow:
    return Flow(config.latent, len(schema.classes), width=4 * config.latent, blocks=3)


class _Trainer:
    """Training of the networks and the prior."""

    def __init__(self, data: Images, config: ImageVaeConfig, runtime: Runtime, seed: int) -> None:
        self._config, self._runtime, self._seed, self._schema = config, runtime, seed, data.schema
        order = seeding.generator(seed, "held").permutation(len(data))
        count = min(int(len(data) * HELD_OUT), MAX_HELD_OUT)
        self.held_out = torch.from_numpy(order[:count].copy())
        self._training = torch.from_numpy(np.sort(order[count:]))
        self._numbers = int(np.prod(data.schema.shape))
        pace = Pace.of(config, len(data), held_out=count)
        self.rounds, self._steps = pace.rounds, pace.steps
        self._batches = ImageBatches(data, runtime, index=self._training, batch=pace.batch, seed=seed)
        self._network = to_device(_Network(data.schema, config), runtime)
        steps = self.rounds * self._steps
        self._learner = Learner(
            self._network, rate=config.rate, steps=steps, ema=config.ema, weight_decay=1e-4, clip=MAX_GRADIENT_NORM
        )
        self.ema, self.parts = self._learner.ema, self._learner.parts
        self.rng = torch.Generator(runtime.device).manual_seed(seeding.derive(seed, "train"))
        self.plan = pace.describe(data, runtime, [self._network])

    def round(self, number: int) -> dict[str, float]:
        """Train one round, and count the latents in use.

        Raises:
            TrainingError: no latent is in use: the posterior has collapsed.
        """
        sums = torch.zeros(3, device=self._runtime.device)
        for step in range((number - 1) * self._steps, number * self._steps):
            images, labels = self._batches.at(step)
            with self._runtime.autocast():
                terms = self._network.terms(images, labels, self.rng)
            weight = min((step + 1) / (WARM_UP * self.rounds * self._steps), 1.0)
            self._learner.step(terms.reconstruction + weight * terms.vector + terms.detail, step)
            sums += torch.stack(terms).detach()
        reconstruction, vector, detail = (sums / self._steps).tolist()
        active = self._active()
        values = {
            "reconstruction": reconstruction,
            "kl": vector + detail,
            "kl_vector": vector,
            "sigma": float(np.exp(reconstruction / self._numbers)),  # the geometric mean over bands
            "active_units": float(active),
        }
        if is_watched(number, self.rounds, self._steps) and np.isfinite(vector + detail) and not active:
            raise TrainingError(
                f"the posterior collapsed: after round {number} of {self.rounds} none of the {self._network.latents} "
                f"latents depends on the image (KL {vector + detail:.2g} nats). Lower the setting `rate` (now "
                f"{self._config.rate:g})."
            )
        return values

    def validate(self, averaged: _Network) -> float:
        """Return the negative lower bound of held-out images, in nats per image, with the same noise on each call."""
        rng = torch.Generator(self._runtime.device).manual_seed(seeding.derive(self._seed, "judge"))
        total = 0.0
        for index in self._chunks(self.held_out):
            with torch.no_grad(), self._runtime.autocast():
                total += float(sum(averaged.terms(*self._batches.take(index), rng))) * len(index)
        return total / len(self.held_out)

    def preview(self, network: _Network) -> np.ndarray:
        """Draw a picture of samples, from the same noise on each call.

        The prior is fitted after the networks; until then vectors come from a Gaussian with the moments of the
        posteriors of some images. Real images and their reconstructions are never shown: pictures are part of a bundle.
        """
        posterior = self._posterior(network, self._training[:WATCHED_IMAGES])
        std = (posterior.mean.var(0, correction=0) + posterior.log_variance.exp().mean(0)).sqrt()
        rng = torch.Generator(self._runtime.device).manual_seed(seeding.derive(self._seed, "look"))
        noise = normal(rng, PREVIEW_IMAGES, network.latents)
        vector, detail = noise.tensor_split([self._config.latent], 1)
        labels = labels_on(preview_labels(self._schema), self._runtime.device)
        with torch.no_grad(), self._runtime.autocast():
            drawn = network.draw(torch.cat([posterior.mean.mean(0) + std * vector, detail], 1), labels)
        return preview_grid(as_pixels(drawn))

    def fit_prior(self, network: _Network) -> Flow:
        """Fit the flow to draws of the posteriors of the training images."""
        mean, log_variance = self._posterior(network, self._training)
        labels = None if self._batches.labels is None else self._batches.labels[self._training.to(mean.device)]

        def draw(index: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor | None]:
            noise = normal(rng, len(index), mean.shape[1])
            return mean[index] + (log_variance[index] / 2).exp() * noise, None if labels is None else labels[index]

        flow = _flow_for(self._schema, self._config).to(self._runtime.device)
        steps = self._config.prior_steps
        fitted = fit_flow(flow, draw, len(mean), steps=steps, runtime=self._runtime, seed=self._seed)
        return fitted.requires_grad_(False)

    def _posterior(self, network: _Network, index: Tensor) -> Gaussian:
        """Return the posteriors of the vectors of the images at ``index``."""
        parts = []
        for chunk in self._chunks(index):
            with torch.no_grad(), self._runtime.autocast():
                parts.append(network.vector(*self._batches.take(chunk)))
        return Gaussian(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))

    def _active(self) -> int:
        """Count the latents whose posterior mean varies between images."""
        means = []
        for index in self._chunks(self._training[:WATCHED_IMAGES]):
            with torch.no_grad(), self._runtime.autocast():
                means.append(self.ema.average.encode(*self._batches.take(index)))
        return int((torch.cat(means).var(0, correction=0) > ACTIVE).sum())

    def _chunks(self, index: Tensor) -> tuple[Tensor, ...]:
        """Split ``index`` into parts that need no more memory than a training step."""
        return torch.split(index, CHUNK_BATCHES * self._batches.size)
