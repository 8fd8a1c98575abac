"""Files and folders that are written whole or not at all: aside, flushed to the disk, then renamed into their place.

A path therefore holds the old content or the new, whatever happens: a kill, a full disk, a power cut. What is written
aside is named ``NAME.TOKEN.partial``, and its writer holds a lock on it. So two writers of one path never mix, the last
one to finish wins, and a later run can tell what a killed one left behind, which it removes, from what is in work.
"""

import ctypes
import errno
import fcntl
import hashlib
import itertools
import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from geratriz.errors import GeratrizError, RequestError

MAX_NAME = 200  # bytes of a name that is kept in the name of its partial; file systems end names at 255
MANY = 100  # files of a folder; more are flushed by one call for all disks instead of one call each
PATIENCE_S = 30.0  # wait for another writer that is renaming, which takes milliseconds
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk full, quota or limit of a file's size exceeded
INSIDE = "new"  # name of what is written aside within a folder that stays
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):/+(.*)", re.DOTALL)  # of two letters at least: c:/ is a drive
_TOKEN = "[0-9a-f]{8}"


def local(path: Path | str, error: type[GeratrizError] = RequestError) -> Path:
    """Return a path of this machine.

    Raises:
        RequestError: it is an address such as ``s3://bucket/rows.parquet``; or another ``error``.
    """
    if address := _ADDRESS.fullmatch(str(path)):  # a Path has lost a slash of ://
        scheme, rest = address.groups()
        raise error(
            f"{scheme}://{rest} is an address, and files are read and written on this machine only: {scheme}:// is not "
            "supported. Copy the file here, or write to a path here and copy it from there."
        )
    return Path(path)


@contextmanager
def file(path: Path) -> Iterator[Path]:
    """Yield a path to write the file ``path`` to, which replaces it when the context ends; folders are created.

    An existing file keeps its mode, and a link its target. A device or a pipe is written directly.

    Raises:
        RequestError: ``path`` is an address, or cannot be written; what was there is as it was.
    """
    with files(path) as (partial,):
        yield partial


@contextmanager
def files(path: Path, *others: Path) -> Iterator[list[Path]]:
    """Yield paths to write files of one folder to, which replace ``path`` and ``others`` when the context ends.

    The others describe ``path``: they are removed before it is replaced, and follow it. One that was not written, so
    that it is empty, is not replaced but stays removed.

    Raises:
        RequestError: as :func:`file`.
    """
    local(path)
    with _errors(path):
        yield from _files(path, *others)


def _files(path: Path, *others: Path) -> Iterator[list[Path]]:
    target = path.resolve()  # of a link the target, so that no rename crosses disks
    kind = target.stat().st_mode if target.exists() else stat.S_IFREG
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(kind):
        yield [path, *(Path(os.devnull) for _ in others)]
        return
    _make(target.parent)
    targets = [target, *(target.with_name(other.name) for other in others)]
    with ExitStack() as claims:
        partials = [claims.enter_context(_claimed(each)) for each in targets]
        if target.exists():
            os.chmod(partials[0], stat.S_IMODE(kind))  # noqa: PTH101 - of the open file
        yield partials
        _flush(partials)
        with _locked(target.parent):
            for other in targets[1:]:
                other.unlink(missing_ok=True)  # a kill here leaves no description, never a wrong one
            for partial, each in zip(partials, targets, strict=True):
                if each is target or partial.stat().st_size:
                    os.replace(partial, each)
        _flush([target.parent])


def text(path: Path, content: str) -> None:
    """Write a text file as UTF-8, whole or not at all.

    Raises:
        RequestError: as :func:`file`.
    """
    data(path, content.encode())


def data(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all.

    Raises:
        RequestError: as :func:`file`.
    """
    with file(path) as partial:
        partial.write_bytes(content)


@contextmanager
def folder(path: Path, names: Collection[str] = ()) -> Iterator[Path]:
    """Yield a folder to write the folder ``path`` to, which replaces it when the context ends.

    A folder that holds nothing but ``names`` is exchanged as a whole. One that holds other files too, is the working
    folder or the root of a disk stays, and the files in it are replaced, the first of ``names`` last;
    :func:`finish` completes that after a kill.

    Raises:
        RequestError: ``path`` is an address, or cannot be written; what was there is as it was.
    """
    local(path)
    with _errors(path):
        yield from _folder(path, names)


def _folder(path: Path, names: Collection[str]) -> Iterator[Path]:
    target = path.resolve()
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    _make(target.parent)
    _restore(target)
    finish(target, names)
    within = target.is_dir() and not (os.access(target.parent, os.W_OK) and _replaceable(target, names))
    with _claimed(target / INSIDE if within else target, folder=True) as partial:
        yield partial
        _flush([partial, *itertools.islice(partial.rglob("*"), MANY)])
        with _locked(target if within else target.parent):
            if within or not _take_place(partial, target, names):
                _move_into(partial, target, names)
        _flush([target, target.parent])


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Raise errors of the system as RequestError."""
    try:
        yield
    except OSError as problem:
        advice = " Free some space, or write to another disk." if problem.errno in DISK_FULL else ""
        raise RequestError(
            f"{path} cannot be written: {problem.strerror or problem}. Existing files are unchanged.{advice}"
        ) from None


def finish(path: Path, names: Collection[str]) -> None:
    """Complete the replacement of files in the folder ``path`` by a :func:`folder` that was killed meanwhile."""
    with suppress(OSError):
        for decided in path.glob(f"{INSIDE}.*.decided"):
            with _locked(path):
                _moved(decided, path, names)


def _take_place(partial: Path, target: Path, names: Collection[str]) -> bool:
    """Rename a folder to ``target``, which is exchanged if it exists; false if it must stay."""
    while True:
        if not target.exists():
            os.rename(partial, target)  # noqa: PTH104 - as os.replace, which is the atomic one
            return True
        if not _replaceable(target, names):
            return False
        os.chmod(partial, stat.S_IMODE(target.stat().st_mode))  # noqa: PTH101
        with suppress(FileNotFoundError):  # gone meanwhile
            if not _exchange(partial, target):
                os.rename(target, partial.with_suffix(".replaced"))  # noqa: PTH104
                os.rename(partial, target)  # noqa: PTH104 - a kill before this: the next run restores what was there
                shutil.rmtree(partial.with_suffix(".replaced"), ignore_errors=True)
            return True


def _move_into(partial: Path, target: Path, names: Collection[str]) -> None:
    """Replace files in a folder that stays. The rename decides; from then on a kill is completed by :func:`finish`."""
    decided = target / f"{INSIDE}.{os.urandom(4).hex()}.decided"
    os.rename(partial, decided)  # noqa: PTH104
    _flush([target])
    _moved(decided, target, names)


def _moved(decided: Path, target: Path, names: Collection[str]) -> None:
    order = [*names]
    for entry in sorted(decided.iterdir(), key=lambda entry: -order.index(entry.name) if entry.name in order else -999):
        os.replace(entry, target / entry.name)
    decided.rmdir()


def _replaceable(target: Path, names: Collection[str]) -> bool:
    """Whether a folder may be exchanged for another one."""
    here = Path.cwd()
    ours = all(entry.name in names or _is_partial(entry.name) for entry in target.iterdir())
    return ours and here != target and target not in here.parents and not target.is_mount()


def _restore(target: Path) -> None:
    """Put back a folder that a run was killed while exchanging, on a file system that cannot do so in one step."""
    for replaced in _beside(target, "replaced"):
        if target.exists():
            shutil.rmtree(replaced, ignore_errors=True)
        else:
            os.rename(replaced, target)  # noqa: PTH104


@contextmanager
def _claimed(target: Path, *, folder: bool = False) -> Iterator[Path]:
    """Yield a new path beside ``target``, empty and locked; it is removed at the end unless it was renamed.

    What killed runs left for the same target is removed first.
    """
    sweep(target)
    while True:
        partial = target.with_name(f"{_short(target.name)}.{os.urandom(4).hex()}.partial")
        try:
            if folder:
                partial.mkdir()
                handle = os.open(partial, os.O_RDONLY)
            else:
                handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        with suppress(OSError):  # a file system without locks: nothing is removed there
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if partial.exists():  # a sweep may have come between
            break
        os.close(handle)
    try:
        yield partial
    finally:
        _remove(partial)
        os.close(handle)


def sweep(target: Path) -> None:
    """Remove what killed runs left beside ``target``: partials on which nobody holds a lock."""
    for partial in _beside(target, "partial"):
        with suppress(OSError):
            handle = os.open(partial, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(partial)
            finally:
                os.close(handle)


def _beside(target: Path, ending: str) -> list[Path]:
    pattern = re.compile(rf"{re.escape(_short(target.name))}\.{_TOKEN}\.{ending}")
    try:
        return [entry for entry in target.parent.iterdir() if pattern.fullmatch(entry.name)]
    except OSError:
        return []


def _is_partial(name: str) -> bool:
    return re.fullmatch(rf".*\.{_TOKEN}\.partial", name, re.DOTALL) is not None


def _make(folder: Path) -> None:
    """Create a folder and its parents."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as problem:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), problem.filename) from None


def _short(name: str) -> str:
    return name if len(name.encode()) <= MAX_NAME else hashlib.sha256(name.encode()).hexdigest()


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait for other writers in ``folder`` that are renaming; after a while, and where there are no locks, go on."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.01)
            except OSError:
                break
        yield
    finally:
        os.close(handle)


def _flush(paths: list[Path]) -> None:
    """Wait until files and folders are on the disk; some file systems report only here that it is full."""
    if len(paths) > MANY:  # not counted further, nor held in memory
        os.sync()
        return
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as problem:
            if problem.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that cannot do so
                raise
        finally:
            os.close(handle)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths in one step; false where the system or the file system cannot."""
    name, flag = ("renamex_np", 2) if sys.platform == "darwin" else ("renameat2", 2)
    call = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if call is None:
        return False
    here, paths = -100, (os.fsencode(one), os.fsencode(other))  # AT_FDCWD
    done = call(*paths, flag) if sys.platform == "darwin" else call(here, paths[0], here, paths[1], flag)
    if done and ctypes.get_errno() in (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EIO):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(other))
    return not done
