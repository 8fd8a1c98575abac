"""Read images in a folder, a single image, or a folder written by the stage `prepare`."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from geratriz.images.data.entry import Entry, as_text, file_entry, is_hidden, unreadable_entry
from geratriz.images.data.images import PIXELS, SCHEMA, Images


def is_prepared(path: Path) -> bool:
    """Whether :meth:`Images.write` wrote this folder."""
    return (path / SCHEMA).is_file() and (path / PIXELS).is_file()


def read_folder(root: Path) -> Iterator[Entry]:
    """Read the entries of a folder. Links to files are followed (DVC may link its cache), links to folders are not."""
    found: dict[str, str | None] = {}

    def refuse(problem: OSError) -> None:
        found[Path(problem.filename).relative_to(root).as_posix()] = f"the folder cannot be read: {problem.strerror}"

    for folder, folders, files in os.walk(root, onerror=refuse):
        below = PurePosixPath(Path(folder).relative_to(root).as_posix())
        for name in folders:
            if (Path(folder) / name).is_symlink():
                found[str(below / name)] = "a link to a folder, which is not followed: put the folder itself here"
        folders[:] = [name for name in folders if not is_hidden(name)]
        found.update((str(below / name), None) for name in files)
    for name, problem in sorted(found.items()):
        if problem is not None:
            if not is_hidden(PurePosixPath(name).name):
                yield Entry(path=as_text(name), problem=problem)
            continue
        path = root / name
        try:
            status = path.stat()
        except OSError as error:
            yield from unreadable_entry(name, "a broken link" if path.is_symlink() else f"{error.strerror}")
            continue
        if stat.S_ISREG(status.st_mode):
            yield from file_entry(name, status.st_size, lambda path=path: path.open("rb"))  # type: ignore[misc]
        else:
            yield from unreadable_entry(name, "not a regular file")


def read_single(path: Path) -> Iterator[Entry]:
    """Read a single image."""
    return file_entry(path.name, path.stat().st_size, lambda: path.open("rb"))


def read_prepared(path: Path) -> Iterator[Entry]:
    """Read the entries of a folder that :meth:`Images.write` wrote."""
    images = Images.read(path)
    for i in range(len(images)):
        label = None if images.labels is None else images.schema.classes[images.labels[i]]
        yield Entry(path=f"row {i}", pixels=images.pixels[i], label=label)
