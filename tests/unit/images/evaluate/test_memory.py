"""What was learnt by heart: copies are found however few, and images that are merely typical are not called copies."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from geratriz.images.data.form import load
from geratriz.images.data.images import Images, ImageSchema
from geratriz.images.evaluate import memory, suite
from geratriz.images.evaluate.trio import ImageTrio
from geratriz.scoring.metric import limited
from geratriz.scoring.score import Score
from geratriz.scoring.verdict import check_metrics

RAW = Path(__file__).parents[4] / "data" / "bundled" / "files" / "md5" / "89" / "c65e8c0facd9d0f8930c708f05204a"
SEEN: dict[int, tuple[Images, np.ndarray]] = {}


@cache
def parts() -> tuple[Images, Images, Images]:
    """900 training, 300 held-out and 300 other images of Fashion-MNIST: no fewer prove that a fifth are copies."""
    every = load(RAW)
    chosen = np.random.default_rng(0).permutation(len(every))[:1500]
    return tuple(every.take(part) for part in np.split(chosen, [900, 1200]))  # type: ignore[return-value]


def judged(synthetic: Images) -> tuple[Score, str]:
    train, unseen, _ = parts()
    score = memory.memorised_share(ImageTrio(train=train, test=unseen, synthetic=synthetic, seen=SEEN))
    entry = {"value": score.value, "low": score.low, "high": score.high, "chance": 0.0}
    return score, check_metrics({"memorised_share": entry}, None, limited(suite.METRICS, None)).privacy


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
    assert judged(suite.blurred(train.take(slice(0, 300))))[0].value > 0.5
    assert judged(suite.blurred(other))[1] != "leak"


def test_the_nearest_pairs_are_kept_with_their_places() -> None:
    train, _, other = parts()
    mixed = Images.joined([other.take(slice(0, 50)), train.take(slice(10, 11))])
    score, _ = judged(mixed)
    first = score.detail["spaces"][0]["pairs"][0]
    assert (first["synthetic"], first["train"], first["to_train"]) == (50, 10, 0.0)
    assert first["to_unseen"] > 0


def test_copies_of_images_that_stand_there_twice_are_a_leak() -> None:
    train, unseen, _ = (each.take(slice(0, 200)) for each in parts())
    twice = train.take(np.repeat(np.arange(200), 2))
    score = memory.memorised_share(ImageTrio(train=twice, test=unseen, synthetic=train))
    assert score.value > 0.8 and score.low > 0.5
    for pair in score.detail["spaces"][0]["pairs"]:
        assert np.array_equal(twice.pixels[pair["train"]], train.pixels[pair["synthetic"]])


def test_colour_under_full_transparency_makes_no_other_image() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 3, 4), dtype=np.uint8)
    pixels[:2, 0, 0, 3] = 0
    pixels[1] = pixels[0]
    pixels[1, 0, 0, :3] += 7
    images = Images(pixels, ImageSchema(height=3, width=3, channels=4))
    assert memory._first_occurrences(images).tolist() == [0, 2, 3]


def test_every_training_image_is_looked_at_however_many_there_are() -> None:
    """A second: there are so many that any limit on them would show."""
    rng = np.random.default_rng(0)
    schema = ImageSchema(height=4, width=4, channels=3)
    train, unseen = (
        Images(rng.integers(0, 256, (count, *schema.shape), dtype=np.uint8), schema) for count in (90_000, 500)
    )
    copies = train.take(rng.choice(len(train), 300, replace=False))
    seen = {id(each): (each, each.pixels.reshape(len(each), -1).astype(np.float32)) for each in (train, unseen, copies)}
    score = memory.memorised_share(ImageTrio(train=train, test=unseen, synthetic=copies, seen=seen))
    assert score.value > 0.85  # near is what one in twenty comes to by chance


def test_one_image_a_side_says_nothing_certain() -> None:
    train, unseen, other = (each.take(slice(0, 1)) for each in parts())
    score = memory.memorised_share(ImageTrio(train=train, test=unseen, synthetic=other))
    assert score.low <= 0 <= score.high
