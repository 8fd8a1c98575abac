"""Sources of images: a folder, a zip or tar, Parquet or arrays, read one by one. Nothing is unpacked to disk.

An entry that cannot be read as an image has the reason in ``problem``; files that are clearly not images (a README, a
hidden file) are skipped. Folders and zips are read in the order of paths, other sources in their own order.
"""

import itertools
import zipfile
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from geratriz.errors import DataError
from geratriz.images.data.archives import is_tar, read_tar, read_zip
from geratriz.images.data.arrays import read_arrays
from geratriz.images.data.entry import ARCHIVES, DAMAGED, ENDINGS, HEAD_BYTES, IMAGE, Entry, class_of, looks_like_image
from geratriz.images.data.folders import is_prepared, read_folder, read_prepared, read_single
from geratriz.images.data.parquet import read_parquet
from geratriz.writing import local


def entries(path: Path) -> Iterator[Entry]:
    """Read the images of a data set, with one in memory at a time.

    Args:
        path: a folder; a zip or tar (.gz, .bz2, .xz) of one; Parquet with a column ``image`` of encoded bytes, or of
            structs with a field ``bytes``, and optionally a column ``label``; an .npz of an array ``images`` (or
            ``x``, ``x_train``), uint8 (N, H, W) or (N, H, W, C), and optionally one of labels; a folder written by
            :meth:`Images.write`; a single image.

    Raises:
        DataError: the path does not exist, is none of these, or is damaged as a whole.
        RequestError: it is an address such as ``s3://bucket/images.zip``.
    """
    if not local(path).exists():
        hint = f" It is versioned: `dvc pull {path}.dvc` fetches it." if Path(f"{path}.dvc").exists() else ""
        raise DataError(f"{path} does not exist.{hint}")
    try:
        yield from _reader(path)(path)
    except PermissionError as problem:
        raise DataError(f"{problem.filename or path} cannot be read: {problem.strerror}.") from None
    except DAMAGED as problem:
        reason = (str(problem) or type(problem).__name__).splitlines()[0].rstrip(".")
        raise DataError(f"{path} cannot be read: {reason}. Copy or export it again.") from None


def labels(found: Sequence[Entry], classes: Collection[str] = ()) -> list[str | None]:
    """Label of each entry: the stored one, otherwise the class folder of its path; entries with a problem have none.

    Folders shared by all images are not classes, unless the last of them is one of the known ``classes``: those of
    ``pets/cat/1.png`` and ``pets/dog/1.png`` are cat and dog. Only paths, labels and problems are used.
    """
    folders = [PurePosixPath(entry.path).parts[:-1] for entry in found]
    valid = [folder for folder, entry in zip(folders, found, strict=True) if not entry.problem]
    first, last = min(valid, default=()), max(valid, default=())
    shared = [a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))]
    depth = len(shared) - (1 if shared and class_of(shared[-1]) in classes else 0)
    return [
        None if entry.problem else entry.label or (class_of(folder[depth]) if len(folder) > depth else None)
        for folder, entry in zip(folders, found, strict=True)
    ]


def _reader(path: Path) -> Callable[[Path], Iterator[Entry]]:
    if path.is_dir():
        return read_prepared if is_prepared(path) else read_folder
    if not path.is_file():
        raise DataError(f"{path} is neither a file nor a folder.")
    name = path.name.lower()
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise DataError(f"{path} is empty (0 bytes). Copy or export it again.")
    if name.endswith(".parquet") or head.startswith(b"PAR1"):
        return read_parquet
    if name.endswith(".npz"):
        return read_arrays
    if looks_like_image(name, head):
        return read_single
    if zipfile.is_zipfile(path):
        return read_zip
    if is_tar(path):
        return read_tar
    if name.endswith(ARCHIVES):
        raise DataError(
            f"{path} cannot be read as a zip or tar: it is damaged, ends early or has another format. Copy it again, "
            "or unpack it and use the folder."
        )
    raise DataError(f"{path} is neither a folder of images, a zip or tar of one, Parquet, .npz, nor an image.")


def holds_images(path: Path) -> bool:
    """Whether ``path`` holds images rather than a table: by its ending, for a Parquet file by its columns."""
    if path.is_dir():
        return True
    name = path.name.lower()
    if name.endswith(".parquet"):
        try:
            schema = pq.read_schema(path)
        except (OSError, pa.ArrowException):
            return False  # reading it reports the problem
        kind = schema.field(IMAGE).type if IMAGE in schema.names else None
        return kind is not None and (
            pa.types.is_struct(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        )
    return name.endswith((*ARCHIVES, *ENDINGS, ".npz"))
