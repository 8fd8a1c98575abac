"""Documents name what exists: commands, modules, generators, versions; and the README's Python runs."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from geratriz import __version__, domains
from geratriz.cli import app as cli
from geratriz.table.data.table import Table
from tests.architecture.imports import ROOT
from tests.unit.test_contract import bundled

README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    group = get_command(cli.app)
    names = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        names += [f"{name} {sub}" for sub in getattr(command, "commands", {})] or [name]
    return names


@pytest.mark.parametrize("name", commands())
def test_every_command_stands_in_the_readme_and_has_help(name: str) -> None:
    assert f"geratriz {name}" in README
    command = get_command(cli.app)
    for part in name.split():
        command = command.commands[part]  # type: ignore[attr-defined]
    assert command.help


def test_every_module_and_folder_stands_in_the_map() -> None:
    map_of_files = README.split("## The map")[1]
    package = ROOT / "src" / "geratriz"
    for path in package.iterdir():
        if path.name.startswith("_") or path.name in ("py.typed",):
            continue
        assert (path.name if path.suffix == ".py" else f"{path.name}/") in map_of_files, path.name


def test_every_generator_is_named() -> None:
    for kind in domains.DOMAINS:
        for name in domains.train(kind).GENERATORS:
            assert f"`{name}`" in README


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    entries = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert entries[0] == __version__


def test_every_path_the_documents_link_exists() -> None:
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for path in re.findall(
            r"`((?:docs|src|tests|data|benchmarks|contracts|examples)/[\w./-]+)`", document.read_text()
        ):
            assert "NAME" in path or (ROOT / path).exists(), f"{document.name} names {path}"


@pytest.mark.slow
def test_the_readmes_python_runs(brief_metrics: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On few rows and columns, with small networks; two fits, 20,000 rows drawn and a report take seconds even so."""
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    few = bundled("adult").loc[:499, ["age", "education", "sex", "hours-per-week", "income"]]
    Table.from_frame(few).write(tmp_path / "data/raw/adult.parquet")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    assert code.count("epochs=10") == 2
    exec(code.replace("epochs=10", "epochs=1, width=16, max_levels=24, bins=8, components=2, threads=1"), names)
    assert len(names["rows"]) == 100
    assert set(names["rich"].frame["income"]) == {">50K"}
    assert len(names["between"]) == 7
    assert len(Table.read("rows.parquet")) == 20_000
    for path in ("models/mine/generator.json", "report/metrics.json", "report/index.html"):
        assert (tmp_path / path).exists()


def test_every_test_the_privacy_document_names_exists() -> None:
    """Each of its claims names what holds it."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    names = re.findall(r"`(test_\w+)`", (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8"))
    assert len(names) > 5
    for name in names:
        assert f"def {name}(" in code, name


def test_every_promise_of_reliability_names_a_test_that_exists() -> None:
    lines = re.findall(r"\| (tests/\S+\.py): (test_\w+) \|", (ROOT / "docs" / "reliability.md").read_text())
    assert len(lines) > 15
    for file, name in lines:
        assert f"def {name}(" in (ROOT / file).read_text(), f"{file}: {name}"
