"""Contracts of images: what a draft says, that its own images keep it, and what breaks it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geratriz import contract
from geratriz.images.data.manifest import manifest
from geratriz.images.draft import suite_of
from tests.image_files import classes, encoded, folder, picture
from tests.unit.test_contract import CONTRACTS, ROOT, bundled

BUNDLED = sorted(name for name, suite in CONTRACTS.items() if "kinds" not in suite["meta"])


@pytest.fixture(scope="module")
def fashion(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    path = tmp_path_factory.mktemp("data") / "fashion.parquet"
    bundled("fashion_mnist").to_parquet(path)
    return manifest(path)


def failed(frame: pd.DataFrame, suite: dict[str, object]) -> set[tuple[str | None, str]]:
    report = contract.check(frame, suite)
    return {(each.column, each.severity) for each in report.findings if not each.success}


def test_the_bundled_images_keep_their_contract_which_is_their_draft(fashion: pd.DataFrame) -> None:
    assert BUNDLED == ["fashion_mnist"]
    path = ROOT / "contracts" / "fashion_mnist.json"
    assert failed(fashion, contract.read_suite(path)) == set()
    assert json.loads(path.read_text()) == suite_of(fashion, "fashion_mnist")


@pytest.mark.parametrize("labelled", [True, False])
def test_images_of_many_kinds_keep_their_draft(labelled: bool, tmp_path: Path) -> None:
    forms = [picture(i, 8 + i % 5, 8 + i % 3, (1, 3, 4)[i % 3]) for i in range(60)]
    files = {f"{'ab'[i % 2]}/{i}.png" if labelled else f"{i}.png": encoded(each) for i, each in enumerate(forms)}
    found = manifest(folder(tmp_path, files))
    suite = suite_of(found, "many")
    assert failed(found, suite) == set()
    assert ("shares" in suite["meta"]) == labelled


def test_each_way_of_breaking_it_is_found(fashion: pd.DataFrame) -> None:
    suite = suite_of(fashion, "fashion")
    for column, value, found in [
        ("width", 29, ("width", "critical")),
        ("mode", "RGB", ("mode", "critical")),
        ("channels", 3, ("channels", "critical")),
        ("bits", 16, ("bits", "warning")),
        ("format", "JPEG", ("format", "warning")),
        ("label", "hat", ("label", "critical")),
        ("problem", "truncated", ("problem", "warning")),
        ("sha256", fashion.sha256[1], ("sha256", "warning")),
    ]:
        frame = fashion.copy()
        frame.loc[0, column] = value
        assert failed(frame, suite) == {found}


def test_a_few_unreadable_images_warn_and_many_stop(fashion: pd.DataFrame) -> None:
    suite = suite_of(fashion, "fashion")
    for count, found in ((100, {("problem", "warning")}), (200, {("problem", "warning"), ("problem", "critical")})):
        frame = fashion.copy()
        rows = frame.index[:count]
        frame.loc[rows, "problem"], frame.loc[rows, "readable"] = "damaged", False
        frame.loc[rows, ["format", "mode", "width", "height", "channels", "bits"]] = None
        assert failed(frame, suite) == found


def test_a_class_that_shrinks_or_goes_is_named(fashion: pd.DataFrame) -> None:
    suite = suite_of(fashion, "fashion")
    report = contract.check(fashion[fashion.label != "bag"], suite)
    assert contract.in_short(report.warnings[0]).endswith("; found 'bag' has 0 of 10,781 rows")


def test_half_as_many_images_warn(fashion: pd.DataFrame) -> None:
    assert failed(fashion.iloc[np.arange(5000)], suite_of(fashion, "fashion")) == {(None, "warning")}


def test_files_that_are_equal_are_named_together(tmp_path: Path) -> None:
    root = folder(tmp_path, classes(30))
    suite = suite_of(manifest(root), "pets")
    (root / "dog" / "again.png").write_bytes((root / "cat" / "003.png").read_bytes())
    report = contract.check(manifest(root), suite)
    assert [each.value[0] for each in report.warnings[0].examples] == ["cat/003.png", "dog/again.png"]
    assert "found 2 of 31 rows, for example cat/003.png, " in contract.in_short(report.warnings[0])
