"""Where a fit reports to: a small protocol with a do-nothing default, a JSON-lines file, a progress bar, MLflow.

Tracking is a side channel: it is never read back by a stage and can never fail one. What a tracking server missed
is filled in from the bundle's ``history.jsonl`` when the bundle is registered.
"""

import json
import logging
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import numpy as np
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

KIND, MODEL, BUNDLE, GIT = "geratriz.kind", "geratriz.model", "geratriz.bundle", "geratriz.git"  # tags of a run
SECONDS_TO_OPEN = 30.0  # making a new SQLite store takes up to 10
SECONDS_BETWEEN_CALLS = 1.0
SHARE_OF_TIME = 0.05  # a slow server may cost a fit this much of its time, not more
LARGEST_BATCH = {"metrics": 1000, "params": 100}  # MLflow refuses more in one call
PROGRESS = "progress"  # folder of the pictures of a fit, one a round, beside its history and in its run
LONGEST_VALUE = 6000  # of a parameter; MLflow refuses longer ones


class Tracker(Protocol):
    """What a fit tells the world while it runs."""

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Report ``values`` after step ``step`` of ``steps`` (rounds for the generators here)."""

    def note(self, text: str) -> None:
        """Say something for people: the plan before the first step, why a fit ended early."""

    def picture(self, picture: "np.ndarray", *, step: int) -> None:
        """Show what the generator draws after step ``step``, uint8 (h, w, C)."""


class NullTracker:
    """Says nothing."""

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Drop ``values``."""
        del values, step, steps

    def note(self, text: str) -> None:
        """Drop ``text``."""
        del text

    def picture(self, picture: "np.ndarray", *, step: int) -> None:
        """Drop ``picture``."""
        del picture, step


class Trackers:
    """Several trackers as one."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = tuple(trackers)

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Pass ``values`` on to each."""
        for tracker in self._trackers:
            tracker.metrics(values, step=step, steps=steps)

    def note(self, text: str) -> None:
        """Pass ``text`` on to each."""
        for tracker in self._trackers:
            tracker.note(text)

    def picture(self, picture: "np.ndarray", *, step: int) -> None:
        """Pass ``picture`` on to each."""
        for tracker in self._trackers:
            tracker.picture(picture, step=step)


class JsonlTracker(NullTracker):
    """One JSON object a step in a file, and pictures beside it: what is reported survives a kill."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Append ``{"step": ..., name: value ...}``. A step at or before the last one replaces what follows it.

        Pictures of later steps go too: they are an earlier fit's.
        """
        del steps
        self._path.parent.mkdir(parents=True, exist_ok=True)
        kept = [line for line in read_history(self._path) if line["step"] < step] if self._path.exists() else []
        lines = [*kept, {"step": step, **{name: _rounded(value) for name, value in values.items()}}]
        partial = self._path.with_name(self._path.name + ".partial")
        partial.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        os.replace(partial, self._path)
        for picture in (self._path.parent / PROGRESS).glob("*.png"):
            if int(picture.stem) > step:
                picture.unlink()

    def picture(self, picture: "np.ndarray", *, step: int) -> None:
        """Write it as PNG under the number of its step."""
        from geratriz.picture import png

        folder = self._path.parent / PROGRESS
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{step:06d}.png").write_bytes(png(picture))

    def move(self, path: Path) -> list[dict[str, Any]]:
        """Move the file to ``path`` (an empty one where nothing was reported), pictures too, and return its lines."""
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(path.parent / PROGRESS, ignore_errors=True)
        if (self._path.parent / PROGRESS).exists():
            shutil.move(self._path.parent / PROGRESS, path.parent / PROGRESS)
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch()
        shutil.move(self._path, path)
        return read_history(path)


def read_history(path: Path) -> list[dict[str, Any]]:
    """The lines of a history file, one mapping a step."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


class MlflowTracker(NullTracker):
    """One MLflow run. Build one with :func:`mlflow_run`.

    Values are gathered and sent at most once a second. At the first call that fails it says so, once, and is silent.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._client: MlflowClient | None = None
        self._run_id = ""
        self._waiting: list[tuple[int, int, Mapping[str, float]]] = []
        self._next_call = 0.0

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Note ``values``, and send what is waiting when it is time or the last step."""
        if self._client is None:
            return
        self._waiting.append((step, _milliseconds(), dict(values)))
        if step == steps or time.monotonic() >= self._next_call:
            started = time.monotonic()
            self._attempt(self._send)
            ended = time.monotonic()
            self._next_call = ended + max(SECONDS_BETWEEN_CALLS, (ended - started) / SHARE_OF_TIME)

    def picture(self, picture: "np.ndarray", *, step: int) -> None:
        """Show it among the run's artifacts."""
        from geratriz.picture import png

        self._attempt(lambda client: log_picture(client, self._run_id, png(picture), step))

    def finish(self, digest: str) -> None:
        """Tie the run to the bundle it made, so that registering finds it."""
        self._attempt(lambda client: client.set_tag(self._run_id, BUNDLE, digest))

    def _open(self, root: Path, experiment: str, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> None:
        def create(client: "MlflowClient") -> None:
            run = client.create_run(experiment_id(client, experiment, root, self._uri), tags=dict(tags), run_name=name)
            self._run_id = run.info.run_id
            log_params(client, self._run_id, params)

        try:
            self._client = mlflow_client(self._uri, timeout=5)
        except Exception as problem:
            self._give_up(problem)
        self._attempt(create)

    def _close(self, status: str) -> None:
        self._attempt(self._send)
        self._attempt(lambda client: client.set_terminated(self._run_id, status=status))

    def _send(self, client: "MlflowClient") -> None:
        waiting, self._waiting = self._waiting, []
        log_history(client, self._run_id, waiting)

    def _attempt(self, call: Callable[["MlflowClient"], None]) -> None:
        if self._client is None:
            return
        try:
            call(self._client)
        except Exception as problem:  # whatever it is: a fit must not fail for its log
            self._give_up(problem)

    def _give_up(self, problem: Exception) -> None:
        self._client = None
        self._waiting.clear()
        reason = hide((str(problem) or type(problem).__name__).splitlines()[0][:300], self._uri)
        log.warning(
            "MLflow at %s failed, so this run is not shown there. Nothing else is lost: `geratriz register` fills it "
            "in from the bundle. (%s)",
            hide(self._uri, self._uri),
            reason,
        )


@contextmanager
def mlflow_run(
    *, root: Path, experiment: str, model: str, kind: str, params: Mapping[str, Any], uri: str | None = None
) -> Iterator[MlflowTracker]:
    """A run for one fit, open inside the block; an exception marks it failed and goes on its way.

    Args:
        root: the project's root; the default store and Git's revision are found there.
        experiment: the experiment's name, made if it is not there.
        model: the entry of ``models`` that is trained; the run's name.
        kind: the generator's kind.
        params: settings to show; nested mappings become dotted names.
        uri: MLflow's address; :func:`default_uri` when None.
    """
    tracker = MlflowTracker(default_uri(root) if uri is None else uri)
    tags = {MODEL: model, KIND: kind, GIT: git_revision(root), "dvc.exp": os.environ.get("DVC_EXP_NAME")}
    tracker._open(root, experiment, model, {name: tag for name, tag in tags.items() if tag}, params)
    try:
        yield tracker
    except BaseException as problem:
        tracker._close("KILLED" if isinstance(problem, KeyboardInterrupt) else "FAILED")
        raise
    tracker._close("FINISHED")


def default_uri(root: Path) -> str:
    """``MLFLOW_TRACKING_URI``, else a SQLite file in the project's root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root.resolve().as_posix()}/mlflow.db"


def is_server(uri: str) -> bool:
    """Whether ``uri`` names a server, not a database that MLflow opens itself."""
    return urlsplit(uri).scheme in ("http", "https")


def mlflow_client(uri: str, *, timeout: int) -> "MlflowClient":
    """A client of its own: MLflow's process-wide state is left alone, its telemetry is off.

    A call fails after ``timeout`` seconds and is not repeated, where the environment does not say otherwise: MLflow's
    defaults wait for minutes on a server that is away.

    Raises:
        TimeoutError: a database did not answer. MLflow would try for 100 seconds, and only a thread can leave it to it.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(timeout))
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    from mlflow import MlflowClient

    opened: Future[MlflowClient] = Future()

    def work() -> None:
        try:
            with _alone(uri):
                opened.set_result(MlflowClient(tracking_uri=uri, registry_uri=uri))
        except Exception as problem:
            opened.set_exception(problem)

    threading.Thread(target=work, daemon=True).start()
    try:
        return opened.result(SECONDS_TO_OPEN)
    except TimeoutError:
        raise TimeoutError(f"no answer within {SECONDS_TO_OPEN:g} seconds") from None


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Let one process at a time open a SQLite store: two that find none would both make its tables, and one fails."""
    path = database(uri)
    if path is None:
        yield
        return
    from filelock import FileLock

    with FileLock(f"{path}.lock", timeout=SECONDS_TO_OPEN):
        yield


def database(uri: str) -> Path | None:
    """The file of a SQLite store, there or not yet; None for any other store."""
    path = uri.removeprefix("sqlite:///")
    return None if path == uri else Path(path)


def experiment_id(client: "MlflowClient", name: str, root: Path, uri: str) -> str:
    """The experiment's id; made when it is not there.

    Without a server its artifacts go to ``mlartifacts`` beside the database, or in the root where that is no file: said
    here because an experiment can never change the place, and MLflow's default is whatever folder the process stands
    in. Not in the root of whoever is first: that may be a worktree, which is swept.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        file = database(uri)
        home = root.resolve() if file is None else file.resolve().parent
        place = None if is_server(uri) else (home / "mlartifacts").as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=place))
        except MlflowException as problem:  # two branches train at once, and the other one was first
            if problem.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    return str(found.experiment_id)


def log_params(client: "MlflowClient", run_id: str, params: Mapping[str, Any]) -> None:
    """Log a nested mapping as dotted parameters."""
    from mlflow.entities import Param

    flat = [Param(name, str(value)[:LONGEST_VALUE]) for name, value in flatten(params)]
    for start in range(0, len(flat), LARGEST_BATCH["params"]):
        client.log_batch(run_id, params=flat[start : start + LARGEST_BATCH["params"]])


def log_history(client: "MlflowClient", run_id: str, lines: Iterable[tuple[int, int, Mapping[str, float]]]) -> None:
    """Log lines of (step, milliseconds since 1970, values by name)."""
    from mlflow.entities import Metric

    flat = [Metric(name, value, when, step) for step, when, values in lines for name, value in values.items()]
    for start in range(0, len(flat), LARGEST_BATCH["metrics"]):
        client.log_batch(run_id, metrics=flat[start : start + LARGEST_BATCH["metrics"]])


def log_picture(client: "MlflowClient", run_id: str, content: bytes, step: int) -> None:
    """Log a PNG of what the generator drew after ``step``."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"{step:06d}.png"
        path.write_bytes(content)
        client.log_artifact(run_id, str(path), PROGRESS)


def flatten(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a nested mapping under dotted names."""
    for name, value in mapping.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def git_revision(root: Path) -> str | None:
    """The commit checked out at ``root``, ``-dirty`` behind it when tracked files differ; None outside Git.

    dvc.lock does not count: it is what a run writes.
    """
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)dvc.lock")
    return f"{commit}-dirty" if changed else commit


def hide(text: str, uri: str) -> str:
    """``text`` without the password in ``uri``, fit for messages."""
    password = urlsplit(uri).password
    return text.replace(f":{password}@", ":***@") if password else text


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")  # six digits say all there is, and diffs stay readable
