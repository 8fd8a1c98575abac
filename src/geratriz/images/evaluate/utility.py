"""Usefulness of synthetic images for training: a small classifier learns labels from them, tested on real images.

(Classification accuracy score: Ravuri and Vinyals, arXiv 1905.10887.) Distances between distributions do not show it: a
generator can have a small distance and still mix up labels.
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

EPOCHS = 8
MIN_STEPS = 300
BATCH = 64
LEARNING_RATE = 3e-3
WIDTH = 32  # channels of the first layer
GROUPS = 8  # channel groups of the normalisation, which is the same in training and prediction
MAX_PIXELS = 64  # width and height of an input; larger images are averaged down


def cas(trio: ImageTrio) -> Score | None:
    """Accuracy on real test images of a classifier trained on synthetic images."""
    return _score(trio, "synthetic")


def cas_real(trio: ImageTrio) -> Score | None:
    """Accuracy of a classifier trained on the same number of training images: ``cas`` of perfect synthetic images."""
    return _score(trio, "train")


def classify(known: Images, queries: Images, seed: int) -> np.ndarray:
    """Labels of ``queries`` by a small convolutional network trained on ``known``, int64 (N,).

    It uses float32: strided convolutions of small maps are NaN in bfloat16 (docs/log.md).
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
        steps = max(EPOCHS * len(known) // batch, MIN_STEPS)
        optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
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
            found = [network(part).argmax(1) for part in torch.split(_numbers(queries), 512)]
    answers: np.ndarray = torch.cat(found).numpy()
    return answers


def _score(trio: ImageTrio, training: str) -> Score | None:
    known, test = trio.cut[training], trio.cut["test"]
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
    """Images as float32 (N, C, H, W) in about [-1, 1], averaged to at most 64 x 64 pixels."""
    import torch

    height, width, channels = images.schema.shape
    scale = min(MAX_PIXELS / max(height, width), 1.0)
    size = tuple(max(round(side * scale), 1) for side in (height, width))
    numbers = torch.empty(len(images), channels, *size).contiguous(memory_format=torch.channels_last)
    for part in blocks(len(images), images.schema):
        pixels = torch.from_numpy(np.array(images.pixels[part])).permute(0, 3, 1, 2).float() / 127.5 - 1
        numbers[part] = torch.nn.functional.interpolate(pixels, size=size, mode="area") if scale < 1 else pixels
    return numbers


CAS = Metric(
    name="cas",
    title="Learnt from synthetic images",
    explains="The share of real images labelled correctly by a small classifier trained on synthetic images.",
    better="higher",
    compute=cas,
    applies=lambda trio: trio.train.labels is not None,
)
CAS_REAL = Metric(
    name="cas_real",
    title="Learnt from real images",
    explains="The same after training on the same number of real images: the value of perfect synthetic images.",
    better="higher",
    compute=cas_real,
    applies=lambda trio: trio.train.labels is not None,
)
