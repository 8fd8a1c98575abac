"""Generative adversarial network for images: a generator draws them, a discriminator separates them from real ones.

- Loss: relativistic pairing, softplus(-(D(real) - D(fake))) and its mirror image (Jolicoeur-Martineau, arXiv
  1807.00734), with zero-centred gradient penalties on real (R1) and generated images (R2; Mescheder et al., arXiv
  1801.04406, section 4.1). Huang et al. (arXiv 2501.05441) show that both together converge where either alone does
  not. They are computed every few steps with their weight multiplied by that number, as in Karras et al. (arXiv
  1912.04958). Since gradients are clipped, a weight far above the default acts fully only if every step has one.
- Networks: residual blocks without normalisation (nets/pyramid.py).
- Labels: the generator takes an embedding next to the noise, the discriminator scores by projection on another (Miyato
  and Koyama, arXiv 1802.05637).
- Samples are drawn from the average of the generator over steps.
- Small data sets are augmented, both real and generated images (nets/augment.py), so that they are not memorised.
- After each round the averaged generator is checked; if its images are all alike, the fit ends with the reason.

docs/log.md has the measurements behind each choice. Shapes: N images, C channels, H x W pixels, Z noise.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, final

import numpy as np
import torch
from torch import Tensor, nn

from geratriz import seeding
from geratriz.errors import TrainingError
from geratriz.fitting.average import Ema
from geratriz.fitting.learner import descend
from geratriz.fitting.network import arrays_of, normal, restore
from geratriz.fitting.record import FitRun
from geratriz.fitting.rounds import train
from geratriz.fitting.runtime import Runtime
from geratriz.images.data.images import Images, ImageSchema
from geratriz.images.generators.base import ImageGenerator, shares_of
from geratriz.images.nets.augment import augment
from geratriz.images.nets.pyramid import SLOPE, Down, Up, scale
from geratriz.images.nets.stock import (
    PREVIEW_IMAGES,
    ImageBatches,
    ImageNetworkConfig,
    Pace,
    as_pixels,
    checkpoint_of,
    is_watched,
    labels_on,
    preview_grid,
    preview_labels,
    record_of,
    runtime_of,
    to_device,
    variety,
)

WARM_UP = 0.02  # share of the steps after which the rate is at its peak
LEAK = 0.01  # slope added to the bounded output, so that all-black images still have a gradient
FEATURES = 16  # inputs of the discriminator's last layer, in units of `width`
WATCHED_IMAGES = 256  # images drawn after each round to detect a collapse of the generator
MIN_VARIETY, MAX_VARIETY = 0.2, 1.4  # relative to real images; outside, the generator has collapsed or diverged
MIN_REAL_VARIETY = 0.01  # variety of real images below which a collapse cannot be detected
MAX_GRADIENT_NORM = 1.0
MIN_AUGMENTED_REPEATS = 60  # times that each image is shown in a fit from which on images are augmented


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageGanConfig(ImageNetworkConfig):
    """Settings of the GAN; the defaults were chosen on Fashion-MNIST (docs/log.md)."""

    rate: float = 1e-3
    """Peak learning rate of both networks; it falls to 0 along a cosine."""
    noise: int = 64
    """Dimensions of the generator's noise."""
    penalty: float | Literal["auto"] = "auto"
    """Weight of the gradient penalties: higher is steadier and slower. Auto: 0.1 at 32 x 32, in proportion to the
    pixels, and at least 0.01."""
    penalty_every: int = 4
    """Steps from one penalty to the next, and the factor on its weight: 1 is slower, and keeps rare modes longer."""
    augment: bool | Literal["auto"] = "auto"
    """Whether images are augmented; auto: if each is shown at least 60 times."""

    def __post_init__(self) -> None:
        ImageNetworkConfig.__post_init__(self)
        for name in ("noise", "penalty_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.rate <= 0 or (self.penalty != "auto" and self.penalty < 0):
            raise ValueError(f"rate must be positive and penalty not negative, got {self.rate} and {self.penalty}")


class _Generator(nn.Module):
    """Network from noise, and labels if there are any, to images in [-1, 1]."""

    def __init__(self, schema: ImageSchema, config: ImageGanConfig) -> None:
        super().__init__()
        dimensions = config.noise if schema.classes else 0
        self.label = nn.Embedding(len(schema.classes), dimensions) if dimensions else None
        self.up = Up(config.noise + dimensions, schema, config.width)

    def forward(self, noise_NZ: Tensor, labels_N: Tensor | None) -> Tensor:
        """Return images, (N, C, H, W), float32."""
        if self.label is not None:
            noise_NZ = torch.cat([noise_NZ, self.label(labels_N)], 1)
        raw: Tensor = self.up(noise_NZ)
        return raw.tanh() + LEAK * raw


class _Discriminator(nn.Module):
    """Network from images to scores, higher for more realistic images."""

    def __init__(self, schema: ImageSchema, config: ImageGanConfig) -> None:
        super().__init__()
        self.down = Down(schema, config.width)
        features = FEATURES * config.width
        self.features = nn.Linear(self.down.features, features)
        self.score = nn.Linear(features, 1)
        self.label = nn.Embedding(len(schema.classes), features) if schema.classes else None
        scale(self.features)
        if self.label is not None:
            nn.init.normal_(self.label.weight, std=features**-0.5)

    def forward(self, images: Tensor, labels_N: Tensor | None) -> Tensor:
        """Return scores, (N,), float32."""
        features = nn.functional.leaky_relu(self.features(self.down(images)), SLOPE).float()
        with torch.autocast(images.device.type, enabled=False):
            scores: Tensor = self.score(features).squeeze(1)
            if self.label is not None:
                scores = scores + (features * self.label(labels_N)).sum(1)
        return scores


@final
@dataclass(frozen=True, slots=True)
class ImageGan(ImageGenerator[ImageGanConfig]):
    """Generator of images: a GAN, conditional on the label if there are labels."""

    kind: ClassVar[str] = "image_gan"
    config_cls: ClassVar[type[Any]] = ImageGanConfig

    network: _Generator
    """Fitted network in evaluation mode, on the device of the fit or the load."""

    @classmethod
    def _fit(cls, data: Images, config: ImageGanConfig, run: FitRun) -> Self:
        runtime = runtime_of(config, run)
        with runtime.active():
            game = _Game(data, config, runtime, run.seed)
            run.tracker.note(game.plan)
            checkpoint = checkpoint_of(data, config, run, runtime)
            network = train(
                game.round,
                validate=None,
                rounds=game.rounds,
                patience=game.rounds,
                ema=game.ema,
                parts=game.parts,
                rng=game.rng,
                checkpoint=checkpoint,
                tracker=run.tracker,
                preview=game.preview,
            )
        checkpoint.clear()
        return cls(config, record_of(data, run, runtime), data.schema, shares_of(data), network)

    def _latents(self, rows: int, rng: np.random.Generator, labels: np.ndarray | None) -> np.ndarray:
        return rng.standard_normal((rows, self.config.noise), dtype=np.float32)

    def _decode(self, latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        device = self.network.up.start.weight.device
        with torch.inference_mode():
            labels_N = labels_on(labels, device)
            return as_pixels(self.network(torch.from_numpy(latents).to(device), labels_N))

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {}, arrays_of(self.network)

    @staticmethod
    def _from_state(
        config: ImageGanConfig, schema: ImageSchema, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> tuple[Any, ...]:
        return (restore(_Generator(schema, config), arrays),)


class _Game:
    """Training of the generator and the discriminator against each other."""

    def __init__(self, data: Images, config: ImageGanConfig, runtime: Runtime, seed: int) -> None:
        self._config, self._runtime, self._seed = config, runtime, seed
        pace = Pace.of(config, len(data))
        self.rounds, self._steps = pace.rounds, pace.steps
        height, width, _ = data.schema.shape
        self._penalty = 0.1 * max(height * width / 32**2, 0.1) if config.penalty == "auto" else config.penalty
        self._augmented = pace.repeats >= MIN_AUGMENTED_REPEATS if config.augment == "auto" else config.augment
        self._batches = ImageBatches(data, runtime, batch=pace.batch, seed=seed)
        self._generator = to_device(_Generator(data.schema, config), runtime)
        self._discriminator = to_device(_Discriminator(data.schema, config), runtime)
        self.ema = Ema(self._generator, config.ema)
        self._optimisers = [
            torch.optim.Adam(network.parameters(), lr=config.rate, betas=(0.0, 0.99), eps=1e-8, fused=True)
            for network in (self._generator, self._discriminator)
        ]
        self.parts = {
            "generator": self._generator,
            "discriminator": self._discriminator,
            "generator_steps": self._optimisers[0],
            "discriminator_steps": self._optimisers[1],
        }
        self.rng = torch.Generator(runtime.device).manual_seed(seeding.derive(seed, "train"))
        real, labels = self._batches.take(torch.linspace(0, len(data) - 1, min(WATCHED_IMAGES, len(data))).long())
        self._real_variety = variety(real)
        self._watched_labels = None if labels is None else np.resize(labels.cpu().numpy(), WATCHED_IMAGES)
        self._preview_labels = preview_labels(data.schema)
        networks = (self._generator, self._discriminator)
        self.plan = pace.describe(data, runtime, networks, suffix=", augmented" if self._augmented else "")

    def round(self, number: int) -> dict[str, float]:
        """Train one round, and check the images that the generator draws then.

        Raises:
            TrainingError: the generator has collapsed.
        """
        sums = torch.zeros(4, device=self._runtime.device)
        for step in range((number - 1) * self._steps, number * self._steps):
            self._set_rate(step)
            images, labels = self._batches.at(step)
            sums[:3] += self._step_discriminator(images, labels, penalised=step % self._config.penalty_every == 0)
            sums[3] += self._step_generator(images, labels)
            self.ema.update(step + 1)
        discriminator, accuracy, slope, generator = (sums / self._steps).tolist()
        values = {
            "generator_loss": generator,
            "discriminator_loss": discriminator,
            "accuracy": accuracy,
            "slope": slope * self._config.penalty_every,
        }
        self._watch(number, values)
        return values

    def preview(self, network: _Generator) -> np.ndarray:
        """Draw a picture of images of ``network``, from the same noise on each call."""
        return preview_grid(as_pixels(self._draw(network, PREVIEW_IMAGES, self._preview_labels)))

    def _set_rate(self, step: int) -> None:
        done = (step + 1) / (self.rounds * self._steps)
        rate = self._config.rate * min(1.0, done / WARM_UP) * (1 + math.cos(math.pi * done)) / 2
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate

    def _scores(self, images: Tensor, labels: Tensor | None) -> Tensor:
        inputs = augment(images, self.rng) if self._augmented else images
        scores: Tensor = self._discriminator(inputs, labels)
        return scores

    def _generate(self, labels: Tensor | None, count: int) -> Tensor:
        images: Tensor = self._generator(normal(self.rng, count, self._config.noise), labels)
        return images

    def _step_discriminator(self, images: Tensor, labels: Tensor | None, *, penalised: bool) -> Tensor:
        """Take a step; return loss, share of pairs in which the real image scored higher, and mean squared slope."""
        with self._runtime.autocast():
            with torch.no_grad():
                drawn = self._generate(labels, len(images))
            both = torch.cat([images, drawn]).requires_grad_(penalised)
            scores = self._scores(both, None if labels is None else torch.cat([labels, labels]))
        real, fake = scores.chunk(2)
        loss = nn.functional.softplus(fake - real).mean()
        total, slope = loss, torch.zeros_like(loss)
        if penalised:
            (gradient,) = torch.autograd.grad(scores.sum(), both, create_graph=True)
            slope = gradient.float().square().sum((1, 2, 3)).mean()
            weight = self._penalty * self._config.penalty_every
            total = total + weight * slope  # half of it on real images, half on generated ones
        self._descend(self._optimisers[1], total)
        return torch.stack([loss.detach(), (real > fake).float().mean(), slope.detach()])

    def _step_generator(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Take a step; return the loss."""
        self._discriminator.requires_grad_(False)
        with self._runtime.autocast():
            fake = self._scores(self._generate(labels, len(images)), labels)
            with torch.no_grad():
                real = self._scores(images, labels)
        loss = nn.functional.softplus(real - fake).mean()
        self._descend(self._optimisers[0], loss)
        self._discriminator.requires_grad_(True)
        return loss.detach()

    @staticmethod
    def _descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        descend(loss, optimiser, optimiser.param_groups[0]["params"], clip=MAX_GRADIENT_NORM)

    def _draw(self, network: _Generator, count: int, labels: np.ndarray | None) -> Tensor:
        rng = torch.Generator(self._runtime.device).manual_seed(seeding.derive(self._seed, "look"))
        labels_N = labels_on(labels, self._runtime.device)
        with torch.no_grad(), self._runtime.autocast():
            drawn: Tensor = network(normal(rng, count, self._config.noise), labels_N)
        return drawn

    def _watch(self, number: int, values: dict[str, float]) -> None:
        """Add to ``values`` the variety of the averaged generator's images, relative to that of real images."""
        drawn = self._draw(self.ema.average, WATCHED_IMAGES, self._watched_labels)
        values["variety"] = varied = variety(drawn) / max(self._real_variety, MIN_REAL_VARIETY)
        watched = is_watched(number, self.rounds, self._steps) and self._real_variety > MIN_REAL_VARIETY
        watched = watched and math.isfinite(varied)  # values that are not finite are reported elsewhere
        if watched and not MIN_VARIETY <= varied <= MAX_VARIETY:
            fault = "diverged" if varied > MAX_VARIETY else "collapsed"
            raise TrainingError(
                f"the generator {fault}: after round {number} of {self.rounds}, the differences between its images are "
                f"{varied:.0%} of those between real ones. The discriminator was right on {values['accuracy']:.0%} of "
                f"the pairs. Lower the setting `rate` (now {self._config.rate:g}), or raise `penalty` (now "
                f"{self._penalty:g})."
            )
