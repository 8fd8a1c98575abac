"""Where images stand: a folder, a zip or tar, Parquet or arrays, read one after another. Nothing is ever unpacked.

An entry that cannot be an image says why in its ``problem``; what is plainly none (a README, a hidden file) is passed
over. The order is that of paths in folders and zips, that of the file elsewhere.
"""

import io
import itertools
import json
import lzma
import math
import os
import re
import stat
import tarfile
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from geratriz.errors import DataError
from geratriz.images.data.images import CHANNELS, LABEL, PIXELS, SCHEMA, Images

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
_MAGIC = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|II\*\0|MM\0\*|RIFF....WEBP|\0\0\0\x0cjP|....ftyp(avif|heic|mif1)", re.DOTALL
)
_UNFIT = re.compile(r'[%/\\:*?"<>|\x00-\x1f]|^[.]|[. ]$')
_ARRAYS = (("images", "labels"), ("image", "label"), ("pixels", "labels"), ("x", "y"), ("x_train", "y_train"))


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


def entries(path: Path) -> Iterator[Entry]:
    """Every image of a data set, one in memory at a time.

    Args:
        path: a folder; a zip or tar (.gz, .bz2, .xz) of one; Parquet with a column ``image`` of encoded bytes, or of
            structs with a field ``bytes``, and maybe a column ``label``; an .npz of an array ``images`` (or ``x``,
            ``x_train``), uint8 (N, H, W) or (N, H, W, C), and maybe one of labels; a folder that
            :meth:`Images.write` wrote; a single image.

    Raises:
        DataError: there is no such path, it is none of these, or it is damaged as a whole.
    """
    if not path.exists():
        hint = f" It is versioned: `dvc pull {path}.dvc` brings it." if Path(f"{path}.dvc").exists() else ""
        raise DataError(f"{path} does not exist.{hint}")
    try:
        yield from _reader(path)(path)
    except PermissionError as problem:
        raise DataError(f"{problem.filename or path} cannot be read: {problem.strerror}.") from None
    except DAMAGED as problem:
        said = (str(problem) or type(problem).__name__).splitlines()[0].rstrip(".")
        raise DataError(f"{path} cannot be read: {said}. Copy or export it again.") from None


def labels(found: Sequence[Entry], classes: Collection[str] = ()) -> list[str | None]:
    """The label of each entry: the stored one, else the class folder its path lies in; none with a problem has one.

    Folders that all images share are no classes, those of ``pets/cat/1.png`` and ``pets/dog/1.png`` are cat and dog,
    unless the last of them is one of the ``classes`` known. Only paths, labels and problems are looked at.
    """
    folders = [PurePosixPath(each.path).parts[:-1] for each in found]
    counted = [folder for folder, each in zip(folders, found, strict=True) if not each.problem]
    first, last = min(counted, default=()), max(counted, default=())
    shared = [a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))]
    depth = len(shared) - (1 if shared and class_of(shared[-1]) in classes else 0)
    return [
        None if each.problem else each.label or (class_of(folder[depth]) if len(folder) > depth else None)
        for folder, each in zip(folders, found, strict=True)
    ]


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


def is_prepared(path: Path) -> bool:
    """Whether :meth:`Images.write` wrote this folder."""
    return (path / SCHEMA).is_file() and (path / PIXELS).is_file()


def _reader(path: Path) -> Callable[[Path], Iterator[Entry]]:
    if path.is_dir():
        return _prepared if is_prepared(path) else _folder
    if not path.is_file():
        raise DataError(f"{path} is neither a file nor a folder.")
    name = path.name.lower()
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise DataError(f"{path} is empty (0 bytes). Copy or export it again.")
    if name.endswith(".parquet") or head.startswith(b"PAR1"):
        return _parquet
    if name.endswith(".npz"):
        return _arrays
    if _looks_like_image(name, head):
        return _single
    if zipfile.is_zipfile(path):
        return _zip
    if _is_tar(path):
        return _tar
    if name.endswith(ARCHIVES):
        raise DataError(
            f"{path} is no zip or tar that can be read: it is damaged, ends early or is of another kind. Copy it "
            "again, or unpack it and give the folder."
        )
    raise DataError(f"{path} is neither a folder of images, a zip or tar of one, Parquet, .npz, nor an image.")


def _folder(root: Path) -> Iterator[Entry]:
    """Links to files are followed, as DVC may lay its cache out in links; links to folders, which may go round, not."""
    found: dict[str, str | None] = {}

    def refuse(problem: OSError) -> None:
        found[Path(problem.filename).relative_to(root).as_posix()] = f"the folder cannot be read: {problem.strerror}"

    for folder, folders, files in os.walk(root, onerror=refuse):
        below = PurePosixPath(Path(folder).relative_to(root).as_posix())
        for each in folders:
            if (Path(folder) / each).is_symlink():
                found[str(below / each)] = "a link to a folder, which is not followed: put the folder itself here"
        folders[:] = [each for each in folders if not _hidden(each)]
        found.update((str(below / each), None) for each in files)
    for name, problem in sorted(found.items()):
        if problem is not None:
            if not _hidden(PurePosixPath(name).name):
                yield Entry(path=_text(name), problem=problem)
            continue
        place = root / name
        try:
            status = place.stat()
        except OSError as error:
            yield from _named(name, "a link that leads nowhere" if place.is_symlink() else f"{error.strerror}")
            continue
        if stat.S_ISREG(status.st_mode):
            yield from _file(name, status.st_size, lambda place=place: place.open("rb"))  # type: ignore[misc]
        else:
            yield from _named(name, "not a regular file")


def _single(path: Path) -> Iterator[Entry]:
    return _file(path.name, path.stat().st_size, lambda: path.open("rb"))


def _zip(path: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(path) as archive:
        for member in sorted(archive.infolist(), key=lambda each: each.filename):
            name, mode = member.filename, member.external_attr >> 16
            if member.is_dir():
                continue
            if member.flag_bits & 1:
                raise DataError(f"{path} is encrypted ({_text(name)}). Unpack it and give the folder.")
            if outside := _leaves(name):
                yield Entry(path=_text(name), problem=outside)
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                yield from _named(name, "a link or a device, not a file")
            else:
                yield from _file(name, member.file_size, lambda member=member: archive.open(member))  # type: ignore[misc]


class _Member(tarfile.TarInfo):
    """A member of a tar. tarfile holds what is said of it in memory: a small file that unpacks to much is refused."""

    @classmethod
    def fromtarfile(cls, tarfile: Any) -> Self:
        if (said := tarfile.fileobj.tell() - tarfile.offset) > LARGEST_HEADER:  # by headers one after the other
            raise _Refused(_long(said))
        return super().fromtarfile(tarfile)

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.type in _SAYS_MORE and member.size > LARGEST_HEADER:
            raise _Refused(_long(member.size))
        if member.type == tarfile.GNUTYPE_SPARSE:
            raise _Refused(_SPARSE)
        return member

    def _proc_gnusparse_10(self, *_: object) -> None:  # tarfile's, which would read the list from the content
        raise _Refused(_SPARSE)


class _Refused(tarfile.TarError):
    """Not tarfile's own ReadError, which asks whether the tar is packed in another way."""


_SAYS_MORE = (
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
)
_SPARSE = "a file in it is stored as the list of its parts (tar --sparse), which may be of any length"


def _long(size: int) -> str:
    return f"its headers have {size:,} bytes, at most {LARGEST_HEADER:,} are read"


def _is_tar(path: Path) -> bool:
    try:
        tarfile.open(path, tarinfo=_Member).close()
    except (tarfile.ReadError, tarfile.CompressionError):
        return False
    return True


def _tar(path: Path) -> Iterator[Entry]:
    with tarfile.open(path, "r|*", tarinfo=_Member) as archive:
        stream: Any = archive.fileobj
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep all of them
            if (said := sum(len(name) + len(text) for name, text in archive.pax_headers.items())) > LARGEST_HEADER:
                raise _Refused(_long(said))
            if member.isdir():
                continue
            if outside := _leaves(member.name):
                yield Entry(path=_text(member.name), problem=outside)
            elif not member.isreg():
                yield from _named(member.name, "a link or a device, not a file")
            else:
                yield from _file(member.name, member.size, lambda member=member: archive.extractfile(member))  # type: ignore
        if stream.tell() < archive.offset + tarfile.BLOCKSIZE:  # no empty block at the end: tarfile does not mind
            raise tarfile.ReadError("it ends early")


def _file(name: str, size: int, open_it: Callable[[], IO[bytes]]) -> Iterator[Entry]:
    """The entry of a file in a folder or archive; none where it is no image."""
    path = PurePosixPath(name)
    if any(map(_hidden, path.parts)):
        return
    if name.lower().endswith(ARCHIVES):
        yield Entry(path=_text(name), problem="an archive among the images: unpack it, or give it on its own")
        return
    try:
        with closing(open_it()) as file:
            head = file.read(HEAD)
            if not _looks_like_image(name, head):
                return
            if size > LARGEST:
                yield Entry(path=_text(name), problem=_too_large(size))
                return
            content = head + file.read(size - len(head))  # no more: a reader may set aside what it is asked for
    except OSError as problem:
        yield Entry(path=_text(name), problem=f"cannot be read: {problem.strerror or problem}")
    except (*DAMAGED, NotImplementedError) as problem:
        yield Entry(path=_text(name), problem=f"cannot be unpacked: {problem or type(problem).__name__}")
    else:
        yield Entry(path=_text(name), content=content)


def _named(name: str, problem: str) -> Iterator[Entry]:
    """What is no file, if it would have been looked at."""
    if not any(map(_hidden, PurePosixPath(name).parts)) and name.lower().endswith(ENDINGS):
        yield Entry(path=_text(name), problem=problem)


def _parquet(path: Path) -> Iterator[Entry]:
    """Holds a page of the file in memory, where Arrow puts at most 1,024 images."""
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=2**20) as file:
        schema = file.schema_arrow
        if IMAGE not in schema.names:
            raise DataError(
                f"{path} has no column {IMAGE!r} of encoded images; its columns are {', '.join(schema.names)}. "
                "Rename the one that holds them, and the one of labels, if any, to 'label'."
            )
        kind = schema.field(IMAGE).type
        held = kind.field("bytes").type if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 else kind
        if not any(of(held) for of in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)):
            raise DataError(
                f"{path}: the column {IMAGE!r} is {kind}; expected the bytes of PNG or JPEG files, or structs with a "
                "field 'bytes'."
            )
        label = _labels_of(path, schema)
        columns = [IMAGE, LABEL] if label else [IMAGE]
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        typical = sum(each.total_byte_size for each in groups) // max(file.metadata.num_rows, 1)
        row = 0
        for batch in file.iter_batches(_together(typical), columns=columns, use_threads=False):
            images = batch.column(IMAGE)
            cells = pc.struct_field(images, "bytes") if pa.types.is_struct(kind) else images
            for i in range(len(cells)):
                content, problem = _cell(cells[i].as_buffer())
                name = label(batch.column(LABEL)[i].as_py()) if label else None
                yield Entry(path=f"row {row}", content=content, label=name, problem=problem)
                row += 1


def _cell(stored: pa.Buffer | None) -> tuple[bytes, str | None]:
    """What stands in a cell, or the problem of it."""
    if stored is None:
        return b"", "there is no image in this row"
    if stored.size > LARGEST:
        return b"", _too_large(stored.size)
    return stored.to_pybytes(), None


def _too_large(size: int) -> str:
    return f"{size:,} bytes; at most {LARGEST:,} are read"


def _together(size: int) -> int:
    """How many rows of ``size`` bytes are read together."""
    return max(min(ROWS, TOGETHER // max(size, 1)), 1)


def _labels_of(path: Path, schema: pa.Schema) -> Callable[[Any], str | None] | None:
    """How a cell of the column of labels becomes a name; Hugging Face's metadata have names for numbers."""
    if LABEL not in schema.names:
        return None
    kind = schema.field(LABEL).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    text = any(of(kind) for of in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))
    if not (text or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise DataError(f"{path}: the column {LABEL!r} is {kind}; expected text or whole numbers.")
    try:
        told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        names = tuple(map(str, told["info"]["features"][LABEL]["names"]))
    except (ValueError, KeyError, TypeError):
        names = ()

    def name(value: Any) -> str | None:
        if value is None:
            return None
        return names[value] if not text and 0 <= value < len(names) else str(value)

    return name


def _arrays(path: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(path) as archive:
        keys = {each.removesuffix(".npy").lower(): each for each in archive.namelist()}
        pair = next((each for each in _ARRAYS if each[0] in keys), None)
        if pair is None:
            raise DataError(f"{path} has the arrays {', '.join(sorted(keys))}; expected one named 'images'.")
        with archive.open(keys[pair[0]]) as file:
            shape = _shape_of_pixels(path, pair[0], file)
            given = _array_labels(path, archive, keys[pair[1]], shape[0]) if pair[1] in keys else None
            size = math.prod(shape[1:])
            rows = _together(size)
            for start in range(0, shape[0], rows):
                count = min(rows, shape[0] - start)
                content = _exactly(path, pair[0], file, count * size)
                for i, pixels in enumerate(np.frombuffer(content, np.uint8).reshape(count, *shape[1:]), start):
                    yield Entry(path=f"row {i}", pixels=pixels, label=None if given is None else str(given[i]))


def _shape_of_pixels(path: Path, key: str, file: IO[bytes]) -> tuple[int, int, int, int]:
    """(N, H, W, C) of an array of pixels, whose header is read."""
    shape, fortran, dtype = _header(path, key, file)
    shape = (*shape, 1) if len(shape) == 3 else shape
    if len(shape) != 4 or shape[3] not in CHANNELS or min(shape[1:3]) < 1 or dtype != np.uint8 or fortran:
        order = ", in Fortran's order" if fortran else ""
        raise DataError(
            f"{path}: the array {key!r} is {dtype} {shape}{order}; expected uint8 (N, H, W) or (N, H, W, C), C = 1, 3 "
            "or 4, values from 0 to 255."
        )
    if shape[1] * shape[2] > LARGEST_PIXELS:
        raise DataError(
            f"{path}: the array {key!r} holds images of {shape[1]:,} x {shape[2]:,} pixels; at most "
            f"{LARGEST_PIXELS:,} pixels are read. Make them smaller before they are stored."
        )
    return shape


def _array_labels(path: Path, archive: zipfile.ZipFile, name: str, count: int) -> np.ndarray:
    """Judged by their header: a small file may claim labels of any size."""
    with archive.open(name) as file:
        shape, _, dtype = _header(path, name, file)
        if shape != (count,) or dtype.kind not in "iubU":
            raise DataError(
                f"{path}: the labels are {dtype} {shape}; expected text or whole numbers, one for each of the "
                f"{count} images."
            )
        if count * dtype.itemsize > LARGEST:
            raise DataError(f"{path}: the labels are {dtype} {shape}, {_too_large(count * dtype.itemsize)}.")
        return np.frombuffer(_exactly(path, name, file, count * dtype.itemsize), dtype)


def _header(path: Path, key: str, file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, Fortran's order and dtype of an array, as NPY has them before its content."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        version = np.lib.format.read_magic(file)
        if version not in readers:
            raise ValueError(f"its version is {'.'.join(map(str, version))}, and 1.0 and 2.0 are read")
        length = file.read(2 * version[0])
        size = int.from_bytes(length, "little")
        if size > LARGEST_HEADER:
            raise ValueError(f"it has {size:,} bytes, at most {LARGEST_HEADER:,} are read")
        return readers[version](io.BytesIO(length + file.read(size)))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError) as problem:
        said = (str(problem) or type(problem).__name__).splitlines()[0].rstrip(".")
        raise DataError(
            f"{path}: the header of the array {key!r} cannot be read: {said}. Write the file again with numpy.savez."
        ) from None


def _exactly(path: Path, key: str, file: IO[bytes], size: int) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise DataError(f"{path}: the array {key!r} ends early. Export it again.")
    return content


def _prepared(path: Path) -> Iterator[Entry]:
    images = Images.read(path)
    for i in range(len(images)):
        label = None if images.labels is None else images.schema.classes[images.labels[i]]
        yield Entry(path=f"row {i}", pixels=images.pixels[i], label=label)


def _looks_like_image(name: str, head: bytes) -> bool:
    return name.lower().endswith(ENDINGS) or starts_as_image(head)


def _leaves(name: str) -> str | None:
    """The problem of a path that would lead out of the folder it is unpacked in."""
    path = name.replace("\\", "/")
    if path.startswith("/") or re.match("[A-Za-z]:", path) or ".." in path.split("/"):
        return "its path leads out of the archive"
    return None


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _text(name: str) -> str:
    """A path as text that can be written: file names need not be."""
    return str(PurePosixPath(name)).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def holds_images(path: Path) -> bool:
    """Whether ``path`` is to be read as images, not as a table: by its kind, a Parquet file by its columns."""
    if path.is_dir():
        return True
    name = path.name.lower()
    if name.endswith(".parquet"):
        try:
            schema = pq.read_schema(path)
        except (OSError, pa.ArrowException):
            return False  # who reads it says what is wrong
        kind = schema.field(IMAGE).type if IMAGE in schema.names else None
        return kind is not None and (
            pa.types.is_struct(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        )
    return name.endswith((*ARCHIVES, *ENDINGS, ".npz"))
