"""Common parts of generators of images: pixels as numbers, batches, preview pictures, detection of a collapse."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from geratriz.fitting.batches import Batches
from geratriz.fitting.checkpoint import Checkpoint
from geratriz.fitting.network import N
from geratriz.fitting.record import FitRun, Record
from geratriz.fitting.runtime import Precision, Runtime
from geratriz.images.data.images import Images, ImageSchema
from geratriz.picture import grid

IMAGES_SHOWN, MIN_REPEATS = 160_000, 10  # per fit, and per image, if `images` is auto
MIN_WATCHED_STEPS = 200  # steps before which a collapse is not reported: the network has learnt nothing yet
MAX_ROUNDS = 20
PREVIEW_IMAGES = 64  # images per picture of a fit


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageNetworkConfig:
    """Settings common to all networks for images."""

    images: int | Literal["auto"] = "auto"
    """Training images shown, repeats counted: 160,000, or 10 times each image if that is more."""
    batch: int = 64
    """Images per step."""
    width: int = 32
    """Channels of the largest feature map."""
    ema: float = 0.998
    """Decay of the averaged weights per step."""
    precision: Precision = "auto"
    threads: int | None = None
    """CPU threads; all when null. Equal bytes require equal threads."""

    def __post_init__(self) -> None:
        for name, minimum in (("images", 1), ("batch", 2), ("width", 1)):
            value = getattr(self, name)
            if value != "auto" and value < minimum:
                raise ValueError(f"{name} must be at least {minimum}, got {value}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema must be in [0, 1), got {self.ema}")

    def shown(self, count: int) -> int:
        """Return the number of images shown in a full fit on ``count`` training images, repeats counted."""
        return max(IMAGES_SHOWN, MIN_REPEATS * count) if self.images == "auto" else self.images


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """Sizes of a fit: batch, rounds and steps."""

    batch: int
    rounds: int
    steps: int
    """Steps per round."""
    repeats: float
    """Times that each image is shown."""

    @classmethod
    def of(cls, config: ImageNetworkConfig, count: int, *, held_out: int = 0) -> Self:
        """Return the sizes for ``count`` images, of which ``held_out`` are not trained on."""
        batch, images = min(config.batch, count - held_out), config.shown(count)
        steps = max(-(-images // batch), 1)
        rounds = min(MAX_ROUNDS, steps)
        return cls(batch=batch, rounds=rounds, steps=-(-steps // rounds), repeats=images / count)

    def describe(self, data: Images, runtime: Runtime, networks: Sequence[nn.Module], *, suffix: str = "") -> str:
        """Describe the fit in a sentence, with ``suffix`` after the number of times that images are shown."""
        millions = sum(weights.numel() for network in networks for weights in network.parameters()) / 1e6
        return (
            f"{len(data):,} images of {data.schema.height} x {data.schema.width}: at most {self.rounds} rounds of "
            f"{self.steps} steps of {self.batch}, each image about {self.repeats:.0f} times{suffix}; {millions:.1f} M "
            f"parameters on {runtime.device} ({runtime.threads} threads, {runtime.precision})"
        )


class ImageBatches:
    """Batches of training images as numbers in [-1, 1]; pixels on disk stay there."""

    def __init__(self, data: Images, runtime: Runtime, *, batch: int, seed: int, index: Tensor | None = None) -> None:
        """Batch the images at ``index``, or all when None."""
        on_disk = isinstance(data.pixels, np.memmap)
        self._pixels = data.pixels if on_disk else torch.from_numpy(np.array(data.pixels)).to(runtime.device)
        self.labels = labels_on(data.labels, runtime.device)
        self.size = batch
        self._batches = Batches(torch.arange(len(data)) if index is None else index, batch, seed)
        self._device = runtime.device

    def at(self, step: int) -> tuple[Tensor, Tensor | None]:
        """Return images (N, C, H, W) and labels (N,) of ``step``, counted from 0."""
        return self.take(self._batches.at(step))

    def take(self, index: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return images (N, C, H, W) and labels (N,) at ``index``."""
        if isinstance(self._pixels, np.memmap):
            pixels = torch.from_numpy(self._pixels[index.numpy()]).to(self._device)
        else:
            pixels = self._pixels[index.to(self._device)]
        labels = None if self.labels is None else self.labels[index.to(self._device)]
        return as_numbers(pixels), labels


def labels_on(labels: np.ndarray | None, device: torch.device | str) -> Tensor | None:
    """Return labels (N,) on ``device``, or None if there are none."""
    return None if labels is None else torch.from_numpy(np.array(labels)).to(device)


def as_numbers(pixels: Tensor) -> Tensor:
    """Convert uint8 (N, H, W, C) to float32 (N, C, H, W) in [-1, 1], channels last in memory for fast convolutions."""
    return pixels.permute(0, 3, 1, 2).float().mul_(2 / 255).sub_(1)


def as_pixels(numbers: Tensor) -> np.ndarray:
    """Invert :func:`as_numbers`, with numbers rounded and clipped to bytes."""
    pixels = numbers.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def runtime_of(config: ImageNetworkConfig, run: FitRun) -> Runtime:
    """Return the device, threads and precision of a fit with these settings."""
    return Runtime.choose(device=run.device, threads=config.threads, precision=config.precision)


def to_device(network: N, runtime: Runtime) -> N:
    """Move ``network`` to its device, in the memory layout of the fastest convolutions."""
    return network.to(runtime.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def checkpoint_of(data: Images, config: ImageNetworkConfig, run: FitRun, runtime: Runtime) -> Checkpoint:
    """Return the checkpoint of the fit."""
    return Checkpoint(
        run.checkpoint,
        code=run.code,
        config=config,
        seed=run.seed,
        data=run.data,
        schema=data.schema.to_json(),
        runtime=runtime,
    )


def record_of(data: Images, run: FitRun, runtime: Runtime) -> Record:
    """Return the record of a fit on ``data``."""
    device = runtime.device.split(":")[0]
    return run.record(len(data), device=device, threads=runtime.threads, precision=runtime.precision)


def preview_labels(schema: ImageSchema) -> np.ndarray | None:
    """Return labels of a preview, class after class, in equal numbers, or None without classes."""
    if not schema.classes:
        return None
    return np.sort(np.arange(PREVIEW_IMAGES) % len(schema.classes)).astype(np.int64)


def preview_grid(pixels: np.ndarray) -> np.ndarray:
    """Arrange images (N, H, W, C) in one picture, about as wide as high."""
    return grid(pixels, columns=max(round(len(pixels) ** 0.5), 1))


def is_watched(number: int, rounds: int, steps: int) -> bool:
    """Whether a collapse is reported after round ``number`` of ``rounds`` rounds of ``steps`` steps."""
    return number > rounds / 4 and number * steps >= MIN_WATCHED_STEPS


def variety(pixels: Tensor) -> float:
    """Return the root mean squared difference per pixel of neighbours in a batch (N, C, H, W); near 0 all are alike."""
    return float((pixels - pixels.roll(1, 0)).square().mean().sqrt())
