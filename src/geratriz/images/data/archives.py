"""Read images in a zip or tar one by one. Nothing is unpacked to disk, and a small file cannot use much memory."""

import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from geratriz.errors import DataError
from geratriz.images.data.entry import MAX_HEADER_BYTES, Entry, as_text, file_entry, outside_path, unreadable_entry


def read_zip(path: Path) -> Iterator[Entry]:
    """Read the entries of a zip, in the order of their paths."""
    with zipfile.ZipFile(path) as archive:
        for member in sorted(archive.infolist(), key=lambda member: member.filename):
            name, mode = member.filename, member.external_attr >> 16
            if not name or member.is_dir():  # zipfile fails on the empty name
                continue
            if member.flag_bits & 1:
                raise DataError(f"{path} is encrypted ({as_text(name)}). Unpack it and use the folder.")
            if outside := outside_path(name):
                yield Entry(path=as_text(name), problem=outside)
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                yield from unreadable_entry(name, "a link or a device, not a file")
            else:
                yield from file_entry(name, member.file_size, lambda member=member: archive.open(member))  # type: ignore[misc]


class _Member(tarfile.TarInfo):
    """A member of a tar. tarfile holds its headers in memory: headers that unpack to a large size are rejected."""

    @classmethod
    def fromtarfile(cls, tarfile: Any) -> Self:
        if (size := tarfile.fileobj.tell() - tarfile.offset) > MAX_HEADER_BYTES:  # consecutive headers
            raise _Rejected(_too_long(size))
        return super().fromtarfile(tarfile)

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.type in _EXTENDED_HEADERS and member.size > MAX_HEADER_BYTES:
            raise _Rejected(_too_long(member.size))
        if member.type == tarfile.GNUTYPE_SPARSE:
            raise _Rejected(_SPARSE)
        return member

    def _proc_gnusparse_10(self, *_: object) -> None:  # tarfile's own reads the list from the content
        raise _Rejected(_SPARSE)


class _Rejected(tarfile.TarError):
    """Not tarfile's own ReadError, after which tarfile tries another compression."""


_EXTENDED_HEADERS = (
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
)
_SPARSE = "a file in it is stored as a list of its parts (tar --sparse), which may have any length"


def _too_long(size: int) -> str:
    return f"its headers have {size:,} bytes, at most {MAX_HEADER_BYTES:,} are read"


def is_tar(path: Path) -> bool:
    """Whether a file is a tar, compressed or not."""
    try:
        tarfile.open(path, tarinfo=_Member).close()
    except (tarfile.ReadError, tarfile.CompressionError):
        return False
    return True


def read_tar(path: Path) -> Iterator[Entry]:
    """Read the entries of a tar, in its own order."""
    with tarfile.open(path, "r|*", tarinfo=_Member) as archive:
        stream: Any = archive.fileobj
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # it would hold all of them
            if (size := sum(len(name) + len(text) for name, text in archive.pax_headers.items())) > MAX_HEADER_BYTES:
                raise _Rejected(_too_long(size))
            if member.isdir():
                continue
            if outside := outside_path(member.name):
                yield Entry(path=as_text(member.name), problem=outside)
            elif not member.isreg():
                yield from unreadable_entry(member.name, "a link or a device, not a file")
            else:
                yield from file_entry(member.name, member.size, lambda member=member: archive.extractfile(member))  # type: ignore
        if stream.tell() < archive.offset + tarfile.BLOCKSIZE:  # no empty block at the end; tarfile accepts it
            raise tarfile.ReadError("it ends early")
