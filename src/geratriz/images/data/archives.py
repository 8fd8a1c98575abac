"""Images in a zip or tar, read one after another. Nothing is unpacked, and a small file cannot claim much memory."""

import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from geratriz.errors import DataError
from geratriz.images.data.entry import LARGEST_HEADER, Entry, as_text, file_entry, leaves, named_entry


def read_zip(path: Path) -> Iterator[Entry]:
    """The entries of a zip, in the order of their paths."""
    with zipfile.ZipFile(path) as archive:
        for member in sorted(archive.infolist(), key=lambda each: each.filename):
            name, mode = member.filename, member.external_attr >> 16
            if member.is_dir():
                continue
            if member.flag_bits & 1:
                raise DataError(f"{path} is encrypted ({as_text(name)}). Unpack it and give the folder.")
            if outside := leaves(name):
                yield Entry(path=as_text(name), problem=outside)
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                yield from named_entry(name, "a link or a device, not a file")
            else:
                yield from file_entry(name, member.file_size, lambda member=member: archive.open(member))  # type: ignore[misc]


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


def is_tar(path: Path) -> bool:
    """Whether a file is a tar, packed or not."""
    try:
        tarfile.open(path, tarinfo=_Member).close()
    except (tarfile.ReadError, tarfile.CompressionError):
        return False
    return True


def read_tar(path: Path) -> Iterator[Entry]:
    """The entries of a tar, in its own order."""
    with tarfile.open(path, "r|*", tarinfo=_Member) as archive:
        stream: Any = archive.fileobj
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep all of them
            if (said := sum(len(name) + len(text) for name, text in archive.pax_headers.items())) > LARGEST_HEADER:
                raise _Refused(_long(said))
            if member.isdir():
                continue
            if outside := leaves(member.name):
                yield Entry(path=as_text(member.name), problem=outside)
            elif not member.isreg():
                yield from named_entry(member.name, "a link or a device, not a file")
            else:
                yield from file_entry(member.name, member.size, lambda member=member: archive.extractfile(member))  # type: ignore
        if stream.tell() < archive.offset + tarfile.BLOCKSIZE:  # no empty block at the end: tarfile does not mind
            raise tarfile.ReadError("it ends early")
