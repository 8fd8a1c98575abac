"""The VAE that image_vae is held against: its networks of one vector, unit variance and a standard normal prior.

(Kingma and Welling, arXiv 1312.6114.) Encoder, decoder, latents of the vector, batch, rate and precision are
image_vae's; the likelihood is a Gaussian of variance 1 for pixels in [-1, 1], the KL term has its full weight from the
start, samples are the decoder's means at latents from N(0, I). Labels are given to it as to image_vae.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from geratriz.fitting.average import Ema
from geratriz.fitting.network import normal
from geratriz.images.data.images import Images, ImageSchema
from geratriz.images.generators.base import shares_of
from geratriz.images.generators.image_vae import LABEL_DIMENSIONS, ImageVaeConfig
from geratriz.images.nets.pyramid import Down, Up
from geratriz.images.nets.stock import as_numbers, as_pixels


def fit(data: Images, *, seconds: float, seed: int) -> tuple[Callable[[int], np.ndarray], int]:
    """Train for so many processor seconds; a function that draws n images, and the number of images shown."""
    config = ImageVaeConfig()
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    network = _Plain(data.schema, config).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    ema = Ema(network, config.ema)
    optimiser = torch.optim.AdamW(network.parameters(), config.rate, betas=(0.9, 0.99), weight_decay=1e-4, fused=True)
    images = as_numbers(torch.from_numpy(np.array(data.pixels)))
    labels = None if data.labels is None else torch.from_numpy(np.array(data.labels))
    precise = torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported())
    numbers, started, shown, step = int(np.prod(data.schema.shape)), time.process_time(), 0, 0
    while (spent := time.process_time() - started) < seconds:
        for group in optimiser.param_groups:
            group["lr"] = config.rate * (1 - spent / seconds)
        index = torch.randint(len(images), (config.batch,), generator=rng)
        given = None if labels is None else labels[index]
        with precise:
            mean, log_variance = network.encode(images[index], given)
            drawn = mean + (log_variance / 2).exp() * normal(rng, *mean.shape)
            error = (network.decode(drawn, given) - images[index]).square().mean()
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        loss = numbers / 2 * error + kl
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 100.0)
        optimiser.step()
        step += 1
        ema.update(step)
        shown += config.batch

    def draw(count: int) -> np.ndarray:
        given = None
        if data.labels is not None:
            given = torch.multinomial(torch.tensor(shares_of(data)), count, replacement=True, generator=rng)
        with torch.inference_mode():
            return as_pixels(ema.average.decode(torch.randn(count, config.latent, generator=rng), given))

    return draw, shown


class _Plain(nn.Module):
    """Encoder and decoder."""

    def __init__(self, schema: ImageSchema, config: ImageVaeConfig) -> None:
        super().__init__()
        given = LABEL_DIMENSIONS if schema.classes else 0
        self.label = nn.Embedding(len(schema.classes), given) if given else None
        self.down = Down(schema, config.width)
        self.posterior = nn.Linear(self.down.features + given, 2 * config.latent)
        self.up = Up(config.latent + given, schema, config.width)
        nn.init.normal_(self.posterior.weight, std=0.1 * self.posterior.in_features**-0.5)
        nn.init.zeros_(self.posterior.bias)

    def encode(self, images: Tensor, labels_N: Tensor | None) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the posterior."""
        mean, log_variance = self.posterior(self._told(self.down(images), labels_N)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)

    def decode(self, z_NZ: Tensor, labels_N: Tensor | None) -> Tensor:
        """Images, not bounded."""
        images: Tensor = self.up(self._told(z_NZ, labels_N))
        return images

    def _told(self, features: Tensor, labels_N: Tensor | None) -> Tensor:
        return features if self.label is None else torch.cat([features, self.label(labels_N)], 1)
