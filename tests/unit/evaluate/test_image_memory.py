"""What was learnt by heart: copies are found however few, and images that are merely typical are not called copies."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from geratriz.data.image_prepare import load
from geratriz.data.images import Images
from geratriz.evaluate import image_memory, image_suite
from geratriz.evaluate.base import Score
from geratriz.evaluate.image_base import ImageTrio
from geratriz.promotion import MemoryLimits, judge_privacy

RAW = Path(__file__).parents[3] / "data" / "bundled" / "files" / "md5" / "89" / "c65e8c0facd9d0f8930c708f05204a"
SEEN: dict[int, tuple[Images, np.ndarray]] = {}


@cache
def parts() -> tuple[Images, Images, Images]:
    """900 training, 300 held-out and 300 other images of Fashion-MNIST."""
    every = load(RAW)
    chosen = np.random.default_rng(0).permutation(len(every))[:1500]
    return tuple(every.take(part) for part in np.split(chosen, [900, 1200]))  # type: ignore[return-value]


def judged(synthetic: Images) -> tuple[Score, str]:
    train, unseen, _ = parts()
    score = image_memory.memorised_share(ImageTrio(train=train, test=unseen, synthetic=synthetic, seen=SEEN))
    entry = {"value": score.value, "low": score.low, "high": score.high, "chance": 0.0}
    return score, judge_privacy({"memorised_share": entry}, MemoryLimits()).outcome


@pytest.mark.parametrize("share", [1.0, 0.5, 0.2])
def test_copies_are_a_leak(share: float) -> None:
    train, _, other = parts()
    copies = round(300 * share)
    mixed = Images.joined([train.take(slice(0, copies)), other.take(slice(copies, 300))])
    score, outcome = judged(mixed)
    assert score.value == pytest.approx(share, abs=0.12)
    assert outcome == "leak"


def test_fresh_images_are_none() -> None:
    score, outcome = judged(parts()[2])
    assert score.low <= 0 <= score.high
    assert outcome != "leak"


def test_blurred_copies_are_found_and_blurred_fresh_images_are_not() -> None:
    train, _, other = parts()
    assert judged(image_suite.blurred(train.take(slice(0, 300))))[0].value > 0.5
    assert judged(image_suite.blurred(other))[1] != "leak"


def test_the_nearest_pairs_are_kept_with_their_places() -> None:
    train, _, other = parts()
    mixed = Images.joined([other.take(slice(0, 50)), train.take(slice(10, 11))])
    score, _ = judged(mixed)
    first = score.detail["spaces"][0]["pairs"][0]
    assert (first["synthetic"], first["train"], first["to_train"]) == (50, 10, 0.0)
    assert first["to_unseen"] > 0


def test_one_image_a_side_says_nothing_certain() -> None:
    train, unseen, other = (each.take(slice(0, 1)) for each in parts())
    score = image_memory.memorised_share(ImageTrio(train=train, test=unseen, synthetic=other))
    assert score.low <= 0 <= score.high
