"""Images in a folder, alone, or as the stage `prepare` wrote them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from geratriz.images.data.entry import Entry, as_text, file_entry, is_hidden, named_entry
from geratriz.images.data.images import PIXELS, SCHEMA, Images


def is_prepared(path: Path) -> bool:
    """Whether :meth:`Images.write` wrote this folder."""
    return (path / SCHEMA).is_file() and (path / PIXELS).is_file()


def read_folder(root: Path) -> Iterator[Entry]:
    """Links to files are followed, as DVC may lay its cache out in links; links to folders, which may go round, not."""
    found: dict[str, str | None] = {}

    def refuse(problem: OSError) -> None:
        found[Path(problem.filename).relative_to(root).as_posix()] = f"the folder cannot be read: {problem.strerror}"

    for folder, folders, files in os.walk(root, onerror=refuse):
        below = PurePosixPath(Path(folder).relative_to(root).as_posix())
        for each in folders:
            if (Path(folder) / each).is_symlink():
                found[str(below / each)] = "a link to a folder, which is not followed: put the folder itself here"
        folders[:] = [each for each in folders if not is_hidden(each)]
        found.update((str(below / each), None) for each in files)
    for name, problem in sorted(found.items()):
        if problem is not None:
            if not is_hidden(PurePosixPath(name).name):
                yield Entry(path=as_text(name), problem=problem)
            continue
        place = root / name
        try:
            status = place.stat()
        except OSError as error:
            yield from named_entry(name, "a link that leads nowhere" if place.is_symlink() else f"{error.strerror}")
            continue
        if stat.S_ISREG(status.st_mode):
            yield from file_entry(name, status.st_size, lambda place=place: place.open("rb"))  # type: ignore[misc]
        else:
            yield from named_entry(name, "not a regular file")


def read_single(path: Path) -> Iterator[Entry]:
    """The entry of a single image."""
    return file_entry(path.name, path.stat().st_size, lambda: path.open("rb"))


def read_prepared(path: Path) -> Iterator[Entry]:
    """The entries of a folder that :meth:`Images.write` wrote."""
    images = Images.read(path)
    for i in range(len(images)):
        label = None if images.labels is None else images.schema.classes[images.labels[i]]
        yield Entry(path=f"row {i}", pixels=images.pixels[i], label=label)
