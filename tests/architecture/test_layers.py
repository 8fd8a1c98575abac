"""The import rules of the design hold, and what is heavy is imported when it is used."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from geratriz import domains
from tests.architecture.imports import ROOT, SOURCE, running

HEAVY = ("torch", "mlflow", "prefect", "dvc", "great_expectations", "sklearn", "pandas")


def test_imports_run_one_way() -> None:
    done = subprocess.run(["lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", ["geratriz", "geratriz.cli.app"])
def test_importing_costs_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


OWNERS = {  # who may import a tool; nobody else may, whatever is added
    "mlflow": ("geratriz.registry.",),
    "great_expectations": ("geratriz.contract",),
    "prefect": ("pipelines.",),
    "dvc": ("pipelines.graph",),
}
ONE_KIND = {
    "geratriz.cli.models"
}  # commands that only one kind of data has: impute and score rows, walk between images


def modules() -> Iterator[tuple[str, set[str]]]:
    """Every module of ours, and what it imports, for type checking too."""
    for top, folder in ((SOURCE / "geratriz", SOURCE), (ROOT / "pipelines", ROOT)):
        for path in top.rglob("*.py"):
            name = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
            nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
            found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
            found |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
            yield name, found


@pytest.mark.parametrize("tool", OWNERS)
def test_a_tool_is_known_in_one_place(tool: str) -> None:
    users = {name for name, found in modules() if any(each.split(".")[0] == tool for each in found)}
    assert users
    assert {name for name in users if not name.startswith(OWNERS[tool])} == set()


def test_no_kind_of_data_is_named_above_domains() -> None:
    """A new kind of data is a folder and a word in domains.py."""
    kinds = tuple(f"geratriz.{kind}" for kind in domains.DOMAINS)
    for name, found in modules():
        if name.startswith((*kinds, "geratriz.domains")) or name in ONE_KIND:
            continue
        shown = running(ast.parse(path_of(name).read_text(encoding="utf-8")))
        taken = {node.module for node in shown if isinstance(node, ast.ImportFrom) and node.module}
        assert {each for each in taken & found if each.startswith(kinds)} == set(), name


def path_of(name: str) -> Path:
    folder = (SOURCE if name.startswith("geratriz") else ROOT).joinpath(*name.split("."))
    return folder.with_suffix(".py") if folder.with_suffix(".py").is_file() else folder / "__init__.py"
