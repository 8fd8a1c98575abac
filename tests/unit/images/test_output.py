"""Images written as a grid, a folder or Parquet: what stands there, read back, all or nothing."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from geratriz.errors import RequestError
from geratriz.images.data.form import ImageForm, prepare, read
from geratriz.images.data.images import Images, ImageSchema
from geratriz.images.data.manifest import manifest
from geratriz.images.output import write
from geratriz.output import Provenance, read_provenance
from geratriz.parts import SplitConfig
from geratriz.picture import grid
from tests.faults.conftest import content
from tests.image_files import pixels

PROVENANCE = Provenance(
    bundle="ab",
    kind="image_vae",
    record={"seed": 1},
    seed=3,
    where={"label": "café"},
    start=0,
    rows=9,
    block=4,
    acceptance=1.0,
)


def made(count: int = 10, channels: int = 1, classes: tuple[str, ...] = ("cat", "t-shirt/top")) -> Images:
    schema = ImageSchema(height=8, width=6, channels=channels, classes=classes)
    labels = np.arange(count) % len(classes) if classes else None
    return Images(np.stack([pixels(i, 8, 6, channels) for i in range(count)]), schema, labels)


def blocks(images: Images, size: int = 4) -> Iterator[Images]:
    return (images.take(slice(i, i + size)) for i in range(0, len(images), size))


def put(path: Path, images: Images) -> Path:
    write(path, blocks(images), len(images), PROVENANCE)
    return path


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("classes", [("cat", "t-shirt/top"), ("cat",), ()])
@pytest.mark.parametrize("name", ["drawn", "drawn.parquet"])
def test_what_is_written_is_read_back(name: str, classes: tuple[str, ...], channels: int, tmp_path: Path) -> None:
    images = made(11, channels, classes)
    path = put(tmp_path / name, images)
    again = read(path, images.schema)
    assert {(label, each.tobytes()) for label, each in named(again)} == {
        (label, each.tobytes()) for label, each in named(images)
    }
    found = manifest(path)
    assert found.readable.all() and len(found) == 11
    assert found.channels.unique().tolist() == [channels]


def named(images: Images) -> list[tuple[str, np.ndarray]]:
    labels = images.labels if images.labels is not None else [None] * len(images)
    return [
        ("" if each is None else images.schema.classes[each], p) for each, p in zip(labels, images.pixels, strict=True)
    ]


def test_parquet_keeps_the_order(tmp_path: Path) -> None:
    images = made(11)
    again = read(put(tmp_path / "a.parquet", images), images.schema)
    assert np.array_equal(again.pixels, images.pixels) and np.array_equal(again.labels, images.labels)  # type: ignore[arg-type]


def test_what_is_written_can_be_prepared(tmp_path: Path) -> None:
    parts = prepare(put(tmp_path / "drawn", made(60)), ImageForm(), SplitConfig(), tmp_path / "out")
    assert sum(map(len, parts.values())) == 60
    assert parts["train"].schema.classes == ("cat", "t-shirt/top")


def test_a_folder_numbers_its_files_in_class_folders(tmp_path: Path) -> None:
    put(tmp_path / "labelled", made(12))
    assert sorted(content(tmp_path / "labelled")) == [
        *(f"cat/{i:02d}.png" for i in range(0, 12, 2)),
        "provenance.json",
        *(f"t-shirt%2Ftop/{i:02d}.png" for i in range(1, 12, 2)),
    ]
    put(tmp_path / "plain", made(3, classes=()))
    assert sorted(content(tmp_path / "plain")) == ["0.png", "1.png", "2.png", "provenance.json"]


def test_a_version_in_a_folders_name_is_no_ending(tmp_path: Path) -> None:
    assert len(manifest(put(tmp_path / "v1.5", made(3)))) == 3


def test_a_class_without_an_image_has_no_folder(tmp_path: Path) -> None:
    images = made(4)
    put(tmp_path / "a", images.take(np.array([0, 2])))
    assert not (tmp_path / "a" / "t-shirt%2Ftop").exists()


def test_a_grid_is_one_picture_of_all(tmp_path: Path) -> None:
    for channels in (1, 3, 4):
        images = made(10, channels)
        put(tmp_path / "a.png", images)
        with Image.open(tmp_path / "a.png") as picture:
            found = np.asarray(picture)
        assert np.array_equal(found.reshape(*found.shape[:2], channels), grid(images.pixels, 4))


@pytest.mark.parametrize("name", ["drawn", "drawn.parquet", "drawn.png"])
def test_every_form_says_where_the_images_come_from(name: str, tmp_path: Path) -> None:
    found = read_provenance(put(tmp_path / name, made()))
    assert (found["bundle"], found["seed"], found["where"]) == ("ab", 3, {"label": "café"})


@pytest.mark.parametrize("name", ["drawn", "drawn.parquet", "drawn.png"])
def test_equal_images_give_equal_bytes_however_they_are_blocked(name: str, tmp_path: Path) -> None:
    images = made(11)
    for folder, size in (("a", 4), ("b", 11)):
        write(tmp_path / folder / name, blocks(images, size), 11, PROVENANCE)
    assert content(tmp_path / "a") == content(tmp_path / "b")


@pytest.mark.parametrize("name", ["drawn", "drawn.parquet", "drawn.png"])
def test_an_error_halfway_leaves_what_was_there(name: str, tmp_path: Path) -> None:
    if "." in name:
        put(tmp_path / name, made(3))
    before = content(tmp_path)

    def broken() -> Iterator[Images]:
        yield made(4)
        raise OSError(28, "No space left on device")

    with pytest.raises(RequestError, match=r"No space left on device\. Existing files are unchanged\. Free some"):
        write(tmp_path / name, broken(), 8, PROVENANCE)
    assert content(tmp_path) == before
    assert [each.name for each in tmp_path.iterdir()] == ([name] if "." in name else [])


def test_a_folder_that_is_not_empty_is_refused_and_an_empty_one_is_filled(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    put(tmp_path / "a", made(3))
    before = content(tmp_path)
    with pytest.raises(RequestError, match=r"is a folder that is not empty. Name a new one, or empty it"):
        put(tmp_path / "a", made(3))
    assert content(tmp_path) == before


def test_what_a_killed_run_left_is_cleared_and_what_another_left_is_not(tmp_path: Path) -> None:
    for name in ("a.partial", "a.0123abcd.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.txt").touch()
    put(tmp_path / "a", made(3))
    assert {path.name for path in tmp_path.iterdir()} == {"a", "a.partial"} and len(manifest(tmp_path / "a")) == 3


@pytest.mark.parametrize("name", ["a.jpg", "a.csv", "a.zip", "a.PNG", "a.tar.gz", "a.PARQUET", "a.json"])
def test_another_ending_is_refused_before_anything_is_drawn(name: str, tmp_path: Path) -> None:
    def never() -> Iterator[Images]:
        raise AssertionError
        yield

    with pytest.raises(RequestError, match=r"its name must end in \.png .*\.parquet, or have no ending"):
        write(tmp_path / name, never(), 3, PROVENANCE)


def test_a_file_in_the_place_of_a_folder_and_the_other_way_round(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    with pytest.raises(RequestError, match="is a file"):
        put(tmp_path / "a", made(3))
    (tmp_path / "b.png").mkdir()
    with pytest.raises(RequestError, match="it is a folder"):
        put(tmp_path / "b.png", made(3))
    with pytest.raises(RequestError, match="cannot be written: Not a directory"):
        put(tmp_path / "a" / "c", made(3))


def test_a_grid_that_no_viewer_opens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"cannot hold 1,000,000 images of 8 x 6: a grid holds at most 699,050"):
        write(tmp_path / "a.png", blocks(made(4)), 1_000_000, PROVENANCE)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["drawn", "drawn.parquet"])
def test_memory_does_not_grow_with_the_number_of_images(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("geratriz.images.output.ROW_GROUP_BYTES", 2**16)
    block = Images(np.stack([pixels(i, 32, 32, 3) for i in range(16)]), ImageSchema(height=32, width=32, channels=3))

    def peak(count: int) -> int:
        tracemalloc.start()
        write(tmp_path / f"{count}{name}", (block for _ in range(count)), 16 * count, PROVENANCE)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(2)
    assert peak(100) - peak(25) < 75 * block.pixels.nbytes / 10
    if name.endswith("parquet"):
        assert pq.ParquetFile(tmp_path / f"100{name}").num_row_groups == 50


@pytest.mark.parametrize("name", ["drawn", "drawn.parquet"])
def test_more_images_than_the_disk_holds_are_refused_before_they_are_drawn(name: str, tmp_path: Path) -> None:
    few = made(4)

    def endless() -> Iterator[Images]:
        yield few
        raise AssertionError("another block was drawn")

    with pytest.raises(RequestError, match=r"would take about .* and its disk has .* free\. Ask for fewer"):
        write(tmp_path / name, endless(), 10**15, PROVENANCE)
    assert content(tmp_path) == {}
