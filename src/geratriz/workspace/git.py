"""Git commands of the flows: commits that leave the checkout untouched, refs, and pushes."""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from geratriz.errors import PipelineError

REMOTE = "origin"
TIMEOUT_S = 300.0  # per command; the fetch of a large repository takes the longest
DEFAULT_IDENTITY = {"name": "Geratriz", "email": "geratriz@localhost"}  # of commits if Git has no user configured


def git(root: Path, *arguments: str, variables: Mapping[str, str] | None = None, stdin: str | None = None) -> str:
    """Run a Git command and return its output.

    Raises:
        PipelineError: the command failed; the message quotes its output.
    """
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0", **(variables or {})}  # without asking for a password
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, env=env, input=stdin, capture_output=True, text=True, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise PipelineError(f"`git {' '.join(arguments)}` in {root} took longer than {TIMEOUT_S:.0f} s.") from None
    if done.returncode != 0:
        output = (done.stderr or done.stdout).strip()
        raise PipelineError(f"`git {' '.join(arguments)}` failed in {root}:\n{output}")
    return done.stdout.strip()


def succeeds(root: Path, *arguments: str) -> bool:
    """Whether a Git command succeeds."""
    try:
        git(root, *arguments)
    except PipelineError:
        return False
    return True


def has_remote(root: Path) -> bool:
    """Whether the repository has a remote to push to."""
    return REMOTE in git(root, "remote").split()


def commit(root: Path, paths: Sequence[str], message: str, *, onto: str = "HEAD") -> str:
    """Commit the tracked files as they are in ``root``, and ``paths``; return the id of the commit.

    The index and the branch of the checkout stay as they are, so work in ``root`` is not disturbed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        index = Path(scratch) / "index"
        index.write_bytes(Path(root, git(root, "rev-parse", "--git-path", "index")).read_bytes())
        os.utime(index, (1, 1))  # older than any file, so that Git compares contents instead of size and time
        variables = {"GIT_INDEX_FILE": str(index), **_identity(root)}
        git(root, "add", "--update", variables=variables)
        existing = [path for path in paths if (root / path).exists()]
        if existing:
            git(root, "add", "--force", "--", *existing, variables=variables)
        tree = git(root, "write-tree", variables=variables)
        return git(root, "commit-tree", tree, "-p", onto, "-F", "-", variables=variables, stdin=message)


def push(root: Path, refspec: str) -> None:
    """Push to the remote without hooks: the hook of `dvc install` would push all data."""
    git(root, "push", "--quiet", "--no-verify", REMOTE, refspec)


def newest(root: Path) -> str:
    """Fetch, and return the newest commit: that of the remote if it is ahead of the checkout, or the checkout's."""
    here = git(root, "rev-parse", "HEAD")
    if not has_remote(root):
        return here
    git(root, "fetch", "--quiet", "--prune", REMOTE)
    for name in ("@{upstream}", f"{REMOTE}/HEAD"):
        if succeeds(root, "rev-parse", "--verify", "--quiet", name):
            remote = git(root, "rev-parse", name)
            return remote if succeeds(root, "merge-base", "--is-ancestor", here, remote) else here
    return here


def _identity(root: Path) -> dict[str, str]:
    """Variables with an identity for commits, if Git has none: the user of a service often has no name."""
    variables = {}
    for key, default in DEFAULT_IDENTITY.items():
        if not succeeds(root, "config", f"user.{key}"):
            for role in ("AUTHOR", "COMMITTER"):
                variables[f"GIT_{role}_{key.upper()}"] = os.environ.get(f"GIT_{role}_{key.upper()}", default)
    return variables


def git_revision(root: Path) -> str | None:
    """Id of the commit checked out in ``root``, with the suffix ``-dirty`` if tracked files differ; None outside Git.

    Changes of dvc.lock are ignored, as every run writes it.
    """
    try:
        commit = git(root, "rev-parse", "HEAD")
        changed = git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)dvc.lock")
    except (OSError, PipelineError):
        return None
    return f"{commit}-dirty" if changed else commit
