"""Look at image files: what each is and whether it can be read, as a table that a contract is held against."""

import functools
import hashlib
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import ExifTags, Image, UnidentifiedImageError

from geratriz.errors import DataError
from geratriz.images.data.entry import LARGEST_PIXELS, Entry, starts_as_image
from geratriz.images.data.images import MODES
from geratriz.images.data.source import entries, labels

COLUMNS = (
    "path",
    "format",
    "mode",
    "width",
    "height",
    "channels",
    "bits",
    "label",
    "bytes",
    "sha256",
    "readable",
    "problem",
)
NUMBERS = ("width", "height", "channels", "bits")  # missing where a file could not be read
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")  # no others: some run programs
SHOWN = 3  # files in a message
TURNED = 5  # from this orientation on, height and width change places
_DEEP = ("I;16", "I;16L", "I;16B", "I;16N")
_BITS = {"1": 1, "I": 16} | dict.fromkeys(_DEEP, 16)  # I: of PGM, and of PNG in older versions of Pillow
_GREY = ("1", "L", *_BITS)
_COLOUR = ("P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV")
_CLEAR = ("LA", "La", "PA", "RGBA", "RGBa")
_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Unreadable(Exception):
    """A file is no image that can be used; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What an image is before it is decoded."""

    format: str
    mode: str
    """Pillow's name of what a pixel is: L, RGB, CMYK, ..."""
    width: int
    """Pixels, upright: as the EXIF orientation says."""
    height: int
    channels: int
    """1, 3 or 4: what it takes to keep its colours and transparency."""
    bits: int
    """Of one value of one pixel."""


def manifest(path: Path) -> pd.DataFrame:
    """One row per image at ``path`` (see :func:`image_source.entries`), with the columns :data:`COLUMNS`.

    Every image is decoded, one in memory at a time. ``sha256`` is of the file's bytes, so that equal files are found
    wherever they lie; ``problem`` says why an image is not ``readable``.

    Raises:
        DataError: there is no such path, it is damaged as a whole, or holds no images.
    """
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS if name != "label"}
    found: list[Entry] = []
    with quiet():
        for entry in entries(path):
            row = _row(entry)
            for name, values in columns.items():
                values.append(row.get(name))
            found.append(Entry(path=entry.path, label=entry.label, problem=entry.problem))
    if not found:
        raise no_images(path)
    frame = pd.DataFrame(columns).assign(label=pd.Series(labels(found), dtype=object))
    frame[list(NUMBERS)] = frame[list(NUMBERS)].astype("Int64")
    return frame[list(COLUMNS)]


def no_images(path: Path) -> DataError:
    """The error of a path without images."""
    return DataError(
        f"{path} holds no images. Expected files such as .png or .jpg in it, or in one sub-folder for each class."
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Without Pillow's warnings about single files: what is wrong with one is said in its row."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def header(entry: Entry) -> Header:
    """What an image is, without decoding it.

    Raises:
        Unreadable: it is no image, of too many pixels, or of a kind that cannot be used.
    """
    if entry.pixels is not None:
        return _header_of_array(entry.pixels)
    with _open(entry) as (_, found):
        return found


def decode(entry: Entry) -> Image.Image:
    """The image, upright, in mode L, RGB or RGBA: 16 bits scaled to 8, CMYK and palettes as colours.

    Raises:
        Unreadable: as :func:`header`, or its pixels are damaged.
    """
    if entry.pixels is not None:
        return Image.fromarray(entry.pixels[..., 0] if entry.pixels.shape[2] == 1 else entry.pixels)
    with _open(entry) as (image, found):
        turn = _TURN.get(_orientation(image))
        image.load()
        if image.mode in _BITS and image.mode != "1":
            deep = np.asarray(image).astype(np.int64).clip(0, 65535)
            plain: Image.Image = Image.fromarray(((deep + 128) // 257).astype(np.uint8))
        else:
            plain = image.convert(MODES[found.channels])
        if turn is not None and found.format != "TIFF":  # those Pillow turns itself
            plain = plain.transpose(turn)
    return plain


def _row(entry: Entry) -> dict[str, Any]:
    stored = entry.content if entry.pixels is None else np.ascontiguousarray(entry.pixels).tobytes()
    row: dict[str, Any] = {"path": entry.path, "bytes": len(stored)}
    if entry.problem is None:
        row["sha256"] = hashlib.sha256(stored).hexdigest()
    try:
        found = header(entry)
        row |= {name: getattr(found, name) for name in ("format", "mode", *NUMBERS)}
        decode(entry)
    except Unreadable as problem:
        return row | {"readable": False, "problem": str(problem)}
    return row | {"readable": True}


def _header_of_array(pixels: np.ndarray) -> Header:
    height, width, channels = pixels.shape
    return Header(format="array", mode=MODES[channels], width=width, height=height, channels=channels, bits=8)


@contextmanager
def _open(entry: Entry) -> Iterator[tuple[Image.Image, Header]]:
    """The image with its header read; damage found while it is open is Unreadable, too."""
    if entry.problem is not None:
        raise Unreadable(entry.problem)
    if not entry.content:
        raise Unreadable("empty (0 bytes)")
    try:
        with Image.open(BytesIO(entry.content), formats=_formats()) as image:
            yield image, _header(image, entry.content)
    except Unreadable:
        raise
    except UnidentifiedImageError:
        kind = _kind(entry.content)
        known = f"no image of a known format ({kind})" if kind else "damaged: it begins as an image and breaks off"
        raise Unreadable(known) from None
    except Image.DecompressionBombError:
        raise Unreadable(f"more than {LARGEST_PIXELS:,} pixels") from None
    except Exception as problem:  # a decoder meets damaged bytes with any error there is
        said = (str(problem) or type(problem).__name__).splitlines()[0]
        said = re.sub(r"image file is (truncated)", r"\1", said)
        raise Unreadable(f"damaged: {said}") from None


def _header(image: Image.Image, content: bytes) -> Header:
    width, height = image.size
    if width * height > LARGEST_PIXELS:
        raise Unreadable(f"{width:,} x {height:,} pixels; at most {LARGEST_PIXELS:,} pixels are read")
    mode, kind = image.mode, str(image.format)
    if mode not in (*_GREY, *_COLOUR, *_CLEAR) or (mode == "I" and kind not in ("PNG", "PPM")):
        raise Unreadable(f"pixels of mode {mode}, whose range is not known: convert them to 8 or 16 bits")
    if getattr(image, "is_animated", False) and kind != "MPO":  # a camera's JPEG with a preview in it
        raise Unreadable("several pictures in one file (animated or of several pages)")
    if _orientation(image) >= TURNED and kind != "TIFF":  # whose size is upright already
        width, height = height, width
    clear = mode in _CLEAR or ("transparency" in image.info and (mode == "1" or mode not in _BITS))
    return Header(
        format=kind,
        mode=mode,
        width=width,
        height=height,
        channels=4 if clear else 1 if mode in _GREY else 3,
        bits=content[24] if kind == "PNG" else _BITS.get(mode, 8),  # of PNG as IHDR has it: colours of 16 are read as 8
    )


def _orientation(image: Image.Image) -> int:
    if image.format == "PNG" and "exif" not in image.info:  # getexif() would decode all of it to look behind the pixels
        return 1
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # a camera's notes may be broken where its picture is not
        return 1
    return value if isinstance(value, int) else 1


@functools.cache
def _formats() -> tuple[str, ...]:
    """Those of :data:`FORMATS` that this Pillow was built with."""
    Image.init()
    return tuple(each for each in FORMATS if each in Image.OPEN)


def _kind(content: bytes) -> str | None:
    """What a file is that Pillow does not know; None if it should be known."""
    kinds = {b"%PDF": "PDF", b"PK\3\4": "a zip", b"<svg": "SVG", b"<?xml": "XML", b"<!DOC": "HTML", b"<html": "HTML"}
    kinds |= {b"8BPS": "Photoshop", b"%!PS": "PostScript", b"version https://git-lfs": "a Git LFS pointer"}
    known = next((kind for start, kind in kinds.items() if content.startswith(start)), None)
    if known is None and content[4:8] == b"ftyp" and content[8:12] != b"avif":
        known = "HEIF: convert it to JPEG or PNG" if content[8:11] in (b"hei", b"mif") else "a video"
    if known is None and not starts_as_image(content):
        known = "text" if content[:512].isascii() and b"\0" not in content[:512] else "unknown bytes"
    return known
