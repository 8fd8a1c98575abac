"""The modules of ours that a module runs: a walk over its imports, those inside functions and through ports too."""

import ast
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
RESOURCES = {"geratriz.report.html": ("src/geratriz/report/style.css",)}
SIDE_CHANNELS = {  # who imports what: it can neither change what a stage makes nor fail it
    ("geratriz.stages.train", "geratriz.registry.live"),
    ("geratriz.stages.entry", "geratriz.fitting.libraries"),
}
PLACING = {"geratriz.writing"}  # puts files in their place and cannot change a byte: no reason to run a stage again
PORTS = ("prepare", "train", "draw", "judge", "page", "serve", "draft", "drift", "words")


def files(module: str, *, kind: str, model: str | None) -> set[str]:
    """The files behind ``module`` for data of this ``kind``, relative to the root, package markers left out."""
    seen = modules(module, kind, model)
    paths = {path_of(name).relative_to(ROOT).as_posix() for name in seen}
    return paths | {resource for name in seen for resource in RESOURCES.get(name, ())}


@cache
def modules(module: str, kind: str, model: str | None) -> frozenset[str]:
    """The modules behind ``module``, itself among them.

    A port is imported by its name, a generator by the catalog when it is asked for: of those only ``model``'s counts.
    """
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        waiting.extend(name for name in direct(current) if (current, name) not in SIDE_CHANNELS)
        waiting.extend(f"geratriz.{kind}.{verb}" for verb in asked(current))
        if current.endswith(".generators.catalog") and model is not None:
            waiting.append(f"geratriz.{kind}.generators.{model}")
    return frozenset(seen)


@cache
def direct(module: str) -> frozenset[str]:
    """Our modules that ``module`` imports, packages' markers left out."""
    found = set()
    for node in running(ast.parse(path_of(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    ours = {name for name in found - PLACING if name.split(".")[0] == "geratriz"}
    return frozenset(name for name in ours if (SOURCE / Path(*name.split("."))).with_suffix(".py").is_file())


@cache
def libraries(module: str) -> frozenset[str]:
    """Libraries that ``module`` imports, by their names on the package index."""
    found = set()
    for node in running(ast.parse(path_of(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return frozenset(canonical(name) for package in found for name in distributions().get(package, ()))


@cache
def distributions() -> Mapping[str, list[str]]:
    """Names on the package index by the name that is imported."""
    return packages_distributions()


def canonical(name: str) -> str:
    """The one spelling of a library's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def asked(module: str) -> frozenset[str]:
    """The ports that ``module`` asks domains.py for: ``domains.draw(kind)`` is the port ``draw``."""
    if module == "geratriz.domains":  # what it asks for itself belongs to messages and to who does not know the kind
        return frozenset()
    found = set()
    for node in ast.walk(ast.parse(path_of(module).read_text(encoding="utf-8"))):
        match node:
            case ast.Attribute(value=ast.Name(id="domains"), attr="find"):
                found.add("train")
            case ast.Attribute(value=ast.Name(id="domains"), attr=verb) if verb in PORTS:
                found.add(verb)
    return frozenset(found)


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


def path_of(module: str) -> Path:
    """The file of a module."""
    return (SOURCE / Path(*module.split("."))).with_suffix(".py")
