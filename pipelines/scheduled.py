"""Retraining by itself: is there something new? Then the whole graph in a worktree of its own, a version, one commit.

The deployment `retrain` in prefect.yaml runs it, on its schedule or when the monitor finds drift. The user's workspace
and main are never touched: what came of a run is a branch ``retrain/<date>-<id>`` and a version in the registry.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from prefect import State, flow, get_run_logger
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed

from geratriz import config
from geratriz.errors import ConfigError
from geratriz.registry import origin
from geratriz.registry.client import default_uri
from geratriz.workspace import worktree
from geratriz.workspace.git import REMOTE, commit, git, has_remote, newest, push, succeeds
from pipelines import graph
from pipelines.handover import patiently
from pipelines.retrain import retrain
from pipelines.stage import Stages

if TYPE_CHECKING:
    from geratriz.registry.release import Registered

BRANCHES = "retrain"
LOCK = "dvc.lock"


class Start(NamedTuple):
    """What a run begins with."""

    branch: str
    revision: str
    """The commit of the user's that it is based on."""
    trigger: str


@flow(name="retrain-scheduled", persist_result=False)
def scheduled(root: str = ".", trigger: str = "schedule") -> "State[Any]":
    """Retrain the project in ``root`` if its data, settings or code changed since it was last trained.

    Ends as Skipped when nothing did, as Cancelled when another run is at it, each with the reason.

    Raises:
        PipelineError: a stage failed, or a remote did not take what was made. The worktree is kept: `geratriz gc`.
        ConfigError: params.yaml or dvc.yaml is wrong.
        RegistryError: the winner cannot be registered.
    """
    home = Path(root).resolve()
    model = str(config.pick(config.read_yaml(home / "params.yaml"), "release.name"))
    run, now = str(flow_run.get_id()).replace("-", "")[:8], datetime.now(UTC)
    name = f"{BRANCHES}-{now:%Y%m%d}-{run}"
    why = f"{flow_run.get_name()}, since {now:%Y-%m-%d %H:%M} UTC, process {os.getpid()}"
    try:
        with worktree.held(home, f"of-{model}", why=why), worktree.held(home, name, why=why):
            start = Start(name.replace("-", "/", 1), newest(home), trigger)
            path = graph.checkout(home, name, revision=start.revision, branch=start.branch)
            seen = _nothing_new(path, home)
            if seen is not None:
                worktree.remove(home, path)
                worktree.drop_branch(home, start.branch)
                return Completed(name="Skipped", message=seen)
            return _run(path, home, start)
    except worktree.Busy as other:
        return Cancelled(message=f"{model} is being retrained already by {other}.")


def _nothing_new(path: Path, home: Path) -> str | None:
    """Why there is nothing to train, or None when there is; imported data are brought up to date in the worktree.

    The yardstick is dvc.lock: that of the commit, and those of the runs before, whose branches may wait to be merged.
    """
    stages = Stages(path)
    pointer = _raw(path) + ".dvc"
    if (path / pointer).exists() and config.read_yaml(path / pointer).get("deps"):
        stages.update(pointer)
    known = graph.read(path)
    kept, needs = (LOCK, *known.in_git), {stage.name: stage.needs for stage in known.stages}
    before = "HEAD"
    for before in ("HEAD", *_last(home)):
        _take(path, before, kept)
        if not stages.changed(needs):
            return f"Nothing new: data, settings and code are those of {_called(before)}."
    if before != "HEAD":
        _take(path, "HEAD", kept)
    return None


def _last(home: Path) -> list[str]:
    """The ref of the last retraining, where there was one."""
    places = (f"refs/heads/{BRANCHES}", f"refs/remotes/{REMOTE}/{BRANCHES}")
    return git(home, "for-each-ref", "--sort=-creatordate", "--count=1", "--format=%(refname)", *places).split()


def _called(ref: str) -> str:
    return "the commit to start from" if ref == "HEAD" else ref[ref.index(f"{BRANCHES}/") :]


def _take(path: Path, ref: str, files: tuple[str, ...]) -> None:
    """Bring files to their state in a commit."""
    for file in files:
        if succeeds(path, "cat-file", "-e", f"{ref}:{file}"):
            git(path, "restore", f"--source={ref}", "--worktree", "--", file)
        else:
            (path / file).unlink(missing_ok=True)


def _run(path: Path, home: Path, start: Start) -> "State[Any]":
    """Everything, from the first stage to the pushed branch."""
    say = get_run_logger().info
    stages, to = Stages(path), graph.remote(path)
    _need_outside(path)
    with _registry_of(home):
        registered = retrain(str(path))
        assert registered is not None
        if to is None:
            say("no default DVC remote: what was made stays in this machine's cache")
        else:
            patiently(lambda: stages.push(to=to), say, stages)
        sha = _commit(path, registered, start)
        if has_remote(path):
            patiently(lambda: push(path, f"refs/heads/{start.branch}"), say, stages)
        else:
            say(f"no Git remote {REMOTE!r}: the branch stays here")
        origin.note_commit(home, registered.name, registered.version, branch=start.branch, commit=sha)
    verb = "is" if registered.created else "was already"
    return Completed(message=f"{registered.name} version {registered.version} {verb} registered; {start.branch}")


def _commit(path: Path, registered: "Registered", start: Start) -> str:
    """The one commit of a run, on its branch; its id."""
    lock = config.read_yaml(path / LOCK)
    raw = _raw(path)
    md5 = next(
        (dep["md5"] for entry in lock["stages"].values() for dep in entry.get("deps", ()) if dep["path"] == raw), "none"
    )
    message = (
        f"Retrain {registered.name}: version {registered.version}, {registered.model}\n\n"
        f"It {'may' if registered.release else 'must not'} be released.\n\n"
        f"Prefect-Flow-Run: {flow_run.get_id()}\n"
        f"MLflow-Run: {registered.run_id}\n"
        f"Data-Md5: {md5}\n"
        f"Trigger: {start.trigger}\n"
    )
    sha = commit(path, [LOCK, *graph.read(path).in_git], message, onto=start.revision)
    git(path, "reset", "--quiet", "--mixed", sha)  # moves the run's branch; the files are those of the commit
    return sha


def _raw(path: Path) -> str:
    return str(config.pick(config.read_yaml(path / "params.yaml"), "data.raw"))


def _need_outside(path: Path) -> None:
    """Refuse to push a user's rows into a remote that is a folder of the repository, where the examples lie.

    Raises:
        ConfigError: the raw data's .dvc file names one, and the data are not in it.
    """
    pointer = path / (_raw(path) + ".dvc")
    if not pointer.exists():
        return
    out = config.read_yaml(pointer)["outs"][0]
    folder = graph.remotes_inside(path).get(str(out.get("remote")))
    md5 = str(out.get("md5", ""))
    if folder is not None and not (folder / "files" / "md5" / md5[:2] / md5[2:]).exists():
        raise ConfigError(
            f"{pointer.relative_to(path)} has `remote: {out['remote']}`, a folder of this repository, and other data "
            "than the example it was made for: a push would put your rows into Git. Take that line out."
        )


@contextmanager
def _registry_of(home: Path) -> Iterator[None]:
    """Let what runs in the worktree report to the checkout's registry where no server is set up."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    os.environ["MLFLOW_TRACKING_URI"] = default_uri(home)
    try:
        yield
    finally:
        if before is None:
            del os.environ["MLFLOW_TRACKING_URI"]
        else:
            os.environ["MLFLOW_TRACKING_URI"] = before
