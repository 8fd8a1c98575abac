"""MD5 digests of files and folders, as DVC computes them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path


def file_md5(path: Path) -> str:
    """MD5 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def folder_md5(folder: Path) -> str:
    """MD5 of a folder as DVC computes it, from a JSON list of its files and their MD5s."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return listing_md5({path.relative_to(folder).as_posix(): file_md5(path) for path in files})


def listing_md5(listing: Mapping[str, str]) -> str:
    """MD5 of a folder as DVC computes it, from the MD5 of each of its files."""
    entries = [{"md5": md5, "relpath": name} for name, md5 in sorted(listing.items())]
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"
