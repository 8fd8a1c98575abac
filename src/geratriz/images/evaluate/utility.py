"""Are synthetic images good to learn from: a small classifier learns labels from them and is tested on real images.

(Classification accuracy score: Ravuri and Vinyals, arXiv 1905.10887.) A distance between distributions does not say so:
a generator can come near and still mix up what belongs to which label.
"""

import itertools
from typing import TYPE_CHECKING

import numpy as np

from geratriz import seeding
from geratriz.images.data.images import Images
from geratriz.images.evaluate.trio import ImageTrio
from geratriz.images.evaluate.work import blocks
from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import share
from geratriz.scoring.score import Score

if TYPE_CHECKING:
    from torch import Tensor

PASSES = 8  # over the images that are learnt from
LEAST_STEPS = 300
BATCH = 64
RATE = 3e-3
WIDTH = 32  # channels of the first layer
GROUPS = 8  # of channels, normalised together: unlike batches, they are the same when it is asked
LARGEST = 64  # pixels a side that are looked at; larger images are averaged down


def cas(trio: ImageTrio) -> Score | None:
    """The share of real test images that a classifier gets right that learnt from synthetic ones."""
    return _score(trio, "synthetic")


def cas_real(trio: ImageTrio) -> Score | None:
    """The same of one that learnt from as many training images: what ``cas`` would be if they were real."""
    return _score(trio, "train")


def classify(known: Images, asked: Images, seed: int) -> np.ndarray:
    """The labels that a small convolutional network, taught with ``known``, gives the images ``asked``, int64 (N,).

    In float32: strided convolutions of small maps are NaN in bfloat16 (docs/log.md).
    """
    import torch
    from torch import nn

    assert known.labels is not None
    with seeding.scope(seeding.derive(seed, "classifier")):
        widths = [known.schema.channels, WIDTH, 2 * WIDTH, 4 * WIDTH]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.GroupNorm(GROUPS, after),
                nn.ReLU(),
                nn.Conv2d(after, after, 3, padding=1, bias=False),
                nn.GroupNorm(GROUPS, after),
                nn.ReLU(),
            ]
        network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2))
        network.append(nn.Linear(widths[-1], len(known.schema.classes)))
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        images, labels = _numbers(known), torch.from_numpy(np.array(known.labels))
        batch = min(BATCH, len(known))
        steps = max(PASSES * len(known) // batch, LEAST_STEPS)
        optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
        order = torch.cat([torch.randperm(len(known)) for _ in range(-(-steps * batch // len(known)))])
        for step in range(steps):
            index = order[step * batch : (step + 1) * batch]
            loss = nn.functional.cross_entropy(network(images[index]), labels[index])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
        network.eval()
        with torch.inference_mode():
            found = [network(part).argmax(1) for part in torch.split(_numbers(asked), 512)]
    answers: np.ndarray = torch.cat(found).numpy()
    return answers


def _score(trio: ImageTrio, taught: str) -> Score | None:
    known, test = trio.cut[taught], trio.cut["test"]
    if known.labels is None or test.labels is None or len(np.unique(test.labels)) < 2:
        return None
    right = classify(known, test, trio.config.seed) == test.labels
    by_class = {
        name: float(right[test.labels == label].mean())
        for label, name in enumerate(test.schema.classes)
        if (test.labels == label).any()
    }
    return share(int(right.sum()), len(right), by_class=by_class)


def _numbers(images: Images) -> "Tensor":
    """float32 (N, C, H, W) in about [-1, 1], averaged down to 64 pixels a side at most."""
    import torch

    height, width, channels = images.schema.shape
    scale = min(LARGEST / max(height, width), 1.0)
    size = tuple(max(round(side * scale), 1) for side in (height, width))
    numbers = torch.empty(len(images), channels, *size).contiguous(memory_format=torch.channels_last)
    for part in blocks(len(images), images.schema):
        pixels = torch.from_numpy(np.array(images.pixels[part])).permute(0, 3, 1, 2).float() / 127.5 - 1
        numbers[part] = torch.nn.functional.interpolate(pixels, size=size, mode="area") if scale < 1 else pixels
    return numbers


CAS = Metric(
    name="cas",
    title="Learnt from synthetic images",
    explains="A small classifier learns labels from synthetic images; the share of real ones it gets right.",
    better="higher",
    compute=cas,
)
CAS_REAL = Metric(
    name="cas_real",
    title="Learnt from real images",
    explains="The same of one that learns from as many training images: what it would be if they were real.",
    better="higher",
    compute=cas_real,
)
