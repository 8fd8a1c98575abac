"""What generators of images share: pixels as numbers, batches, pictures for people, a watch for collapse."""

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

SHOWN, LEAST_OFTEN = 160_000, 10  # images of a fit, and how often each is at least shown, where `images` is auto
WATCHED_FROM = 200  # steps before which a network is not called collapsed: it has learnt nothing yet
ROUNDS = 20
SHEET = 64  # images of the pictures that a fit shows


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageNetworkConfig:
    """Settings that every network of images here has."""

    images: int | Literal["auto"] = "auto"
    """Training images shown, repeats counted: 160,000, in larger sets at least each one 10 times."""
    batch: int = 64
    """Images a step."""
    width: int = 32
    """Channels of the largest feature map."""
    ema: float = 0.998
    """Decay of the averaged weights per step."""
    precision: Precision = "auto"
    threads: int | None = None
    """CPU threads; all when null. Part of what equal bytes depend on."""

    def __post_init__(self) -> None:
        for name, least in (("images", 1), ("batch", 2), ("width", 1)):
            value = getattr(self, name)
            if value != "auto" and value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema must be in [0, 1), got {self.ema}")

    def shown(self, count: int) -> int:
        """Training images that a fit on ``count`` of them shows, repeats counted, unless it is stopped early."""
        return max(SHOWN, LEAST_OFTEN * count) if self.images == "auto" else self.images


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How a fit goes over its images."""

    batch: int
    rounds: int
    steps: int
    """Steps a round."""
    often: float
    """How often each image is shown."""

    @classmethod
    def of(cls, config: ImageNetworkConfig, count: int, *, held: int = 0) -> Self:
        """The pace over ``count`` images, of which ``held`` are not trained on."""
        batch, images = min(config.batch, count - held), config.shown(count)
        steps = max(-(-images // batch), 1)
        rounds = min(ROUNDS, steps)
        return cls(batch=batch, rounds=rounds, steps=-(-steps // rounds), often=images / count)

    def said(self, data: Images, runtime: Runtime, networks: Sequence[nn.Module], *, also: str = "") -> str:
        """It in a sentence, with ``also`` what else there is to know of how images are shown."""
        millions = sum(each.numel() for network in networks for each in network.parameters()) / 1e6
        return (
            f"{len(data):,} images of {data.schema.height} x {data.schema.width}: at most {self.rounds} rounds of "
            f"{self.steps} steps of {self.batch}, each image about {self.often:.0f} times{also}; {millions:.1f} M "
            f"parameters on {runtime.device} ({runtime.threads} threads, {runtime.precision})"
        )


class Stock:
    """The training images, by batch, as numbers in [-1, 1]; pixels that lie on disk stay there."""

    def __init__(self, data: Images, runtime: Runtime, *, batch: int, seed: int, index: Tensor | None = None) -> None:
        """``index``: the images that batches are made of; all when None."""
        on_disk = isinstance(data.pixels, np.memmap)
        self._pixels = data.pixels if on_disk else torch.from_numpy(np.array(data.pixels)).to(runtime.device)
        self.labels = labels_on(data.labels, runtime.device)
        self.size = batch
        self._batches = Batches(torch.arange(len(data)) if index is None else index, batch, seed)
        self._device = runtime.device

    def at(self, step: int) -> tuple[Tensor, Tensor | None]:
        """Images (N, C, H, W) and labels (N,) of ``step``, counted from 0."""
        return self.take(self._batches.at(step))

    def take(self, index: Tensor) -> tuple[Tensor, Tensor | None]:
        """Images (N, C, H, W) and labels (N,) at ``index``."""
        if isinstance(self._pixels, np.memmap):
            pixels = torch.from_numpy(self._pixels[index.numpy()]).to(self._device)
        else:
            pixels = self._pixels[index.to(self._device)]
        labels = None if self.labels is None else self.labels[index.to(self._device)]
        return as_numbers(pixels), labels


def labels_on(labels: np.ndarray | None, device: torch.device | str) -> Tensor | None:
    """Labels (N,) for a network; None where there are none."""
    return None if labels is None else torch.from_numpy(np.array(labels)).to(device)


def as_numbers(pixels: Tensor) -> Tensor:
    """uint8 (N, H, W, C) as float32 (N, C, H, W) in [-1, 1], channels last in memory: convolutions are faster so."""
    return pixels.permute(0, 3, 1, 2).float().mul_(2 / 255).sub_(1)


def as_pixels(numbers: Tensor) -> np.ndarray:
    """The inverse of :func:`as_numbers`, rounded and cut to what a byte holds."""
    pixels = numbers.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def runtime_of(config: ImageNetworkConfig, run: FitRun) -> Runtime:
    """Where and how a fit of these settings computes."""
    return Runtime.choose(device=run.device, threads=config.threads, precision=config.precision)


def placed(network: N, runtime: Runtime) -> N:
    """``network`` where it computes, its convolutions in the layout that is fastest."""
    return network.to(runtime.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def checkpoint_of(data: Images, config: ImageNetworkConfig, run: FitRun, runtime: Runtime) -> Checkpoint:
    """Where the fit's state is kept."""
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
    """The record of a fit on ``data``."""
    device = runtime.device.split(":")[0]
    return run.record(len(data), device=device, threads=runtime.threads, precision=runtime.precision)


def shown_labels(schema: ImageSchema) -> np.ndarray | None:
    """Labels for a picture: class after class, in equal numbers; None where there are none."""
    if not schema.classes:
        return None
    return np.sort(np.arange(SHEET) % len(schema.classes)).astype(np.int64)


def show(pixels: np.ndarray) -> np.ndarray:
    """Images (N, H, W, C) as one picture, about as wide as high."""
    return grid(pixels, columns=max(round(len(pixels) ** 0.5), 1))


def is_watched(number: int, rounds: int, steps: int) -> bool:
    """Whether a fit of so many ``rounds`` of ``steps`` steps can be judged after round ``number``."""
    return number > rounds / 4 and number * steps >= WATCHED_FROM


def variety(pixels: Tensor) -> float:
    """The mean distance between neighbours in a batch of images (N, C, H, W), per pixel: near 0 all are alike."""
    return float((pixels - pixels.roll(1, 0)).square().mean().sqrt())
