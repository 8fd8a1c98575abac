"""Observers of a fit: a small protocol, one that does nothing, and a file of JSON lines.

Tracking is a side channel: it is never read back by a stage and can never fail one. What a tracking server missed
is filled in from the bundle's ``history.jsonl`` when the bundle is registered. registry/live.py observes for MLflow.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

PROGRESS = "progress"  # folder of the pictures of a fit, one per round, beside its history and in its run


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


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")  # six digits say all there is, and diffs stay readable
