"""The manifest: what each image is, for every mode and format that can be used."""

import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geratriz.images.data.entry import Entry
from geratriz.images.data.manifest import COLUMNS, decode, header, manifest, quiet
from tests.image_files import classes, encoded, folder, parquet, picture, pixels


def entry(content: bytes) -> Entry:
    return Entry(path="a", content=content)


def test_one_row_per_image_says_what_it_is(tmp_path: Path) -> None:
    files = {
        "cat/a.png": encoded(picture(1, 5, 7, 3)),
        "dog/b.jpg": encoded(picture(2, 9, 4), "JPEG"),
        "dog/c.png": b"text",
    }
    found = manifest(folder(tmp_path, files))
    assert tuple(found.columns) == COLUMNS
    assert found.path.tolist() == ["cat/a.png", "dog/b.jpg", "dog/c.png"]
    assert found.label.tolist() == ["cat", "dog", "dog"]
    assert found.readable.tolist() == [True, True, False]
    assert found.format.tolist()[:2] == ["PNG", "JPEG"]
    assert found[["height", "width", "channels", "bits"]].iloc[:2].to_numpy().tolist() == [[5, 7, 3, 8], [9, 4, 1, 8]]
    assert found[["format", "mode", "height", "width", "channels", "bits"]].iloc[2].isna().all()
    assert found.bytes.tolist() == [len(each) for each in files.values()]
    assert found.sha256.tolist() == [hashlib.sha256(each).hexdigest() for each in files.values()]
    assert found.problem.isna().tolist() == [True, True, False]


def test_equal_sets_give_equal_manifests(tmp_path: Path) -> None:
    first, again = manifest(folder(tmp_path / "a", classes(9))), manifest(folder(tmp_path / "b", classes(9)))
    assert first.equals(again)


def grey16(values: np.ndarray) -> bytes:
    return encoded(Image.fromarray(values.astype(np.uint16)))


MODES: dict[str, tuple[bytes, str, int, int]] = {
    "1 bit": (encoded(picture(0).convert("1")), "1", 1, 1),
    "grey": (encoded(0), "L", 1, 8),
    "grey of 16 bits": (grey16(np.arange(64).reshape(8, 8) * 1000), "I;16", 1, 16),
    "grey TIFF of 16 bits": (
        encoded(Image.fromarray(np.full((8, 8), 9, np.uint16)), "TIFF"),
        "I;16",
        1,
        16,
    ),
    "grey and alpha": (encoded(picture(0).convert("LA")), "LA", 4, 8),
    "palette": (encoded(picture(0, channels=3).quantize(16)), "P", 3, 4),
    "palette with a clear colour": (encoded(picture(0, channels=3).quantize(16), transparency=0), "P", 4, 4),
    "grey with a clear value": (encoded(0, transparency=7), "L", 4, 8),
    "RGB": (encoded(picture(0, channels=3)), "RGB", 3, 8),
    "RGBA": (encoded(picture(0, channels=4)), "RGBA", 4, 8),
    "CMYK JPEG": (encoded(picture(0, channels=3).convert("CMYK"), "JPEG"), "CMYK", 3, 8),
    "JPEG": (encoded(picture(0, channels=3), "JPEG"), "RGB", 3, 8),
    "WebP": (encoded(picture(0, channels=4), "WEBP"), "RGBA", 4, 8),
    "GIF": (encoded(picture(0), "GIF"), "P", 3, 8),
    "BMP": (encoded(picture(0, channels=3), "BMP"), "RGB", 3, 8),
    "PPM": (encoded(picture(0, channels=3), "PPM"), "RGB", 3, 8),
    "PGM of 16 bits": (encoded(Image.fromarray(np.full((8, 8), 900, np.uint16)), "PPM"), "I", 1, 16),
    "JPEG 2000": (encoded(picture(0, channels=3), "JPEG2000"), "RGB", 3, 8),
}


@pytest.mark.parametrize("name", MODES)
def test_every_mode_is_named_and_becomes_grey_colours_or_colours_with_alpha(name: str) -> None:
    content, mode, channels, bits = MODES[name]
    found = header(entry(content))
    assert (found.mode, found.channels, found.bits) == (mode, channels, bits)
    assert decode(entry(content)).mode == {1: "L", 3: "RGB", 4: "RGBA"}[channels]


def test_sixteen_bits_are_scaled_not_cut() -> None:
    values = np.linspace(0, 65535, 64).round().reshape(8, 8)
    assert np.array_equal(np.asarray(decode(entry(grey16(values)))), (values / 257).round())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_an_image_is_turned_upright(form: str, orientation: int) -> None:
    upright = Image.fromarray(np.arange(96, dtype=np.uint8).reshape(12, 8) * 2).resize(
        (64, 96), Image.Resampling.NEAREST
    )
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,  # as stored: the viewer turns it back
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(turns[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(stored.convert("RGB"), form, exif=exif)
    found = header(entry(content))
    assert (found.height, found.width) == (96, 64)
    difference = np.asarray(decode(entry(content)).convert("L")).astype(int) - np.asarray(upright)
    assert np.abs(difference).mean() < 4


def test_notes_of_a_camera_that_are_broken_are_left_alone() -> None:
    for notes in (b"Exif\0\0MM\0*\0\0", b"Exif\0\0nonsense", b"Exif\0\0II*\0\x08\0\0\0\x09\0\x12\x01\x02\0\x01"):
        content = encoded(picture(0, 8, 6, 3), "JPEG", exif=notes)
        with quiet():
            assert decode(entry(content)).size == (6, 8)


def test_a_jpeg_with_a_preview_in_it_is_one_picture() -> None:
    content = encoded(picture(0, channels=3), "MPO", save_all=True, append_images=[picture(1, channels=3)])
    assert header(entry(content)).format == "MPO"
    assert decode(entry(content)).size == (8, 8)


def test_an_ending_that_is_not_its_formats_does_not_matter(tmp_path: Path) -> None:
    found = manifest(folder(tmp_path, {"a.png": encoded(0, "JPEG"), "b.jpg": encoded(0, "GIF")}))
    assert found.readable.all()
    assert found.format.tolist() == ["JPEG", "GIF"]


def test_arrays_have_a_manifest(tmp_path: Path) -> None:
    stack = np.stack([pixels(i % 2, 4, 6, 3) for i in range(4)])
    np.savez(tmp_path / "a.npz", images=stack)
    found = manifest(tmp_path / "a.npz")
    assert found.readable.all() and found.label.isna().all()
    assert found[["format", "mode", "height", "width", "channels"]].drop_duplicates().to_numpy().tolist() == [
        ["array", "RGB", 4, 6, 3]
    ]
    assert found.sha256.nunique() == 2


def test_memory_does_not_grow_with_the_bytes_read(tmp_path: Path) -> None:
    image = encoded(Image.fromarray(pixels(0, 256, 256, 3)))  # noise: 197 kB each, 40 MB in all
    path = parquet(tmp_path / "a.parquet", image=[image] * 200)
    manifest(path)
    tracemalloc.start()
    manifest(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * len(image)
