"""The tables that come with a clone are what they were, and nothing else slipped in among them."""

import hashlib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BUNDLED = ROOT / "data" / "bundled"
TRACKED = sorted((ROOT / "data" / "raw").glob("*.dvc"))


def listed() -> dict[str, str]:
    lines = (BUNDLED / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def test_every_file_is_listed_and_unchanged() -> None:
    found = {
        path.relative_to(BUNDLED).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in BUNDLED.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }
    assert found == listed()


def test_every_object_is_named_by_its_content() -> None:
    for name in listed():
        path = BUNDLED / name
        assert path.parent.name + path.name == hashlib.md5((BUNDLED / name).read_bytes()).hexdigest()


def test_every_object_is_a_table_the_clone_names() -> None:
    outs = [yaml.safe_load(path.read_text())["outs"][0] for path in TRACKED]
    bundled = {out["md5"] for out in outs if out.get("remote") == "bundled"}
    assert bundled == {"".join(Path(name).parts[-2:]) for name in listed()}


def test_the_default_remote_is_the_users() -> None:
    config = (ROOT / ".dvc" / "config").read_text()
    assert "remote =" not in config
    assert "url = ../data/bundled" in config


@pytest.mark.parametrize("path", TRACKED, ids=lambda path: path.name)
def test_every_table_is_credited(path: Path) -> None:
    assert f"`raw/{path.stem}`" in (ROOT / "data" / "README.md").read_text()
