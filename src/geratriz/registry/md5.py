"""MD5 digests of files and folders, as DVC computes them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path


def file_md5(path: Path) -> str:
    """A file's MD5."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def folder_md5(folder: Path) -> str:
    """A folder's MD5 as DVC reckons it: of a JSON list of its files and theirs."""
    listing = {}
    for path in folder.rglob("*"):
        if path.is_file():
            listing[path.relative_to(folder).as_posix()] = file_md5(path)
    return listing_md5(listing)


def listing_md5(listing: Mapping[str, str]) -> str:
    """A folder's MD5 as DVC reckons it, from the MD5 of each file in it."""
    entries = [{"md5": md5, "relpath": name} for name, md5 in sorted(listing.items())]
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"
