"""Checkouts beside the user's own, under .geratriz/worktrees: what a deployed run works in.

Each is a Git worktree; pipelines/graph.py gives it the DVC cache and settings of the checkout it was made from. Whoever
works in one holds a lock on it, so that cleaning up does not take it away.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geratriz.errors import PipelineError
from geratriz.project import WORKTREES
from geratriz.workspace.git import git, succeeds


class Busy(PipelineError):
    """Somebody else holds the lock."""


def create(home: Path, name: str, *, revision: str, branch: str | None = None) -> Path:
    """A worktree of ``home`` at a revision: on a new branch, or on none.

    One of that name that is there already is reused: it is brought to the revision, and everything in it that Git does
    not track goes, but for ``.cache``, where interrupted fits keep how far they came.

    Raises:
        PipelineError: Git refuses, for instance because the branch exists.
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
    """Take a worktree away, with all that lies in it; the branch stays."""
    if path.exists():
        git(home, "worktree", "remove", "--force", str(path))
    _lock(path).unlink(missing_ok=True)


def drop_branch(home: Path, branch: str) -> None:
    """Delete a branch that nothing was committed on."""
    if succeeds(home, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}"):
        git(home, "branch", "--quiet", "-D", branch)


@contextmanager
def held(home: Path, name: str, *, why: str) -> Iterator[None]:
    """Hold the lock on a worktree, there or not yet; another process's :func:`held` of the same one fails meanwhile.

    The system lets go of it when the process is gone, killed included.

    Args:
        home: the checkout the worktree is one of.
        name: of the worktree.
        why: what is done under the lock, told to those who find it held.

    Raises:
        Busy: somebody else holds it; the message is their ``why``.
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
    """Whether no run holds the lock on a worktree; inside the block none can take it."""
    with _lock(path).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _lock(path: Path) -> Path:
    return path.with_name(path.name + ".lock")
