"""Bundles: written whole or not at all, read only when nothing was changed."""

from pathlib import Path

import numpy as np
import pytest

from geratriz import bundle
from geratriz.errors import BundleError


def write(folder: Path, value: float = 1.0) -> None:
    bundle.write(folder, kind="toy", head={"config": {"a": 1}}, arrays={"x": np.full((2, 3), value)})


def test_arrays_and_head_come_back(tmp_path: Path) -> None:
    write(tmp_path)
    saved = bundle.read(tmp_path)
    assert (saved.kind, saved.head["config"], saved.head["format"]) == ("toy", {"a": 1}, bundle.FORMAT)
    assert np.array_equal(saved.arrays["x"], np.ones((2, 3)))


def test_equal_content_has_equal_digests_and_other_content_others(tmp_path: Path) -> None:
    for name, value in (("one", 1.0), ("same", 1.0), ("other", 2.0)):
        write(tmp_path / name, value)
    one, same, other = (bundle.digest(tmp_path / name) for name in ("one", "same", "other"))
    assert one == same != other


def test_no_partial_files_stay(tmp_path: Path) -> None:
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {bundle.HEAD, bundle.TENSORS}


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "new"}', '{"format": 1, "kind": "toy"}'])
def test_a_head_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / bundle.HEAD).write_text(text)
    with pytest.raises(BundleError, match=r"not JSON|not the head"):
        bundle.read(tmp_path)


def test_an_array_that_is_not_there_says_that_the_bundle_is_of_an_earlier_make(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(BundleError, match=r"holds no y: it was written by an earlier geratriz, whose toy had other"):
        bundle.read(tmp_path).arrays["y"]
