"""Bundle, a saved generator: one JSON head and one safetensors file in a folder. Loading it never runs code.

The head holds a format number and the SHA-256 of each part, so a bundle with a changed byte, a missing part or a newer
format is rejected with the reason. The bundle's identity is the SHA-256 of its head.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geratriz.errors import BundleError

FORMAT = 1
HEAD = "generator.json"
TENSORS = "tensors.safetensors"
HISTORY = "history.jsonl"
WALKS = "walks.png"  # for images: rows of images from one latent to another


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """Content of a bundle in memory: the ``kind`` of generator, the JSON ``head`` and arrays by name."""

    kind: str
    head: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


def write(folder: Path, *, kind: str, head: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a bundle into ``folder``, the head last, so that an interrupted write leaves no valid bundle."""
    from safetensors.numpy import save

    folder.mkdir(parents=True, exist_ok=True)
    tensors = save({name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)})
    _write_atomically(folder / TENSORS, tensors)
    parts = {TENSORS: hashlib.sha256(tensors).hexdigest()}
    content = {"format": FORMAT, "kind": kind, **head, "parts": parts}
    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False)
    _write_atomically(folder / HEAD, (text + "\n").encode())


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
        if hashlib.sha256(contents[part]).hexdigest() != expected:
            raise BundleError(
                f"{folder / part} is not what was saved: its SHA-256 differs from the one in {HEAD}. "
                "Restore it (`dvc checkout`), or fit again."
            )
    return Bundle(kind=head["kind"], head=head, arrays=_Arrays(folder, head["kind"], load(contents[TENSORS])))


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
    """
    path = folder / HEAD
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{folder} holds no generator: {HEAD} is missing. `geratriz fit` writes one.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise BundleError(f"{path} is not JSON ({problem}). Restore it (`dvc checkout`), or fit again.") from None
    version = head.get("format") if isinstance(head, dict) else None
    if not isinstance(version, int) or "kind" not in head or TENSORS not in head.get("parts", {}):
        raise BundleError(f"{path} is not the head of a generator's bundle. Restore it (`dvc checkout`), or fit again.")
    if version > FORMAT:
        raise BundleError(f"{folder} has format {version}, this version reads up to {FORMAT}. Upgrade geratriz.")
    return dict(head)


def digest(folder: Path) -> str:
    """Return the bundle's identity: the SHA-256 of its head, which holds the SHA-256 of every part."""
    read_head(folder)
    return hashlib.sha256((folder / HEAD).read_bytes()).hexdigest()


def _write_atomically(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    os.replace(partial, path)
