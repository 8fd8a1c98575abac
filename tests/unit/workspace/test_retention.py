"""What `geratriz gc` takes away and what it leaves, on real Git repositories and a real DVC cache."""

import fcntl
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from geratriz.errors import ConfigError
from geratriz.project import CHECKPOINTS, PAGES, WORKTREES
from geratriz.workspace import retention
from geratriz.workspace.retention import Item
from tests.pipelines.conftest import dvc

pytestmark = pytest.mark.slow

OLD = 30


class Repository:
    """A checkout with a remote, a retraining's branch and worktree, and data in DVC's cache."""

    def __init__(self, folder: Path) -> None:
        self.root, self.hub = folder / "head", folder / "hub.git"
        self.variables = dict(os.environ)
        for role in ("AUTHOR", "COMMITTER"):
            self.variables |= {f"GIT_{role}_NAME": "a", f"GIT_{role}_EMAIL": "a@example.org"}

    def create(self) -> None:
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.hub)], check=True)
        subprocess.run(["git", "init", "-q", "-b", "main", str(self.root)], check=True)
        self.git("remote", "add", "origin", str(self.hub))
        dvc(self.root, "init", "-q")
        (self.root / ".gitignore").write_text("/.geratriz/\n/.cache/\n")
        self.data("first")
        self.git("push", "-q", "-u", "origin", "main")

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=cwd or self.root, env=self.variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def data(self, content: str, cwd: Path | None = None) -> None:
        """Track a state of the data, and commit it."""
        home = cwd or self.root
        (home / "rows.txt").write_text(content)
        dvc(home, "add", "-q", "rows.txt")
        self.git("add", "--all", cwd=home)
        self.git("commit", "-q", "-m", content, cwd=home)

    def retrained(self, name: str, *, pushed: bool = True, days: float = OLD) -> Path:
        """What a retraining leaves: a worktree on a branch with a commit of its own, `days` ago."""
        path = self.root / WORKTREES / f"retrain-{name}"
        self.git("worktree", "add", "-q", "-b", f"retrain/{name}", str(path))
        shutil.copy(self.root / ".dvc" / "config", path / ".dvc" / "config.local")
        dvc(path, "cache", "dir", "--local", str(self.root / ".dvc" / "cache"))
        when = time.time() - days * retention.DAY_S
        before = dict(self.variables)
        self.variables |= {"GIT_COMMITTER_DATE": f"{when:.0f} +0000"}
        self.data(name, cwd=path)
        self.variables = before
        if pushed:
            self.git("push", "-q", "origin", f"retrain/{name}")
        age(path, days)
        return path

    def cached(self, content: str) -> bool:
        import hashlib

        digest = hashlib.md5(content.encode()).hexdigest()
        return (self.root / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]).exists()


def age(path: Path, days: float) -> None:
    when = time.time() - days * retention.DAY_S
    for each in [*path.rglob("*"), path]:
        if not each.is_symlink():
            os.utime(each, (when, when))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    Repository(folder).create()
    return folder


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Repository:
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    copied = Repository(tmp_path)
    copied.git("remote", "set-url", "origin", str(copied.hub))
    return copied


def found(repository: Repository, *, cache: bool = False, in_use: set[str] | None = None) -> dict[str, Item]:
    return {each.name: each for each in retention.find(repository.root, days=14, in_use=in_use or set(), cache=cache)}


def clean(repository: Repository, *, cache: bool = False, in_use: set[str] | None = None) -> None:
    for each in retention.find(repository.root, days=14, in_use=in_use or set(), cache=cache):
        if each.goes:
            each.remove()


def test_an_old_run_that_was_pushed_goes_and_looking_takes_nothing_away(repository: Repository) -> None:
    path = repository.retrained("a")
    items = found(repository)
    assert items["retrain-a"].goes and items["retrain/a"].goes and items["retrain-a"].size > 0
    assert path.exists()
    clean(repository)
    assert not path.exists() and "retrain/a" not in repository.git("branch", "--list", "retrain/*")
    assert "retrain/a" in repository.git("ls-remote", "origin"), "the remote's branches are for people"
    assert found(repository) == {}


def test_what_is_young_or_nowhere_else_stays_with_the_reason(repository: Repository) -> None:
    repository.retrained("young", days=2)
    repository.retrained("unpushed", pushed=False)
    items = found(repository)
    assert not items["retrain-young"].goes and not items["retrain/young"].goes
    assert items["retrain-unpushed"].goes, "its worktree holds nothing that its branch does not"
    assert not items["retrain/unpushed"].goes and "neither pushed nor merged" in items["retrain/unpushed"].why
    clean(repository)
    assert "retrain/unpushed" in repository.git("branch", "--list", "retrain/*")


def test_a_run_that_is_alive_and_worktrees_of_people_are_left_alone(repository: Repository) -> None:
    alive = repository.retrained("alive")
    mine = repository.root / WORKTREES / "experiment"
    repository.git("worktree", "add", "-q", "-b", "mine", str(mine))
    age(mine, OLD)
    with alive.with_name(alive.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        items = found(repository, cache=True)
        assert not items["retrain-alive"].goes and items["retrain-alive"].why == "used by a run"
        assert not items["retrain/alive"].goes and not items["DVC cache"].goes
        assert not items["experiment"].goes
        clean(repository, cache=True)
    assert alive.exists() and mine.exists()


def test_the_branch_of_a_version_with_an_alias_stays(repository: Repository) -> None:
    repository.retrained("champion")
    commit = repository.git("rev-parse", "retrain/champion")
    assert found(repository, in_use={commit})["retrain/champion"].why == "a version with an alias was made from it"


def test_refs_of_lost_hand_overs_go_from_the_remote_and_young_ones_stay(repository: Repository) -> None:
    for name, days in (("lost", 3), ("live", 0)):
        repository.variables["GIT_COMMITTER_DATE"] = f"{time.time() - days * retention.DAY_S:.0f} +0000"
        made = repository.git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", name)
        repository.git("push", "-q", "origin", f"{made}:refs/heads/handover/{name}")
    del repository.variables["GIT_COMMITTER_DATE"]
    clean(repository)
    left = repository.git("ls-remote", "origin", "refs/heads/handover/*")
    assert "handover/live" in left and "handover/lost" not in left


def test_old_checkpoints_and_pages_go(repository: Repository) -> None:
    old, young = (repository.root / CHECKPOINTS / name for name in ("tvae", "ctgan"))
    page = repository.root / PAGES / "one"
    for folder in (old, young, page):
        folder.mkdir(parents=True)
        (folder / "file").write_text("x")
    age(old, OLD)
    age(page, OLD)
    clean(repository)
    assert young.exists() and not old.exists() and not page.exists()


def test_the_cache_keeps_what_branches_worktrees_and_their_uncommitted_state_name(repository: Repository) -> None:
    tree = repository.retrained("kept", days=1)
    (tree / "rows.txt").write_text("not committed yet")
    dvc(tree, "add", "-q", "rows.txt")
    (repository.root / "rows.txt").write_text("forgotten")
    dvc(repository.root, "add", "-q", "rows.txt")
    repository.git("checkout", "-q", "--", "rows.txt.dvc")
    assert all(map(repository.cached, ("first", "kept", "not committed yet", "forgotten")))
    before = repository.git("tag")
    clean(repository, cache=True)
    assert not repository.cached("forgotten")
    assert all(map(repository.cached, ("first", "kept", "not committed yet")))
    assert repository.git("tag") == before


def test_data_of_a_version_with_an_alias_stay_though_no_branch_leads_there(repository: Repository) -> None:
    path = repository.retrained("gone")
    commit = repository.git("rev-parse", "retrain/gone")
    repository.git("worktree", "remove", "--force", str(path))
    repository.git("branch", "-D", "retrain/gone")
    clean(repository, cache=True, in_use={commit})
    assert repository.cached("gone")


def test_outside_a_repository_it_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="root of a Git repository"):
        retention.find(tmp_path, days=1, in_use=set())
