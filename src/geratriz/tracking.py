"""Observers of a fit: a small protocol, one that does nothing, and one that writes a file of JSON lines.

Tracking is a side channel: no stage reads it back, and it can never fail one. Whatever a tracking server missed is
filled in from the bundle's ``history.jsonl`` when the bundle is registered. registry/live.py is the tracker of MLflow.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from geratriz import writing

if TYPE_CHECKING:
    import numpy as np

PROGRESS = "progress"  # folder of the pictures of a fit, one per round, next to its history and in its run


class Tracker(Protocol):
    """Observer of a fit while it runs."""

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Report ``values`` after step ``step`` of ``steps`` (rounds for the generators here)."""

    def note(self, text: str) -> None:
        """Report a message for people: the plan before the first step, or why a fit stopped early."""

    def picture(self, picture: "np.ndarray", *, step: int) -> None:
        """Report a picture of samples after step ``step``, uint8 (h, w, C)."""


class NullTracker:
    """Tracker that ignores everything."""

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Ignore ``values``."""
        del values, step, steps

    def note(self, text: str) -> None:
        """Ignore ``text``."""
        del text

    def picture(self, picture: "np.ndarray", *, step: int) -> None:
        """Ignore ``picture``."""
        del picture, step


class Trackers:
    """Tracker that passes everything on to several trackers."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = tuple(trackers)

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Pass ``values`` on to every tracker."""
        for tracker in self._trackers:
            tracker.metrics(values, step=step, steps=steps)

    def note(self, text: str) -> None:
        """Pass ``text`` on to every tracker."""
        for tracker in self._trackers:
            tracker.note(text)

    def picture(self, picture: "np.ndarray", *, step: int) -> None:
        """Pass ``picture`` on to every tracker."""
        for tracker in self._trackers:
            tracker.picture(picture, step=step)


class JsonlTracker(NullTracker):
    """Tracker that writes a file of one JSON object per step, and pictures next to it; both survive a kill."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Append ``{"step": ..., name: value ...}``, after removing all lines from this step on.

        Pictures of later steps are removed too: they belong to an earlier fit.
        """
        del steps
        earlier = [line for line in read_history(self._path) if line["step"] < step] if self._path.exists() else []
        lines = [*earlier, {"step": step, **{name: _rounded(value) for name, value in values.items()}}]
        writing.text(self._path, "".join(json.dumps(line) + "\n" for line in lines))
        for picture in (self._path.parent / PROGRESS).glob("*.png"):
            if int(picture.stem) > step:
                picture.unlink()

    def picture(self, picture: "np.ndarray", *, step: int) -> None:
        """Write the picture as PNG, named by the number of its step."""
        from geratriz.picture import png

        writing.data(self._path.parent / PROGRESS / f"{step:06d}.png", png(picture))

    def move(self, path: Path) -> list[dict[str, Any]]:
        """Move the file (empty if nothing was reported) to ``path``, pictures too, and return its lines."""
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
    """Read the lines of a history file, one mapping per step."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")  # six digits are precise enough, and diffs stay readable
