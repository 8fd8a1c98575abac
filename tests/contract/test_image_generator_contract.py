"""The promises of generators/image_base.py, held for every entry of the catalog: a new generator inherits this file."""

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from geratriz import bundle
from geratriz.errors import BundleError, ConfigError, DataError, RequestError
from geratriz.images.data.images import Images
from geratriz.images.generators.base import BLOCK, ImageGenerator
from geratriz.table.generators import catalog
from geratriz.tracking import NullTracker
from tests.images import CLASSES, shapes

QUICK: dict[str, dict[str, Any]] = {
    "image_gan": {"images": 320, "batch": 16, "width": 4, "noise": 4, "threads": 1, "precision": "float32"},
    "image_vae": {
        **{"images": 320, "batch": 16, "width": 4, "latent": 4, "prior_steps": 5},
        **{"threads": 1, "precision": "float32"},
    },
}


def fit(kind: str, data: Images, **arguments: Any) -> ImageGenerator[Any]:
    generator_cls = catalog.find_images(kind)
    config = generator_cls.config_cls(**QUICK[kind])
    return generator_cls.fit(data, config, **{"seed": 0, "device": "cpu", **arguments})


@pytest.fixture(scope="module")
def data() -> Images:
    return shapes()


@pytest.fixture(scope="module", params=catalog.IMAGE_GENERATORS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def generator(kind: str, data: Images) -> ImageGenerator[Any]:
    return fit(kind, data)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def same(one: Images, two: Images) -> bool:
    labels = (one.labels is None and two.labels is None) or np.array_equal(one.labels, two.labels)  # type: ignore[arg-type]
    return bool(np.array_equal(one.pixels, two.pixels)) and labels


def test_a_sample_has_the_size_the_classes_and_the_length_asked_for(
    generator: ImageGenerator[Any], data: Images
) -> None:
    for n in (1, 7, np.int64(300)):
        sample = generator.sample(n, seed=1)
        assert len(sample) == n
        assert sample.schema == data.schema
        assert sample.pixels.dtype == np.uint8


@pytest.mark.parametrize("height, width, channels", [(8, 8, 3), (13, 9, 4), (1, 1, 1), (5, 40, 3)])
@pytest.mark.parametrize("labelled", [True, False])
def test_any_size_any_channels_labelled_or_not(
    kind: str, height: int, width: int, channels: int, labelled: bool, tmp_path: Path
) -> None:
    data = shapes(30, height=height, width=width, channels=channels, labelled=labelled)
    made = fit(kind, data)
    sample = made.sample(5, seed=1)
    assert sample.schema == data.schema
    assert (sample.labels is not None) == labelled
    made.save(tmp_path)
    assert same(catalog.load_images(tmp_path).sample(5, seed=1), sample)


def test_labels_come_as_often_as_they_were_and_as_they_are_asked_for(generator: ImageGenerator[Any]) -> None:
    labels = generator.sample(2000, seed=1).labels
    assert labels is not None
    assert np.bincount(labels) / 2000 == pytest.approx(generator.shares, abs=0.05)
    for code, name in enumerate(CLASSES):
        asked = generator.sample(300, seed=1, where={"label": name}).labels
        assert asked is not None and (asked == code).all()


def test_equal_data_config_and_seed_give_equal_bytes(kind: str, data: Images, tmp_path: Path) -> None:
    for name in ("one", "two"):
        fit(kind, data).save(tmp_path / name)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    first, second = (catalog.load_images(tmp_path / name).sample(50, seed=3) for name in ("one", "two"))
    assert same(first, second)


def test_a_set_on_disk_gives_what_the_set_in_memory_gives(kind: str, data: Images, tmp_path: Path) -> None:
    data.write(tmp_path / "set")
    on_disk = fit(kind, Images.read(tmp_path / "set"))
    assert same(on_disk.sample(20, seed=1), fit(kind, data).sample(20, seed=1))


def test_other_seeds_give_other_images(generator: ImageGenerator[Any]) -> None:
    assert not same(generator.sample(20, seed=1), generator.sample(20, seed=2))


def test_sampling_changes_nothing(generator: ImageGenerator[Any], tmp_path: Path) -> None:
    generator.save(tmp_path / "before")
    first = generator.sample(10, seed=5)
    generator.sample(300, seed=6)
    generator.interpolate(3, rows=2, seed=1)
    assert same(first, generator.sample(10, seed=5))
    generator.save(tmp_path / "after")
    assert content(tmp_path / "before") == content(tmp_path / "after")


def test_global_random_state_is_left_as_it_was(kind: str, data: Images) -> None:
    def three() -> tuple[float, float, float]:
        return random.random(), np.random.random(), torch.rand(1).item()  # noqa: NPY002 - the global state is tested

    def seed() -> None:
        random.seed(4)
        np.random.seed(4)  # noqa: NPY002
        torch.manual_seed(4)

    seed()
    expected = three()
    seed()
    threads = torch.get_num_threads()
    fit(kind, data, seed=9).sample(10, seed=1)
    assert three() == expected
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_loaded_generator_samples_equal_images(generator: ImageGenerator[Any], tmp_path: Path) -> None:
    generator.save(tmp_path)
    loaded = catalog.load_images(tmp_path)
    assert type(loaded) is type(generator)
    assert (loaded.config, loaded.schema, loaded.record) == (generator.config, generator.schema, generator.record)
    assert same(loaded.sample(30, seed=2), generator.sample(30, seed=2))
    assert same(loaded.interpolate(4, rows=2, seed=2), generator.interpolate(4, rows=2, seed=2))


def test_any_range_of_images_can_be_drawn_alone(generator: ImageGenerator[Any]) -> None:
    whole = generator.sample(BLOCK + 40, seed=8)
    for start, n in ((0, 5), (BLOCK - 3, 6), (BLOCK + 10, 30)):
        part = Images.joined(list(generator.blocks(n, seed=8, start=start)))
        assert same(part, whole.take(slice(start, start + n)))


def test_a_walk_goes_from_image_to_image_and_keeps_its_label(generator: ImageGenerator[Any]) -> None:
    walks = generator.interpolate(5, rows=3, seed=1, where={"label": "disc"})
    assert len(walks) == 15
    assert walks.labels is not None and (walks.labels == CLASSES.index("disc")).all()
    steps = walks.pixels.reshape(3, 5, -1).astype(float)
    whole, each = np.abs(steps[:, -1] - steps[:, 0]).sum(1), np.abs(np.diff(steps, axis=1)).sum(2).max(1)
    assert (each <= whole + 1e-9).all()


class Stop(NullTracker):
    """Interrupts a fit after some rounds, as Ctrl-C would."""

    def __init__(self, after: int) -> None:
        self._after = after

    def metrics(self, values: Any, *, step: int, steps: int) -> None:
        if step == self._after:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [1, 13])
def test_an_interrupted_fit_goes_on_and_ends_in_the_same_bytes(
    kind: str, data: Images, generator: ImageGenerator[Any], after: int, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt, match=f"after round {after} of 20"):
        fit(kind, data, tracker=Stop(after), checkpoint=tmp_path / "checkpoint")
    assert list((tmp_path / "checkpoint").iterdir())
    fit(kind, data, checkpoint=tmp_path / "checkpoint").save(tmp_path / "resumed")
    generator.save(tmp_path / "whole")
    assert content(tmp_path / "resumed") == content(tmp_path / "whole")
    assert not (tmp_path / "checkpoint").exists()


def test_a_fit_shows_a_picture_after_each_round(kind: str, data: Images) -> None:
    shown: dict[int, np.ndarray] = {}

    class Watch(NullTracker):
        def picture(self, picture: np.ndarray, *, step: int) -> None:
            shown[step] = picture

    fit(kind, data, tracker=Watch())
    assert list(shown) == list(range(1, 21))
    assert all(each.dtype == np.uint8 and each.shape[2] == 1 and each.std() > 0 for each in shown.values())


@pytest.mark.parametrize("damage", ["byte", "part", "format", "kind"])
def test_a_damaged_bundle_is_refused_with_the_reason(
    generator: ImageGenerator[Any], damage: str, tmp_path: Path
) -> None:
    generator.save(tmp_path)
    head = json.loads((tmp_path / bundle.HEAD).read_text())
    if damage == "byte":
        content = bytearray((tmp_path / bundle.TENSORS).read_bytes())
        content[-1] ^= 1
        (tmp_path / bundle.TENSORS).write_bytes(content)
    elif damage == "part":
        (tmp_path / bundle.TENSORS).unlink()
    else:
        head[damage] = 99 if damage == "format" else "image_flow"
        (tmp_path / bundle.HEAD).write_text(json.dumps(head))
    with pytest.raises(BundleError, match=r"SHA-256|missing|Upgrade"):
        catalog.load_images(tmp_path)


def test_a_bundle_of_images_is_no_generator_of_tables(generator: ImageGenerator[Any], tmp_path: Path) -> None:
    generator.save(tmp_path)
    assert catalog.makes_images(tmp_path)
    with pytest.raises(BundleError, match="a generator of images; one of tables is needed"):
        catalog.load(tmp_path)
    with pytest.raises(ConfigError, match="makes images, and the data are tables"):
        catalog.find(generator.kind)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"n": 0}, "must be at least 1"),
        ({"n": 2.5}, "whole number"),
        ({"n": 5, "where": {"label": "dics"}}, "Did you mean 'disc'"),
        ({"n": 5, "where": {"colour": "red"}}, "only 'label' can be asked for"),
    ],
)
def test_what_cannot_be_met_names_itself(generator: ImageGenerator[Any], arguments: Any, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        generator.sample(**{"seed": 1, **arguments})


def test_a_class_without_images_cannot_be_asked_for(kind: str) -> None:
    found = shapes(30)
    schema = dataclasses.replace(found.schema, classes=("bar", "disc", "ring"))
    with pytest.raises(RequestError, match="'ring', which was never seen"):
        fit(kind, Images(found.pixels, schema, found.labels)).sample(2, seed=0, where={"label": "ring"})


def test_bad_arguments_of_walks_and_unlabelled_sets_name_themselves(kind: str, generator: ImageGenerator[Any]) -> None:
    with pytest.raises(RequestError, match="steps is 1"):
        generator.interpolate(1, rows=1, seed=0)
    bare = fit(kind, shapes(30, labelled=False))
    with pytest.raises(RequestError, match="have no labels"):
        bare.sample(1, seed=0, where={"label": "disc"})


def test_two_images_are_enough_one_is_not(kind: str) -> None:
    two = fit(kind, shapes(2, height=8, width=8, labelled=False))
    assert len(two.sample(3, seed=1)) == 3
    with pytest.raises(DataError, match="1 image to learn from"):
        fit(kind, shapes(1))


def test_settings_of_another_generator_are_refused(kind: str, data: Images) -> None:
    other = next(each for each in catalog.IMAGE_GENERATORS if each != kind)
    with pytest.raises(ConfigError, match=f"{kind} takes a"):
        catalog.find_images(kind).fit(data, catalog.find_images(other).config_cls(), seed=0)
    with pytest.raises(ValueError, match="images must be at least 1"):
        catalog.find_images(kind).config_cls(images=0)
