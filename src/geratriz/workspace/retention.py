"""What retraining leaves behind and nobody needs any more: found with the reason, and taken away when that is wanted.

Nothing of the user's goes: only worktrees, branches and refs that runs made themselves, checkpoints and pages that were
not touched for a while, and of the DVC cache what no commit, no worktree and no registered version with an alias names.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from geratriz.errors import ConfigError, PipelineError
from geratriz.project import CHECKPOINTS, PAGES, WORKTREES
from geratriz.workspace import worktree
from geratriz.workspace.git import REMOTE, git, has_remote, push, succeeds

OURS = ("retrain-", "job-", "judge-")  # how the worktrees of runs are called
BRANCHES, HANDED_OVER = "retrain/", "handover/"
DAY_S = 86_400.0
NEEDED_FOR_S = DAY_S  # a ref of a hand-over, which lives as long as its job


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One thing, whether it goes, and why."""

    kind: str
    """worktree, branch, remote ref, checkpoint, page or cache."""
    name: str
    goes: bool
    why: str
    size: int = 0
    """Bytes on this disk."""
    remove: Callable[[], None] = field(repr=False, default=lambda: None)


def find(root: Path, *, days: float, in_use: set[str], cache: bool = False) -> list[Item]:
    """Everything that could go, in the order in which it must.

    Args:
        root: the project.
        days: what was touched since then stays.
        in_use: commits that registered versions with an alias were made at; see ``registry.origin.in_use``.
        cache: look at the DVC cache too; it takes a while.

    Raises:
        ConfigError: ``root`` is no Git repository.
    """
    home = root.resolve()
    if not (home / ".git").exists():
        raise ConfigError(f"{home} is not the root of a Git repository. Run the command in the project's root.")
    trees = list(_worktrees(home, days))
    stay = {str(home / WORKTREES / each.name) for each in trees if not each.goes}
    items = [*trees, *_branches(home, days, in_use, stay), *_refs(home)]
    items += _old(home / CHECKPOINTS, "checkpoint", days)
    items += [each for tree in _folders(home / WORKTREES) for each in _old(tree / CHECKPOINTS, "checkpoint", days)]
    items += _old(home / PAGES, "page", days)
    if cache:
        items.append(_cache(home, sorted(in_use)))
    return items


def _worktrees(home: Path, days: float) -> Iterator[Item]:
    for path in _folders(home / WORKTREES):
        if not path.name.startswith(OURS):
            yield Item(kind="worktree", name=path.name, goes=False, why="no run made it")
            continue
        with worktree.alone(path) as alone:
            old = _age_days(path)
            why = "a run works in it" if not alone else f"touched {old:.0f} days ago"
            yield Item(
                kind="worktree",
                name=path.name,
                goes=alone and old >= days,
                why=why,
                size=_size(path),
                remove=lambda path=path: _remove_worktree(home, path),  # type: ignore[misc]
            )


def _remove_worktree(home: Path, path: Path) -> None:
    with worktree.alone(path) as alone:
        if not alone:
            raise PipelineError(f"{path.name} is in use again; it stays.")
        worktree.remove(home, path)


def _branches(home: Path, days: float, kept: set[str], stay: set[str]) -> Iterator[Item]:
    layout = "%(refname:short) %(objectname) %(committerdate:unix) %(worktreepath)"
    for line in git(home, "for-each-ref", f"--format={layout}", f"refs/heads/{BRANCHES}").splitlines():
        name, commit, at, tree = [*line.split(" ", 3), ""][:4]
        age = (time.time() - float(at)) / DAY_S
        elsewhere = git(home, "branch", "--all", "--format=%(refname)", "--contains", commit).splitlines()
        safe = any(each != f"refs/heads/{name}" for each in elsewhere)  # pushed or merged
        reasons = (
            (tree in stay or (bool(tree) and not Path(tree).is_relative_to(home / WORKTREES)), "it is checked out"),
            (commit in kept, "a version with an alias was made there"),
            (not safe, "its commit is nowhere else: not pushed, not merged"),
            (age < days, f"made {age:.0f} days ago"),
        )
        why = next((reason for holds, reason in reasons if holds), None)
        yield Item(
            kind="branch",
            name=name,
            goes=why is None,
            why=why or f"made {age:.0f} days ago, and its commit is pushed or merged",
            remove=lambda name=name: _remove_branch(home, name),  # type: ignore[misc]
        )


def _remove_branch(home: Path, name: str) -> None:
    git(home, "branch", "--delete", "--force", name)


def _refs(home: Path) -> Iterator[Item]:
    """Hand-over refs at the remote that a lost head left; the remote's other branches are for people."""
    if not has_remote(home):
        return
    git(home, "fetch", "--quiet", "--prune", REMOTE)
    layout = "%(refname:lstrip=3) %(committerdate:unix)"
    for line in git(home, "for-each-ref", f"--format={layout}", f"refs/remotes/{REMOTE}/{HANDED_OVER}").splitlines():
        name, at = line.split()
        age = time.time() - float(at)
        yield Item(
            kind="remote ref",
            name=f"{REMOTE}/{name}",
            goes=age >= NEEDED_FOR_S,
            why=f"handed over {age / DAY_S:.1f} days ago",
            remove=lambda name=name: _delete_ref(home, name),  # type: ignore[misc]
        )


def _delete_ref(home: Path, name: str) -> None:
    push(home, f":refs/heads/{name}")


def _old(folder: Path, kind: str, days: float) -> Iterator[Item]:
    for path in _folders(folder):
        age = _age_days(path)
        yield Item(
            kind=kind,
            name=str(path),
            goes=age >= days,
            why=f"touched {age:.0f} days ago",
            size=_size(path),
            remove=lambda path=path: shutil.rmtree(path, ignore_errors=True),  # type: ignore[misc]
        )


def _cache(home: Path, commits: list[str]) -> Item:
    """What DVC itself calls unused, with every worktree and every commit that may be asked for counted as use."""
    place = Path(_dvc(home, "cache", "dir"))
    trees = _folders(home / WORKTREES)
    busy = [path.name for path in trees if not _is_free(path)]
    why = f"a run works in {busy[0]}" if busy else ""
    if not place.is_relative_to(home):
        why = f"{place} may serve other projects: `dvc gc --projects` knows them, if you name them"
    if why:
        return Item(kind="cache", name="DVC cache", goes=False, why=why)
    said = _collect(home, commits, trees, "--dry")
    return Item(
        kind="cache",
        name="DVC cache",
        goes=True,
        why=next((line.strip() for line in said.splitlines() if " objects from " in line), "nothing is unused"),
        remove=lambda: _clean(home, commits, trees),
    )


def _clean(home: Path, commits: list[str], trees: list[Path]) -> None:
    _collect(home, commits, [each for each in trees if each.exists()])


def _collect(home: Path, commits: list[str], trees: list[Path], *options: str) -> str:
    """`dvc gc`; commits that no branch may lead to have a tag while it runs, as it takes no list of them."""
    tags = {f"geratriz-gc-{each[:12]}": each for each in commits if _has(home, each)}
    try:
        for tag, each in tags.items():
            git(home, "tag", "--force", tag, each)
        projects = ["--projects", *map(str, trees)] if trees else []
        return _dvc(home, "gc", "--force", "--workspace", "--all-branches", "--all-tags", *options, *projects)
    finally:
        for tag in tags:
            git(home, "tag", "--delete", tag)


def _is_free(path: Path) -> bool:
    with worktree.alone(path) as alone:
        return alone


def _folders(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []


def _size(path: Path) -> int:
    return sum(each.stat().st_blocks * 512 for each in path.rglob("*") if each.is_file() and not each.is_symlink())


def _age_days(path: Path) -> float:
    """Days since anything in a folder was written."""
    newest = max((each.lstat().st_mtime for each in (path, *path.rglob("*"))), default=path.stat().st_mtime)
    return max(time.time() - newest, 0.0) / DAY_S


def _has(home: Path, commit: str) -> bool:
    return succeeds(home, "cat-file", "-e", f"{commit}^{{commit}}")


def _dvc(home: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=home, capture_output=True, text=True)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise PipelineError(f"`dvc {' '.join(arguments[:4])}` failed in {home}:\n{said}")
    return done.stdout.strip()
