"""Image files made on the spot: pictures, and the folders and archives they lie in."""

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def pixels(seed: int = 0, height: int = 8, width: int = 8, channels: int = 1) -> np.ndarray:
    """uint8 (height, width, channels), another picture for every seed."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def picture(seed: int = 0, height: int = 8, width: int = 8, channels: int = 1) -> Image.Image:
    array = pixels(seed, height, width, channels)
    return Image.fromarray(array[..., 0] if channels == 1 else array)


def encoded(image: Image.Image | int = 0, form: str = "PNG", **options: Any) -> bytes:
    """A picture, or the one of a seed, as the bytes of a file."""
    file = io.BytesIO()
    (picture(image) if isinstance(image, int) else image).save(file, form, **options)
    return file.getvalue()


def folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def parquet(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def classes(count: int = 30, **labels: int) -> dict[str, bytes]:
    """``count`` different pictures in the class folders cat and dog, or so many as ``labels`` say."""
    wanted = labels or {"cat": count // 2, "dog": count - count // 2}
    names = [f"{label}/{i:03d}.png" for label, number in wanted.items() for i in range(number)]
    return {name: encoded(seed) for seed, name in enumerate(names)}
