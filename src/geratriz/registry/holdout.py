"""Held-out rows or images on which a candidate and the champion are compared: those of the candidate's own data."""

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from geratriz.errors import RegistryError
from geratriz.registry.md5 import folder_md5
from geratriz.registry.names import BRANCH, COMMIT, RECIPE

if TYPE_CHECKING:
    from geratriz.registry.mlflow import Registry, Version

PREPARED = "data/prepared"


class HoldoutError(RegistryError):
    """The workspace does not hold the data that the candidate was made from."""

    def __init__(self, message: str, *, commit: str | None) -> None:
        super().__init__(message)
        self.commit = commit
        """The commit that names the data, if known."""


def find(root: Path, registry: "Registry", candidate: "Version") -> Path:
    """Return the folder with the candidate's parts train, fresh and test in the workspace ``root``.

    The content of the folder must match the dvc.lock that was logged when the candidate was registered. A row stays in
    its part when the data grow, so the champion was not trained on these test rows either.

    Raises:
        HoldoutError: the workspace holds other data; the message says where to find the right ones.
        RegistryError: no dvc.lock was logged with the candidate, or it does not name such a folder.
    """
    expected = _locked_md5(registry.read_text(candidate.run_id, f"{RECIPE}/dvc.lock"))
    if expected is None:
        raise RegistryError(
            f"the run of {candidate.uri} does not say which {PREPARED} it was made from: its dvc.lock is not logged. "
            "Run `geratriz register` in the workspace where it was made to log it."
        )
    folder = root / PREPARED
    if folder.is_dir() and folder_md5(folder) == expected:
        return folder
    commit, branch = candidate.tags.get(COMMIT), candidate.tags.get(BRANCH)
    if branch is not None:
        where = f"It was made on the branch {branch}: `git switch {branch}`, then `dvc pull {PREPARED}`"
    else:
        where = f"Go back to the commit that made it (`git switch`), then `dvc pull {PREPARED}` or `dvc repro prepare`"
    raise HoldoutError(
        f"{candidate.uri} is compared with the champion on the rows held out when it was made, but {folder} "
        f"{'holds others' if folder.is_dir() else 'does not exist'}. {where}, and promote it from there. The flow in "
        "pipelines/promote.py does this automatically.",
        commit=commit,
    )


def _locked_md5(lock: str | None) -> str | None:
    """MD5 of the folder ``data/prepared`` in the text of a dvc.lock."""
    content = yaml.safe_load(lock or "") or {}
    outs = [out for stage in (content.get("stages") or {}).values() for out in stage.get("outs", ())]
    return next((str(out["md5"]) for out in outs if out["path"] == PREPARED), None)
