"""Bundle, a saved generator: one JSON head and one safetensors file in a folder. Loading it never runs code.

The head holds a format number and the SHA-256 of each part, so a bundle with a changed byte, a missing part or a newer
format is rejected with the reason. The bundle's identity is the SHA-256 of its head.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geratriz import writing
from geratriz.errors import BundleError

FORMAT = 1
HEAD = "generator.json"
TENSORS = "tensors.safetensors"
HISTORY = "history.jsonl"
WALKS = "walks.png"  # for images: rows of images from one latent to another
FILES = (HEAD, TENSORS, HISTORY, WALKS, "progress")  # of a bundle's folder, which is replaced as a whole
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """Content of a bundle in memory: the ``kind`` of generator, the JSON ``head`` and arrays by name."""

    kind: str
    head: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


def write(folder: Path, *, kind: str, head: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a bundle as ``folder``, whole or not at all: a kill or a full disk leaves the bundle that was there.

    A folder that holds files of others too stays, and so do they.

    Raises:
        RequestError: ``folder`` is an address such as ``s3://bucket/model``, or cannot be written.
    """
    from safetensors.numpy import save

    tensors = save({name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)})
    parts = {TENSORS: hashlib.sha256(tensors).hexdigest()}
    content = {"format": FORMAT, "kind": kind, **head, "parts": parts}
    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False)
    with writing.folder(folder, FILES) as partial:
        (partial / TENSORS).write_bytes(tensors)
        (partial / HEAD).write_bytes((text + "\n").encode())


def read(folder: Path) -> Bundle:
    """Read and check a bundle.

    Raises:
        BundleError: the bundle is missing or damaged, or was written by a newer version.
    """
    from safetensors.numpy import load

    head = read_head(folder)
    contents = {}
    for part, expected in head["parts"].items():
        try:
            contents[part] = (folder / part).read_bytes()
        except FileNotFoundError:
            raise BundleError(
                f"{folder / part} is missing: the bundle was copied without it. Copy the whole folder."
            ) from None
        except OSError as problem:
            raise BundleError(f"{folder / part} cannot be read: {problem.strerror}.") from None
        if hashlib.sha256(contents[part]).hexdigest() != expected:
            raise BundleError(
                f"{folder / part} is not what was saved: its SHA-256 differs from the one in {HEAD}. "
                "Restore it (`dvc checkout`), or fit again."
            )
    try:
        arrays = load(contents[TENSORS])
    except Exception as problem:
        raise BundleError(
            f"{folder / TENSORS} holds no arrays ({problem}), though its SHA-256 is the one in {HEAD}: both were "
            "changed. Restore them (`dvc checkout`), or fit again."
        ) from None
    return Bundle(kind=head["kind"], head=head, arrays=_Arrays(folder, head["kind"], arrays))


class _Arrays(dict[str, np.ndarray]):
    """Arrays by name; a missing name raises a BundleError that explains it."""

    def __init__(self, folder: Path, kind: str, arrays: Mapping[str, np.ndarray]) -> None:
        super().__init__(arrays)
        self._folder, self._kind = folder, kind

    def __missing__(self, name: str) -> np.ndarray:
        raise BundleError(
            f"{self._folder} holds no {name}: it was written by an earlier geratriz, whose {self._kind} had other "
            "parts. Fit it again, or load it with the version that wrote it."
        )


def read_head(folder: Path) -> dict[str, Any]:
    """Read the JSON head alone and check its format.

    Raises:
        BundleError: the head is missing or not JSON, or was written by a newer version.
        RequestError: ``folder`` is an address.
    """
    path = writing.local(folder) / HEAD
    writing.finish(folder, FILES)
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{folder} holds no generator: {HEAD} is missing. `geratriz fit` writes one.") from None
    except OSError as problem:
        raise BundleError(f"{path} cannot be read: {problem.strerror}.") from None
    except (ValueError, RecursionError) as problem:
        raise BundleError(f"{path} is not JSON ({problem}). Restore it (`dvc checkout`), or fit again.") from None
    if wrong := _wrong(head):
        raise BundleError(
            f"{path} is not the head of a generator's bundle: {wrong}. Restore it (`dvc checkout`), or fit again."
        )
    if head["format"] > FORMAT:
        raise BundleError(f"{folder} has format {head['format']}, this version reads up to {FORMAT}. Upgrade geratriz.")
    return dict(head)


def digest(folder: Path) -> str:
    """Return the bundle's identity: the SHA-256 of its head, which holds the SHA-256 of every part."""
    read_head(folder)
    return hashlib.sha256((folder / HEAD).read_bytes()).hexdigest()


def _wrong(head: Any) -> str:
    """What is wrong in the fields that all bundles have, or nothing."""
    if not isinstance(head, dict):
        return f"it holds a {type(head).__name__}, expected an object"
    for name, kind, expected in (
        ("format", int, "a number"),
        ("kind", str, "the name of a generator"),
        ("parts", dict, "the SHA-256 of each file"),
    ):
        if not isinstance(head.get(name), kind) or isinstance(head[name], bool):
            return f"{name} is {_short(head.get(name))}, expected {expected}"
    for name, expected in head["parts"].items():
        if Path(name).name != name or not name.isprintable() or not isinstance(expected, str):
            return f"parts.{name} is {_short(expected)}, expected the name of a file in the folder and its SHA-256"
        if not _SHA256.fullmatch(expected):
            return f"parts.{name} is {_short(expected)}, expected 64 hexadecimal digits"
    return "" if TENSORS in head["parts"] else f"parts names no {TENSORS}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
