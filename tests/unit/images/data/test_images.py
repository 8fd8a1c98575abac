"""Images: what goes together, and what comes back from disk."""

from pathlib import Path

import numpy as np
import pytest

from geratriz.errors import DataError
from geratriz.images.data.images import Images, ImageSchema
from tests.images import shapes


def images(n: int = 6, classes: tuple[str, ...] = ("bag", "shoe")) -> Images:
    rng = np.random.default_rng(0)
    schema = ImageSchema(height=5, width=3, channels=4, classes=classes)
    labels = rng.integers(0, len(classes), n) if classes else None
    return Images(rng.integers(0, 256, (n, 5, 3, 4), dtype=np.uint8), schema, labels)


@pytest.mark.parametrize("classes", [("bag", "shoe"), ()])
def test_a_set_comes_back_from_disk_and_its_pixels_stay_there(tmp_path: Path, classes: tuple[str, ...]) -> None:
    written = images(classes=classes)
    written.write(tmp_path / "set")
    back = Images.read(tmp_path / "set")
    assert isinstance(back.pixels, np.memmap)
    assert back.schema == written.schema
    assert np.array_equal(back.pixels, written.pixels)
    assert (back.labels is None) == (not classes)
    assert classes == () or np.array_equal(back.labels, written.labels)  # type: ignore[arg-type]


def test_taking_some_takes_their_labels_along() -> None:
    whole = images()
    part = whole.take(np.array([4, 1]))
    assert np.array_equal(part.pixels, whole.pixels[[4, 1]])
    assert part.labels is not None and whole.labels is not None
    assert part.labels.tolist() == whole.labels[[4, 1]].tolist()


def test_what_does_not_go_together_is_refused_with_what_came_and_what_was_expected() -> None:
    whole = images()
    with pytest.raises(DataError, match=r"float64.*expected uint8 \(N, 5, 3, 4\)"):
        Images(whole.pixels / 255, whole.schema, whole.labels)
    with pytest.raises(DataError, match="labels and classes go together"):
        Images(whole.pixels, whole.schema, None)
    with pytest.raises(DataError, match="one number below 2 for each of the 6 images"):
        Images(whole.pixels, whole.schema, np.full(6, 2))
    with pytest.raises(ValueError, match="channels 1, 3 or 4"):
        ImageSchema(height=5, width=3, channels=2)


def test_a_folder_without_images_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"schema.json is missing.*dvc repro prepare"):
        Images.read(tmp_path)
    images().write(tmp_path)
    (tmp_path / "pixels.npy").unlink()
    with pytest.raises(DataError, match=r"pixels.npy"):
        Images.read(tmp_path)
    (tmp_path / "schema.json").write_text('{"height": 5, "widht": 3, "channels": 1}')
    with pytest.raises(DataError, match="Did you mean 'width'"):
        Images.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("schema.json", b'{"height": 8,'),
        ("schema.json", b"[1]"),
        ("schema.json", b'{"height": "x"}'),
        ("pixels.npy", b""),
    ],
)
def test_a_damaged_folder_says_what_to_do(name: str, content: bytes, tmp_path: Path) -> None:
    shapes(4).write(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"prepared images: .*Run `dvc repro prepare`"):
        Images.read(tmp_path)
