"""The graph in dvc.yaml and the settings around it, as data: the one file that knows DVC's insides.

DVC has no public function that gives its graph. What is used here (``Repo.index.graph``, an edge from a stage to each
one it needs) is held against ``dvc dag --dot`` by a test, so that an upgrade that moves it fails loudly.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geratriz import config
from geratriz.errors import ConfigError
from geratriz.workspace import worktree


@dataclass(frozen=True, kw_only=True, slots=True)
class Meta:
    """What dvc.yaml's ``meta:`` says of a stage; DVC itself ignores it."""

    retries: int = 0
    """Times to run it again when it failed for another reason than the user's data or settings."""
    timeout_s: int | None = None
    pool: str | None = None
    """The Prefect work pool whose workers run it; None, or one that does not exist: it runs where the flow runs."""

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise ValueError(f"retries is {self.retries}, expected 0 or more")
        if self.timeout_s is not None and self.timeout_s <= 0:
            raise ValueError(f"timeout_s is {self.timeout_s}, expected seconds, or null for as long as it takes")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A stage of dvc.yaml, matrix entries expanded."""

    name: str
    needs: tuple[str, ...]
    """Names of the stages whose outputs it reads."""
    sources: tuple[str, ...]
    """``.dvc`` files, relative to the root, of the data it reads."""
    meta: Meta


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """Stages in an order in which they can run, and the tracked files that are not in the workspace."""

    stages: tuple[Stage, ...]
    """Those with the longest way still to go come first, so that with few slots no long branch starts late."""
    absent: tuple[str, ...]
    """``.dvc`` files, relative to the root, of data that a stage reads and that must be pulled by name."""
    in_git: tuple[str, ...]
    """Outputs that DVC does not keep (``cache: false``): they belong into the commit that dvc.lock stands in."""


def read(root: Path) -> Graph:
    """The graph of the project in ``root``.

    Raises:
        ConfigError: ``root`` is not where a DVC project starts, dvc.yaml is not valid, or a stage's ``meta`` holds
            something unknown.
    """
    import networkx
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    root = root.resolve()
    try:
        with Repo(str(root)) as repo:
            if Path(repo.root_dir).resolve() != root:
                raise ConfigError(f"{root} is inside a DVC project; the pipeline runs at its root, {repo.root_dir}.")
            graph = repo.index.graph
            to_go: dict[Any, int] = {}  # stages on the longest way from here to the end
            for each in networkx.topological_sort(graph):  # who needs comes before what is needed
                to_go[each] = 1 + max((to_go[user] for user in graph.predecessors(each)), default=0)
            names = {each: _name(each, root) for each in graph}
            ordered = sorted(graph, key=lambda each: (-to_go[each], names[each]))
            stages = tuple(
                Stage(
                    name=names[each],
                    needs=tuple(sorted(names[need] for need in graph.successors(each) if not need.is_data_source)),
                    sources=tuple(sorted(names[need] for need in graph.successors(each) if need.is_data_source)),
                    meta=config.load(Meta, each.meta, f"dvc.yaml: stage {names[each]}: meta"),
                )
                for each in ordered
                if not each.is_data_source
            )
            absent = tuple(
                names[each]
                for each in ordered
                if each.is_data_source and graph.in_degree(each) and not all(out.exists for out in each.outs)
            )
            in_git = tuple(
                Path(out.fs_path).relative_to(root).as_posix()
                for each in ordered
                for out in each.outs
                if not out.use_cache
            )
    except DvcException as problem:
        raise ConfigError(f"the graph in {root} cannot be read: {problem}") from None
    return Graph(stages=stages, absent=absent, in_git=in_git)


def checkout(home: Path, name: str, *, revision: str, branch: str | None = None) -> Path:
    """A worktree of ``home``, as :func:`geratriz.workspace.worktree.create` makes it, with its DVC settings and cache.

    Raises:
        PipelineError: Git refuses, for instance because the branch exists.
    """
    path = worktree.create(home, name, revision=revision, branch=branch)
    share_settings(home, path)
    return path


def share_settings(home: Path, worktree: Path) -> None:
    """Give a worktree the DVC settings of the checkout ``home`` that Git does not carry, and its cache.

    Paths in them are relative to the file they stand in, so they are written anew.
    """
    from dvc.config import Config

    local = Config(dvc_dir=str(home.resolve() / ".dvc")).load_one("local")
    with Config(dvc_dir=str(worktree / ".dvc")).edit("local") as settings:
        settings.update(local)
        settings["cache"] = {**local.get("cache", {}), "dir": str(cache(home))}


def remote(root: Path) -> str | None:
    """The name of the DVC remote that is pushed to, or None where none is the default."""
    from dvc.config import Config

    name = Config(dvc_dir=str(root.resolve() / ".dvc")).get("core", {}).get("remote")
    return None if name is None else str(name)


def remotes_inside(root: Path) -> dict[str, Path]:
    """The remotes that are folders in the checkout, such as the one with the bundled data."""
    from dvc.config import Config

    settings = Config(dvc_dir=str(root.resolve() / ".dvc")).get("remote", {})
    places = {str(name): Path(os.path.normpath(each["url"])) for name, each in settings.items()}
    return {name: place for name, place in places.items() if place.is_relative_to(root.resolve())}


def cache(root: Path) -> Path:
    """DVC's cache."""
    from dvc.config import Config

    folder = root.resolve() / ".dvc"
    return Path(Config(dvc_dir=str(folder)).get("cache", {}).get("dir") or folder / "cache")


def _name(stage: Any, root: Path) -> str:
    """A stage's address from the root: DVC's own ``addressing`` depends on the current folder."""
    path = Path(stage.path).resolve().relative_to(root).as_posix()
    if stage.is_data_source:
        return path
    return str(stage.name) if path == "dvc.yaml" else f"{path}:{stage.name}"
