"""Versions of libraries: in the record of a fit, beside libraries.yaml, and in the warning of a stage."""

import sys
from pathlib import Path

import pytest
import yaml

from geratriz import config
from geratriz.fitting import libraries
from geratriz.fitting.record import Record
from geratriz.stages import entry


def test_a_record_names_python_and_the_libraries_without_local_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"torch": "2.13.0+cpu", "numpy": "2.4.6", "pandas": "3.1.1", "pyarrow": "25.0.1", "faker": "40.54.0"}
    monkeypatch.setattr(libraries, "version", versions.__getitem__)
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert libraries.recorded() == versions | {"torch": "2.13.0", "python": minor}


def test_a_record_from_before_versions_were_kept_still_loads() -> None:
    before = {"seed": 0, "rows": 1, "data": "abc", "device": "cpu", "threads": 1, "precision": "float64"}
    assert config.load(Record, before, "record").libraries == {}


def test_nothing_differs_where_the_file_says_what_is_installed_or_there_is_none(tmp_path: Path) -> None:
    file = tmp_path / "libraries.yaml"
    assert libraries.unlike(file) == []
    file.write_text(yaml.safe_dump(libraries.installed()))
    assert libraries.unlike(file) == []


def test_a_stage_says_which_libraries_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("libraries.yaml").write_text(f"torch: '1.0'\nnowhere: '2'\nnumpy: '{libraries.installed()['numpy']}'\n")
    entry._warn_of_other_libraries()
    said = capsys.readouterr().err
    assert f"torch {libraries.installed()['torch']} instead of 1.0, nowhere missing instead of 2" in said
    assert "numpy" not in said
    assert "make lock" in said
