"""Images in one form, divided by content: shapes, fits, channels, labels, and sides that never change."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from geratriz import config
from geratriz.errors import ConfigError, DataError
from geratriz.images.data.form import ImageForm, load, prepare, read
from geratriz.images.data.images import Images, ImageSchema
from geratriz.parts import SplitConfig
from tests.faults.conftest import content
from tests.image_files import classes, encoded, folder, parquet, picture, pixels, tarred, zipped

SPLIT = SplitConfig()


def one(tmp_path: Path, image: Image.Image, **form: Any) -> np.ndarray:
    """The pixels of a single image in a form."""
    return load(folder(tmp_path, {"a.png": encoded(image)}), ImageForm(**form)).pixels[0]


def prints(part: Images) -> set[bytes]:
    return {each.tobytes() for each in part.pixels}


def test_parts_lie_on_disk_and_hold_every_image_once(tmp_path: Path) -> None:
    parts = prepare(folder(tmp_path / "pets", classes(100)), ImageForm(), SPLIT, tmp_path / "out")
    assert list(parts) == ["train", "fresh", "test"]
    assert sum(map(len, parts.values())) == 100
    assert {each for part in parts.values() for each in prints(part)} == {pixels(i).tobytes() for i in range(100)}
    assert len(parts["train"]) > 60
    for name, part in parts.items():
        assert isinstance(part.pixels, np.memmap)
        assert part.schema == ImageSchema(height=8, width=8, channels=1, classes=("cat", "dog"))
        assert np.array_equal(Images.read(tmp_path / "out" / name).pixels, part.pixels)
    assert ImageSchema.read(tmp_path / "out" / "schema.json") == parts["train"].schema
    assert {each.name for each in (tmp_path / "out").iterdir()} == {"train", "fresh", "test", "schema.json"}


def test_every_image_keeps_its_label(tmp_path: Path) -> None:
    parts = prepare(folder(tmp_path / "pets", classes(100)), ImageForm(), SPLIT, tmp_path / "out")
    wanted = {pixels(i).tobytes(): i >= 50 for i in range(100)}
    for part in parts.values():
        assert part.labels is not None
        assert [bool(each) for each in part.labels] == [wanted[each.tobytes()] for each in part.pixels]


def test_equal_sets_give_equal_files_whatever_they_come_in_and_in_what_order(tmp_path: Path) -> None:
    files = classes(60)
    turned = dict(reversed(files.items()))
    contents = []
    for path in (
        folder(tmp_path / "pets", files),
        zipped(tmp_path / "pets.zip", files),
        tarred(tmp_path / "pets.tar.gz", turned, "w:gz"),
        parquet(tmp_path / "a.parquet", image=[*turned.values()], label=[name[:3] for name in turned]),
    ):
        out = tmp_path / f"{path.name}.out"
        prepare(path, ImageForm(), SPLIT, out)
        contents.append(content(out))
    assert all(each == contents[0] for each in contents)


def test_equal_images_of_two_classes_are_in_one_order(tmp_path: Path) -> None:
    stack = np.concatenate([np.stack([pixels(i) for i in range(40)])] * 2)[..., 0]
    given = np.arange(80) // 40
    for name, turn in (("a", slice(None)), ("b", slice(None, None, -1))):
        np.savez(tmp_path / f"{name}.npz", images=stack[turn].copy(), labels=given[turn])
        prepare(tmp_path / f"{name}.npz", ImageForm(), SPLIT, tmp_path / name)
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_the_order_of_a_part_is_not_that_of_the_classes(tmp_path: Path) -> None:
    part = prepare(folder(tmp_path / "pets", classes(200)), ImageForm(), SPLIT, tmp_path / "out")["train"]
    assert part.labels is not None
    assert 0.3 < part.labels[:60].mean() < 0.7


def test_parts_of_a_split_are_no_classes(tmp_path: Path) -> None:
    root = folder(tmp_path, {f"{part}/{i}.png": encoded(i) for part in ("train", "test") for i in range(20)})
    with pytest.raises(DataError, match=r"its folders test, train are parts of a split, not classes\. Use one of them"):
        load(root)
    assert load(root / "train").schema.classes == ()


def test_equal_images_stand_on_one_side_and_growth_moves_none(tmp_path: Path) -> None:
    few = classes(60)
    copies = {f"bird/{i}.png": each for i, each in enumerate(few.values())}
    more = {f"dog/z{i}.png": encoded(1000 + i) for i in range(60)} | {"dog/colour.png": encoded(picture(0, channels=3))}
    before = prepare(folder(tmp_path / "a", few), ImageForm(), SPLIT, tmp_path / "a.out")
    after = prepare(folder(tmp_path / "b", few | copies | more), ImageForm(), SPLIT, tmp_path / "b.out")
    assert after["train"].schema.channels == 3
    grey = {name: {each[..., 0].tobytes() for each in part.pixels} for name, part in after.items()}
    for name, part in before.items():
        assert prints(part) <= grey[name]
        assert not any(prints(part) & grey[other] for other in grey if other != name)
    assert sum(map(len, after.values())) == 181


def test_a_second_run_replaces_the_first_and_a_failed_one_leaves_it(tmp_path: Path) -> None:
    prepare(folder(tmp_path / "a", classes(60)), ImageForm(), SPLIT, tmp_path / "out")
    prepare(folder(tmp_path / "b", classes(cat=40)), ImageForm(height=4, width=4), SPLIT, tmp_path / "out")
    kept = Images.read(tmp_path / "out" / "train")
    assert kept.schema == ImageSchema(height=4, width=4, channels=1) and kept.labels is None
    assert not (tmp_path / "out" / "train" / "labels.npy").exists()
    with pytest.raises(DataError):
        prepare(folder(tmp_path / "c", classes(2)), ImageForm(), SPLIT, tmp_path / "out")
    assert len(Images.read(tmp_path / "out" / "train")) == len(kept)
    assert not (tmp_path / "out" / ".partial").exists()


def test_images_are_divided_by_content_alone(tmp_path: Path) -> None:
    for by in ("group:label", "time:label"):
        with pytest.raises(ConfigError, match=rf"data\.split\.by is '{by}'; images are divided by content alone"):
            prepare(folder(tmp_path / "pets", classes(60)), ImageForm(), SplitConfig(by=by), tmp_path / "out")


def test_shares_of_the_split_are_kept(tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 256, (4000, 4, 4), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=stack)
    split = SplitConfig(train=0.5, fresh=0.2, test=0.3)
    parts = prepare(tmp_path / "a.npz", ImageForm(), split, tmp_path / "out")
    assert [len(part) for part in parts.values()] == pytest.approx([2000, 800, 1200], abs=100)


def test_any_height_and_width_and_numbers_of_channels(tmp_path: Path) -> None:
    for height, width, channels in ((5, 7, 1), (1, 9, 3), (13, 3, 4)):
        stack = np.stack([pixels(i, height, width, channels) for i in range(80)])
        np.savez(tmp_path / "a.npz", images=stack)
        parts = prepare(tmp_path / "a.npz", ImageForm(), SPLIT, tmp_path / "out")
        assert parts["train"].schema == ImageSchema(height=height, width=width, channels=channels)
        assert np.array_equal(load(tmp_path / "a.npz").pixels, stack)


def test_pad_sets_a_smaller_image_in_the_middle_of_black(tmp_path: Path) -> None:
    found = one(tmp_path, picture(1, 4, 6), height=8, width=8, fit="pad")
    assert np.array_equal(found[2:6, 1:7], pixels(1, 4, 6))
    assert found.astype(int).sum() == pixels(1, 4, 6).astype(int).sum()


def test_pad_is_transparent_where_there_is_alpha(tmp_path: Path) -> None:
    found = one(tmp_path, picture(1, 4, 4, 4), height=8, width=8, fit="pad")
    assert not found[:2].any() and np.array_equal(found[2:6, 2:6], pixels(1, 4, 4, 4))


def test_pad_shrinks_a_larger_image_and_keeps_its_proportions(tmp_path: Path) -> None:
    found = one(tmp_path, Image.new("L", (40, 20), 200), height=10, width=10, fit="pad")
    assert (found[:, :, 0] == 200).any(axis=1).tolist() == [False] * 2 + [True] * 5 + [False] * 3
    assert (found[3] == 200).all()


def test_crop_covers_and_cuts_the_middle(tmp_path: Path) -> None:
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 255
    assert (one(tmp_path, Image.fromarray(wide), height=10, width=10, fit="crop") == 255).all()
    assert one(tmp_path, picture(0, 3, 5), height=7, width=9, fit="crop").shape == (7, 9, 1)
    assert (one(tmp_path, Image.new("L", (7, 5), 9), height=31, width=17, fit="crop") == 9).all()
    assert np.array_equal(one(tmp_path, picture(2, 8, 13), height=8, width=8, fit="crop"), pixels(2, 8, 13)[:, 2:10])


@pytest.mark.parametrize("fit", ["resize", "pad", "crop"])
def test_an_image_as_thin_as_a_thread_takes_no_more_memory_than_it_has_pixels(fit: str, tmp_path: Path) -> None:
    for size in ((1, 60_000), (60_000, 1)):
        assert (one(tmp_path, Image.new("L", size, 9), height=64, width=48, fit=fit) == 9).any()


def test_resize_stretches_and_averages_what_it_leaves_out(tmp_path: Path) -> None:
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    found = one(tmp_path, Image.fromarray(board), height=8, width=4)
    assert found.shape == (8, 4, 1)
    assert np.abs(found.astype(int) - 127).max() <= 2


@pytest.mark.parametrize("fit", ["resize", "pad", "crop"])
def test_an_image_of_the_right_size_is_left_as_it_is(fit: str, tmp_path: Path) -> None:
    assert np.array_equal(one(tmp_path, picture(3), height=8, width=8, fit=fit), pixels(3))


def test_channels_are_what_the_most_colourful_image_needs_or_as_told(tmp_path: Path) -> None:
    files = {"a.png": encoded(0), "b.png": encoded(picture(1, channels=3)), "c.png": encoded(picture(2, channels=4))}
    assert load(folder(tmp_path / "grey", {"a.png": files["a.png"]})).schema.channels == 1
    assert load(folder(tmp_path / "colour", dict([*files.items()][:2]))).schema.channels == 3
    root = folder(tmp_path / "clear", files)
    assert load(root).schema.channels == 4
    assert [load(root, ImageForm(channels=each)).schema.channels for each in (1, 3, 4)] == [1, 3, 4]
    every = load(root).pixels
    assert (every[:2, ..., 3] == 255).all() and np.array_equal(every[0, ..., 0], every[0, ..., 2])


def test_transparency_without_a_channel_of_its_own_is_laid_over_black(tmp_path: Path) -> None:
    half = np.full((8, 8, 4), 200, np.uint8)
    half[:4, :, 3], half[4:, :, 3] = 0, 255
    found = one(tmp_path, Image.fromarray(half), channels=3)
    assert not found[:4].any() and (found[4:] == 200).all()


def test_numbers_among_labels_are_in_order_of_size(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", image=[encoded(i) for i in range(12)], label=list(range(12)))
    assert load(path).schema.classes == tuple(map(str, range(12)))
    assert load(path).labels is not None
    assert load(path).labels.tolist() == list(range(12))  # type: ignore[union-attr]


def test_read_gives_what_was_written_and_leaves_prepared_images_on_disk(tmp_path: Path) -> None:
    images = load(folder(tmp_path / "pets", classes(20)))
    images.write(tmp_path / "kept")
    again = read(tmp_path / "kept", images.schema)
    assert isinstance(again.pixels, np.memmap) and np.array_equal(again.pixels, images.pixels)
    found = read(tmp_path / "pets", images.schema)
    assert np.array_equal(found.pixels, images.pixels) and np.array_equal(found.labels, images.labels)  # type: ignore[arg-type]


def test_read_knows_a_class_that_stands_alone(tmp_path: Path) -> None:
    schema = ImageSchema(height=8, width=8, channels=1, classes=("bird", "cat"))
    found = read(folder(tmp_path / "pets", {"cat/a.png": encoded(), "cat/b.png": encoded(1)}), schema)
    assert found.labels is not None and found.labels.tolist() == [1, 1]


def test_read_makes_colours_of_grey_and_leaves_labels_an_unlabelled_schema_has_not(tmp_path: Path) -> None:
    found = read(folder(tmp_path, classes(4)), ImageSchema(height=8, width=8, channels=3))
    assert found.labels is None and found.pixels.shape == (4, 8, 8, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"height": 8}, "height is 8 and width None; give both"),
        ({"height": 0, "width": 8}, "at least 1"),
        ({"channels": 2}, r"channels is 2"),
        ({"fit": "stretch"}, r"fit is 'stretch'"),
        ({"size": 8}, r"size is not a setting"),
    ],
)
def test_settings_that_are_none_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"data\.image.*{message}"):
        config.load(ImageForm, settings, "data.image")


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    """Some 300 bytes an image are left, for its name and label: a hundredth of its pixels."""

    def peak(count: int) -> int:
        np.savez(tmp_path / "a.npz", images=np.random.default_rng(0).integers(0, 256, (count, 64, 64), dtype=np.uint8))
        tracemalloc.start()
        prepare(tmp_path / "a.npz", ImageForm(), SPLIT, tmp_path / "out")
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few, many = (min(peak(count), peak(count)) for count in (400, 2000))  # once, a table of Python's own may grow
    assert many - few < 1600 * 500
