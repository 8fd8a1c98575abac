"""Were training images learnt by heart: the share of synthetic images that repeat one, beyond what chance explains.

That an image is near a training image says nothing: one that shows what many show is near many. So each synthetic image
is given to the real image that is nearest, of those trained on and those held out. A generator that copies nobody meets
the held-out ones in proportion to their number; what training images are met beyond that was copied. Measures that look
at training images alone do not see a generator that copies, or see one everywhere (Stein et al., arXiv 2306.04675).
"""

import hashlib
from typing import Any

import numpy as np

from geratriz import seeding
from geratriz.images.data.images import Images
from geratriz.images.evaluate.trio import ImageTrio
from geratriz.images.evaluate.work import blocks
from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import Z_OF_TWO, beyond_chance
from geratriz.scoring.score import Score

PROBES = 5_000  # held-out images that say how near strangers come to training images
STRANGER = 0.05  # share of held-out images that come as near to a training image as what is called near
PIXELS = 16  # a side, to which images are averaged for distances between pixels
CELLS = 20_000_000  # distances held at once
PAIRS = 12  # kept for a picture


def memorised_share(trio: ImageTrio) -> Score:
    """The share of synthetic images that repeat a training image, in the space of features or of pixels, the greater.

    Near is what the nearest 5 % of held-out images are to a training image. Only real images that no other real image
    is as near to count: what several show is nobody's. An image that stands in the training set many times is one, and
    is asked for as one: what stands there more than once is what generators learn by heart first. 0 is what a generator
    that copies nobody scores.
    """
    rng = seeding.generator(trio.config.seed, "memory")
    chosen = {
        "train": _different(trio.train),
        "unseen": _different(trio.unseen),
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
        value=max(each["excess"] for each in found),
        low=max(each["excess"] - Z_OF_TWO * each["error"] for each in found),
        high=max(each["excess"] + Z_OF_TWO * each["error"] for each in found),
        detail={"spaces": found},
    )


def _different(images: Images) -> np.ndarray:
    """Where each image stands first, ascending; colour under full transparency makes no other image."""
    first: dict[bytes, int] = {}
    for place, pixels in enumerate(images.pixels):
        shown = pixels * (pixels[..., 3:] > 0) if images.schema.channels == 4 else np.ascontiguousarray(pixels)
        first.setdefault(hashlib.sha256(shown.data).digest(), place)
    return np.array(list(first.values()), dtype=np.int64)


def _pixels(images: Images, index: np.ndarray) -> np.ndarray:
    """Images averaged down to at most 16 x 16, in [0, 1], colours times alpha, float32 (N, D)."""
    import torch

    parts = []
    for part in blocks(len(index), images.schema):
        numbers = torch.from_numpy(np.array(images.pixels[index[part]])).permute(0, 3, 1, 2).float() / 255
        if numbers.shape[1] == 4:
            numbers = torch.cat([numbers[:, :3] * numbers[:, 3:], numbers[:, 3:]], 1)
        size = (min(numbers.shape[2], PIXELS), min(numbers.shape[3], PIXELS))
        parts.append(torch.nn.functional.adaptive_avg_pool2d(numbers, size).flatten(1).numpy())
    return np.concatenate(parts)


def _repeats(points: dict[str, np.ndarray], chosen: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, Any]:
    """The excess of synthetic images that repeat a training image, its standard error, and the nearest pairs."""
    train, unseen, synthetic = (points[name] for name in ("train", "unseen", "synthetic"))
    ratio = len(train) / len(unseen)
    probes = unseen[rng.permutation(len(unseen))[:PROBES]]
    near = float(np.quantile(_nearest(probes, train)[0], STRANGER))
    to_train, nearest_train = _nearest(synthetic, train)
    to_unseen, nearest_unseen = _nearest(synthetic, unseen)
    ties = rng.random(len(synthetic)) < len(train) / (len(train) + len(unseen))  # of equally near ones it is anybody
    trained = (to_train < to_unseen) | ((to_train == to_unseen) & ties)
    which = np.where(trained, nearest_train, len(train) + nearest_unseen)
    met, times = np.unique(which[np.minimum(to_train, to_unseen) <= near], return_counts=True)
    if len(met):
        real = np.concatenate([train, unseen])
        alone = _nearest(real[met], real, but=met)[0] > near
        met, times = met[alone], times[alone]
    of_train = met < len(train)
    found = beyond_chance(times[of_train], times[~of_train], ratio, len(synthetic))
    closest = np.argsort(to_train, kind="stable")[:PAIRS]
    pairs = [
        {
            "synthetic": int(chosen["synthetic"][each]),
            "train": int(chosen["train"][nearest_train[each]]),
            "unseen": int(chosen["unseen"][nearest_unseen[each]]),
            "to_train": float(to_train[each]),
            "to_unseen": float(to_unseen[each]),
        }
        for each in closest
    ]
    return {**found, "near": near, "pairs": pairs}


def _nearest(queries: np.ndarray, base: np.ndarray, but: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The distance to the nearest of ``base`` and which it is; ``but`` is one for each query that does not count."""
    squares = np.square(base).sum(1)
    distances, which = np.empty(len(queries), np.float32), np.empty(len(queries), np.int64)
    step = max(CELLS // len(base), 1)
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        block = np.square(queries[part]).sum(1)[:, None] + squares - 2 * (queries[part] @ base.T)
        if but is not None:
            block[np.arange(len(block)), but[part]] = np.inf
        which[part] = block.argmin(1)
        # the difference itself, not of squares: a copy is at 0 exactly
        distances[part] = np.sqrt(np.square(queries[part] - base[which[part]]).sum(1))
    return distances, which


MEMORISED_SHARE = Metric(
    name="memorised_share",
    title="Learnt by heart",
    explains="The share of synthetic images that repeat a training image, beyond how often they come as near to images "
    "that were held out. 0 is what a generator that copies nobody scores.",
    better="lower",
    compute=memorised_share,
    chance=0.0,
    limit=0.05,
    required=True,
)
