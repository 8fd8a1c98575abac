"""The GAN that image_gan is held against: DCGAN as its paper has it (Radford et al., arXiv 1511.06434), at 32 x 32.

Strided and transposed convolutions of 4 x 4, batch normalisation, rectifiers in the generator, leaky ones (0.2) in the
discriminator, tanh at the end; weights from N(0, 0.02); Adam at 2e-4 with beta_1 = 0.5; batches of 128; non-saturating
loss. The paper's 64 x 64 networks have maps of 4, 8, 16, 32 and 64 pixels with 1024 to 128 channels; at 32 x 32 one map
fewer: 4, 8, 16, 32 pixels with 512, 256, 128 channels. Unconditional, as in the paper; bfloat16 and channels-last, as
image_gan, so that a second of the processor buys both the same arithmetic.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

NOISE = 100
BATCH = 128


def fit(pixels: np.ndarray, *, seconds: float, seed: int) -> tuple[Callable[[int], np.ndarray], int]:
    """Train for so many processor seconds.

    Args:
        pixels: uint8 (N, 32, 32, C).
        seconds: of the processor.
        seed: of weights, noise and order.

    Returns:
        A function that draws n images, uint8 (n, 32, 32, C), and the number of images shown.
    """
    torch.manual_seed(seed)
    channels = pixels.shape[3]
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    generator = nn.Sequential(
        *_up(NOISE, 512, stride=1, padding=0),
        *_up(512, 256),
        *_up(256, 128),
        nn.ConvTranspose2d(128, channels, 4, 2, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(channels, 128, 4, 2, 1),
        nn.LeakyReLU(0.2),
        *_down(128, 256),
        *_down(256, 512),
        nn.Conv2d(512, 1, 4, 1, 0),
        nn.Flatten(0),
    )
    for network in (generator, discriminator):
        network.apply(_initialise)
        network.to(memory_format=torch.channels_last)
    optimisers = [torch.optim.Adam(each.parameters(), 2e-4, betas=(0.5, 0.999)) for each in (generator, discriminator)]
    precise = torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported())
    started, shown = time.process_time(), 0
    while time.process_time() - started < seconds:
        real = images[torch.randint(len(images), (BATCH,))]
        with precise:
            drawn = generator(torch.randn(BATCH, NOISE, 1, 1))
            loss = _bce(discriminator(real), 1.0) + _bce(discriminator(drawn.detach()), 0.0)
        _step(optimisers[1], loss)
        with precise:
            loss = _bce(discriminator(drawn), 1.0)
        _step(optimisers[0], loss)
        shown += BATCH

    def draw(count: int) -> np.ndarray:
        generator.eval()
        with torch.inference_mode(), precise:
            parts = [generator(torch.randn(min(500, count - at), NOISE, 1, 1)).float() for at in range(0, count, 500)]
        numbers = torch.cat(parts).permute(0, 2, 3, 1)
        found: np.ndarray = ((numbers + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()
        return found

    return draw, shown


def _up(before: int, after: int, *, stride: int = 2, padding: int = 1) -> list[nn.Module]:
    layer = nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False)
    return [layer, nn.BatchNorm2d(after), nn.ReLU()]


def _down(before: int, after: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]


def _initialise(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)


def _bce(scores: Tensor, target: float) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(scores.float(), torch.full_like(scores.float(), target))


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
