"""State of a fit on disk, from which the same fit resumes."""

import hashlib
import io
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from geratriz import writing
from geratriz.errors import RequestError, TrainingError
from geratriz.tracking import NullTracker, Tracker

MARK = b"geratriz checkpoint\n"  # then the SHA-256 of the state, 32 bytes, and the state


class Checkpoint:
    """State of a fit on disk, replaced whole after each round and read only by the same fit."""

    def __init__(self, folder: Path | None, **identity: Any) -> None:
        """Keep the state in ``folder``, or nowhere if it is None; ``identity`` is all that the fit depends on."""
        text = json.dumps({**identity, "torch": torch.__version__}, sort_keys=True, default=str)
        self._path = None if folder is None else folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.pt"

    def load(self, tracker: Tracker | None = None) -> dict[str, Any] | None:
        """Return the state that :meth:`save` wrote, or None. Reading it runs no code from the file.

        A file that is not as it was written (cut off, zeros, another format) is noted to ``tracker`` and left aside:
        the fit begins anew.

        Raises:
            TrainingError: the file cannot be read.
        """
        if self._path is None or not self._path.exists():
            return None
        try:
            content = self._path.read_bytes()
        except OSError as problem:
            raise TrainingError(f"the checkpoint {self._path} cannot be read: {problem.strerror}.") from None
        head, state = content[: len(MARK) + 32], content[len(MARK) + 32 :]
        if head == MARK + hashlib.sha256(state).digest():
            read: dict[str, Any] = torch.load(io.BytesIO(state), weights_only=True)
            return read
        (tracker or NullTracker()).note(
            f"the checkpoint {self._path} is damaged ({len(content):,} bytes, checksum differs): the fit begins anew"
        )
        return None

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the state on disk; a kill at any moment leaves either the old or the new one.

        Raises:
            TrainingError: the state cannot be written; the previous one is unchanged.
        """
        if self._path is None:
            return
        content = io.BytesIO()
        torch.save(dict(state), content)
        view = content.getbuffer()
        try:
            with writing.file(self._path) as partial, partial.open("wb") as file:
                file.write(MARK + hashlib.sha256(view).digest())
                file.write(view)
        except RequestError as problem:
            raise TrainingError(
                f"the checkpoint {problem} Then run the same fit again: it resumes from the last round that was saved."
            ) from None

    @property
    def path(self) -> Path | None:
        """File that holds the last state, or None if there is none."""
        return self._path if self._path is not None and self._path.exists() else None

    def clear(self) -> None:
        """Delete the state of a finished fit, and the folder if it is empty."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            writing.sweep(self._path)
            with suppress(OSError):
                self._path.parent.rmdir()
