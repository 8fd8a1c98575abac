"""Manifest of image files: the properties of each and whether it can be read, as a table for a contract."""

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
from geratriz.images.data.entry import MAX_PIXELS, Entry, starts_as_image
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
SHOWN = 3  # files listed in a message
MIN_TRANSPOSED = 5  # first EXIF orientation that exchanges height and width
_DEEP = ("I;16", "I;16L", "I;16B", "I;16N")
_BITS = {"1": 1, "I": 16} | dict.fromkeys(_DEEP, 16)  # I: PGM, and PNG in older versions of Pillow
_GREY = ("1", "L", *_BITS)
_COLOUR = ("P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV")
_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
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
    """A file is not a usable image; the message gives the reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """Properties of an image from its header."""

    format: str
    mode: str
    """Pillow's name of the pixel format: L, RGB, CMYK, ..."""
    width: int
    """Pixels, after the EXIF orientation is applied."""
    height: int
    channels: int
    """1, 3 or 4: the channels needed for its colours and transparency."""
    bits: int
    """Bits per channel of a pixel."""


def manifest(path: Path) -> pd.DataFrame:
    """Read one row per image at ``path`` (see :func:`geratriz.images.data.source.entries`), with :data:`COLUMNS`.

    Every image is decoded, one in memory at a time. ``sha256`` hashes the file's bytes, so that equal files are found;
    ``problem`` is the reason why an image is not ``readable``.

    Raises:
        DataError: the path does not exist, is damaged as a whole, or holds no images.
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
    """Error for a path without images."""
    return DataError(
        f"{path} holds no images. Expected files such as .png or .jpg in it, or in one sub-folder per class."
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress Pillow's warnings about single files: the manifest reports their problems."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def header(entry: Entry) -> Header:
    """Read the properties of an image without decoding it.

    Raises:
        Unreadable: it is not an image, has too many pixels, or has an unsupported format.
    """
    if entry.pixels is not None:
        return _header_of_array(entry.pixels)
    with _open(entry) as (_, found):
        return found


def decode(entry: Entry) -> Image.Image:
    """Decode an image, upright, to mode L, RGB or RGBA: 16 bits scaled to 8, CMYK and palettes as colours.

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
        if turn is not None and found.format != "TIFF":  # Pillow turns TIFF itself
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
    """Open an image and read its header; damage found while it is open also raises :class:`Unreadable`."""
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
        reason = f"not an image of a known format ({kind})" if kind else "damaged: it begins as an image and ends early"
        raise Unreadable(reason) from None
    except Image.DecompressionBombError:
        raise Unreadable(f"more than {MAX_PIXELS:,} pixels") from None
    except Exception as problem:  # decoders raise any type of error on damaged bytes
        reason = (str(problem) or type(problem).__name__).splitlines()[0]
        reason = re.sub(r"image file is (truncated)", r"\1", reason)
        raise Unreadable(f"damaged: {reason}") from None


def _header(image: Image.Image, content: bytes) -> Header:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise Unreadable(f"{width:,} x {height:,} pixels; at most {MAX_PIXELS:,} pixels are read")
    mode, kind = image.mode, str(image.format)
    if mode not in (*_GREY, *_COLOUR, *_ALPHA) or (mode == "I" and kind not in ("PNG", "PPM")):
        raise Unreadable(f"pixels of mode {mode}, whose range is unknown: convert them to 8 or 16 bits")
    if getattr(image, "is_animated", False) and kind != "MPO":  # a camera's JPEG with a preview
        raise Unreadable("several pictures in one file (animated or of several pages)")
    if _orientation(image) >= MIN_TRANSPOSED and kind != "TIFF":  # Pillow has turned TIFF already
        width, height = height, width
    has_alpha = mode in _ALPHA or ("transparency" in image.info and (mode == "1" or mode not in _BITS))
    return Header(
        format=kind,
        mode=mode,
        width=width,
        height=height,
        channels=4 if has_alpha else 1 if mode in _GREY else 3,
        bits=content[24] if kind == "PNG" else _BITS.get(mode, 8),  # PNG: from IHDR; Pillow reads 16-bit colours as 8
    )


def _orientation(image: Image.Image) -> int:
    if image.format == "PNG" and "exif" not in image.info:  # getexif() would decode all pixels to read what follows
        return 1
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # EXIF may be damaged in an image that is not
        return 1
    return value if isinstance(value, int) else 1


@functools.cache
def _formats() -> tuple[str, ...]:
    """Formats among :data:`FORMATS` that the installed Pillow supports."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _kind(content: bytes) -> str | None:
    """Describe a file that Pillow does not recognise; None if it begins as an image."""
    kinds = {b"%PDF": "PDF", b"PK\3\4": "a zip", b"<svg": "SVG", b"<?xml": "XML", b"<!DOC": "HTML", b"<html": "HTML"}
    kinds |= {b"8BPS": "Photoshop", b"%!PS": "PostScript", b"version https://git-lfs": "a Git LFS pointer"}
    known = next((kind for start, kind in kinds.items() if content.startswith(start)), None)
    if known is None and content[4:8] == b"ftyp" and content[8:12] != b"avif":
        known = "HEIF: convert it to JPEG or PNG" if content[8:11] in (b"hei", b"mif") else "a video"
    if known is None and not starts_as_image(content):
        known = "text" if content[:512].isascii() and b"\0" not in content[:512] else "unknown bytes"
    return known
