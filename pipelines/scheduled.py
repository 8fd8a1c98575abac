"""Scheduled retraining: if something has changed, run the graph in a new worktree, register a version, and commit.

The deployment `retrain` in prefect.yaml runs it, on a schedule or when the monitor finds drift. The user's workspace
and main branch do not change: a run results in a branch ``retrain/<date>-<id>`` and a version in the registry.
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
from geratriz.scoring.words import RELEASE
from geratriz.workspace import worktree
from geratriz.workspace.git import REMOTE, commit, git, has_remote, newest, push, succeeds
from pipelines import graph
from pipelines.handover import push_with_retries
from pipelines.home import token
from pipelines.retrain import retrain
from pipelines.stage import Stages

if TYPE_CHECKING:
    from geratriz.registry.release import Registered

BRANCHES = "retrain"
LOCK = "dvc.lock"


class Start(NamedTuple):
    """Start of a run."""

    branch: str
    revision: str
    """Commit of the user that the run is based on."""
    trigger: str


@flow(name="retrain-scheduled", persist_result=False)
def scheduled(root: str = ".", trigger: str = "schedule") -> "State[Any]":
    """Retrain the project in ``root`` if its data, settings or code have changed since the last training.

    Ends as Skipped if nothing has changed, or as Cancelled if another run is training, each with the reason.

    Raises:
        PipelineError: a stage or a push failed. The worktree is kept until `geratriz gc` deletes it.
        ConfigError: params.yaml or dvc.yaml is invalid.
        RegistryError: the winner cannot be registered.
    """
    home = Path(root).resolve()
    model = str(config.pick(config.read_yaml(home / "params.yaml"), "release.name"))
    run, now = token(), datetime.now(UTC)
    name = f"{BRANCHES}-{now:%Y%m%d}-{run}"
    why = f"{flow_run.get_name()}, since {now:%Y-%m-%d %H:%M} UTC, process {os.getpid()}"
    try:
        with worktree.held(home, f"of-{model}", why=why), worktree.held(home, name, why=why):
            start = Start(name.replace("-", "/", 1), newest(home), trigger)
            path = graph.checkout(home, name, revision=start.revision, branch=start.branch)
            reason = _reason_to_skip(path, home)
            if reason is not None:
                worktree.remove(home, path)
                worktree.drop_branch(home, start.branch)
                return Completed(name="Skipped", message=reason)
            return _run(path, home, start)
    except worktree.Busy as other:
        return Cancelled(message=f"{model} is already being retrained by {other}.")


def _reason_to_skip(path: Path, home: Path) -> str | None:
    """Why no training is needed, or None if it is; updates imported data in the worktree.

    The worktree is compared with dvc.lock of the commit, and of the last run, whose branch may not be merged yet.
    """
    stages = Stages(path)
    pointer = _raw(path) + ".dvc"
    if (path / pointer).exists() and config.read_yaml(path / pointer).get("deps"):
        stages.update(pointer)
    current = graph.read(path)
    files, needs = (LOCK, *current.in_git), {stage.name: stage.needs for stage in current.stages}
    before = "HEAD"
    for before in ("HEAD", *_last(home)):
        _restore(path, before, files)
        if not stages.changed(needs):
            return f"Nothing new: data, settings and code are those of {_name_of(before)}."
    if before != "HEAD":
        _restore(path, "HEAD", files)
    return None


def _last(home: Path) -> list[str]:
    """Ref of the last retraining, if there was one."""
    prefixes = (f"refs/heads/{BRANCHES}", f"refs/remotes/{REMOTE}/{BRANCHES}")
    return git(home, "for-each-ref", "--sort=-creatordate", "--count=1", "--format=%(refname)", *prefixes).split()


def _name_of(ref: str) -> str:
    return "the commit to start from" if ref == "HEAD" else ref[ref.index(f"{BRANCHES}/") :]


def _restore(path: Path, ref: str, files: tuple[str, ...]) -> None:
    """Restore files as they are in a commit."""
    for file in files:
        if succeeds(path, "cat-file", "-e", f"{ref}:{file}"):
            git(path, "restore", f"--source={ref}", "--worktree", "--", file)
        else:
            (path / file).unlink(missing_ok=True)


def _run(path: Path, home: Path, start: Start) -> "State[Any]":
    """Run all steps, from the first stage to the pushed branch."""
    say = get_run_logger().info
    stages, to = Stages(path), graph.remote(path)
    _require_private_remote(path)
    with _registry_of(home):
        registered = retrain(str(path))
        assert registered is not None
        if to is None:
            say("no default DVC remote: the outputs stay in the cache of this machine")
        else:
            push_with_retries(lambda: stages.push(to=to), say, stages)
        sha = _commit(path, registered, start)
        if has_remote(path):
            push_with_retries(lambda: push(path, f"refs/heads/{start.branch}"), say, stages)
        else:
            say(f"no Git remote {REMOTE!r}: the branch is not pushed")
        origin.note_commit(home, registered.name, registered.version, branch=start.branch, commit=sha)
    verb = "is" if registered.created else "was already"
    return Completed(message=f"{registered.name} version {registered.version} {verb} registered; {start.branch}")


def _commit(path: Path, registered: "Registered", start: Start) -> str:
    """Commit the result of a run on its branch, and return the id of the commit."""
    lock = config.read_yaml(path / LOCK)
    raw = _raw(path)
    md5 = next(
        (dep["md5"] for entry in lock["stages"].values() for dep in entry.get("deps", ()) if dep["path"] == raw), "none"
    )
    message = (
        f"Retrain {registered.name}: version {registered.version}, {registered.model}\n\n"
        f"It {RELEASE[registered.release]}.\n\n"
        f"Prefect-Flow-Run: {flow_run.get_id()}\n"
        f"MLflow-Run: {registered.run_id}\n"
        f"Data-Md5: {md5}\n"
        f"Trigger: {start.trigger}\n"
    )
    sha = commit(path, [LOCK, *graph.read(path).in_git], message, onto=start.revision)
    git(path, "reset", "--quiet", "--mixed", sha)  # moves the branch; the files match the commit
    return sha


def _raw(path: Path) -> str:
    return str(config.pick(config.read_yaml(path / "params.yaml"), "data.raw"))


def _require_private_remote(path: Path) -> None:
    """Refuse to push the user's rows into a remote inside the repository, such as that of the bundled data.

    Raises:
        ConfigError: the .dvc file of the raw data names such a remote, which does not hold the data already.
    """
    pointer = path / (_raw(path) + ".dvc")
    if not pointer.exists():
        return
    out = config.read_yaml(pointer)["outs"][0]
    folder = graph.remotes_inside(path).get(str(out.get("remote")))
    md5 = str(out.get("md5", ""))
    if folder is not None and not (folder / "files" / "md5" / md5[:2] / md5[2:]).exists():
        raise ConfigError(
            f"{pointer.relative_to(path)} has `remote: {out['remote']}`, a folder of this repository, but its data are "
            "not the bundled ones: a push would put your rows into Git. Remove that line."
        )


@contextmanager
def _registry_of(home: Path) -> Iterator[None]:
    """Use the registry of the checkout in the worktree, also if no server is configured."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    os.environ["MLFLOW_TRACKING_URI"] = default_uri(home)
    try:
        yield
    finally:
        if before is None:
            del os.environ["MLFLOW_TRACKING_URI"]
        else:
            os.environ["MLFLOW_TRACKING_URI"] = before
