"""The graph in dvc.yaml and DVC's settings as data; only this module uses DVC's internals.

DVC has no public function that returns its graph. A test compares ``Repo.index.graph``, with an edge from a stage to
each one it needs, to ``dvc dag --dot``, so an incompatible upgrade of DVC is noticed.
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
    """Settings of a stage under ``meta:`` in dvc.yaml, which DVC itself ignores."""

    retries: int = 0
    """Number of retries after a failure that is not caused by the user's data or settings."""
    timeout_s: int | None = None
    pool: str | None = None
    """Prefect work pool for the stage; None, or a pool that does not exist, runs it in the flow itself."""

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise ValueError(f"retries is {self.retries}, expected 0 or more")
        if self.timeout_s is not None and self.timeout_s <= 0:
            raise ValueError(f"timeout_s is {self.timeout_s}, expected seconds, or null for no limit")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A stage of dvc.yaml; matrix entries are stages of their own."""

    name: str
    needs: tuple[str, ...]
    """Names of the stages upstream, whose outputs it reads."""
    sources: tuple[str, ...]
    """``.dvc`` files of the data it reads, relative to the root."""
    meta: Meta


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """Stages in an order in which they can run, and tracked files that are missing in the workspace."""

    stages: tuple[Stage, ...]
    """Stages with the longest path to the end come first, so that no long branch starts late if there are few slots."""
    absent: tuple[str, ...]
    """``.dvc`` files, relative to the root, of missing data that a stage reads; they must be pulled by name."""
    in_git: tuple[str, ...]
    """Outputs that DVC does not store (``cache: false``), which belong into the commit of dvc.lock."""


def read(root: Path) -> Graph:
    """Read the graph of the project in ``root``.

    Raises:
        ConfigError: ``root`` is not the root of a DVC project, dvc.yaml is invalid, or the ``meta`` of a stage has an
            unknown setting.
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
            depths: dict[Any, int] = {}  # number of stages on the longest path to the end
            for stage in networkx.topological_sort(graph):  # a stage comes before those it needs
                depths[stage] = 1 + max((depths[user] for user in graph.predecessors(stage)), default=0)
            names = {stage: _name(stage, root) for stage in graph}
            ordered = sorted(graph, key=lambda stage: (-depths[stage], names[stage]))
            stages = tuple(
                Stage(
                    name=names[stage],
                    needs=tuple(sorted(names[need] for need in graph.successors(stage) if not need.is_data_source)),
                    sources=tuple(sorted(names[need] for need in graph.successors(stage) if need.is_data_source)),
                    meta=config.load(Meta, stage.meta, f"dvc.yaml: stage {names[stage]}: meta"),
                )
                for stage in ordered
                if not stage.is_data_source
            )
            absent = tuple(
                names[stage]
                for stage in ordered
                if stage.is_data_source and graph.in_degree(stage) and not all(out.exists for out in stage.outs)
            )
            outs = [out for stage in ordered for out in stage.outs if not out.use_cache]
            in_git = tuple(Path(out.fs_path).relative_to(root).as_posix() for out in outs)
    except DvcException as problem:
        raise ConfigError(f"the graph in {root} cannot be read: {problem}") from None
    return Graph(stages=stages, absent=absent, in_git=in_git)


def checkout(home: Path, name: str, *, revision: str, branch: str | None = None) -> Path:
    """Create a worktree by :func:`geratriz.workspace.worktree.create`, with the DVC settings and cache of ``home``.

    Settings that are not in Git are rewritten, as their paths are relative to their file.

    Raises:
        PipelineError: Git fails, for example because the branch exists.
    """
    from dvc.config import Config

    path = worktree.create(home, name, revision=revision, branch=branch)
    local = Config(dvc_dir=str(home.resolve() / ".dvc")).load_one("local")
    with Config(dvc_dir=str(path / ".dvc")).edit("local") as settings:
        settings.update(local)
        settings["cache"] = {**local.get("cache", {}), "dir": str(cache(home))}
    return path


def remote(root: Path) -> str | None:
    """Name of the default DVC remote, or None if there is none."""
    from dvc.config import Config

    name = Config(dvc_dir=str(root.resolve() / ".dvc")).get("core", {}).get("remote")
    return None if name is None else str(name)


def remotes_inside(root: Path) -> dict[str, Path]:
    """Folders of the DVC remotes inside the checkout, such as the one with the bundled data, by name."""
    from dvc.config import Config

    settings = Config(dvc_dir=str(root.resolve() / ".dvc")).get("remote", {})
    folders = {str(name): Path(os.path.normpath(remote["url"])) for name, remote in settings.items()}
    return {name: folder for name, folder in folders.items() if folder.is_relative_to(root.resolve())}


def cache(root: Path) -> Path:
    """Folder of DVC's cache."""
    from dvc.config import Config

    folder = root.resolve() / ".dvc"
    return Path(Config(dvc_dir=str(folder)).get("cache", {}).get("dir") or folder / "cache")


def _name(stage: Any, root: Path) -> str:
    """Name of a stage relative to the root; DVC's own ``addressing`` depends on the current folder."""
    path = Path(stage.path).resolve().relative_to(root).as_posix()
    if stage.is_data_source:
        return path
    return str(stage.name) if path == "dvc.yaml" else f"{path}:{stage.name}"
