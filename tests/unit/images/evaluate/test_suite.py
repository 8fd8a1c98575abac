"""The landmarks of images and how they are found: a floor without images, one thread, memory by bytes."""

import numpy as np
import pytest
import torch

from geratriz.images.data.images import Images, ImageSchema
from geratriz.images.evaluate import suite, utility, work
from geratriz.images.evaluate.features import ExtractorConfig, features_of
from geratriz.images.evaluate.trio import ImageEvaluateConfig, ImageTrio
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.metric import Metric
from geratriz.scoring.score import Score
from tests.images import shapes


def test_the_floor_keeps_the_colours_of_each_place_and_no_image() -> None:
    images = shapes(200, channels=3)
    floor = suite.scattered(images, 500, seed=0)
    for y, x in np.ndindex(images.schema.shape[:2]):
        assert sorted(map(tuple, floor.pixels[:, y, x])) == sorted(map(tuple, images.pixels[:, y, x]))
    assert floor.labels is not None and sorted(floor.labels) == sorted(images.labels)
    assert not {each.tobytes() for each in images.pixels} & {each.tobytes() for each in floor.pixels}
    assert len(suite.scattered(images, 30, seed=0)) == 30
    assert np.array_equal(floor.pixels, suite.scattered(images, 500, seed=0).pixels)


def test_what_is_like_the_real_images_but_blurred_is_better_than_the_floor() -> None:
    train, fresh, test = (shapes(40, height=16, width=16, labelled=False, seed=seed) for seed in range(3))
    marks = suite.landmarks(train, fresh, test, ImageEvaluateConfig())
    assert marks.floor["kid"].low > marks.blurred["kid"].high
    assert marks.blurred["kid"].value > marks.ceiling["kid"].value
    again = Landmarks.from_json(marks.to_json())
    assert again.blurred["kid"].value == marks.blurred["kid"].value


def test_metrics_are_measured_on_one_thread_and_the_number_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []

    def threads(trio: ImageTrio) -> Score:
        found.append(torch.get_num_threads())
        return Score(value=0.0, low=0.0, high=0.0)

    probe = Metric(name="probe", better="lower", title="", explains="", compute=threads)
    monkeypatch.setattr(suite, "METRICS", {"probe": probe})
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        sets = [shapes(10, seed=seed) for seed in range(3)]
        suite.evaluate(ImageTrio(train=sets[0], test=sets[1], synthetic=sets[2]))
        assert found == [1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_large_images_come_in_small_blocks_and_every_image_once() -> None:
    schema = ImageSchema(height=512, width=512, channels=3)
    parts = list(work.blocks(300, schema))
    assert np.concatenate([np.arange(300)[part] for part in parts]).tolist() == list(range(300))
    assert max(part.stop - part.start for part in parts) * 512 * 512 * 3 * 4 <= work.BLOCK_BYTES
    assert next(work.blocks(5, ImageSchema(height=9_000, width=9_000, channels=4))) == slice(0, 1)
    assert [part.stop for part in work.blocks(5, ImageSchema(height=2, width=2, channels=1), 2)] == [2, 4, 5]


def test_nothing_depends_on_how_many_images_a_block_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    images = shapes(10, height=70, width=40, channels=3)

    def seen(images: Images) -> list[np.ndarray]:
        numbers = utility._numbers(images)
        assert tuple(numbers.shape) == (10, 3, 64, 37)
        return [suite.blurred(images).pixels, numbers.numpy(), features_of(images, ExtractorConfig())]

    whole = seen(images)
    monkeypatch.setattr(work, "BLOCK_BYTES", 3 * 70 * 40 * 3 * 4)
    for one, other in zip(whole, seen(images), strict=True):
        np.testing.assert_allclose(one, other, rtol=0.05, atol=0.02)
