"""The state of a fit on disk, for the very same fit to go on from."""

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
    """The state of a fit on disk, replaced whole after each round and used only by the very same fit."""

    def __init__(self, folder: Path | None, **identity: Any) -> None:
        """``folder`` is where it is kept, or None to keep nothing; ``identity`` is all that the fit depends on."""
        text = json.dumps({**identity, "torch": torch.__version__}, sort_keys=True, default=str)
        self._path = None if folder is None else folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.pt"

    def load(self) -> dict[str, Any] | None:
        """The state that :meth:`save` left, or None. Reading it runs no code from the file."""
        if self._path is None or not self._path.exists():
            return None
        state: dict[str, Any] = torch.load(self._path, weights_only=True)
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the state on disk; a kill at any moment leaves the old one or the new one.

        Raises:
            TrainingError: it cannot be written; the last one is left as it was.
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
                f"{problem.strerror} while writing the checkpoint {self._path}. Mend that and run the same fit again: "
                "it goes on from the last round that was kept."
            ) from None

    @property
    def path(self) -> Path | None:
        """The file that holds the last state, or None where there is none."""
        return self._path if self._path is not None and self._path.exists() else None

    def clear(self) -> None:
        """The fit is done: nothing is left to go on from, and no empty folder."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            with suppress(OSError):
                self._path.parent.rmdir()
