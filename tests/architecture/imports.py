"""Which of our files a module runs: a walk over its imports, those inside functions too."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
RESOURCES = {"geratriz.report._html": ("src/geratriz/report/style.css",)}
CATALOG = "geratriz.generators.catalog"


def files(module: str, *, model: str | None) -> set[str]:
    """The files behind ``module``, relative to the root, package markers left out.

    The catalog imports a generator when it is asked for: of those only ``model``'s counts.
    """
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        found = direct(current)
        if current == CATALOG:
            generators = {name for name in found if name.startswith("geratriz.generators.")}
            own = {f"geratriz.generators.{each}" for each in (model, "base", "image_base")}
            found = (found - generators) | (generators & own)
        waiting.extend(found)
    paths = {_path(name).relative_to(ROOT).as_posix() for name in seen}
    return paths | {resource for name in seen for resource in RESOURCES.get(name, ())}


@cache
def direct(module: str) -> frozenset[str]:
    """Our modules that ``module`` imports, packages' markers left out."""
    found = set()
    for node in running(ast.parse(_path(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    ours = {name for name in found if name.split(".")[0] == "geratriz"}
    return frozenset(name for name in ours if (SOURCE / Path(*name.split("."))).with_suffix(".py").is_file())


def running(tree: ast.AST) -> list[ast.AST]:
    """Every node but those under ``if TYPE_CHECKING``."""
    nodes: list[ast.AST] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
                continue
            waiting.append(child)
    return nodes


def _path(module: str) -> Path:
    return (SOURCE / Path(*module.split("."))).with_suffix(".py")
