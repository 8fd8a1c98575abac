"""One stage, run by real DVC: what it did, what it said, and that nothing of it stays behind.

Each is a process of DVC, which takes a second; one that is to be ended must have begun.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from geratriz.errors import GeratrizError, PipelineError
from pipelines import stage
from pipelines.stage import RunEnded, StageFailed, Stages
from tests.pipelines.conftest import Project, dvc, running, wait_until

pytestmark = pytest.mark.slow

CHILD = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('started', 'w'); time.sleep(600)"
HOLD_THE_LOCK = """
import sys, time
from dvc.repo import Repo
with Repo(".") as repo, repo.lock:
    print("held", flush=True)
    time.sleep(float(sys.argv[1]))
"""


def quiet(line: str) -> None:
    pass


def failure(project: Project, name: str = "broken") -> StageFailed:
    with pytest.raises(StageFailed) as caught:
        Stages(project.root).repro(name, quiet)
    return caught.value


def sleeper(project: Project) -> Callable[[], list[int]]:
    """A stage that does not end, not even when it is asked to; gives a function that finds its processes."""
    project.write("sleeper.py", CHILD)
    marker = str(project.root)
    project.stage("slow", f"{sys.executable} {project.root}/sleeper.py; echo {marker} would go on")
    return lambda: running(marker)


def test_dvcs_words_become_ran_unchanged_and_cached(project: Project) -> None:
    stages, said = Stages(project.root), list[str]()
    dvc(project.root, "repro", "--quiet", "prepare")
    assert stages.repro("train@a", said.append) == "Ran"
    assert said == ["fitting a"]
    assert stages.repro("train@a", said.append) == "Unchanged"
    project.params(epochs=2)
    assert stages.repro("train@a", quiet) == "Ran"
    project.params(epochs=1)
    said.clear()
    assert stages.repro("train@a", said.append) == "Cached"
    assert project.read("a.model") == "1\n" and said == []


def test_a_failed_stage_speaks_with_its_own_last_lines(bare: Project) -> None:
    bare.stage("broken", "seq -f 'line %g' 1 40; echo the end >&2; exit 3")
    problem = failure(bare)
    own = str(problem).splitlines()
    assert own[0] == "stage broken failed:" and own[1] == "line 17" and own[-1] == "the end"
    assert problem.retryable


@pytest.mark.parametrize("kind", GeratrizError.__subclasses__())
def test_what_the_user_must_mend_is_said_alone_and_not_tried_again(kind: type[Exception]) -> None:
    lines = ["a warning of some library", f"{kind.__name__}: column age", "  row 7: -1"]
    problem = stage._failure("validate", lines)
    assert str(problem) == f"stage validate failed:\n{kind.__name__}: column age\n  row 7: -1"
    assert not problem.retryable


def test_a_stage_that_dvc_cannot_even_start_is_explained_in_dvcs_words(bare: Project) -> None:
    bare.stage("broken", "true", deps=["nowhere.txt"])
    assert "nowhere.txt" in str(failure(bare))
    bare.stage("broken", "exit 4")
    assert str(failure(bare)).endswith("exited with 4")


def test_a_stage_has_this_checkouts_code_this_interpreter_and_a_shell(
    bare: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/usr/sbin/nologin")  # as a service user has it
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    bare.stage("show", "python -c 'import sys; print(sys.prefix, sys.path[1:3], sys.stdout.write_through)'")
    said = list[str]()
    Stages(bare.root).repro("show", said.append)
    assert said == [f"{sys.prefix} ['{bare.root}/src', '/elsewhere'] True"]


def test_a_stage_commits_although_another_dvc_holds_the_lock_when_it_ends(bare: Project) -> None:
    bare.stage("fit", "while [ ! -e held ]; do sleep 0.1; done; echo done > model", outs=["model"])
    with ThreadPoolExecutor() as pool:
        fit = pool.submit(Stages(bare.root).repro, "fit", quiet)
        wait_until(lambda: running("while [ ! -e held ]"))
        # DVC itself gives up after three seconds: the fit would be lost
        holder = subprocess.Popen([sys.executable, "-c", HOLD_THE_LOCK, "4"], cwd=bare.root, stdout=subprocess.PIPE)
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        bare.write("held", "")
        assert fit.result() == "Ran"
        holder.communicate()
    assert "up to date" in dvc(bare.root, "status")


def test_ending_the_run_ends_children_that_do_not_listen(bare: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "SHUTDOWN_TIMEOUT_S", 1)
    processes, stages = sleeper(bare), Stages(bare.root)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(stages.repro, "slow", quiet)
        wait_until(lambda: bare.has("started"))
        assert len(processes()) >= 2  # the shell and its child
        stages.end()
        with pytest.raises(RunEnded, match="was ended with the run"):
            slow.result(timeout=10)
    assert processes() == []
    with pytest.raises(RunEnded, match="was not started"):
        stages.repro("slow", quiet)


def test_a_stage_that_takes_too_long_is_ended(bare: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "SHUTDOWN_TIMEOUT_S", 1)
    processes = sleeper(bare)
    with pytest.raises(StageFailed, match="longer than its timeout_s of 2") as caught:
        Stages(bare.root).repro("slow", quiet, timeout_s=2)
    assert caught.value.retryable and processes() == []


def test_whoever_breaks_off_the_reading_leaves_nothing_behind(bare: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "SHUTDOWN_TIMEOUT_S", 1)
    processes = sleeper(bare)
    bare.write("sleeper.py", f"print('a line', flush=True); {CHILD}")

    def interrupted(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Stages(bare.root).repro("slow", interrupted)
    assert processes() == []


def test_raw_data_is_pulled_by_name_from_the_remote_its_file_names(project: Project) -> None:
    dvc(project.root, "remote", "add", "--quiet", "bundled", "data/bundled")
    dvc(project.root, "push", "--quiet", "--remote", "bundled")
    file = "data/raw/rows.txt.dvc"
    project.write(file, project.read(file).replace("  path: ", "  remote: bundled\n  path: "))
    (project.root / "data/raw/rows.txt").unlink()
    shutil.rmtree(project.root / ".dvc/cache")
    Stages(project.root).pull(file)
    assert project.read("data/raw/rows.txt") == "1\n2\n3\n"


def test_raw_data_that_is_nowhere_is_an_error_that_names_it(project: Project) -> None:
    (project.root / "data/raw/rows.txt").unlink()
    shutil.rmtree(project.root / ".dvc/cache")
    with pytest.raises(
        PipelineError, match=r"the data of data/raw/rows\.txt\.dvc are not in the workspace(.|\n)*dvc remote list"
    ):
        Stages(project.root).pull("data/raw/rows.txt.dvc")


def test_a_worker_does_not_make_what_stands_above_its_stage_from_something_else(project: Project) -> None:
    dvc(project.root, "repro", "--quiet")
    (project.root / "a.model").unlink()
    project.write("data/raw/rows.txt", "other rows\n")
    dvc(project.root, "add", "--quiet", "data/raw/rows.txt")
    with pytest.raises(StageFailed, match="its upstream stage prepare does not match") as refused:
        Stages(project.root).repro("train@a", quiet, how=stage.WITH_UPSTREAM)
    assert not refused.value.retryable
    assert not project.has("a.model")
