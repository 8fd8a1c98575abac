"""Commits beside the user's own, and checkouts beside the user's: real Git, real DVC."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from geratriz.errors import PipelineError
from geratriz.workspace import worktree
from geratriz.workspace.git import commit, git, newest
from pipelines import graph
from pipelines.stage import Stages
from tests.pipelines.conftest import Project, dvc

pytestmark = pytest.mark.slow


@pytest.fixture
def committed(project: Project) -> Project:
    project.write(".gitignore", "*.model\n*.report\nprepared.txt\nlandmarks.txt\nwinner.txt\n.geratriz\n.cache\n")
    git(project.root, "add", "--all")
    git(project.root, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "start")
    return project


def test_a_commit_beside_the_branch_holds_the_files_as_they_are_and_moves_nothing(committed: Project) -> None:
    root = committed.root
    committed.write("staged.txt", "half done\n")
    git(root, "add", "staged.txt")
    committed.params(epochs=7)
    committed.write("stray.txt", "nobody's business\n")
    committed.write("dvc.lock", "schema: '2.0'\n")
    before = git(root, "status", "--porcelain"), git(root, "rev-parse", "HEAD"), git(root, "diff", "--cached")
    made = commit(root, ["dvc.lock", "not-there.json"], "Hand over\n\nTrigger: test\n")
    assert (git(root, "status", "--porcelain"), git(root, "rev-parse", "HEAD"), git(root, "diff", "--cached")) == before
    assert "epochs: 7" in git(root, "show", f"{made}:params.yaml")
    files = git(root, "ls-tree", "--name-only", made).split()
    assert "dvc.lock" in files and "stray.txt" not in files
    assert git(root, "log", "-1", "--format=%(trailers:only)", made) == "Trigger: test"


def test_a_commit_sees_a_change_within_the_second_of_the_checkout_and_of_equal_size(committed: Project) -> None:
    """It takes two seconds: Git reckons in whole ones."""
    path = committed.root / "params.yaml"
    for turn in range(9):
        time.sleep(1 - time.time() % 1)  # a second begins
        path.write_text(f"turn: {turn}\n")
        git(committed.root, "add", "params.yaml")
        before = path.stat()
        path.write_text(f"TURN: {turn}\n")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        if int(path.stat().st_ctime) == int(before.st_ctime):  # else the machine was too slow
            break
    else:
        pytest.skip("this machine writes no two files in one second")
    time.sleep(1.1)  # a copy of the index would be younger than the file
    assert git(committed.root, "show", commit(committed.root, [], "Now\n") + ":params.yaml") == f"TURN: {turn}"


def test_a_service_without_a_name_can_commit(committed: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    made = commit(committed.root, [], "Retrain\n")
    assert git(committed.root, "log", "-1", "--format=%an %cn", made) == "Geratriz Geratriz"


def test_a_run_starts_from_what_the_remote_has_on_top_and_from_here_where_this_is_ahead(
    committed: Project, tmp_path: Path
) -> None:
    root, hub = committed.root, tmp_path / "hub.git"
    assert newest(root) == git(root, "rev-parse", "HEAD"), "without a remote"
    subprocess.run(["git", "init", "--quiet", "--bare", str(hub)], check=True)
    git(root, "remote", "add", "origin", str(hub))
    git(root, "push", "--quiet", "--set-upstream", "origin", "HEAD")
    ahead = commit(root, [], "Somebody's\n")
    git(root, "push", "--quiet", "origin", f"{ahead}:{git(root, 'symbolic-ref', 'HEAD')}")
    assert newest(root) == ahead
    git(root, "reset", "--quiet", "--soft", commit(root, [], "Not pushed yet\n", onto=ahead))
    assert newest(root) == git(root, "rev-parse", "HEAD")


def test_a_worktree_shares_cache_and_settings_and_its_outputs_come_from_there(
    committed: Project, tmp_path: Path
) -> None:
    root = committed.root
    dvc(root, "remote", "add", "--local", "store", "../beside")  # relative to the settings it stands in
    dvc(root, "repro", "--quiet")
    revision = commit(root, ["dvc.lock"], "Done\n")
    path = graph.checkout(root, "retrain-1", revision=revision, branch="retrain/1")
    assert path == root / ".geratriz" / "worktrees" / "retrain-1"
    assert graph.cache(path) == graph.cache(root)
    assert str(root.parent / "beside") in dvc(path, "remote", "list")
    dvc(path, "pull", "--quiet", "--allow-missing", "winner.txt")
    assert (path / "winner.txt").read_text() == committed.read("winner.txt")
    assert git(path, "symbolic-ref", "HEAD") == "refs/heads/retrain/1"
    worktree.remove(root, path)
    assert not path.exists() and git(root, "rev-parse", "retrain/1") == revision


def test_a_worktree_of_the_same_name_is_cleaned_but_for_how_far_a_fit_came(committed: Project) -> None:
    root = committed.root
    path = graph.checkout(root, "job-train", revision="HEAD")
    (path / ".cache").mkdir()
    (path / ".cache" / "checkpoint").write_text("half way")
    (path / "a.model").write_text("of another run")
    (path / "params.yaml").write_text("touched: true\n")
    again = graph.checkout(root, "job-train", revision=commit(root, [], "Newer\n"))
    assert again == path
    assert (path / ".cache" / "checkpoint").read_text() == "half way"
    assert not (path / "a.model").exists() and "models" in (path / "params.yaml").read_text()


def test_a_branch_that_exists_is_not_taken(committed: Project) -> None:
    git(committed.root, "branch", "retrain/1")
    with pytest.raises(PipelineError, match="retrain/1"):
        graph.checkout(committed.root, "retrain-1", revision="HEAD", branch="retrain/1")


def test_the_second_to_hold_a_worktree_is_told_who_has_it_and_a_dead_holder_has_nothing(committed: Project) -> None:
    root = committed.root
    code = (
        "import sys, time; from pathlib import Path; from geratriz.workspace import worktree\n"
        "with worktree.held(Path(sys.argv[1]), 'w', why='run 7'): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(worktree.Busy, match="run 7"), worktree.held(root, "w", why="run 8"):
            pass
        other.kill()
    with worktree.held(root, "w", why="run 8"):
        pass


def test_dvc_says_whether_anything_changed_without_the_files(committed: Project) -> None:
    """Some seconds: DVC is asked six times, each time in a process of its own."""
    root = committed.root
    dvc(root, "repro", "--quiet")
    path = graph.checkout(root, "w", revision=commit(root, ["dvc.lock"], "Done\n"))
    needs = {stage.name: stage.needs for stage in graph.read(path).stages}
    assert not Stages(path).changed(needs), "nothing was pulled, and nothing changed"
    (path / "params.yaml").write_text(committed.read("params.yaml").replace("epochs: 1", "epochs: 2"))
    assert Stages(path).changed(needs), "a setting"
    git(path, "checkout", "--quiet", "params.yaml")
    before, pointer = committed.read("data/raw/rows.txt.dvc"), path / "data/raw/rows.txt.dvc"
    committed.write("data/raw/rows.txt", "9\n")
    dvc(root, "add", "--quiet", "data/raw/rows.txt")
    pointer.write_text(committed.read("data/raw/rows.txt.dvc"))
    assert Stages(path).changed(needs), "the pointer names other data, which are not here"
    dvc(root, "repro", "--quiet")
    (path / "dvc.lock").write_text(committed.read("dvc.lock"))
    assert not Stages(path).changed(needs)
    pointer.write_text(before)
    dvc(path, "checkout", "--quiet", "data/raw/rows.txt.dvc")
    assert Stages(path).changed(needs), "the data of before, though all that was made from them is in the cache"


def test_a_folder_that_several_stages_write_into_and_git_keeps_a_file_of_is_no_change(bare: Project) -> None:
    stages = {
        "judge": {
            "matrix": {"m": ["a", "b"]},
            "cmd": "echo ${item.m} > reports/${item.m}",
            "outs": ["reports/${item.m}"],
        },
        "compare": {"cmd": "cat reports/a reports/b > winner", "deps": ["reports"], "outs": ["winner"]},
    }
    bare.write("dvc.yaml", yaml.safe_dump({"stages": stages}))
    bare.write("reports/README", "what judges say")
    dvc(bare.root, "repro", "--quiet")
    git(bare.root, "add", "--all")
    git(bare.root, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "done")
    path = graph.checkout(bare.root, "w", revision="HEAD")
    assert not Stages(path).changed({stage.name: stage.needs for stage in graph.read(path).stages})
