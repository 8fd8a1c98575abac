"""Live tracking of a fit as an MLflow run: a side channel that can never make the fit fail."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geratriz.registry.client import (
    default_uri,
    experiment_id,
    hide,
    log_history,
    log_params,
    log_picture,
    mlflow_client,
    summary,
)
from geratriz.registry.names import BUNDLE, GIT, KIND, MODEL
from geratriz.tracking import NullTracker
from geratriz.workspace.git import git_revision

if TYPE_CHECKING:
    import numpy as np
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

MIN_CALL_INTERVAL_S = 1.0
MAX_TIME_SHARE = 0.05  # of the time of a fit, spent on a slow server


class MlflowTracker(NullTracker):
    """A tracker that writes to one MLflow run, made by :func:`mlflow_run`.

    Values are collected and sent at most once per second. The first call that fails logs a warning and ends tracking.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._client: MlflowClient | None = None
        self._run_id = ""
        self._collected: list[tuple[int, int, Mapping[str, float]]] = []
        self._next_call = 0.0

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Collect ``values``; send all that were collected if a call is due or this is the last step."""
        if self._client is None:
            return
        self._collected.append((step, _milliseconds(), dict(values)))
        if step == steps or time.monotonic() >= self._next_call:
            started = time.monotonic()
            self._attempt(self._send)
            ended = time.monotonic()
            self._next_call = ended + max(MIN_CALL_INTERVAL_S, (ended - started) / MAX_TIME_SHARE)

    def picture(self, picture: "np.ndarray", *, step: int) -> None:
        """Log ``picture`` as an artifact of the run."""
        from geratriz.picture import png

        self._attempt(lambda client: log_picture(client, self._run_id, png(picture), step))

    def finish(self, digest: str) -> None:
        """Tag the run with the digest of its bundle, by which `geratriz register` finds it."""
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
        waiting, self._collected = self._collected, []
        log_history(client, self._run_id, waiting)

    def _attempt(self, call: Callable[["MlflowClient"], None]) -> None:
        if self._client is None:
            return
        try:
            call(self._client)
        except Exception as problem:  # of any kind: a fit must not fail because of its log
            self._give_up(problem)

    def _give_up(self, problem: Exception) -> None:
        self._client = None
        self._collected.clear()
        log.warning(
            "MLflow at %s failed, so this run is not shown there. Nothing else is lost: `geratriz register` fills it "
            "in from the bundle. (%s)",
            hide(self._uri, self._uri),
            summary(problem, self._uri),
        )


@contextmanager
def mlflow_run(
    *, root: Path, experiment: str, model: str, kind: str, params: Mapping[str, Any], uri: str | None = None
) -> Iterator[MlflowTracker]:
    """Open an MLflow run for one fit; an exception in the block marks the run as failed and is raised again.

    Args:
        root: the project's root, with the default store and the Git repository.
        experiment: name of the experiment, which is created if it does not exist.
        model: entry of ``models`` that is trained; the name of the run.
        kind: name of the generator.
        params: settings to log; nested mappings become dotted names.
        uri: address of MLflow; :func:`default_uri` if None.
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


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
