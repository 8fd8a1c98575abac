"""Bring images into one form, divide them by content, and lay them on disk as arrays that are read in place.

Two passes over the files, one image in memory at a time: the first reads headers only and settles size, channels and
labels, the second decodes.
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

SIZES = 5  # in a message
MOVED = 2**20  # bytes at once
SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageForm:
    """What form images are brought into."""

    height: int | None = None
    """Pixels; None: the height they all have."""
    width: int | None = None
    channels: Literal["auto", 1, 3, 4] = "auto"
    """1 grey, 3 RGB, 4 RGBA; auto: as many as the most colourful of them needs."""
    fit: Literal["resize", "pad", "crop"] = "resize"
    """How an image of another size gets there. ``resize``: stretched. ``pad``: made smaller if it must be, keeping its
    proportions, and set in the middle of black, or of nothing if it has alpha. ``crop``: scaled to cover and cut."""

    def __post_init__(self) -> None:
        if (self.height is None) != (self.width is None) or not all(
            each is None or each > 0 for each in (self.height, self.width)
        ):
            raise ValueError(f"height is {self.height} and width {self.width}; give both, at least 1, or neither")


def prepare(path: Path, form: ImageForm, split: SplitConfig, out: Path) -> dict[str, Images]:
    """The images at ``path`` in one ``form``, divided, below ``out``: by part (:data:`PARTS`), memory-mapped.

    What cannot be read is left out: the contract has judged it. The side of an image depends on its pixels in that form
    and on nothing else: equal images, whatever their names and labels, stand on one side, as a copy in ``test`` of one
    in ``train`` would pass for memorisation, and none changes side when data grow. Their order depends on nothing else
    either, so that the first thousand of a part are as good a sample as any.

    Raises:
        ConfigError: ``split.by`` is not ``hash``.
        DataError: there is nothing to read, sizes are mixed and ``form`` names none, some images have a label and some
            have none, or a part would be empty.
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
                side = int(np.searchsorted(ends, key / 2.0**64, side="right"))
                parts[PARTS[side]].append(pixels, label, key)
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
    """All images at ``path`` in one form, in memory.

    Raises:
        DataError: as :func:`prepare`, or an image cannot be read.
    """
    with quiet():
        plan = _survey(path, form or ImageForm())
        pixels, found = _all(path, plan)
    schema = plan.schema(found)
    return Images(pixels, schema, _codes(found, schema))


def read(path: Path, schema: ImageSchema, *, resize: bool = False) -> Images:
    """All images at ``path``, which must be of ``schema``: in memory, or memory-mapped where Images.write wrote them.

    Grey images become colours where the schema has some; labels of an unlabelled schema are left behind. Images of
    another size are refused, unless they are to be brought to it (``resize``).

    Raises:
        DataError: an image cannot be read, or its size, its channels or its label is not the schema's.
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
        other = {each: names for each, names in plan.sizes.items() if each != size}
        if other and not resize:
            raise DataError(
                f"{path} holds images of {_sizes(other)}; expected {schema.height} x {schema.width} alone. Bring them "
                f"to that size, on the command line with --size {schema.height}x{schema.width}."
            )
        if plan.needed > schema.channels:
            raise DataError(f"{path} holds images of {plan.needed} channels; expected {schema.channels}.")
        if schema.classes and None in plan.labels:  # of all images, or of none
            raise DataError(
                f"{path} holds images without labels; expected those of the classes {', '.join(schema.classes)}. Put "
                "the images of a class into a sub-folder of its name, or name them in the column 'label'."
            )
        unknown = sorted({str(each) for each in plan.labels if each not in schema.classes}) if schema.classes else []
        if unknown:
            raise DataError(
                f"{path} has labels that are none of the classes: {', '.join(unknown[:5])}. Known: "
                f"{', '.join(schema.classes)}."
            )
        pixels, found = _all(path, plan)
    return Images(pixels, schema, _codes(found, schema))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """What the headers say of all images."""

    shape: tuple[int, int, int]
    fit: str
    paths: tuple[str, ...]
    """Of all that have a header, in order."""
    labels: tuple[str | None, ...]
    """Of the same."""
    sizes: dict[tuple[int, int], list[str]]
    """(height, width) and the images that have it, the first few by name and the others empty."""
    needed: int
    """Channels."""
    refused: tuple[str, ...]
    """Entries without a header, and why."""

    def schema(self, used: Iterable[str | None]) -> ImageSchema:
        height, width, channels = self.shape
        classes = tuple(sorted({each for each in used if each is not None}, key=_order))
        return ImageSchema(height=height, width=width, channels=channels, classes=classes)


def _survey(path: Path, form: ImageForm, classes: Sequence[str] = (), *, sure: bool = False) -> _Plan:
    """Settle the form from the headers; ``classes`` are those already known. To be ``sure``, decode the images, too."""
    found: list[Entry] = []
    sizes: dict[tuple[int, int], list[str]] = {}
    refused, needed = [], 1
    for entry in entries(path):
        try:
            each = header(entry)
            if sure:
                decode(entry)
        except Unreadable as problem:
            refused.append(f"{entry.path} ({problem})")
            continue
        names = sizes.setdefault((each.height, each.width), [])
        names.append(entry.path if len(names) < SHOWN else "")
        needed = max(needed, each.channels)
        found.append(Entry(path=entry.path, label=entry.label))
    if not found:
        raise _nothing(path, refused)
    if form.height is None and len(sizes) > 1:
        if not sure:  # the odd one may be damaged
            return _survey(path, form, classes, sure=True)
        raise DataError(
            f"{path} holds images of {_sizes(sizes)}. Set data.image.height, width and fit (resize, pad or crop) to "
            "bring them to one size, or say it on the command line: --size HEIGHTxWIDTH."
        )
    height, width = (form.height, form.width) if form.height and form.width else next(iter(sizes))
    return _Plan(
        shape=(height, width, needed if form.channels == "auto" else form.channels),
        fit=form.fit,
        paths=tuple(each.path for each in found),
        labels=tuple(_complete(path, found, classes)),
        sizes=sizes,
        needed=needed,
        refused=tuple(refused),
    )


def _complete(path: Path, found: list[Entry], classes: Sequence[str]) -> list[str | None]:
    """The labels: of all images, or of none."""
    given = labels(found, classes)
    names = sorted(set(map(str, given)))
    if SPLITS.issuperset(names) and len(names) > 1 and all(each.label is None for each in found):
        raise DataError(
            f"{path}: its folders {', '.join(names)} are parts of a split, not classes. Give one of them, or put all "
            "images of a class into one folder: they are divided here."
        )
    bare = [each.path for each, label in zip(found, given, strict=True) if label is None]
    if 0 < len(bare) < len(given):
        raise DataError(
            f"{path}: {len(bare):,} of {len(given):,} images have no label, {_some(bare)}. Label all of them (a "
            "sub-folder for each class, or the column 'label'), or none."
        )
    return given


def _readable(path: Path, plan: _Plan) -> Iterator[tuple[np.ndarray, str | None]]:
    """Pixels (H, W, C) and label of each image that can be decoded."""
    for pixels, label, _ in _decoded(path, plan):
        if pixels is not None:
            yield pixels, label


def _all(path: Path, plan: _Plan) -> tuple[np.ndarray, list[str | None]]:
    """Pixels (N, H, W, C) and labels of all images; one that cannot be read is an error."""
    refused = list(plan.refused)
    every = np.empty((len(plan.labels), *plan.shape), np.uint8)
    for place, (pixels, _, problem) in enumerate(_decoded(path, plan)):
        if pixels is None:
            refused.append(problem)
        else:
            every[place] = pixels
    if refused:
        raise DataError(
            f"{path}: {len(refused):,} of {len(plan.paths) + len(plan.refused):,} images cannot be read, "
            f"{_some(refused)}. Mend them or take them away."
        )
    return every, list(plan.labels)


def _decoded(path: Path, plan: _Plan) -> Iterator[tuple[np.ndarray | None, str | None, str]]:
    """Of each image with a header: its pixels, or None and the problem."""
    expected = zip(plan.paths, plan.labels, strict=True)
    name, label = next(expected, ("", None))
    for entry in entries(path):
        if entry.path != name:  # it has no header
            continue
        try:
            yield _pixels(decode(entry), plan.shape, plan.fit), label, ""
        except Unreadable as problem:
            yield None, None, f"{entry.path} ({problem})"
        name, label = next(expected, ("", None))
    if name:
        raise DataError(f"{path} changed while it was read: {name} is gone. Run it again.")


def _pixels(image: Image.Image, shape: tuple[int, int, int], fit: str) -> np.ndarray:
    """An image in L, RGB or RGBA as uint8 (H, W, C). Transparency that has no channel is laid over black."""
    height, width, channels = shape
    fitted = _fitted(image, height, width, fit)
    if fitted.mode == "RGBA" and channels != 4:
        fitted = Image.alpha_composite(Image.new("RGBA", fitted.size, (0, 0, 0, 255)), fitted)
    if fitted.mode != MODES[channels]:
        fitted = fitted.convert(MODES[channels])
    return np.asarray(fitted).reshape(shape)


def _fitted(image: Image.Image, height: int, width: int, fit: str) -> Image.Image:
    """Scaled with a filter that averages what it leaves out (Lanczos), so that small pictures are not jagged."""
    if image.size == (width, height):
        return image
    if fit == "resize":
        return image.resize((width, height), Image.Resampling.LANCZOS)
    ratios = (width / image.width, height / image.height)
    if fit == "crop":
        wide, high = width / max(ratios), height / max(ratios)  # of the image, what is kept
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
    """64 bits from the pixels, the same for a grey image whether it is kept as grey, RGB or RGBA."""
    channels = pixels.shape[2]
    full = np.full((*pixels.shape[:2], 4), 255, np.uint8)
    full[..., : max(channels, 3)] = pixels
    return int.from_bytes(hashlib.blake2b(full.tobytes(), digest_size=8).digest())


class _Part:
    """A part on its way to disk: appended as images come, then laid out in the order of their keys."""

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
        """One image (H, W, C) more."""
        self._file.write(pixels.tobytes())
        self.labels.append(label)
        self.keys.append(key)

    def finish(self, schema: ImageSchema) -> None:
        """Write what :meth:`Images.read` reads; the order says nothing of names, folders or how images were packed."""
        codes = _codes(self.labels, schema)
        shape = (len(self.keys), *self.shape)
        order = np.lexsort((np.zeros(len(self.keys)) if codes is None else codes, np.array(self.keys, np.uint64)))
        unordered = np.memmap(self.folder / "unordered", np.uint8, "r", shape=shape)
        ordered = np.lib.format.open_memmap(self.folder / PIXELS, "w+", np.uint8, shape)
        rows = max(MOVED // math.prod(self.shape), 1)
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
    return np.array([codes[str(each)] for each in found], dtype=np.int64)


def _order(name: str) -> tuple[bool, int, str]:
    """Numbers by size, before words by letters."""
    number = name.isascii() and name.isdigit()
    return not number, int(name) if number else 0, name


def _nothing(path: Path, refused: list[str]) -> DataError:
    if not refused:
        return no_images(path)
    return DataError(f"{path}: none of its {len(refused):,} images can be read, {_some(refused)}.")


def _some(names: Sequence[str]) -> str:
    return f"for example {', '.join(names[:SHOWN])}"


def _sizes(sizes: dict[tuple[int, int], list[str]]) -> str:
    """Which sizes there are, the most frequent first, and where the rest of them stand."""
    ordered = sorted(sizes.items(), key=lambda each: -len(each[1]))
    words = [f"{h} x {w} ({len(names):,} images, {_some([*filter(None, names)])})" for (h, w), names in ordered]
    more = f" and {len(words) - SIZES} more" if len(words) > SIZES else ""
    return f"{len(words)} size(s), height x width: {'; '.join(words[:SIZES])}{more}"
