"""The import rules of the design hold, and what is heavy is imported when it is used."""

import ast
import subprocess
import sys
from collections.abc import Iterable
from functools import cache

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
ONE_KIND = {"geratriz.cli.models"}  # has commands of one kind: impute and score rows, walk between images


@cache
def trees() -> dict[str, ast.Module]:
    """Every module of ours, parsed."""
    return {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"): ast.parse(path.read_text())
        for top, folder in ((SOURCE / "geratriz", SOURCE), (ROOT / "pipelines", ROOT))
        for path in top.rglob("*.py")
    }


def imported(nodes: Iterable[ast.AST]) -> set[str]:
    """The modules that these nodes import."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("tool", OWNERS)
def test_a_tool_is_known_in_one_place(tool: str) -> None:
    users = {
        name
        for name, tree in trees().items()
        if any(module.split(".")[0] == tool for module in imported(ast.walk(tree)))  # for type checking too
    }
    assert users
    assert {name for name in users if not name.startswith(OWNERS[tool])} == set()


def test_no_kind_of_data_is_named_above_domains() -> None:
    """A new kind of data is a folder and a word in domains.py."""
    kinds = tuple(f"geratriz.{kind}" for kind in domains.DOMAINS)
    for name, tree in trees().items():
        if not name.startswith((*kinds, "geratriz.domains")) and name not in ONE_KIND:
            assert not {module for module in imported(running(tree)) if module.startswith(kinds)}, name
