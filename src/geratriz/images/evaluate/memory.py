"""Memorised training images: the share of synthetic images that repeat one, beyond chance.

An image near a training image is not evidence of a copy: a common image is near many. So each synthetic image is
assigned to the nearest real image, among training and held-out images. A generator that copies no image matches both in
proportion to their numbers; matches of training images beyond that are copies. Measures that use training images alone
miss a generator that copies, or find copies everywhere (Stein et al., arXiv 2306.04675).
"""

import hashlib
from typing import Any

import numpy as np

from geratriz import seeding
from geratriz.images.data.images import Images
from geratriz.images.evaluate.trio import ImageTrio
from geratriz.images.evaluate.work import blocks
from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import Z_TWO_INTERVALS, excess_over_chance
from geratriz.scoring.score import Score

MAX_PROBES = 5_000  # held-out images whose distances to training images set the threshold
NEAR_QUANTILE = 0.05  # share of held-out images that are nearer to a training image than the threshold
MAX_PIXELS = 16  # width and height that images are averaged to for distances between pixels
CELLS = 20_000_000  # distances in memory at once
MAX_PAIRS = 12  # nearest pairs for the picture


def memorised_share(trio: ImageTrio) -> Score:
    """Share of synthetic images that repeat a training image, by features or by pixels, whichever is greater.

    The threshold of near is the distance of the nearest 5 % of held-out images to a training image. Only unique real
    images count, with no other real image within the threshold. Duplicates in the training set count as one image,
    and are included because generators memorise them first. A generator that copies no image scores 0 on average.
    """
    rng = seeding.generator(trio.config.seed, "memory")
    chosen = {
        "train": _first_occurrences(trio.train),
        "unseen": _first_occurrences(trio.unseen),
        "synthetic": np.sort(rng.permutation(len(trio.synthetic))[: trio.config.max_images]),
    }
    found = []
    for space in ("features", "pixels"):
        points = {
            name: trio.all_features(name)[index] if space == "features" else _pixels(getattr(trio, name), index)
            for name, index in chosen.items()
        }
        found.append({"space": space, **_repeats(points, chosen, rng)})
    return Score(
        value=max(result["excess"] for result in found),
        low=max(result["excess"] - Z_TWO_INTERVALS * result["error"] for result in found),
        high=max(result["excess"] + Z_TWO_INTERVALS * result["error"] for result in found),
        detail={"spaces": found},
    )


def _first_occurrences(images: Images) -> np.ndarray:
    """Index of the first occurrence of each distinct image; colour under full transparency does not count."""
    first: dict[bytes, int] = {}
    for index, pixels in enumerate(images.pixels):
        shown = pixels * (pixels[..., 3:] > 0) if images.schema.channels == 4 else np.ascontiguousarray(pixels)
        first.setdefault(hashlib.sha256(shown.data).digest(), index)
    return np.array(list(first.values()), dtype=np.int64)


def _pixels(images: Images, index: np.ndarray) -> np.ndarray:
    """Images averaged to at most 16 x 16 pixels in [0, 1], with colours times alpha, float32 (N, D)."""
    import torch

    parts = []
    for part in blocks(len(index), images.schema):
        numbers = torch.from_numpy(np.array(images.pixels[index[part]])).permute(0, 3, 1, 2).float() / 255
        if numbers.shape[1] == 4:
            numbers = torch.cat([numbers[:, :3] * numbers[:, 3:], numbers[:, 3:]], 1)
        size = (min(numbers.shape[2], MAX_PIXELS), min(numbers.shape[3], MAX_PIXELS))
        parts.append(torch.nn.functional.adaptive_avg_pool2d(numbers, size).flatten(1).numpy())
    return np.concatenate(parts)


def _repeats(points: dict[str, np.ndarray], chosen: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, Any]:
    """Excess of synthetic images that repeat a training image, its standard error, and the nearest pairs."""
    train, unseen, synthetic = (points[name] for name in ("train", "unseen", "synthetic"))
    ratio = len(train) / len(unseen)
    probes = unseen[rng.permutation(len(unseen))[:MAX_PROBES]]
    threshold = float(np.quantile(_nearest(probes, train)[0], NEAR_QUANTILE))
    to_train, nearest_train = _nearest(synthetic, train)
    to_unseen, nearest_unseen = _nearest(synthetic, unseen)
    ties = rng.random(len(synthetic)) < len(train) / (len(train) + len(unseen))  # break ties at random
    trained = (to_train < to_unseen) | ((to_train == to_unseen) & ties)
    which = np.where(trained, nearest_train, len(train) + nearest_unseen)
    matched, matches = np.unique(which[np.minimum(to_train, to_unseen) <= threshold], return_counts=True)
    if len(matched):
        real = np.concatenate([train, unseen])
        unique = _nearest(real[matched], real, exclude=matched)[0] > threshold
        matched, matches = matched[unique], matches[unique]
    of_train = matched < len(train)
    found = excess_over_chance(matches[of_train], matches[~of_train], ratio, len(synthetic))
    closest = np.argsort(to_train, kind="stable")[:MAX_PAIRS]
    pairs = [
        {
            "synthetic": int(chosen["synthetic"][index]),
            "train": int(chosen["train"][nearest_train[index]]),
            "unseen": int(chosen["unseen"][nearest_unseen[index]]),
            "to_train": float(to_train[index]),
            "to_unseen": float(to_unseen[index]),
        }
        for index in closest
    ]
    return {**found, "near": threshold, "pairs": pairs}


def _nearest(queries: np.ndarray, base: np.ndarray, exclude: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the nearest of ``base``, and its index; ``exclude`` is one index per query to leave out."""
    squares = np.square(base).sum(1)
    distances, which = np.empty(len(queries), np.float32), np.empty(len(queries), np.int64)
    step = max(CELLS // len(base), 1)
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        block = np.square(queries[part]).sum(1)[:, None] + squares - 2 * (queries[part] @ base.T)
        if exclude is not None:
            block[np.arange(len(block)), exclude[part]] = np.inf
        which[part] = block.argmin(1)
        # from the difference, not from squares, so that copies have distance 0 exactly
        distances[part] = np.sqrt(np.square(queries[part] - base[which[part]]).sum(1))
    return distances, which


MEMORISED_SHARE = Metric(
    name="memorised_share",
    title="Memorised images",
    explains="The share of synthetic images that repeat a training image, minus the share expected by chance. A "
    "generator that copies no image scores about 0.",
    better="lower",
    compute=memorised_share,
    chance=0.0,
    limit=0.05,
    required=True,
)
