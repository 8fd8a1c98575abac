"""What only generators of images promise, held for every one of their catalog: sizes, labels, walks, pictures."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geratriz.errors import DataError, RequestError
from geratriz.images.data.images import Images
from geratriz.images.generators.base import ImageGenerator
from geratriz.images.generators.catalog import GENERATORS as CATALOG
from geratriz.tracking import NullTracker
from tests.domain_examples import EXAMPLES, Case, cases, files_of, fitted, quick_fit
from tests.images import CLASSES, shapes

BRIEF = {"images": 16}
"""Settings of a fit of which only its sample's form is looked at."""
assert_equal = EXAMPLES["images"].assert_equal


@pytest.fixture(scope="module", params=cases("images"))
def case(request: pytest.FixtureRequest) -> Case:
    return fitted(*request.param)


@pytest.fixture
def generator(case: Case) -> ImageGenerator[Any]:
    assert isinstance(case.generator, ImageGenerator)
    return case.generator


@pytest.mark.parametrize("height, width, channels", [(8, 8, 3), (13, 9, 4), (1, 1, 1), (5, 40, 3)])
@pytest.mark.parametrize("labelled", [True, False])
def test_any_size_any_channels_labelled_or_not(
    case: Case, height: int, width: int, channels: int, labelled: bool, tmp_path: Path
) -> None:
    data = shapes(30, height=height, width=width, channels=channels, labelled=labelled)
    fitted = quick_fit(case.name, data, settings=BRIEF)
    sample = fitted.sample(5, seed=1)
    assert sample.schema == data.schema
    assert sample.pixels.dtype == np.uint8
    assert (sample.labels is not None) == labelled
    fitted.save(tmp_path)
    assert_equal(CATALOG.load(tmp_path).sample(5, seed=1), sample)


def test_labels_come_as_often_as_they_were_and_as_they_are_asked_for(generator: ImageGenerator[Any]) -> None:
    labels = generator.sample(2000, seed=1).labels
    assert labels is not None
    assert np.bincount(labels) / 2000 == pytest.approx(generator.shares, abs=0.05)
    for code, name in enumerate(CLASSES):
        asked = generator.sample(300, seed=1, where={"label": name}).labels
        assert asked is not None and (asked == code).all()


def test_a_set_on_disk_gives_what_the_set_in_memory_gives(case: Case, tmp_path: Path) -> None:
    case.data.write(tmp_path / "set")
    case.fit(data=Images.read(tmp_path / "set")).save(tmp_path / "one")
    case.generator.save(tmp_path / "two")
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_a_walk_goes_from_image_to_image_and_keeps_its_label(generator: ImageGenerator[Any]) -> None:
    walks = generator.interpolate(5, rows=3, seed=1, where={"label": "disc"})
    assert len(walks) == 15
    assert walks.labels is not None and (walks.labels == CLASSES.index("disc")).all()
    steps = walks.pixels.reshape(3, 5, -1).astype(float)
    whole, each = np.abs(steps[:, -1] - steps[:, 0]).sum(1), np.abs(np.diff(steps, axis=1)).sum(2).max(1)
    assert (each <= whole + 1e-9).all()


def test_a_walk_changes_nothing_and_a_loaded_generator_walks_alike(
    generator: ImageGenerator[Any], tmp_path: Path
) -> None:
    generator.save(tmp_path / "before")
    walks = generator.interpolate(4, rows=2, seed=2)
    generator.save(tmp_path / "after")
    assert files_of(tmp_path / "before") == files_of(tmp_path / "after")
    loaded: Any = CATALOG.load(tmp_path / "before")
    assert_equal(loaded.interpolate(4, rows=2, seed=2), walks)


def test_a_fit_shows_a_picture_after_each_round(case: Case) -> None:
    shown: dict[int, np.ndarray] = {}

    class Watch(NullTracker):
        def picture(self, picture: np.ndarray, *, step: int) -> None:
            shown[step] = picture

    case.fit(tracker=Watch())
    assert list(shown) == list(range(1, case.rounds + 1))
    for picture in shown.values():
        assert picture.dtype == np.uint8 and picture.shape[2] == 1 and picture.std() > 0


def test_only_labels_can_be_asked_for(generator: ImageGenerator[Any], case: Case) -> None:
    with pytest.raises(RequestError, match="only 'label' can be asked for"):
        generator.sample(5, seed=1, where={"colour": "red"})
    unlabelled = quick_fit(case.name, shapes(30, labelled=False), settings=BRIEF)
    with pytest.raises(RequestError, match="have no labels"):
        unlabelled.sample(1, seed=0, where={"label": "disc"})


def test_a_class_without_images_cannot_be_asked_for(case: Case) -> None:
    found = shapes(30)
    schema = dataclasses.replace(found.schema, classes=("bar", "disc", "ring"))
    fitted = quick_fit(case.name, Images(found.pixels, schema, found.labels), settings=BRIEF)
    with pytest.raises(RequestError, match="'ring', which was never seen"):
        fitted.sample(2, seed=0, where={"label": "ring"})


def test_bad_arguments_of_walks_name_themselves(generator: ImageGenerator[Any]) -> None:
    with pytest.raises(RequestError, match="steps is 1"):
        generator.interpolate(1, rows=1, seed=0)
    with pytest.raises(RequestError, match="rows is 0"):
        generator.interpolate(2, rows=0, seed=0)


def test_two_unlabelled_images_are_enough_one_is_not(case: Case) -> None:
    two = quick_fit(case.name, shapes(2, height=8, width=8, labelled=False), settings=BRIEF)
    assert len(two.sample(3, seed=1)) == 3
    with pytest.raises(DataError, match="1 image to learn from"):
        quick_fit(case.name, shapes(1))


def test_a_setting_out_of_range_is_refused(case: Case) -> None:
    with pytest.raises(ValueError, match="images must be at least 1"):
        CATALOG.find(case.name).config_cls(images=0)
