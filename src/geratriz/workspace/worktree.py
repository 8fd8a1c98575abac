"""Git worktrees under .geratriz/worktrees, in which deployed runs work.

pipelines/graph.py gives a worktree the DVC cache and settings of the checkout it was made from. A run holds a lock on
its worktree, so that cleaning up does not remove it.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geratriz.errors import PipelineError
from geratriz.project import WORKTREES
from geratriz.workspace.git import git, succeeds


class Busy(PipelineError):
    """Another process holds the lock."""


def create(home: Path, name: str, *, revision: str, branch: str | None = None) -> Path:
    """Create a worktree of ``home`` at a revision, on a new branch or detached, and return its path.

    An existing worktree of this name is reused: it is reset to the revision, and all untracked files are deleted except
    ``.cache``, which holds the checkpoints of interrupted fits.

    Raises:
        PipelineError: Git fails, for example because the branch exists.
    """
    path = home.resolve() / WORKTREES / name
    if path.is_dir():
        git(path, "checkout", "--quiet", "--force", "--detach", revision)
        git(path, "clean", "--quiet", "-ffdx", "--exclude=.cache")
        if branch is not None:
            git(path, "checkout", "--quiet", "-b", branch)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        git(home, "worktree", "prune")
        on = ("--detach",) if branch is None else ("-b", branch)
        git(home, "worktree", "add", "--quiet", *on, str(path), revision)
    return path


def remove(home: Path, path: Path) -> None:
    """Delete a worktree with all its files; its branch stays."""
    if path.exists():
        git(home, "worktree", "remove", "--force", str(path))
    _lock(path).unlink(missing_ok=True)


def drop_branch(home: Path, branch: str) -> None:
    """Delete a branch without commits of its own."""
    if succeeds(home, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}"):
        git(home, "branch", "--quiet", "-D", branch)


@contextmanager
def held(home: Path, name: str, *, why: str) -> Iterator[None]:
    """Hold the lock on a worktree, which need not exist yet. The system releases it when the process ends.

    Args:
        home: the checkout of the worktree.
        name: name of the worktree.
        why: what the lock is held for; the message of :class:`Busy` in other processes.

    Raises:
        Busy: another process holds the lock.
    """
    path = _lock(home.resolve() / WORKTREES / name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Busy(file.read().strip() or "another run") from None
        file.truncate(0)
        file.write(why + "\n")
        file.flush()
        yield


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Yield whether no run holds the lock on a worktree; inside the block no run can take it."""
    with _lock(path).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _lock(path: Path) -> Path:
    return path.with_name(path.name + ".lock")
