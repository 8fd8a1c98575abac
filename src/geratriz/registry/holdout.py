"""The rows a candidate and the champion are held against: those the candidate's own data were divided into."""

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from geratriz.errors import RegistryError
from geratriz.registry.md5 import folder_md5
from geratriz.registry.names import BRANCH, COMMIT, RECIPE

if TYPE_CHECKING:
    from geratriz.registry.mlflow import Registry, Version

PREPARED = "data/prepared"


class ElsewhereError(RegistryError):
    """The workspace holds other rows than those the candidate was made from."""

    def __init__(self, message: str, *, commit: str | None) -> None:
        super().__init__(message)
        self.commit = commit
        """The commit that names them, where one is known."""


def find(root: Path, registry: "Registry", candidate: "Version") -> Path:
    """The folder with the candidate's train, fresh and test rows, in the workspace ``root``.

    The yardstick is the content of the folder, held against the dvc.lock that was logged when the candidate was
    registered. Every row keeps its side when data grow, so the champion learnt from none of these test rows either.

    Raises:
        ElsewhereError: the workspace holds others; the message says where they are.
        RegistryError: no dvc.lock was logged with the candidate, or it does not name such a folder.
    """
    wanted = _locked(registry.read_text(candidate.run_id, f"{RECIPE}/dvc.lock"))
    if wanted is None:
        raise RegistryError(
            f"the run of {candidate.uri} does not say which {PREPARED} it was made from: its dvc.lock is not logged. "
            "`geratriz register`, in the workspace it was made in, logs it."
        )
    folder = root / PREPARED
    if folder.is_dir() and folder_md5(folder) == wanted:
        return folder
    commit, branch = candidate.tags.get(COMMIT), candidate.tags.get(BRANCH)
    if branch is not None:
        where = f"It was made on the branch {branch}: `git switch {branch}`, then `dvc pull {PREPARED}`"
    else:
        where = f"Go back to the commit that made it (`git switch`), then `dvc pull {PREPARED}` or `dvc repro prepare`"
    raise ElsewhereError(
        f"{candidate.uri} and the champion are to be judged on the rows held out when it was made, and {folder} "
        f"{'holds others' if folder.is_dir() else 'is not there'}. {where}, and promote it from there. The flow in "
        "pipelines/promote.py does so by itself.",
        commit=commit,
    )


def _locked(lock: str | None) -> str | None:
    """DVC's MD5 of the folder in the text of a dvc.lock."""
    content = yaml.safe_load(lock or "") or {}
    outs = [out for stage in (content.get("stages") or {}).values() for out in stage.get("outs", ())]
    return next((str(out["md5"]) for out in outs if out["path"] == PREPARED), None)
