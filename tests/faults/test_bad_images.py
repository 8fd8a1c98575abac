"""Image sets that are broken, hostile or odd: named file by file or refused as a whole, nothing written elsewhere."""

import gzip
import io
import os
import re
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from geratriz import contract
from geratriz.errors import ContractError, DataError
from geratriz.images.data.form import ImageForm, load, prepare, read
from geratriz.images.data.images import ImageSchema
from geratriz.images.data.manifest import manifest
from geratriz.images.data.source import entries
from geratriz.images.draft import suite_of
from geratriz.parts import SplitConfig
from tests.faults.conftest import content
from tests.image_files import classes, encoded, folder, parquet, picture, pixels, tarred, zipped


def claims(width: int, height: int) -> bytes:
    """A PNG of some hundred bytes that says it is of this size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(99)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + rows + chunk(b"IEND", b"")


def flipped(image: bytes) -> bytes:
    middle = image.index(b"IDAT") + 30
    return image[:middle] + bytes([image[middle] ^ 255]) + image[middle + 1 :]


def moving(form: str) -> bytes:
    return encoded(picture(1, channels=3), form, save_all=True, append_images=[picture(2, channels=3)])


BIG = encoded(picture(0, 64, 64, 3))
UNREADABLE: dict[str, tuple[bytes, str]] = {
    "zero.png": (b"", r"empty \(0 bytes\)"),
    "torn.png": (BIG[: len(BIG) // 2], "truncated|broken PNG"),
    "torn.jpg": (encoded(picture(0, 64, 64, 3), "JPEG")[:2000], "truncated"),
    "head.png": (BIG[:20], "damaged|no image"),
    "head.jpg": (encoded(0, "JPEG")[:30], "damaged|no image"),
    "torn.webp": (encoded(picture(0, 64, 64, 3), "WEBP")[:200], "damaged|no image"),
    "torn.gif": (encoded(picture(0, 64, 64), "GIF")[:300], "truncated|damaged"),
    "torn.tif": (encoded(picture(0, 64, 64), "TIFF")[:300], "damaged|no image"),
    "bits.png": (flipped(BIG), "damaged"),
    "text.png": (b"this is no image", r"not an image of a known format \(text\)"),
    "page.jpg": (b"<!DOCTYPE html><p>404 not found", r"\(HTML\)"),
    "pointer.png": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
    "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIF: convert it to JPEG or PNG"),
    "paper.png": (b"%PDF-1.7", "PDF"),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    "code.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
    "bomb.png": (claims(60000, 60000), "pixels"),
    "large.png": (claims(9000, 9000), "9,000 x 9,000 pixels; at most 67,108,864"),
    "wide.png": (claims(2**31 - 1, 2**31 - 1), "pixels|damaged"),
    "nothing.png": (claims(0, 9), "damaged|no image"),
    "moving.gif": (moving("GIF"), "several pictures in one file"),
    "moving.png": (moving("PNG"), "several pictures in one file"),
    "moving.webp": (moving("WEBP"), "several pictures in one file"),
    "pages.tif": (moving("TIFF"), "several pictures in one file"),
    "float.tif": (encoded(Image.fromarray(np.ones((8, 8), np.float32)), "TIFF"), "mode F, whose range is unknown"),
    "lab.tif": (encoded(Image.new("LAB", (8, 8)), "TIFF"), "mode LAB"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_image_that_cannot_be_used_is_named_and_left_out(name: str, tmp_path: Path) -> None:
    damaged, message = UNREADABLE[name]
    root = folder(tmp_path / "pets", classes(40) | {f"dog/{name}": damaged})
    row = manifest(root).set_index("path").loc[f"dog/{name}"]
    assert not row.readable
    assert re.search(message, row.problem)
    assert "0x" not in row.problem and "BytesIO" not in row.problem
    parts = prepare(root, ImageForm(), SplitConfig(), tmp_path / "out")
    assert sum(map(len, parts.values())) == 40
    with pytest.raises(DataError, match=rf"1 of 41 images cannot be read, for example dog/{re.escape(name)}"):
        load(root)


def test_every_byte_lost_or_turned_is_a_verdict_and_no_crash(tmp_path: Path) -> None:
    """Whatever stands in a file: the manifest has a row for it."""
    rng = np.random.default_rng(0)
    files = {}
    for form in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000"):
        whole = encoded(picture(0, 16, 16, 3), form)
        for i in range(40):
            torn = bytearray(whole[: rng.integers(1, len(whole))] if i % 2 else whole)
            for place in rng.integers(0, len(torn), 3):
                torn[place] = rng.integers(256)
            files[f"{form}{i}.png"] = bytes(torn)
    found = manifest(folder(tmp_path, files))
    assert len(found) == len(files)
    assert (found.problem.isna() == found.readable).all()
    assert 40 < found.readable.sum() < 300


def test_a_broken_contract_names_the_files(tmp_path: Path) -> None:
    suite = suite_of(manifest(folder(tmp_path / "good", classes(40))), "pets")
    bad = classes(40) | {"cat/torn.png": BIG[:99], "cat/text.png": b"text", "dog/again.png": encoded(0)}
    report = contract.check(manifest(folder(tmp_path / "bad", bad)), suite)
    with pytest.raises(ContractError) as refused:
        contract.require(report)
    assert re.search(r"'cat/text.png', 'not an image of a known format \(text\)'", str(refused.value))
    assert "cat/torn.png" in str(refused.value)
    equal = next(each for each in report.warnings if each.column == "sha256")
    assert [each.value[0] for each in equal.examples] == ["cat/000.png", "dog/again.png"]


OUTSIDE = ["../evil.png", "/etc/evil.png", "a/../../evil.png", "..\\evil.png", "C:\\evil.png"]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_path_that_leaves_the_archive_is_named_and_nothing_is_written(
    pack: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    path = pack(inner / "pets.archive", classes(40) | dict.fromkeys(OUTSIDE, encoded(99)))
    found = manifest(path)
    refused = found[~found.readable]
    assert refused.problem.unique().tolist() == ["its path leads out of the archive"]
    assert len(refused) == len(OUTSIDE)
    assert set(found.label.dropna()) == {"cat", "dog"}
    prepare(path, ImageForm(), SplitConfig(), inner / "out")
    assert {each.parts[0] for each in map(Path, content(tmp_path))} == {"inner"}
    assert {Path(each).parts[1] for each in content(tmp_path)} == {"pets.archive", "out"}


def test_links_and_devices_in_a_tar_are_named_and_never_opened(tmp_path: Path) -> None:
    path = tarred(tmp_path / "pets.tar", classes(4))
    with tarfile.open(path, "a") as archive:
        for name, kind in (("soft", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("dev", tarfile.CHRTYPE)):
            member = tarfile.TarInfo(f"{name}.png")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    found = manifest(path)
    assert found[~found.readable].problem.tolist() == ["a link or a device, not a file"] * 3


def test_a_link_in_a_zip_is_named(tmp_path: Path) -> None:
    path = zipped(tmp_path / "pets.zip", classes(4))
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("cat/link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    found = manifest(path).set_index("path")
    assert found.loc["cat/link.png"].problem == "a link or a device, not a file"


def test_a_pipe_in_a_folder_does_not_stop_the_reader(tmp_path: Path) -> None:
    root = folder(tmp_path / "pets", {"a.png": encoded()})
    os.mkfifo(root / "b.png")
    assert manifest(root).problem.tolist()[1] == "not a regular file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named(tmp_path: Path) -> None:
    root = folder(tmp_path / "pets", {"a.png": encoded(), "b.png": encoded(), "shut/c.png": encoded()})
    (root / "b.png").chmod(0)
    (root / "shut").chmod(0)
    problems = manifest(root).set_index("path").problem
    (root / "shut").chmod(0o755)
    assert "Permission denied" in problems["b.png"] and "Permission denied" in problems["shut"]


def test_a_file_name_that_is_no_text_is_named_all_the_same(tmp_path: Path) -> None:
    root = os.fsencode(folder(tmp_path / "pets", {"a.png": encoded()}))
    with open(os.path.join(root, b"caf\xe9.png"), "wb") as file:  # noqa: PTH118, PTH123 - a path of bytes
        file.write(b"text")
    names = manifest(tmp_path / "pets").path.tolist()
    assert [each.encode() for each in names]
    assert names[1].startswith("caf")


def test_an_archive_in_an_archive_is_named(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", classes(4)).read_bytes()
    for path in (
        zipped(tmp_path / "a.zip", classes(4) | {"more.zip": inner}),
        tarred(tmp_path / "a.tar", classes(4) | {"more.tar.gz": b"\x1f\x8b"}),
        folder(tmp_path / "a", classes(4) | {"more.zip": inner}),
    ):
        found = manifest(path)
        assert "an archive among the images" in found[~found.readable].problem.item()


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.png": encoded()})
    whole = bytearray(path.read_bytes())
    whole[6] |= 1  # the flag, in the file's own header and in the directory
    whole[whole.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(whole)
    with pytest.raises(DataError, match=r"a\.zip is encrypted \(a\.png\)\. Unpack it and use the folder\."):
        manifest(path)


def test_a_damaged_member_of_a_zip_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", classes(4))
    whole = bytearray(path.read_bytes())
    whole[whole.index(b"IDAT") + 6] ^= 255
    path.write_bytes(whole)
    found = manifest(path)
    assert found.readable.tolist() == [False, True, True, True]
    assert "cannot be unpacked: Bad CRC-32" in found.problem[0]


def test_a_tar_that_ends_early_is_refused_as_a_whole(tmp_path: Path) -> None:
    for name, mode in (("a.tar.gz", "w:gz"), ("a.tar", "w")):
        path = tarred(tmp_path / name, classes(40), mode)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(DataError, match=rf"{name} cannot be read: .*Copy or export it again\."):
            manifest(path)


def test_a_file_that_unpacks_to_more_than_memory_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geratriz.images.data.entry.MAX_FILE_BYTES", 10_000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", encoded() + bytes(1_000_000))
        archive.writestr("b.png", encoded())
    found = manifest(tmp_path / "a.zip")
    assert found.readable.tolist() == [False, True]
    assert "at most 10,000 are read" in found.problem[0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"picture": [b"x"], "class": ["a"]},
            "has no column 'image' of encoded images; its columns are picture, class",
        ),
        ({"image": ["a.png"]}, "the column 'image' is string; expected the bytes of PNG"),
        ({"image": [{"path": "a.png"}]}, "expected the bytes of PNG"),
        ({"image": [[1, 2]]}, "expected the bytes of PNG"),
        ({"image": [b"x"], "label": [[1]]}, "the column 'label' is list"),
        ({"image": [b"x"], "label": [0.5]}, "the column 'label' is double"),
    ],
)
def test_a_parquet_file_without_images_is_refused(
    columns: dict[str, list[object]], message: str, tmp_path: Path
) -> None:
    path = parquet(tmp_path / "a.parquet", **{name: pa.array(values) for name, values in columns.items()})
    with pytest.raises(DataError, match=re.escape(f"{path}") + f".*{message}"):
        manifest(path)


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", image=[encoded(i) for i in range(9)])
    whole = path.read_bytes()
    for torn in (whole[:-9], whole[:100], b"PAR1"):
        path.write_bytes(torn)
        with pytest.raises(DataError, match=r"a\.parquet cannot be read: .*Copy or export it again"):
            manifest(path)


def test_a_row_without_an_image_is_named(tmp_path: Path) -> None:
    found = manifest(parquet(tmp_path / "a.parquet", image=pa.array([encoded(), None, b""], pa.binary())))
    assert found.problem.tolist()[1:] == ["there is no image in this row", "empty (0 bytes)"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.zeros((3, 8, 8), np.float32)}, r"is float32 \(3, 8, 8, 1\); expected uint8"),
        ({"images": np.zeros((3, 3, 8, 8), np.uint8)}, r"is uint8 \(3, 3, 8, 8\); expected uint8 \(N, H, W\)"),
        ({"images": np.zeros((3, 64), np.uint8)}, "expected uint8"),
        ({"images": np.asfortranarray(np.zeros((3, 8, 8), np.uint8))}, "Fortran"),
        ({"images": np.array([object()] * 3)}, "expected uint8"),
        ({"data": np.zeros((3, 8, 8), np.uint8)}, "has the arrays data; expected one named 'images'"),
        ({"images": np.zeros((3, 8, 8), np.uint8), "labels": np.zeros(2, int)}, r"one per image \(3\)"),
        (
            {"images": np.zeros((3, 8, 8), np.uint8), "labels": np.array([{}] * 3)},
            r"labels are object \(3,\); expected text",
        ),
        ({"images": np.zeros((0, 8, 8), np.uint8)}, "holds no images"),
    ],
)
def test_arrays_that_are_no_images_are_refused(arrays: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=message):
        manifest(tmp_path / "a.npz")


def test_an_empty_folder_is_refused_in_words_that_help(tmp_path: Path) -> None:
    folder(tmp_path / "texts", {"a.txt": b"", "sub/b.csv": b""})
    for path in (tmp_path / "texts", zipped(tmp_path / "a.zip", {}), tarred(tmp_path / "a.tar", {})):
        for use in (manifest, load):
            with pytest.raises(DataError, match=r"holds no images\. Expected files such as \.png or \.jpg in it"):
                use(path)


def test_a_set_of_broken_images_alone_says_what_is_wrong_with_them(tmp_path: Path) -> None:
    root = folder(tmp_path / "pets", {"a.png": b"", "b.png": b"text"})
    assert not manifest(root).readable.any()
    with pytest.raises(DataError, match=r"none of its 2 images can be read, for example a\.png \(empty \(0 bytes\)\)"):
        prepare(root, ImageForm(), SplitConfig(), tmp_path / "out")
    with pytest.raises(DataError, match=r"none of 2 images can be read, for example empty"):
        suite_of(manifest(root), "pets")


def test_a_single_image_has_a_manifest_and_cannot_be_divided(tmp_path: Path) -> None:
    root = folder(tmp_path / "pets", {"a.png": encoded()})
    assert len(manifest(root)) == len(manifest(root / "a.png")) == 1
    with pytest.raises(DataError, match=r"the part '\w+' of the split is empty: 1 images are too few"):
        prepare(root, ImageForm(), SplitConfig(), tmp_path / "out")
    assert not any((tmp_path / "out").iterdir())


def test_a_class_with_one_image_is_a_class(tmp_path: Path) -> None:
    parts = prepare(folder(tmp_path / "pets", classes(cat=40, dog=1)), ImageForm(), SplitConfig(), tmp_path / "out")
    assert parts["train"].schema.classes == ("cat", "dog")
    assert sum(int((part.labels == 1).sum()) for part in parts.values()) == 1


def test_mixed_sizes_are_named_and_the_way_out_too(tmp_path: Path) -> None:
    odd = {"dog/odd.png": encoded(picture(0, 7, 9)), "dog/wide.png": encoded(picture(0, 8, 99))}
    root = folder(tmp_path / "pets", classes(40) | odd)
    with pytest.raises(DataError) as refused:
        prepare(root, ImageForm(), SplitConfig(), tmp_path / "out")
    assert "3 size(s), height x width: 8 x 8 (40 images, for example cat/000.png" in str(refused.value)
    assert "7 x 9 (1 images, for example dog/odd.png)" in str(refused.value)
    assert "Set data.image.height, width and fit" in str(refused.value)
    assert sum(map(len, prepare(root, ImageForm(height=8, width=8), SplitConfig(), tmp_path / "out").values())) == 42


def test_labels_of_some_images_alone_are_refused(tmp_path: Path) -> None:
    root = folder(tmp_path / "pets", classes(20) | {"lost.png": encoded(99)})
    with pytest.raises(DataError, match=r"1 of 21 images have no label, for example lost\.png"):
        prepare(root, ImageForm(), SplitConfig(), tmp_path / "out")


def test_images_that_are_not_the_schemas_are_refused(tmp_path: Path) -> None:
    root = folder(tmp_path / "pets", classes(9))
    right = ImageSchema(height=8, width=8, channels=1, classes=("cat", "dog"))
    assert len(read(root, right)) == 9
    for schema, message in [
        (ImageSchema(height=8, width=9, channels=1), "height x width: 8 x 8 .*; expected 8 x 9 only"),
        (ImageSchema(height=8, width=8, channels=1, classes=("cat",)), "not among the classes: dog. Known: cat"),
    ]:
        with pytest.raises(DataError, match=message):
            read(root, schema)
    bare = folder(tmp_path / "bare", {"a.png": encoded(), "b.png": encoded(1)})
    with pytest.raises(DataError, match="bare holds images without labels; expected the classes cat, dog"):
        read(bare, right)
    colour = folder(tmp_path / "colour", {"a.png": encoded(picture(0, channels=3))})
    with pytest.raises(DataError, match="images of 3 channels; expected 1"):
        read(colour, ImageSchema(height=8, width=8, channels=1))
    load(root).write(tmp_path / "kept")
    with pytest.raises(DataError, match="holds images of"):
        read(tmp_path / "kept", ImageSchema(height=8, width=8, channels=1))


def test_an_image_that_goes_while_it_is_read_is_an_error_not_a_wrong_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from geratriz.images.data import form as image_prepare

    root = folder(tmp_path / "pets", classes(40))
    survey = image_prepare._survey

    def lose(path: Path, form: ImageForm) -> object:
        plan = survey(path, form)
        (root / "cat/003.png").unlink()
        return plan

    monkeypatch.setattr(image_prepare, "_survey", lose)
    with pytest.raises(DataError, match=r"changed while it was read: cat/003\.png is gone"):
        prepare(root, ImageForm(), SplitConfig(), tmp_path / "out")
    assert content(tmp_path / "out") == {}


def test_memory_of_a_bomb_is_never_taken() -> None:
    from geratriz.images.data.entry import Entry
    from geratriz.images.data.manifest import Unreadable, decode, header

    tracemalloc.start()
    for size in ((8193, 8193), (30000, 30000)):
        for look in (header, decode):
            with pytest.raises(Unreadable):
                look(Entry(path="bomb.png", content=claims(*size)))
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_pillow_gives_no_warnings_of_its_own(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    folder(tmp_path, {"a.png": claims(9500, 9500), "b.png": encoded()})
    manifest(tmp_path)
    assert not [str(each.message) for each in recwarn if "Pil" in str(each.category) or "Bomb" in str(each.category)]


def test_pixels_are_what_they_were(tmp_path: Path) -> None:
    whole = folder(tmp_path / "a", {"a.png": encoded()})
    assert np.array_equal(load(whole).pixels[0], pixels())
    assert io.BytesIO(encoded()).getvalue() == (whole / "a.png").read_bytes()


def packed(shape: tuple[int, ...], dtype: str = "|u1", content: bytes = b"", fortran: str = "False") -> bytes:
    """An array as NPY that claims to be of this shape, whatever stands in it."""
    said = f"{{'descr': '{dtype}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(said)) + said + content


def arrays(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.npy", content)
    return path


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Python's and NumPy's memory stays below ``size`` bytes."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


def test_an_array_of_images_that_are_too_large_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = arrays(tmp_path / "a.npz", images=packed((1, 9000, 9000), content=bytes(2**24)))
    with at_most(2**22), pytest.raises(DataError, match="holds images of 9,000 x 9,000 pixels; at most 67,108,864"):
        manifest(path)


def test_few_large_images_of_an_array_are_in_memory_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geratriz.images.data.entry.MAX_BATCH_BYTES", 2**20)
    path = arrays(tmp_path / "a.npz", images=packed((40, 512, 512), content=bytes(40 * 2**18)))
    with at_most(5 * 2**20):
        assert sum(1 for _ in entries(path)) == 40


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            packed((2**24,), content=bytes(2**24)),
            r"the labels are uint8 \(16777216,\); expected .* one per image \(3\)",
        ),
        (packed((3,), "<U99999999", bytes(2**24)), "1,199,999,988 bytes; at most 268,435,456 are read"),
        (packed((3,), "<i8", bytes(8)), "the array 'labels.npy' ends early"),
    ],
)
def test_labels_are_looked_at_before_they_are_unpacked(labels: bytes, message: str, tmp_path: Path) -> None:
    path = arrays(tmp_path / "a.npz", images=packed((3, 8, 8), content=bytes(192)), labels=labels)
    with at_most(2**22), pytest.raises(DataError, match=message):
        manifest(path)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"\x93NUMPY\x09\x07" + bytes(99), r"its version is 9\.7, only 1\.0 and 2\.0 are read"),
        (b"\x93NUMPY\x03\x00" + bytes(99), r"its version is 3\.0, only 1\.0 and 2\.0 are read"),
        (b"\x93NUMPY\x01\x00\x09\x00('a', (''", r"\w"),
        (b"\x93NUMPY\x01\x00\x09\x00{'a': '''", r"\w"),
        (b"\x93NUMPY\x01\x00\x40\x00" + 64 * b"(", r"\w"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\x0f" + bytes(2**24), r"it has 268,435,455 bytes, at most 1,048,576 are read"),
        (b"\x93NUMPY\x01", r"reading magic string, expected 8 bytes got 7"),
        (b"", r"expected 8 bytes got 0"),
        (packed((3, 8, 8), "what"), r"\w"),
        (packed((3, 8, 8), fortran="None"), r"\w"),
    ],
)
def test_a_broken_header_of_an_array_is_named(head: bytes, message: str, tmp_path: Path) -> None:
    said = rf"a\.npz: the header of the array 'images' cannot be read: .*{message}.*Write the file again with numpy"
    path = arrays(tmp_path / "a.npz", images=head)
    with at_most(2**23), pytest.raises(DataError, match=said):
        manifest(path)


def test_an_image_in_parquet_is_held_to_what_a_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("entry", "parquet"):
        monkeypatch.setattr(f"geratriz.images.data.{module}.MAX_FILE_BYTES", 10_000)
    for cells in (
        [encoded() + bytes(10_000), encoded(), None],
        [{"bytes": encoded() + bytes(10_000)}, {"bytes": encoded()}, None],
    ):
        found = manifest(parquet(tmp_path / "a.parquet", image=pa.array(cells)))
        assert found.readable.tolist() == [False, True, False]
        assert "bytes; at most 10,000 are read" in found.problem[0]
        assert found.problem[2] == "there is no image in this row"


def test_few_large_images_of_a_parquet_file_are_in_memory_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geratriz.images.data.entry.MAX_BATCH_BYTES", 2**20)
    rng = np.random.default_rng(0)
    path = tmp_path / "a.parquet"
    with pq.ParquetWriter(path, pa.schema([("image", pa.binary())]), use_dictionary=False) as file:
        for _ in range(32):
            file.write_table(pa.table({"image": pa.array([rng.bytes(2**18)], pa.binary())}))
    before = pa.total_allocated_bytes()
    peak = max(pa.total_allocated_bytes() - before for _ in entries(path))
    assert peak < 2**22


def header(kind: bytes, content: bytes) -> bytes:
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, len(content)
    return member.tobuf() + content + bytes(-len(content) % 512)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (
            header(b"x", b"9000000 comment=" + bytes(9_000_000)),
            r"its headers have 9,000,016 bytes, at most 1,048,576",
        ),
        (
            header(b"g", b"9000000 comment=" + bytes(9_000_000)),
            r"its headers have 9,000,016 bytes, at most 1,048,576",
        ),
        (header(b"L", bytes(9_000_000)), r"its headers have 9,000,000 bytes, at most 1,048,576"),
        (200 * header(b"L", bytes(500_000)), r"its headers have 1,\d\d\d,\d\d\d bytes, at most 1,048,576"),
        (header(b"S", b""), "stored as a list of its parts"),
        (
            header(b"x", b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n")
            + header(b"0", b"99999999\n" + 2**16 * b"1\n"),
            "stored as a list of its parts",
        ),
    ],
    ids=["pax", "global", "name", "many names", "sparse", "sparse of pax"],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_tar_whose_headers_unpack_to_much_is_refused(start: bytes, message: str, first: bool, tmp_path: Path) -> None:
    good = header(b"0", encoded())
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress((b"" if first else good) + start + good + bytes(1024)))
    with (
        at_most(2**26 if b"L" in start[:512] else 2**23),
        pytest.raises(DataError, match=rf"a\.tar\.gz cannot be read: .*{message}"),
    ):
        manifest(path)


def test_what_is_said_of_all_members_of_a_tar_does_not_grow(tmp_path: Path) -> None:
    good = header(b"0", encoded())
    said = [header(b"g", b"500000 k%02d=" % i + bytes(499_988) + b"\n") + good for i in range(10)]
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(b"".join(said) + bytes(1024)))
    with at_most(2**24), pytest.raises(DataError, match=r"its headers have 1,\d\d\d,\d\d\d bytes"):
        manifest(tmp_path / "a.tar.gz")


def test_long_names_and_notes_in_a_tar_are_read(tmp_path: Path) -> None:
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with tarfile.open(tmp_path / "a.tar", "w", format=form, pax_headers={"comment": "ok"}) as archive:
            member = tarfile.TarInfo(f"cat/{'é' * 300}.png")
            member.size = len(encoded())
            archive.addfile(member, io.BytesIO(encoded()))
        assert manifest(tmp_path / "a.tar").readable.all()
