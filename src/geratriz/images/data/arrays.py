"""Read images in an .npz: an array of pixels, and optionally one of labels; their headers are checked first."""

import io
import math
import tokenize
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from geratriz.errors import DataError
from geratriz.images.data.entry import MAX_FILE_BYTES, MAX_HEADER_BYTES, MAX_PIXELS, Entry, batch_rows, too_large
from geratriz.images.data.images import CHANNELS

_ARRAYS = (("images", "labels"), ("image", "label"), ("pixels", "labels"), ("x", "y"), ("x_train", "y_train"))


def read_arrays(path: Path) -> Iterator[Entry]:
    """Read the entries of an .npz, row by row."""
    with zipfile.ZipFile(path) as archive:
        keys = {name.removesuffix(".npy").lower(): name for name in archive.namelist()}
        pair = next((names for names in _ARRAYS if names[0] in keys), None)
        if pair is None:
            raise DataError(f"{path} has the arrays {', '.join(sorted(keys))}; expected one named 'images'.")
        with archive.open(keys[pair[0]]) as file:
            shape = _shape_of_pixels(path, pair[0], file)
            labels = _array_labels(path, archive, keys[pair[1]], shape[0]) if pair[1] in keys else None
            size = math.prod(shape[1:])
            rows = batch_rows(size)
            for start in range(0, shape[0], rows):
                count = min(rows, shape[0] - start)
                content = _exactly(path, pair[0], file, count * size)
                for i, pixels in enumerate(np.frombuffer(content, np.uint8).reshape(count, *shape[1:]), start):
                    yield Entry(path=f"row {i}", pixels=pixels, label=None if labels is None else str(labels[i]))


def _shape_of_pixels(path: Path, key: str, file: IO[bytes]) -> tuple[int, int, int, int]:
    """Read the header of an array of pixels and return its shape (N, H, W, C)."""
    shape, fortran, dtype = _header(path, key, file)
    shape = (*shape, 1) if len(shape) == 3 else shape
    if len(shape) != 4 or shape[3] not in CHANNELS or min(shape[1:3]) < 1 or dtype != np.uint8 or fortran:
        order = ", in Fortran order" if fortran else ""
        raise DataError(
            f"{path}: the array {key!r} is {dtype} {shape}{order}; expected uint8 (N, H, W) or (N, H, W, C), C = 1, 3 "
            "or 4, values from 0 to 255."
        )
    if shape[1] * shape[2] > MAX_PIXELS:
        raise DataError(
            f"{path}: the array {key!r} holds images of {shape[1]:,} x {shape[2]:,} pixels; at most "
            f"{MAX_PIXELS:,} pixels are read. Reduce their size before they are stored."
        )
    return shape


def _array_labels(path: Path, archive: zipfile.ZipFile, name: str, count: int) -> np.ndarray:
    """Read the labels, whose header is checked first: a small file may claim labels of any size."""
    with archive.open(name) as file:
        shape, _, dtype = _header(path, name, file)
        if shape != (count,) or dtype.kind not in "iubU":
            raise DataError(
                f"{path}: the labels are {dtype} {shape}; expected text or integers, one per image ({count})."
            )
        if count * dtype.itemsize > MAX_FILE_BYTES:
            raise DataError(f"{path}: the labels are {dtype} {shape}, {too_large(count * dtype.itemsize)}.")
        return np.frombuffer(_exactly(path, name, file, count * dtype.itemsize), dtype)


def _header(path: Path, key: str, file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the NPY header of an array: shape, Fortran order and dtype."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        version = np.lib.format.read_magic(file)
        if version not in readers:
            raise ValueError(f"its version is {'.'.join(map(str, version))}, only 1.0 and 2.0 are read")
        length = file.read(2 * version[0])
        size = int.from_bytes(length, "little")
        if size > MAX_HEADER_BYTES:
            raise ValueError(f"it has {size:,} bytes, at most {MAX_HEADER_BYTES:,} are read")
        return readers[version](io.BytesIO(length + file.read(size)))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError) as problem:
        reason = (str(problem) or type(problem).__name__).splitlines()[0].rstrip(".")
        raise DataError(
            f"{path}: the header of the array {key!r} cannot be read: {reason}. Write the file again with numpy.savez."
        ) from None


def _exactly(path: Path, key: str, file: IO[bytes], size: int) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise DataError(f"{path}: the array {key!r} ends early. Export it again.")
    return content
