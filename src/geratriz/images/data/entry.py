"""Entries of a data set: images as they are stored, and the files that count as images."""

import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO
from urllib.parse import unquote

import numpy as np

IMAGE = "image"  # column of images in a Parquet file
ENDINGS = (  # of image files; those that cannot be decoded are reported, not skipped
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".jp2", ".avif"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".heic", ".heif", ".svg", ".psd", ".eps", ".ico", ".tga", ".exr", ".dng"),
)
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
HEAD_BYTES = 16  # first bytes of a file, by which its format is recognised
MAX_FILE_BYTES = 2**28  # a file is held in memory
MAX_PIXELS = 2**26  # pixels of an image, checked in its header: a small file may claim any number
MAX_HEADER_BYTES = 2**20  # bytes of the headers of a tar member or an array
MAX_BATCH_ROWS = 64  # rows of a Parquet file or an array that are read together
MAX_BATCH_BYTES = 2**24
DAMAGED = (  # errors of readers; pyarrow raises the first two
    *(ValueError, OSError, EOFError, RuntimeError, zlib.error, lzma.LZMAError),
    *(tarfile.TarError, zipfile.BadZipFile),
)
_MAGIC = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|II\*\0|MM\0\*|RIFF....WEBP|\0\0\0\x0cjP|....ftyp(avif|heic|mif1)", re.DOTALL
)
_UNFIT = re.compile(r'[%/\\:*?"<>|\x00-\x1f]|^[.]|[. ]$')


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An image as it is stored, or the reason why there is none."""

    path: str
    """Path in the folder or archive, with ``/``; ``row 7`` for Parquet and arrays."""
    content: bytes = b""
    """The encoded image."""
    pixels: np.ndarray | None = None
    """uint8 (H, W, C), if the image is stored as an array."""
    label: str | None = None
    """Label stored with the image; :func:`geratriz.images.data.source.labels` adds those of folders."""
    problem: str | None = None
    """Reason why there is nothing to decode."""


def file_entry(name: str, size: int, open_it: Callable[[], IO[bytes]]) -> Iterator[Entry]:
    """Yield the entry of a file in a folder or archive, or nothing if it is not an image."""
    path = PurePosixPath(name)
    if any(map(is_hidden, path.parts)):
        return
    if name.lower().endswith(ARCHIVES):
        yield Entry(path=as_text(name), problem="an archive among the images: unpack it, or read it alone")
        return
    try:
        with closing(open_it()) as file:
            head = file.read(HEAD_BYTES)
            if not looks_like_image(name, head):
                return
            if size > MAX_FILE_BYTES:
                yield Entry(path=as_text(name), problem=too_large(size))
                return
            content = head + file.read(size - len(head))  # no more: a reader may allocate the size requested
    except OSError as problem:
        yield Entry(path=as_text(name), problem=f"cannot be read: {problem.strerror or problem}")
    except (*DAMAGED, NotImplementedError) as problem:
        yield Entry(path=as_text(name), problem=f"cannot be unpacked: {problem or type(problem).__name__}")
    else:
        yield Entry(path=as_text(name), content=content)


def unreadable_entry(name: str, problem: str) -> Iterator[Entry]:
    """Yield an entry that is not a regular file, if its name is that of an image."""
    if not any(map(is_hidden, PurePosixPath(name).parts)) and name.lower().endswith(ENDINGS):
        yield Entry(path=as_text(name), problem=problem)


def folder_of(name: str) -> str:
    """Folder name of a class, with characters escaped that file systems do not allow (``a/b`` becomes ``a%2Fb``)."""
    return _UNFIT.sub(lambda found: f"%{ord(found[0]):02X}", name)


def class_of(folder: str) -> str:
    """Class of a folder: the inverse of :func:`folder_of`, or the folder's own name."""
    name = unquote(folder)
    return name if folder_of(name) == folder else folder


def starts_as_image(content: bytes) -> bool:
    """Whether the first bytes are those of an image format."""
    return _MAGIC.match(content) is not None


def too_large(size: int) -> str:
    """Problem text of a file of ``size`` bytes."""
    return f"{size:,} bytes; at most {MAX_FILE_BYTES:,} are read"


def batch_rows(size: int) -> int:
    """Number of rows of ``size`` bytes that are read together."""
    return max(min(MAX_BATCH_ROWS, MAX_BATCH_BYTES // max(size, 1)), 1)


def looks_like_image(name: str, head: bytes) -> bool:
    """Whether a file counts as an image, by its name or its first bytes."""
    return name.lower().endswith(ENDINGS) or starts_as_image(head)


def outside_path(name: str) -> str | None:
    """Problem text of a path that leads out of the archive, otherwise None."""
    path = name.replace("\\", "/")
    if path.startswith("/") or re.match("[A-Za-z]:", path) or ".." in path.split("/"):
        return "its path leads out of the archive"
    return None


def is_hidden(name: str) -> bool:
    """Whether a file of this name is hidden."""
    return name.startswith(".") or name == "__MACOSX"


def as_text(name: str) -> str:
    """Convert a path to valid Unicode text, which file names need not be."""
    return str(PurePosixPath(name)).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
