"""Git, as the flows use it: commits that touch nobody's work, refs to hand them over, worktrees to run them in."""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from geratriz.errors import PipelineError

REMOTE = "origin"
SECONDS = 300.0  # for one command; a fetch of a large repository takes the longest
OURS = {"name": "Geratriz", "email": "geratriz@localhost"}  # of commits where nobody is set up to make them


def git(root: Path, *arguments: str, variables: Mapping[str, str] | None = None, given: str | None = None) -> str:
    """What a command of Git says.

    Raises:
        PipelineError: it failed; the message has what it said.
    """
    asked = {**os.environ, "GIT_TERMINAL_PROMPT": "0", **(variables or {})}  # nobody is there to type a password
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, env=asked, input=given, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise PipelineError(f"`git {' '.join(arguments)}` in {root} took longer than {SECONDS:.0f} s.") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise PipelineError(f"`git {' '.join(arguments)}` failed in {root}:\n{said}")
    return done.stdout.strip()


def succeeds(root: Path, *arguments: str) -> bool:
    """Whether a command that asks something says yes."""
    try:
        git(root, *arguments)
    except PipelineError:
        return False
    return True


def has_remote(root: Path) -> bool:
    """Whether there is a remote to push to."""
    return REMOTE in git(root, "remote").split()


def commit(root: Path, paths: Sequence[str], message: str, *, onto: str = "HEAD") -> str:
    """A commit of the tracked files as they lie in ``root``, and of ``paths``; its id.

    It is made beside the index and the branch, both stay as they are: nobody who works in ``root`` notices.
    """
    with tempfile.TemporaryDirectory() as scratch:
        index = Path(scratch) / "index"
        index.write_bytes(Path(root, git(root, "rev-parse", "--git-path", "index")).read_bytes())
        os.utime(index, (1, 1))  # Git trusts a file's size and second where its index is younger: here it must look
        beside = {"GIT_INDEX_FILE": str(index), **_identity(root)}
        git(root, "add", "--update", variables=beside)
        there = [each for each in paths if (root / each).exists()]
        if there:
            git(root, "add", "--force", "--", *there, variables=beside)
        tree = git(root, "write-tree", variables=beside)
        return git(root, "commit-tree", tree, "-p", onto, "-F", "-", variables=beside, given=message)


def push(root: Path, refspec: str) -> None:
    """Push to the remote, without hooks: that of `dvc install` would push all data."""
    git(root, "push", "--quiet", "--no-verify", REMOTE, refspec)


def newest(root: Path) -> str:
    """The commit to start from: that of the checkout, or what its remote has on top of it. Fetches."""
    here = git(root, "rev-parse", "HEAD")
    if not has_remote(root):
        return here
    git(root, "fetch", "--quiet", "--prune", REMOTE)
    for name in ("@{upstream}", f"{REMOTE}/HEAD"):
        if succeeds(root, "rev-parse", "--verify", "--quiet", name):
            there = git(root, "rev-parse", name)
            return there if succeeds(root, "merge-base", "--is-ancestor", here, there) else here
    return here


def _identity(root: Path) -> dict[str, str]:
    """Who commits, where Git does not know: a service's user often has no name."""
    variables = {}
    for key, ours in OURS.items():
        if not succeeds(root, "config", f"user.{key}"):
            for role in ("AUTHOR", "COMMITTER"):
                variables[f"GIT_{role}_{key.upper()}"] = os.environ.get(f"GIT_{role}_{key.upper()}", ours)
    return variables


def git_revision(root: Path) -> str | None:
    """The commit checked out at ``root``, ``-dirty`` behind it when tracked files differ; None outside Git.

    dvc.lock does not count: it is what a run writes.
    """
    try:
        commit = git(root, "rev-parse", "HEAD")
        changed = git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)dvc.lock")
    except (OSError, PipelineError):
        return None
    return f"{commit}-dirty" if changed else commit
