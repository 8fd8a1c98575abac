"""MLflow's client: the address of the store, opening it, and logging to a run."""

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

OPEN_TIMEOUT_S = 30.0  # creating a SQLite store takes up to 10
MAX_BATCH = {"metrics": 1000, "params": 100}  # MLflow rejects more per call
MAX_PARAM_CHARS = 6000  # per value of a parameter; MLflow rejects longer ones


def default_uri(root: Path) -> str:
    """Return ``MLFLOW_TRACKING_URI`` or, if it is not set, the SQLite file in the project's root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root.resolve().as_posix()}/mlflow.db"


def is_server(uri: str) -> bool:
    """Whether ``uri`` names a server rather than a database that MLflow opens itself."""
    return urlsplit(uri).scheme in ("http", "https")


def mlflow_client(uri: str, *, timeout: int) -> "MlflowClient":
    """Open a client that leaves MLflow's process-wide state alone, with telemetry off.

    A call fails after ``timeout`` seconds without retries, unless the environment sets other values: by default MLflow
    waits for minutes when a server is down.

    Raises:
        TimeoutError: a database did not answer. MLflow itself would try for 100 seconds, so it is opened in a thread.
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

    def open_client() -> None:
        try:
            with _exclusive(uri):
                opened.set_result(MlflowClient(tracking_uri=uri, registry_uri=uri))
        except Exception as problem:
            opened.set_exception(problem)

    threading.Thread(target=open_client, daemon=True).start()
    try:
        return opened.result(OPEN_TIMEOUT_S)
    except TimeoutError:
        raise TimeoutError(f"no answer within {OPEN_TIMEOUT_S:g} seconds") from None


@contextmanager
def _exclusive(uri: str) -> Iterator[None]:
    """Let one process at a time open a SQLite store: two that create its tables together would make one fail."""
    path = database(uri)
    if path is None:
        yield
        return
    from filelock import FileLock

    with FileLock(f"{path}.lock", timeout=OPEN_TIMEOUT_S):
        yield


def database(uri: str) -> Path | None:
    """File of a SQLite store, which need not exist yet; None for any other store."""
    path = uri.removeprefix("sqlite:///")
    return None if path == uri else Path(path)


def exists(uri: str) -> bool:
    """Whether there may be a store at ``uri``: opening a SQLite file that does not exist would create one."""
    file = database(uri)
    return file is None or (file.is_file() and file.stat().st_size > 0)


def experiment_id(client: "MlflowClient", name: str, root: Path, uri: str) -> str:
    """Return the id of an experiment, which is created if it does not exist.

    Without a server its artifacts go to ``mlartifacts`` next to the database, or in ``root`` if the database is not a
    file. The location is set explicitly: it cannot be changed later, MLflow's default is the current folder, and
    ``root`` may be a worktree, which is deleted after a while.
    """
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        file = database(uri)
        home = root.resolve() if file is None else file.resolve().parent
        location = None if is_server(uri) else (home / "mlartifacts").as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException as problem:  # a stage that trains at the same time has just created it
            if problem.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            experiment = client.get_experiment_by_name(name)
    return str(experiment.experiment_id)


def log_params(client: "MlflowClient", run_id: str, params: Mapping[str, Any]) -> None:
    """Log a nested mapping as dotted parameters."""
    from mlflow.entities import Param

    flat = [Param(name, str(value)[:MAX_PARAM_CHARS]) for name, value in flatten(params)]
    for start in range(0, len(flat), MAX_BATCH["params"]):
        client.log_batch(run_id, params=flat[start : start + MAX_BATCH["params"]])


def log_history(client: "MlflowClient", run_id: str, lines: Iterable[tuple[int, int, Mapping[str, float]]]) -> None:
    """Log ``lines``, each (step, milliseconds since 1970, values by name)."""
    from mlflow.entities import Metric

    flat = [Metric(name, value, when, step) for step, when, values in lines for name, value in values.items()]
    for start in range(0, len(flat), MAX_BATCH["metrics"]):
        client.log_batch(run_id, metrics=flat[start : start + MAX_BATCH["metrics"]])


def log_picture(client: "MlflowClient", run_id: str, content: bytes, step: int) -> None:
    """Log a PNG of images that the generator drew after ``step``."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"{step:06d}.png"
        path.write_bytes(content)
        client.log_artifact(run_id, str(path), PROGRESS)


def flatten(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a nested mapping, with dotted names."""
    for name, value in mapping.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def hide(text: str, uri: str) -> str:
    """Replace the password of ``uri`` in ``text``, for messages."""
    password = urlsplit(uri).password
    return text.replace(f":{password}@", ":***@") if password else text


def summary(problem: Exception, uri: str) -> str:
    """First line of an error's message, without the password of ``uri``."""
    return hide((str(problem) or type(problem).__name__).splitlines()[0][:300], uri)
