"""A variational autoencoder for images: an encoder to latents, a decoder back, and a learnt prior to draw from.

- Likelihood: Gaussian with one variance a band of frequencies (_bands.py), at its optimum for each batch: the loss is
  the sum of N / 2 log(MSE) over bands of N numbers, and the KL term (Rybkin et al., arXiv 2006.13202, section 4, have
  one band), so nothing weighs pixels against the KL term, and fine detail is not lost in the variance of the coarse.
- Detail: each feature map of the decoder has latents of its own, drawn given what is above it (_ladder.py). A vector
  alone leaves the decoder to answer with means, which are blurred.
- The KL term's weight of the vector rises over the first part of the fit, that of detail is whole from the start: else
  detail, the shorter way, tells everything, and what the image is as a whole is left to chance.
- Prior: what the encoder makes of the training images is far from a standard Gaussian, and what the decoder makes of
  latents it never saw is no image. A flow is fitted to the aggregate posterior after the networks (py).
- Labels: encoder, decoder and prior are told.
- Held-out images decide which round is kept; a fit whose latents are all switched off ends with the reason.

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
    SHEET,
    ImageNetworkConfig,
    Pace,
    Stock,
    as_numbers,
    as_pixels,
    checkpoint_of,
    is_watched,
    labels_on,
    placed,
    record_of,
    runtime_of,
    show,
    shown_labels,
)

HELD_OUT = 0.05  # share of the images that judge each round
HELD_OUT_MOST = 1000
WARM_UP = 0.2  # share of the steps after which the KL term has its full weight
LEAST_VARIANCE = (2 / 255) ** 2 / 12  # of a pixel: what rounding to a byte leaves
DETAIL = 8  # latents a place of the smallest map; half as many at each doubling of it, and 2 at least
LABEL = 16  # dimensions of a label's embedding
ACTIVE = 0.01  # variance of a latent's posterior mean above which it is in use (Burda et al., arXiv 1509.00519)
LOOKED_AT = 512  # images whose latents are counted
PASSED = 4  # batches that go through the networks at once where nothing is learnt
CLIP = 100.0  # norm of the gradient, beyond which a step is shortened


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageVaeConfig(ImageNetworkConfig):
    """Settings of the VAE; the defaults were chosen on Fashion-MNIST (docs/log.md)."""

    batch: int = 32
    """Images a step."""
    rate: float = 2e-3
    """Peak of the learning rate."""
    latent: int = 64
    """Dimensions of the vector of latents."""
    prior_steps: int = 3000
    """Steps of fitting the prior."""

    def __post_init__(self) -> None:
        ImageNetworkConfig.__post_init__(self)
        for name in ("latent", "prior_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.rate <= 0:
            raise ValueError(f"rate must be positive, got {self.rate}")


class _Terms(NamedTuple):
    """Of an image, at one draw of the posterior, in nats without constants."""

    reconstruction: Tensor
    """The negative log likelihood at the optimal variance of each band."""
    vector: Tensor
    """The KL term of the vector."""
    detail: Tensor
    """The KL term of the latents of maps."""


class _Network(nn.Module):
    """Encoder and decoder."""

    def __init__(self, schema: ImageSchema, config: ImageVaeConfig) -> None:
        super().__init__()
        given = LABEL if schema.classes else 0
        self.label = nn.Embedding(len(schema.classes), given) if given else None
        self.down = Down(schema, config.width)
        self.posterior = nn.Linear(self.down.features + given, 2 * config.latent)
        self.up = Up(config.latent + given, schema, config.width)
        self.rungs = nn.ModuleList(
            Rung(channels, max(DETAIL >> level, 2)) for level, channels in enumerate(self.up.widths)
        )
        nn.init.normal_(self.posterior.weight, std=0.1 * self.posterior.in_features**-0.5)
        nn.init.zeros_(self.posterior.bias)
        sizes = self.up.sizes
        self.shapes = [
            (self._rung(level).latents, sizes.height << level, sizes.width << level) for level in range(len(self.rungs))
        ]
        ends = np.cumsum([0, config.latent, *(int(np.prod(shape)) for shape in self.shapes)])
        self.parts = [slice(start, end) for start, end in pairwise(ends.tolist())]
        """Where in all latents are those of the vector, and of each map."""
        self.latents = self.parts[-1].stop

    def encode(self, images: Tensor, labels_N: Tensor | None) -> Tensor:
        """The posterior means of all latents of p(z | x, y), (N, Z), float32."""
        seen = self.down.maps(images)
        mean = self._vector(seen, labels_N).mean
        means = [mean]

        def take(level: int, prior: Gaussian, maps: Tensor) -> Tensor:
            means.append(self._rung(level).posterior(prior, maps, seen[-1 - level])[0].mean)
            return means[-1]

        self._paint(mean, labels_N, take)
        return torch.cat([each.flatten(1) for each in means], 1)

    def vector(self, images: Tensor, labels_N: Tensor | None) -> Gaussian:
        """The posterior of the vector, (N, latent) each."""
        return self._vector(self.down.maps(images), labels_N)

    def decode(self, z_NZ: Tensor, labels_N: Tensor | None) -> Tensor:
        """The images of all latents, means of p(x | z, y), (N, C, H, W), float32."""
        return self._paint(z_NZ[:, self.parts[0]], labels_N, lambda level, prior, maps: self._of(level, z_NZ))

    def draw(self, z_NZ: Tensor, labels_N: Tensor | None) -> Tensor:
        """The images of a vector, and of standard noise in place of the latents of maps, (N, C, H, W), float32."""
        return self._paint(z_NZ[:, self.parts[0]], labels_N, lambda level, prior, maps: prior.at(self._of(level, z_NZ)))

    def terms(self, images: Tensor, labels_N: Tensor | None, rng: torch.Generator) -> _Terms:
        """The terms of the negative lower bound, means over ``images``."""
        seen = self.down.maps(images)
        vector = self._vector(seen, labels_N)
        kl = 0.5 * (vector.mean.square() + vector.log_variance.exp() - 1 - vector.log_variance).sum(1).mean()
        details: list[Tensor] = []

        def take(level: int, prior: Gaussian, maps: Tensor) -> Tensor:
            posterior, cost = self._rung(level).posterior(prior, maps, seen[-1 - level])
            details.append(cost.sum((1, 2, 3)).mean())
            return posterior.at(normal(rng, *posterior.mean.shape))

        left = self._paint(vector.at(normal(rng, *vector.mean.shape)), labels_N, take) - images
        optimal = [band[0].numel() / 2 * band.square().mean().clamp_min(LEAST_VARIANCE).log() for band in bands(left)]
        return _Terms(torch.stack(optimal).sum(), kl, torch.stack(details).sum())

    def _vector(self, seen: list[Tensor], labels_N: Tensor | None) -> Gaussian:
        mean, log_variance = self.posterior(self._told(self.down.flat(seen[-1]), labels_N)).float().chunk(2, dim=1)
        return Gaussian(mean, log_variance.clamp(-12, 4))

    def _paint(self, z: Tensor, labels_N: Tensor | None, take: Callable[[int, Gaussian, Tensor], Tensor]) -> Tensor:
        """The images of a vector, and of the latents that ``take`` gives for a level, its prior and its maps."""
        maps = self.up.smallest(self._told(z, labels_N))
        for level in range(len(self.rungs)):
            rung = self._rung(level)
            maps = self.up.levels[level](maps)
            maps = rung(maps, take(level, rung.prior(maps), maps))
        return self.up.images(maps)

    def _rung(self, level: int) -> Rung:
        return cast(Rung, self.rungs[level])

    def _of(self, level: int, z_NZ: Tensor) -> Tensor:
        return z_NZ[:, self.parts[level + 1]].reshape(-1, *self.shapes[level])

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
    """Of the vector."""

    def encode(self, images: Images) -> np.ndarray:
        """The posterior means of ``images``, float32 (N, Z).

        Raises:
            RequestError: they have another size or other classes than the images it was fitted on.
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
        """The image of each latent, shape (N, Z); ``labels`` (N,), where the images have them.

        Raises:
            RequestError: the latents have another shape, or labels are missing.
        """
        if latents.ndim != 2 or latents.shape[1] != self.network.latents:
            raise RequestError(f"latents have shape {latents.shape}, expected (images, {self.network.latents}).")
        if (labels is None) == bool(self.schema.classes):
            raise RequestError("give labels, one an image, where the images have them, and only there.")
        with torch.inference_mode():
            z = torch.from_numpy(latents.astype(np.float32)).to(self._device)
            pixels = as_pixels(self.network.decode(z, labels_on(labels, self._device)))
        return Images(pixels, self.schema, labels)

    @classmethod
    def _fit(cls, data: Images, config: ImageVaeConfig, run: FitRun) -> Self:
        runtime = runtime_of(config, run)
        checkpoint = checkpoint_of(data, config, run, runtime)
        with runtime.active():
            learning = _Learning(data, config, runtime, run.seed)
            run.tracker.note(learning.plan)
            network = train(
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
        return cls(config, record_of(data, run, runtime), data.schema, shares_of(data), network, prior)

    def _latents(self, rows: int, rng: np.random.Generator, labels: np.ndarray | None) -> np.ndarray:
        return rng.standard_normal((rows, self.network.latents), dtype=np.float32)

    def _decode(self, latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        with torch.inference_mode():
            given = labels_on(labels, self._device)
            noise = torch.from_numpy(latents).to(self._device)
            vector = self.prior.latents(noise[:, : self.config.latent], given)
            return as_pixels(self.network.draw(torch.cat([vector, noise[:, self.config.latent :]], 1), given))

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
        steps = self.rounds * self._steps
        self._learner = Learner(
            self._network, rate=config.rate, steps=steps, ema=config.ema, weight_decay=1e-4, clip=CLIP
        )
        self.ema, self.parts = self._learner.ema, self._learner.parts
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
                f"latents says anything of an image (KL {vector + detail:.2g} nats). Lower the setting `rate` (now "
                f"{self._config.rate:g})."
            )
        return values

    def judge(self, averaged: _Network) -> float:
        """The negative lower bound of held-out images, in nats an image; the same noise each time."""
        rng = torch.Generator(self._runtime.device).manual_seed(seeding.derive(self._seed, "judge"))
        total = 0.0
        for index in self._passes(self.held):
            with torch.no_grad(), self._runtime.autocast():
                total += float(sum(averaged.terms(*self._stock.take(index), rng))) * len(index)
        return total / len(self.held)

    def look(self, network: _Network) -> np.ndarray:
        """A picture of samples, from the same noise each time.

        The prior is fitted when the networks are done; until then vectors come from a Gaussian with the moments of the
        posteriors of some images. Never real images, nor what is decoded from theirs: pictures are part of a bundle.
        """
        some = self._posterior(network, self._known[:LOOKED_AT])
        spread = (some.mean.var(0, correction=0) + some.log_variance.exp().mean(0)).sqrt()
        rng = torch.Generator(self._runtime.device).manual_seed(seeding.derive(self._seed, "look"))
        noise = normal(rng, SHEET, network.latents)
        vector, detail = noise.tensor_split([self._config.latent], 1)
        given = labels_on(shown_labels(self._schema), self._runtime.device)
        with torch.no_grad(), self._runtime.autocast():
            drawn = network.draw(torch.cat([some.mean.mean(0) + spread * vector, detail], 1), given)
        return show(as_pixels(drawn))

    def fit_prior(self, network: _Network) -> Flow:
        """The flow to one draw of the posterior an image."""
        mean, log_variance = self._posterior(network, self._known)
        labels = None if self._stock.labels is None else self._stock.labels[self._known.to(mean.device)]

        def draw(index: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor | None]:
            noise = normal(rng, len(index), mean.shape[1])
            return mean[index] + (log_variance[index] / 2).exp() * noise, None if labels is None else labels[index]

        flow = _flow_for(self._schema, self._config).to(self._runtime.device)
        steps = self._config.prior_steps
        fitted = fit_flow(flow, draw, len(mean), steps=steps, runtime=self._runtime, seed=self._seed)
        return fitted.requires_grad_(False)

    def _posterior(self, network: _Network, index: Tensor) -> Gaussian:
        """The posteriors of the vectors of the images at ``index``."""
        parts = []
        for each in self._passes(index):
            with torch.no_grad(), self._runtime.autocast():
                parts.append(network.vector(*self._stock.take(each)))
        return Gaussian(*(torch.cat(each) for each in zip(*parts, strict=True)))

    def _active(self) -> int:
        """Latents whose posterior mean varies from image to image."""
        means = []
        for index in self._passes(self._known[:LOOKED_AT]):
            with torch.no_grad(), self._runtime.autocast():
                means.append(self.ema.average.encode(*self._stock.take(index)))
        return int((torch.cat(means).var(0, correction=0) > ACTIVE).sum())

    def _passes(self, index: Tensor) -> tuple[Tensor, ...]:
        """``index`` in parts that need no more memory than a step of training does."""
        return torch.split(index, PASSED * self._stock.size)
