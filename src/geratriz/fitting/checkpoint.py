"""State of a fit on disk, from which the same fit resumes."""

import hashlib
import io
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from geratriz.errors import TrainingError


class Checkpoint:
    """State of a fit on disk, replaced atomically after each round and read only by the same fit."""

    def __init__(self, folder: Path | None, **identity: Any) -> None:
        """Keep the state in ``folder``, or nowhere if it is None; ``identity`` is all that the fit depends on."""
        text = json.dumps({**identity, "torch": torch.__version__}, sort_keys=True, default=str)
        self._path = None if folder is None else folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.pt"

    def load(self) -> dict[str, Any] | None:
        """Return the state that :meth:`save` wrote, or None. Reading it runs no code from the file."""
        if self._path is None or not self._path.exists():
            return None
        state: dict[str, Any] = torch.load(self._path, weights_only=True)
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the state on disk; a kill at any moment leaves either the old or the new one.

        Raises:
            TrainingError: the state cannot be written; the previous one is unchanged.
        """
        if self._path is None:
            return
        content = io.BytesIO()
        torch.save(dict(state), content)
        partial = self._path.with_suffix(".partial")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content.getbuffer())
            os.replace(partial, self._path)
        except OSError as problem:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise TrainingError(
                f"{problem.strerror} while writing the checkpoint {self._path}. Fix that and run the same fit again: "
                "it resumes from the last round that was saved."
            ) from None

    @property
    def path(self) -> Path | None:
        """File that holds the last state, or None if there is none."""
        return self._path if self._path is not None and self._path.exists() else None

    def clear(self) -> None:
        """Delete the state of a finished fit, and the folder if it is empty."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            with suppress(OSError):
                self._path.parent.rmdir()
