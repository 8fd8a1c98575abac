"""Cleaning up after retraining: a list of what can be deleted, with reasons, and its deletion on request.

The user's own files are never deleted: only worktrees, branches and refs made by runs, checkpoints and pages that were
not changed for a while, and objects in the DVC cache that no commit, worktree or registered version with an alias uses.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from geratriz.errors import ConfigError, PipelineError
from geratriz.project import CHECKPOINTS, PAGES, WORKTREES
from geratriz.workspace import worktree
from geratriz.workspace.dvc import dvc
from geratriz.workspace.git import REMOTE, git, has_remote, push, succeeds

RUN_PREFIXES = ("retrain-", "job-", "judge-")  # of the worktrees made by runs
BRANCHES, HANDOVERS = "retrain/", "handover/"  # prefixes of branches and of hand-over refs
DAY_S = 86_400.0
HANDOVER_TTL_S = DAY_S  # of a hand-over ref, which is needed while its job runs


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A deletable object, whether it is to be deleted, and why."""

    kind: str
    """``worktree``, ``branch``, ``remote ref``, ``checkpoint``, ``page`` or ``cache``."""
    name: str
    goes: bool
    why: str
    size: int = 0
    """Bytes on disk."""
    remove: Callable[[], object] = field(repr=False, default=lambda: None)


def find(root: Path, *, days: float, in_use: set[str], cache: bool = False) -> list[Item]:
    """List everything that might be deleted, in the order in which it must be.

    Args:
        root: the project's root.
        days: minimum age; newer objects stay.
        in_use: commits at which registered versions with an alias were made; see ``registry.origin.in_use``.
        cache: whether to examine the DVC cache too, which takes a while.

    Raises:
        ConfigError: ``root`` is not the root of a Git repository.
    """
    home = root.resolve()
    if not (home / ".git").exists():
        raise ConfigError(f"{home} is not the root of a Git repository. Run the command in the project's root.")
    trees = list(_worktrees(home, days))
    stay = {str(home / WORKTREES / tree.name) for tree in trees if not tree.goes}
    items = [*trees, *_branches(home, days, in_use, stay), *_refs(home)]
    items += _old(home / CHECKPOINTS, "checkpoint", days)
    items += [item for tree in _folders(home / WORKTREES) for item in _old(tree / CHECKPOINTS, "checkpoint", days)]
    items += _old(home / PAGES, "page", days)
    if cache:
        items.append(_cache(home, sorted(in_use)))
    return items


def _worktrees(home: Path, days: float) -> Iterator[Item]:
    for path in _folders(home / WORKTREES):
        if not path.name.startswith(RUN_PREFIXES):
            yield Item(kind="worktree", name=path.name, goes=False, why="not made by a run")
            continue
        with worktree.alone(path) as alone:
            age = _age_days(path)
            why = f"changed {age:.0f} days ago" if alone else "used by a run"
            yield Item(
                kind="worktree",
                name=path.name,
                goes=alone and age >= days,
                why=why,
                size=_size(path),
                remove=partial(_remove_worktree, home, path),
            )


def _remove_worktree(home: Path, path: Path) -> None:
    with worktree.alone(path) as alone:
        if not alone:
            raise PipelineError(f"{path.name} is used by a run again, so it was not deleted.")
        worktree.remove(home, path)


def _branches(home: Path, days: float, in_use: set[str], stay: set[str]) -> Iterator[Item]:
    layout = "%(refname:short) %(objectname) %(committerdate:unix) %(worktreepath)"
    for line in git(home, "for-each-ref", f"--format={layout}", f"refs/heads/{BRANCHES}").splitlines():
        name, commit, at, tree = [*line.split(" ", 3), ""][:4]
        age = (time.time() - float(at)) / DAY_S
        elsewhere = git(home, "branch", "--all", "--format=%(refname)", "--contains", commit).splitlines()
        safe = any(ref != f"refs/heads/{name}" for ref in elsewhere)  # pushed or merged
        reasons = (
            (tree in stay or (bool(tree) and not Path(tree).is_relative_to(home / WORKTREES)), "checked out"),
            (commit in in_use, "a version with an alias was made from it"),
            (not safe, "its commit is neither pushed nor merged"),
            (age < days, f"created {age:.0f} days ago"),
        )
        why = next((reason for holds, reason in reasons if holds), None)
        yield Item(
            kind="branch",
            name=name,
            goes=why is None,
            why=why or f"created {age:.0f} days ago, and its commit is pushed or merged",
            remove=partial(git, home, "branch", "--delete", "--force", name),
        )


def _refs(home: Path) -> Iterator[Item]:
    """Hand-over refs at the remote that an interrupted run left; other branches of the remote are not listed."""
    if not has_remote(home):
        return
    git(home, "fetch", "--quiet", "--prune", REMOTE)
    layout = "%(refname:lstrip=3) %(committerdate:unix)"
    for line in git(home, "for-each-ref", f"--format={layout}", f"refs/remotes/{REMOTE}/{HANDOVERS}").splitlines():
        name, at = line.split()
        age = time.time() - float(at)
        yield Item(
            kind="remote ref",
            name=f"{REMOTE}/{name}",
            goes=age >= HANDOVER_TTL_S,
            why=f"pushed {age / DAY_S:.1f} days ago",
            remove=partial(push, home, f":refs/heads/{name}"),
        )


def _old(folder: Path, kind: str, days: float) -> Iterator[Item]:
    for path in _folders(folder):
        age = _age_days(path)
        yield Item(
            kind=kind,
            name=str(path),
            goes=age >= days,
            why=f"changed {age:.0f} days ago",
            size=_size(path),
            remove=partial(shutil.rmtree, path, ignore_errors=True),
        )


def _cache(home: Path, commits: list[str]) -> Item:
    """Objects in the DVC cache that no worktree, no branch, no tag and none of ``commits`` uses."""
    folder = Path(dvc(home, "cache", "dir"))
    trees = _folders(home / WORKTREES)
    busy = [path.name for path in trees if not _is_free(path)]
    why = f"a run uses {busy[0]}" if busy else ""
    if not folder.is_relative_to(home):
        why = f"{folder} may be shared with other projects: run `dvc gc --projects` with their folders"
    if why:
        return Item(kind="cache", name="DVC cache", goes=False, why=why)
    output = _dvc_gc(home, commits, "--dry")
    why = next((line.strip() for line in output.splitlines() if " objects from " in line), "nothing is unused")
    return Item(kind="cache", name="DVC cache", goes=True, why=why, remove=partial(_dvc_gc, home, commits))


def _dvc_gc(home: Path, commits: list[str], *options: str) -> str:
    """Run `dvc gc`, which accepts no list of commits: they have tags while it runs."""
    tags = {f"geratriz-gc-{sha[:12]}": sha for sha in commits if succeeds(home, "cat-file", "-e", f"{sha}^{{commit}}")}
    try:
        for tag, sha in tags.items():
            git(home, "tag", "--force", tag, sha)
        trees = _folders(home / WORKTREES)
        projects = ["--projects", *map(str, trees)] if trees else []
        return dvc(home, "gc", "--force", "--workspace", "--all-branches", "--all-tags", *options, *projects)
    finally:
        for tag in tags:
            git(home, "tag", "--delete", tag)


def _is_free(path: Path) -> bool:
    with worktree.alone(path) as alone:
        return alone


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _size(path: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in path.rglob("*") if file.is_file() and not file.is_symlink())


def _age_days(path: Path) -> float:
    """Days since the last change in a folder."""
    newest = max(each.lstat().st_mtime for each in (path, *path.rglob("*")))
    return max(time.time() - newest, 0.0) / DAY_S
