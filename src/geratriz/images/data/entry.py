"""An image as it is stored: what an entry of a data set holds, and which files are taken for images."""

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

IMAGE = "image"  # the column of a Parquet file
ENDINGS = (  # of images; what cannot be decoded of them is named, not passed over
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".jp2", ".avif"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".heic", ".heif", ".svg", ".psd", ".eps", ".ico", ".tga", ".exr", ".dng"),
)
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
HEAD = 16
LARGEST = 2**28  # bytes of a file: it is held in memory
LARGEST_PIXELS = 2**26  # of an image, refused by its header: a small file may claim any number
LARGEST_HEADER = 2**20  # bytes of what a tar says of a member, or an array of itself, before the content
ROWS = 64  # of a Parquet file or an array, read together,
TOGETHER = 2**24  # unless they have more bytes than this
DAMAGED = (  # what readers raise; pyarrow's are the first two
    *(ValueError, OSError, EOFError, RuntimeError, zlib.error, lzma.LZMAError),
    *(tarfile.TarError, zipfile.BadZipFile),
)
HEAD = 16
LARGEST = 2**28  # bytes of a file: it is held in memory
LARGEST_PIXELS = 2**26  # of an image, refused by its header: a small file may claim any number
LARGEST_HEADER = 2**20  # bytes of what a tar says of a member, or an array of itself, before the content
ROWS = 64  # of a Parquet file or an array, read together,
TOGETHER = 2**24  # unless they have more bytes than this
DAMAGED = (  # what readers raise; pyarrow's are the first two
    *(ValueError, OSError, EOFError, RuntimeError, zlib.error, lzma.LZMAError),
    *(tarfile.TarError, zipfile.BadZipFile),
)
_MAGIC = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|II\*\0|MM\0\*|RIFF....WEBP|\0\0\0\x0cjP|....ftyp(avif|heic|mif1)", re.DOTALL
)
_UNFIT = re.compile(r'[%/\\:*?"<>|\x00-\x1f]|^[.]|[. ]$')


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An image as it is stored, or what stands in its place."""

    path: str
    """Below the folder or in the archive, with ``/``; ``row 7`` of Parquet and arrays."""
    content: bytes = b""
    """The encoded image."""
    pixels: np.ndarray | None = None
    """uint8 (H, W, C), where it is stored as such."""
    label: str | None = None
    """Where it is stored beside the image; :func:`labels` knows those that folders give."""
    problem: str | None = None
    """Why there is nothing to decode."""


def file_entry(name: str, size: int, open_it: Callable[[], IO[bytes]]) -> Iterator[Entry]:
    """The entry of a file in a folder or archive; none where it is no image."""
    path = PurePosixPath(name)
    if any(map(is_hidden, path.parts)):
        return
    if name.lower().endswith(ARCHIVES):
        yield Entry(path=as_text(name), problem="an archive among the images: unpack it, or give it on its own")
        return
    try:
        with closing(open_it()) as file:
            head = file.read(HEAD)
            if not looks_like_image(name, head):
                return
            if size > LARGEST:
                yield Entry(path=as_text(name), problem=too_large(size))
                return
            content = head + file.read(size - len(head))  # no more: a reader may set aside what it is asked for
    except OSError as problem:
        yield Entry(path=as_text(name), problem=f"cannot be read: {problem.strerror or problem}")
    except (*DAMAGED, NotImplementedError) as problem:
        yield Entry(path=as_text(name), problem=f"cannot be unpacked: {problem or type(problem).__name__}")
    else:
        yield Entry(path=as_text(name), content=content)


def named_entry(name: str, problem: str) -> Iterator[Entry]:
    """What is no file, if it would have been looked at."""
    if not any(map(is_hidden, PurePosixPath(name).parts)) and name.lower().endswith(ENDINGS):
        yield Entry(path=as_text(name), problem=problem)


def folder_of(name: str) -> str:
    """The folder of a class: its name, without what no file system takes (``a/b`` becomes ``a%2Fb``)."""
    return _UNFIT.sub(lambda found: f"%{ord(found[0]):02X}", name)


def class_of(folder: str) -> str:
    """The class of a folder: the name :func:`folder_of` made it from, or its own."""
    name = unquote(folder)
    return name if folder_of(name) == folder else folder


def starts_as_image(content: bytes) -> bool:
    """Whether the first bytes are those of an image format."""
    return _MAGIC.match(content) is not None


def too_large(size: int) -> str:
    """The problem of a file of ``size`` bytes."""
    return f"{size:,} bytes; at most {LARGEST:,} are read"


def rows_together(size: int) -> int:
    """How many rows of ``size`` bytes are read together."""
    return max(min(ROWS, TOGETHER // max(size, 1)), 1)


def looks_like_image(name: str, head: bytes) -> bool:
    """Whether a file is taken for an image, by its name or its first bytes."""
    return name.lower().endswith(ENDINGS) or starts_as_image(head)


def leaves(name: str) -> str | None:
    """The problem of a path that would lead out of the folder it is unpacked in."""
    path = name.replace("\\", "/")
    if path.startswith("/") or re.match("[A-Za-z]:", path) or ".." in path.split("/"):
        return "its path leads out of the archive"
    return None


def is_hidden(name: str) -> bool:
    """Whether a name is one that people do not see."""
    return name.startswith(".") or name == "__MACOSX"


def as_text(name: str) -> str:
    """A path as text that can be written: file names need not be."""
    return str(PurePosixPath(name)).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
