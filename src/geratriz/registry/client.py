"""MLflow's client: where the store is, how it is opened, and what is logged to a run."""

import os
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from geratriz.tracking import PROGRESS

if TYPE_CHECKING:
    from mlflow import MlflowClient

SECONDS_TO_OPEN = 30.0  # making a new SQLite store takes up to 10
LARGEST_BATCH = {"metrics": 1000, "params": 100}  # MLflow refuses more in one call
LONGEST_VALUE = 6000  # of a parameter; MLflow refuses longer ones


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


def hide(text: str, uri: str) -> str:
    """``text`` without the password in ``uri``, fit for messages."""
    password = urlsplit(uri).password
    return text.replace(f":{password}@", ":***@") if password else text
