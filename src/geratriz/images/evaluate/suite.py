"""All metrics of images, and their landmarks: scattered, blurred, fresh and copied real images."""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from geratriz import seeding
from geratriz.errors import DataError
from geratriz.images.data.images import Images
from geratriz.images.evaluate.distances import FD, KID
from geratriz.images.evaluate.memory import MEMORISED_SHARE
from geratriz.images.evaluate.support import COVERAGE, DENSITY, PRECISION, RECALL
from geratriz.images.evaluate.trio import ImageEvaluateConfig, ImageTrio
from geratriz.images.evaluate.utility import CAS, CAS_REAL
from geratriz.images.evaluate.work import blocks, one_thread
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.metric import Metric, by_name, measure
from geratriz.scoring.score import Score

CAS_BASELINE = "cas_real"  # a reference for `cas`; it does not depend on the synthetic images
BLUR = 3  # width and height in pixels of the blur of a landmark
METRICS: dict[str, Metric[ImageTrio]] = by_name(
    KID, FD, PRECISION, RECALL, DENSITY, COVERAGE, CAS, CAS_REAL, MEMORISED_SHARE
)


@one_thread()
def evaluate(trio: ImageTrio, known: Mapping[str, Score] = MappingProxyType({})) -> dict[str, Score]:
    """Score of each metric that applies to the images, by name; those in ``known`` are not computed again."""
    return measure(METRICS, trio, known)


def landmarks(train: Images, fresh: Images, test: Images, config: ImageEvaluateConfig) -> Landmarks:
    """The floor, ``train`` scattered; the ceiling, ``fresh``; ``fresh`` blurred; and the copycat, ``train`` itself.

    For the ceiling ``fresh`` is not available as held-out images, so the interval of memorised images is wider there.
    """
    images = min(len(train), len(fresh), len(test), config.max_images)
    shared: dict[str, Any] = {"train": train, "test": test, "config": config, "images": images, "seen": {}}

    def trio(synthetic: Images, unseen: Images | None) -> ImageTrio:
        return ImageTrio(synthetic=synthetic, fresh=unseen, **shared)

    ceiling = evaluate(trio(fresh, None))
    real = {name: score for name, score in ceiling.items() if name == CAS_BASELINE}
    return Landmarks(
        rows=images,
        floor=evaluate(trio(scattered(train, len(fresh), config.seed), fresh), real),
        ceiling=ceiling,
        blurred=evaluate(trio(blurred(fresh), None), real),
        copycat=evaluate(trio(train, fresh), real),
    )


def halve(test: Images) -> tuple[Images, Images]:
    """Divide ``test`` by content into fresh images for the ceiling and test images; equal images stay together.

    Raises:
        DataError: ``test`` has fewer than two different images.
    """
    digests = np.array([hashlib.sha256(np.ascontiguousarray(image).data).digest()[:8] for image in test.pixels])
    middle = np.sort(digests)[len(digests) // 2] if len(digests) else b""
    first = digests < middle
    if not first.any():
        raise DataError(f"{len(test)} test images are too few to divide; use more that differ.")
    return test.take(first), test.take(~first)


def scattered(images: Images, limit: int, seed: int) -> Images:
    """A subset of ``images``, at most ``limit``, with every pixel and the label shuffled independently.

    It is like a table with every column shuffled: every position keeps its colours, and no image is left.
    """
    rng = seeding.generator(seed, "floor")
    count, (height, width, _) = min(limit, len(images)), images.schema.shape
    some = images.take(np.sort(rng.choice(len(images), count, replace=False)))
    for row in range(height):
        source = rng.permuted(np.tile(np.arange(count)[:, None], width), axis=0)
        some.pixels[:, row] = some.pixels[source, row, np.arange(width)]
    return Images(some.pixels, images.schema, None if some.labels is None else rng.permutation(some.labels))


def blurred(images: Images) -> Images:
    """``images`` with every pixel replaced by the mean of the 3 x 3 pixels around it, or fewer at the edges."""
    reach = BLUR // 2
    height, width, _ = images.schema.shape
    pixels = np.empty_like(images.pixels)
    for block in blocks(len(images), images.schema):
        part = np.asarray(images.pixels[block], np.float32)
        sums, counts = np.zeros_like(part), np.zeros((1, height, width, 1), np.float32)
        for down in range(-reach, reach + 1):
            for right in range(-reach, reach + 1):
                to = (slice(max(down, 0), height + min(down, 0)), slice(max(right, 0), width + min(right, 0)))
                of = (slice(max(-down, 0), height + min(-down, 0)), slice(max(-right, 0), width + min(-right, 0)))
                sums[:, to[0], to[1]] += part[:, of[0], of[1]]
                counts[:, to[0], to[1]] += 1
        pixels[block] = np.rint(sums / counts)
    return Images(pixels, images.schema, images.labels)
