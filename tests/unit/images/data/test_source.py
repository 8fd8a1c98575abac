"""Entries of folders, archives, Parquet and arrays: which, in what order, with which label."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from geratriz.errors import DataError
from geratriz.images.data.entry import Entry, class_of, folder_of
from geratriz.images.data.images import Images, ImageSchema
from geratriz.images.data.source import entries, labels
from tests.image_files import classes, encoded, folder, parquet, pixels, tarred, zipped

FILES = {
    "dog/b.png": encoded(1),
    "dog/a.jpg": encoded(2, "JPEG"),
    "cat/deep/c.png": encoded(3),
    "cat/d.png": encoded(4),
}


def seen(path: Path) -> list[tuple[str, bytes]]:
    return [(each.path, each.content) for each in entries(path)]


def test_a_folder_its_zip_and_its_tars_hold_the_same(tmp_path: Path) -> None:
    wanted = sorted(FILES.items())
    assert seen(folder(tmp_path / "pets", FILES)) == wanted
    assert seen(zipped(tmp_path / "pets.zip", FILES)) == wanted
    for name, mode in (("pets.tar", "w"), ("pets.tar.gz", "w:gz"), ("pets.tgz", "w:gz"), ("pets.tar.xz", "w:xz")):
        assert sorted(seen(tarred(tmp_path / name, FILES, mode))) == wanted


def test_what_is_no_image_is_passed_over(tmp_path: Path) -> None:
    others = {
        "README.txt": b"Pets",
        "Thumbs.db": b"\xd0\xcf\x11\xe0",
        ".DS_Store": b"\0\0",
        "labels.csv": b"a,b\n",
        "._a.png": b"fork",
        "__MACOSX/dog/._b.png": b"fork",
        ".git/x.png": encoded(9),
        "provenance.json": b"{}",
        "empty": b"",
    }
    for path in (
        folder(tmp_path / "pets", FILES | others),
        zipped(tmp_path / "pets.zip", FILES | others),
        tarred(tmp_path / "pets.tar", FILES | others),
    ):
        assert sorted(name for name, _ in seen(path)) == sorted(FILES)


def test_an_image_without_an_ending_is_found_by_its_content(tmp_path: Path) -> None:
    assert [name for name, _ in seen(folder(tmp_path / "a", {"0001": encoded(), "b.dat": encoded(1, "WEBP")}))] == [
        "0001",
        "b.dat",
    ]


def test_one_image_is_a_set_of_one(tmp_path: Path) -> None:
    assert seen(folder(tmp_path, {"a.png": encoded()}) / "a.png") == [("a.png", encoded())]


def of(*paths: str, known: tuple[str, ...] = ()) -> list[str | None]:
    return labels([Entry(path=each) for each in paths], known)


def test_class_folders_are_labels_below_what_all_share() -> None:
    assert of("cat/1.png", "dog/1.png") == ["cat", "dog"]
    assert of("cat/1.png", "dog/deep/1.png") == ["cat", "dog"]
    assert of("pets/cat/1.png", "pets/dog/1.png") == ["cat", "dog"]
    assert of("1.png", "2.png") == [None, None]
    assert of("pets/1.png", "pets/2.png") == [None, None]
    assert of("1.png", "cat/1.png") == [None, "cat"]
    assert of() == []


def test_one_class_alone_is_a_label_where_it_is_known() -> None:
    assert of("cat/1.png", "cat/2.png", known=("cat", "dog")) == ["cat", "cat"]
    assert of("1.png", "2.png", known=("cat",)) == [None, None]


def test_an_entry_with_a_problem_neither_has_a_label_nor_changes_one() -> None:
    found = [Entry(path="pets/cat/1.png"), Entry(path="pets/dog/1.png"), Entry(path="../x.png", problem="outside")]
    assert labels(found) == ["cat", "dog", None]


@pytest.mark.parametrize("name", ["cat", "t-shirt/top", "..", ".", ".hidden", "a%2Fb", "100%", "café", "a:b", "end."])
def test_any_name_of_a_class_makes_one_folder_and_comes_back(name: str) -> None:
    made = folder_of(name)
    assert "/" not in made and not made.startswith(".")
    assert class_of(made) == name


def test_a_folder_that_only_looks_encoded_keeps_its_name() -> None:
    assert class_of("50%20off") == "50%20off"


def test_parquet_of_bytes_and_of_structs(tmp_path: Path) -> None:
    images = [encoded(i) for i in range(3)]
    plain = list(entries(parquet(tmp_path / "a.parquet", image=images, label=["x", "y", "x"])))
    assert [(each.path, each.content, each.label) for each in plain] == [
        (f"row {i}", image, label) for i, (image, label) in enumerate(zip(images, "xyx", strict=True))
    ]
    structs = [{"bytes": each, "path": "a.png"} for each in images[:2]] + [{"bytes": None, "path": "lost.png"}, None]
    held = list(entries(parquet(tmp_path / "b.parquet", image=structs, label=[0, 1, 2, None])))
    assert [each.content for each in held] == [*images[:2], b"", b""]
    assert [each.problem is None for each in held] == [True, True, False, False]
    assert [each.label for each in held] == ["0", "1", "2", None]


def test_names_of_classes_in_hugging_faces_metadata_are_used(tmp_path: Path) -> None:
    told = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    table = pa.table({"image": [encoded()] * 3, "label": [1, 0, 7]})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(told)}), tmp_path / "a.parquet")
    assert [each.label for each in entries(tmp_path / "a.parquet")] == ["dog", "cat", "7"]


@pytest.mark.parametrize(("key", "label_key"), [("images", "labels"), ("x_train", "y_train")])
def test_arrays_are_read_in_order_with_their_labels(key: str, label_key: str, tmp_path: Path) -> None:
    stack = np.stack([pixels(i) for i in range(150)])
    given = np.arange(150) % 3
    np.savez_compressed(tmp_path / "a.npz", **{key: stack[..., 0], label_key: given})
    found = list(entries(tmp_path / "a.npz"))
    assert all(np.array_equal(each.pixels, stack[i]) for i, each in enumerate(found) if each.pixels is not None)
    assert [each.label for each in found] == [str(each) for each in given]


def test_arrays_of_colours_need_no_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.stack([pixels(i, 5, 7, 4) for i in range(3)]))
    found = list(entries(tmp_path / "a.npz"))
    assert [(each.label, each.pixels is not None and each.pixels.shape) for each in found] == [(None, (5, 7, 4))] * 3


def test_prepared_images_are_read_again(tmp_path: Path) -> None:
    schema = ImageSchema(height=8, width=8, channels=1, classes=("cat", "dog"))
    Images(np.stack([pixels(i) for i in range(3)]), schema, np.array([1, 0, 1])).write(tmp_path / "a")
    assert [each.label for each in entries(tmp_path / "a")] == ["dog", "cat", "dog"]


def test_links_to_files_are_followed_and_links_to_folders_are_not(tmp_path: Path) -> None:
    kept = folder(tmp_path / "cache", {"0a": encoded(1), "pics/b.png": encoded(2)})
    root = folder(tmp_path / "pets", {"cat/a.png": encoded(0)})
    (root / "cat" / "linked.png").symlink_to(kept / "0a")
    (root / "round").symlink_to(root)
    (root / "cat" / "gone.png").symlink_to(tmp_path / "nowhere")
    assert {each.path: each.problem for each in entries(root)} == {
        "cat/a.png": None,
        "cat/linked.png": None,
        "cat/gone.png": "a broken link",
        "round": "a link to a folder, which is not followed: put the folder itself here",
    }


def test_a_file_that_is_no_image_set_is_refused(tmp_path: Path) -> None:
    for name, content, message in [
        ("a.csv", b"a,b\n1,2\n", "neither a folder of images, a zip or tar of one, Parquet"),
        ("empty.zip", b"", "is empty"),
        ("torn.zip", zipped(tmp_path / "z.zip", classes(4)).read_bytes()[:200], "cannot be read as a zip or tar"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c" * 9, "has another format"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=message):
            list(entries(tmp_path / name))
    with pytest.raises(DataError, match=r"does not exist\."):
        list(entries(tmp_path / "absent"))
    (tmp_path / "x.parquet.dvc").touch()
    with pytest.raises(DataError, match=r"`dvc pull .*x\.parquet\.dvc` fetches it"):
        list(entries(tmp_path / "x.parquet"))
