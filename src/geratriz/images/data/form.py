"""Convert images to one form, divide them by content, and store them as memory-mapped arrays.

Two passes over the files, with one image in memory at a time: the first reads headers and determines size, channels
and labels, the second decodes.
"""

import hashlib
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from geratriz.errors import ConfigError, DataError
from geratriz.images.data.entry import Entry
from geratriz.images.data.folders import is_prepared
from geratriz.images.data.images import LABELS, MODES, PIXELS, SCHEMA, Images, ImageSchema
from geratriz.images.data.manifest import SHOWN, Unreadable, decode, header, no_images, quiet
from geratriz.images.data.source import entries, labels
from geratriz.parts import PARTS, SplitConfig

MAX_SIZES = 5  # sizes listed in a message
COPY_BYTES = 2**20  # bytes copied at once
SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageForm:
    """Form that images are converted to."""

    height: int | None = None
    """Pixels; None if all images have the same height."""
    width: int | None = None
    channels: Literal["auto", 1, 3, 4] = "auto"
    """1 grey, 3 RGB, 4 RGBA; auto: the largest number that any image needs."""
    fit: Literal["resize", "pad", "crop"] = "resize"
    """Conversion of images of another size. ``resize``: stretch. ``pad``: reduce if necessary, keeping proportions, and
    centre on black, or on transparency if there is alpha. ``crop``: scale to cover the size, and cut."""

    def __post_init__(self) -> None:
        if (self.height is None) != (self.width is None) or not all(
            pixels is None or pixels > 0 for pixels in (self.height, self.width)
        ):
            raise ValueError(f"height is {self.height} and width {self.width}; give both, at least 1, or neither")


def prepare(path: Path, form: ImageForm, split: SplitConfig, out: Path) -> dict[str, Images]:
    """Convert the images at ``path`` to ``form``, divide them below ``out``, and return each part (:data:`PARTS`).

    Images that cannot be read are omitted: the contract limits their number. The part of an image depends only on its
    pixels in that form. Equal images are in one part, whatever their names and labels, as a copy of a training image in
    ``test`` would count as memorisation, and no image changes its part when data grow. The order depends only on the
    pixels, too, so that the first thousand images of a part are a random sample.

    Raises:
        ConfigError: ``split.by`` is not ``hash``.
        DataError: there is nothing to read, sizes are mixed and ``form`` names none, only some images have a label, or
            a part would be empty.
    """
    if split.by != "hash":
        raise ConfigError(f"data.split.by is {split.by!r}; images are divided by content alone: set it to hash.")
    ends = np.cumsum([split.train, split.fresh])
    partial = out / ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with quiet(), ExitStack() as stack:
            plan = _survey(path, form)
            parts = {name: stack.enter_context(_Part(partial / name, plan.shape)) for name in PARTS}
            for pixels, label in _readable(path, plan):
                key = _key(pixels)
                position = int(np.searchsorted(ends, key / 2.0**64, side="right"))
                parts[PARTS[position]].append(pixels, label, key)
        total = sum(len(part.labels) for part in parts.values())
        for name, part in parts.items():
            if not part.labels:
                raise DataError(
                    f"the part {name!r} of the split is empty: {total} images are too few for a share of "
                    f"{getattr(split, name)}. Raise data.split.{name} or bring more images."
                )
        schema = plan.schema(label for part in parts.values() for label in part.labels)
        for name, part in parts.items():
            part.finish(schema)
            shutil.rmtree(out / name, ignore_errors=True)
            os.replace(partial / name, out / name)
        schema.write(out / SCHEMA)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return {name: Images.read(out / name) for name in PARTS}


def load(path: Path, form: ImageForm | None = None) -> Images:
    """Load all images at ``path`` into memory, in one form.

    Raises:
        DataError: as :func:`prepare`, or an image cannot be read.
    """
    with quiet():
        plan = _survey(path, form or ImageForm())
        pixels, found = _all(path, plan)
    schema = plan.schema(found)
    return Images(pixels, schema, _codes(found, schema))


def read(path: Path, schema: ImageSchema, *, resize: bool = False) -> Images:
    """Read all images at ``path``, which must have ``schema``; memory-mapped if :meth:`Images.write` wrote them.

    Grey images become colour images if the schema has colours; labels are dropped if the schema has none. Images of
    another size are rejected, unless they are to be resized (``resize``).

    Raises:
        DataError: an image cannot be read, or its size, channels or label differ from the schema.
    """
    if is_prepared(path):
        images = Images.read(path)
        if images.schema != schema:
            raise DataError(f"{path} holds images of {images.schema}; expected {schema}.")
        return images
    form = ImageForm(height=schema.height, width=schema.width, channels=schema.channels)  # type: ignore[arg-type]
    with quiet():
        plan = _survey(path, form, schema.classes)
        size = (schema.height, schema.width)
        other = {found: names for found, names in plan.sizes.items() if found != size}
        if other and not resize:
            raise DataError(
                f"{path} holds images of {_sizes(other)}; expected {schema.height} x {schema.width} only. Resize them, "
                f"on the command line with --size {schema.height}x{schema.width}."
            )
        if plan.needed > schema.channels:
            raise DataError(f"{path} holds images of {plan.needed} channels; expected {schema.channels}.")
        if schema.classes and None in plan.labels:  # all images have labels, or none has
            raise DataError(
                f"{path} holds images without labels; expected the classes {', '.join(schema.classes)}. Put the "
                "images of a class into a sub-folder of its name, or add a column 'label'."
            )
        unknown = sorted({str(label) for label in plan.labels if label not in schema.classes}) if schema.classes else []
        if unknown:
            raise DataError(
                f"{path} has labels that are not among the classes: {', '.join(unknown[:5])}. Known: "
                f"{', '.join(schema.classes)}."
            )
        pixels, found = _all(path, plan)
    return Images(pixels, schema, _codes(found, schema))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """Result of reading the headers of all images."""

    shape: tuple[int, int, int]
    fit: str
    paths: tuple[str, ...]
    """Paths of all images with a header, in order."""
    labels: tuple[str | None, ...]
    """Labels of the same images."""
    sizes: dict[tuple[int, int], list[str]]
    """Images by (height, width): the first few by name, the others as empty text."""
    needed: int
    """Channels needed."""
    refused: tuple[str, ...]
    """Entries without a header, with the reason."""

    def schema(self, used: Iterable[str | None]) -> ImageSchema:
        height, width, channels = self.shape
        classes = tuple(sorted({label for label in used if label is not None}, key=_order))
        return ImageSchema(height=height, width=width, channels=channels, classes=classes)


def _survey(path: Path, form: ImageForm, classes: Sequence[str] = (), *, decoding: bool = False) -> _Plan:
    """Determine the form from the headers, with known ``classes``; ``decoding`` the images finds damaged ones, too."""
    found: list[Entry] = []
    sizes: dict[tuple[int, int], list[str]] = {}
    refused, needed = [], 1
    for entry in entries(path):
        try:
            found_header = header(entry)
            if decoding:
                decode(entry)
        except Unreadable as problem:
            refused.append(f"{entry.path} ({problem})")
            continue
        names = sizes.setdefault((found_header.height, found_header.width), [])
        names.append(entry.path if len(names) < SHOWN else "")
        needed = max(needed, found_header.channels)
        found.append(Entry(path=entry.path, label=entry.label))
    if not found:
        raise _nothing(path, refused)
    if form.height is None and len(sizes) > 1:
        if not decoding:  # an image of another size may be damaged
            return _survey(path, form, classes, decoding=True)
        raise DataError(
            f"{path} holds images of {_sizes(sizes)}. Set data.image.height, width and fit (resize, pad or crop) to "
            "convert them to one size, or use --size HEIGHTxWIDTH on the command line."
        )
    height, width = (form.height, form.width) if form.height and form.width else next(iter(sizes))
    return _Plan(
        shape=(height, width, needed if form.channels == "auto" else form.channels),
        fit=form.fit,
        paths=tuple(entry.path for entry in found),
        labels=tuple(_complete(path, found, classes)),
        sizes=sizes,
        needed=needed,
        refused=tuple(refused),
    )


def _complete(path: Path, found: list[Entry], classes: Sequence[str]) -> list[str | None]:
    """Labels of the entries: all of them have one, or none has."""
    found_labels = labels(found, classes)
    names = sorted(set(map(str, found_labels)))
    if SPLITS.issuperset(names) and len(names) > 1 and all(entry.label is None for entry in found):
        raise DataError(
            f"{path}: its folders {', '.join(names)} are parts of a split, not classes. Use one of them, or put all "
            "images of a class into one folder: Geratriz divides them."
        )
    unlabelled = [entry.path for entry, label in zip(found, found_labels, strict=True) if label is None]
    if 0 < len(unlabelled) < len(found_labels):
        raise DataError(
            f"{path}: {len(unlabelled):,} of {len(found_labels):,} images have no label, {_some(unlabelled)}. Label "
            "all of them (one sub-folder per class, or the column 'label'), or none."
        )
    return found_labels


def _readable(path: Path, plan: _Plan) -> Iterator[tuple[np.ndarray, str | None]]:
    """Yield pixels (H, W, C) and label of each image that can be decoded."""
    for pixels, label, _ in _decoded(path, plan):
        if pixels is not None:
            yield pixels, label


def _all(path: Path, plan: _Plan) -> tuple[np.ndarray, list[str | None]]:
    """Read pixels (N, H, W, C) and labels of all images; an image that cannot be read is an error."""
    refused = list(plan.refused)
    stacked = np.empty((len(plan.labels), *plan.shape), np.uint8)
    for i, (pixels, _, problem) in enumerate(_decoded(path, plan)):
        if pixels is None:
            refused.append(problem)
        else:
            stacked[i] = pixels
    if refused:
        raise DataError(
            f"{path}: {len(refused):,} of {len(plan.paths) + len(plan.refused):,} images cannot be read, "
            f"{_some(refused)}. Repair or remove them."
        )
    return stacked, list(plan.labels)


def _decoded(path: Path, plan: _Plan) -> Iterator[tuple[np.ndarray | None, str | None, str]]:
    """Yield (pixels, label, "") or (None, None, problem) for each image with a header."""
    expected = zip(plan.paths, plan.labels, strict=True)
    name, label = next(expected, ("", None))
    for entry in entries(path):
        if entry.path != name:  # an entry without a header
            continue
        try:
            yield _pixels(decode(entry), plan.shape, plan.fit), label, ""
        except Unreadable as problem:
            yield None, None, f"{entry.path} ({problem})"
        name, label = next(expected, ("", None))
    if name:
        raise DataError(f"{path} changed while it was read: {name} is gone. Run it again.")


def _pixels(image: Image.Image, shape: tuple[int, int, int], fit: str) -> np.ndarray:
    """Convert an image in L, RGB or RGBA to uint8 (H, W, C); without an alpha channel, transparency becomes black."""
    height, width, channels = shape
    fitted = _fitted(image, height, width, fit)
    if fitted.mode == "RGBA" and channels != 4:
        fitted = Image.alpha_composite(Image.new("RGBA", fitted.size, (0, 0, 0, 255)), fitted)
    if fitted.mode != MODES[channels]:
        fitted = fitted.convert(MODES[channels])
    return np.asarray(fitted).reshape(shape)


def _fitted(image: Image.Image, height: int, width: int, fit: str) -> Image.Image:
    """Fit an image to a size; the Lanczos filter averages the pixels that it omits, so that small images are smooth."""
    if image.size == (width, height):
        return image
    if fit == "resize":
        return image.resize((width, height), Image.Resampling.LANCZOS)
    ratios = (width / image.width, height / image.height)
    if fit == "crop":
        wide, high = width / max(ratios), height / max(ratios)  # the part of the image that is used
        left, top = (image.width - wide) / 2, (image.height - high) / 2
        if max(ratios) == 1:
            return image.crop((int(left), int(top), int(left) + width, int(top) + height))
        return image.resize((width, height), Image.Resampling.LANCZOS, (left, top, left + wide, top + high))
    scale = min(*ratios, 1)
    size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    scaled = image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)
    canvas = Image.new(image.mode, (width, height))
    canvas.paste(scaled, ((width - size[0]) // 2, (height - size[1]) // 2))
    return canvas


def _key(pixels: np.ndarray) -> int:
    """Hash of the pixels, 64 bits; the same for a grey image stored as grey, RGB or RGBA."""
    channels = pixels.shape[2]
    full = np.full((*pixels.shape[:2], 4), 255, np.uint8)
    full[..., : max(channels, 3)] = pixels
    return int.from_bytes(hashlib.blake2b(full.tobytes(), digest_size=8).digest())


class _Part:
    """A part that is being written: images are appended as they come, then stored in the order of their keys."""

    def __init__(self, folder: Path, shape: tuple[int, int, int]) -> None:
        self.folder, self.shape = folder, shape
        self.labels: list[str | None] = []
        self.keys: list[int] = []

    def __enter__(self) -> "_Part":
        self.folder.mkdir(parents=True)
        self._file = (self.folder / "unordered").open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, pixels: np.ndarray, label: str | None, key: int) -> None:
        """Append one image (H, W, C)."""
        self._file.write(pixels.tobytes())
        self.labels.append(label)
        self.keys.append(key)

    def finish(self, schema: ImageSchema) -> None:
        """Write the files of :meth:`Images.read`; the order is independent of names, folders and archive."""
        codes = _codes(self.labels, schema)
        shape = (len(self.keys), *self.shape)
        order = np.lexsort((np.zeros(len(self.keys)) if codes is None else codes, np.array(self.keys, np.uint64)))
        unordered = np.memmap(self.folder / "unordered", np.uint8, "r", shape=shape)
        ordered = np.lib.format.open_memmap(self.folder / PIXELS, "w+", np.uint8, shape)
        rows = max(COPY_BYTES // math.prod(self.shape), 1)
        for start in range(0, len(order), rows):
            ordered[start : start + rows] = unordered[order[start : start + rows]]
        ordered.flush()
        (self.folder / "unordered").unlink()
        if codes is not None:
            np.save(self.folder / LABELS, codes[order])
        schema.write(self.folder / SCHEMA)


def _codes(found: Sequence[str | None], schema: ImageSchema) -> np.ndarray | None:
    if not schema.classes:
        return None
    codes = {name: code for code, name in enumerate(schema.classes)}
    return np.array([codes[str(label)] for label in found], dtype=np.int64)


def _order(name: str) -> tuple[bool, int, str]:
    """Sort key of a class name: numbers by value, before text in alphabetical order."""
    number = name.isascii() and name.isdigit()
    return not number, int(name) if number else 0, name


def _nothing(path: Path, refused: list[str]) -> DataError:
    if not refused:
        return no_images(path)
    return DataError(f"{path}: none of its {len(refused):,} images can be read, {_some(refused)}.")


def _some(names: Sequence[str]) -> str:
    return f"for example {', '.join(names[:SHOWN])}"


def _sizes(sizes: dict[tuple[int, int], list[str]]) -> str:
    """List the sizes with examples, the most frequent first."""
    ordered = sorted(sizes.items(), key=lambda item: -len(item[1]))
    listed = [f"{h} x {w} ({len(names):,} images, {_some([*filter(None, names)])})" for (h, w), names in ordered]
    more = f" and {len(listed) - MAX_SIZES} more" if len(listed) > MAX_SIZES else ""
    return f"{len(listed)} size(s), height x width: {'; '.join(listed[:MAX_SIZES])}{more}"
