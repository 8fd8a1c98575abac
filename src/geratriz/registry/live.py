"""A fit as an MLflow run while it goes on: a side channel that can never fail it."""

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
)
from geratriz.registry.names import BUNDLE, GIT, KIND, MODEL
from geratriz.tracking import NullTracker
from geratriz.workspace.git import git_revision

if TYPE_CHECKING:
    import numpy as np
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

SECONDS_BETWEEN_CALLS = 1.0
SHARE_OF_TIME = 0.05  # a slow server may cost a fit this much of its time, not more


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


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
