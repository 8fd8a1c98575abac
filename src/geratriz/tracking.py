"""Where a fit reports to: a small protocol with a do-nothing default, a JSON-lines file, a progress bar, MLflow.

Tracking is a side channel: it is never read back by a stage and can never fail one. What a tracking server missed
is filled in from the bundle's ``history.jsonl`` when the bundle is registered.
"""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

log = logging.getLogger(__name__)


class Tracker(Protocol):
    """What a fit tells the world while it runs."""

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Report ``values`` after step ``step`` of ``steps`` (epochs for the generators here)."""


class NullTracker:
    """Says nothing."""

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Drop ``values``."""
        del values, step, steps


class Trackers:
    """Several trackers as one."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = tuple(trackers)

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Pass ``values`` on to each."""
        for tracker in self._trackers:
            tracker.metrics(values, step=step, steps=steps)


class JsonlTracker:
    """One JSON object a step, appended to a file and flushed: what is reported survives a kill."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Append ``{"step": ..., name: value ...}``. A step at or before the last one replaces what follows it."""
        del steps
        self._path.parent.mkdir(parents=True, exist_ok=True)
        kept = [line for line in read_history(self._path) if line["step"] < step] if self._path.exists() else []
        lines = [*kept, {"step": step, **{name: _rounded(value) for name, value in values.items()}}]
        partial = self._path.with_name(self._path.name + ".partial")
        partial.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        os.replace(partial, self._path)


def read_history(path: Path) -> list[dict[str, Any]]:
    """The lines of a history file, one mapping a step."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")  # six digits say all there is, and diffs stay readable
