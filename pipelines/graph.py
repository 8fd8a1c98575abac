"""The graph in dvc.yaml, as data: the one file that knows DVC's insides.

DVC has no public function that gives its graph. What is used here (``Repo.index.graph``, an edge from a stage to each
one it needs) is held against ``dvc dag --dot`` by a test, so that an upgrade that moves it fails loudly.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geratriz import config


@dataclass(frozen=True, kw_only=True, slots=True)
class Meta:
    """What dvc.yaml's ``meta:`` says of a stage; DVC itself ignores it."""

    retries: int = 0
    """Times to run it again when it failed for another reason than the user's data or settings."""
    timeout_s: int | None = None
    pool: str | None = None
    """Work pool it should run in; without workers on other machines it runs in place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A stage of dvc.yaml, matrix entries expanded."""

    name: str
    needs: tuple[str, ...]
    """Names of the stages whose outputs it reads."""
    meta: Meta


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """Stages in an order in which they can run, and the tracked files that are not in the workspace."""

    stages: tuple[Stage, ...]
    absent: tuple[str, ...]
    """``.dvc`` files, relative to the root, of data that a stage reads and that must be pulled by name."""


def read(root: Path) -> Graph:
    """The graph of the project in ``root``.

    Raises:
        ConfigError: dvc.yaml is not valid, or a stage's ``meta`` holds something unknown.
    """
    import networkx
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    from geratriz.errors import ConfigError

    try:
        with Repo(str(root)) as repo:
            graph = repo.index.graph
            ordered = list(networkx.lexicographical_topological_sort(graph.reverse(), key=lambda each: each.addressing))
            names = {each: _name(each, root) for each in ordered}
            stages = tuple(
                Stage(
                    name=names[each],
                    needs=tuple(sorted(names[need] for need in graph.successors(each) if not need.is_data_source)),
                    meta=config.load(Meta, each.meta, f"dvc.yaml: stage {names[each]}: meta"),
                )
                for each in ordered
                if not each.is_data_source
            )
            absent = tuple(
                sorted(
                    names[each]
                    for each in ordered
                    if each.is_data_source and graph.in_degree(each) and not all(out.exists for out in each.outs)
                )
            )
    except DvcException as problem:
        raise ConfigError(f"dvc.yaml in {root} cannot be read: {problem}") from None
    return Graph(stages=stages, absent=absent)


def _name(stage: Any, root: Path) -> str:
    """A stage's address from the root: DVC's own ``addressing`` depends on the current folder."""
    path = Path(stage.path).resolve().relative_to(root.resolve()).as_posix()
    if stage.is_data_source:
        return path
    return str(stage.name) if path == "dvc.yaml" else f"{path}:{stage.name}"
