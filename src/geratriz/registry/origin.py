"""Where a registered version was made, as far as it is known only after it was registered."""

from pathlib import Path

from geratriz.registry.client import database, default_uri
from geratriz.registry.names import BRANCH, COMMIT, GIT


def note_commit(root: Path, name: str, version: int, *, branch: str, commit: str, uri: str | None = None) -> None:
    """Note on a version the commit that holds its settings, its dvc.lock and the pointers to its data.

    Raises:
        RegistryError: MLflow does not answer, or there is no such version.
    """
    from geratriz.registry.mlflow import Registry

    registry = Registry(root, uri)
    registry.tag(registry.resolve(f"models:/{name}/{version}"), {BRANCH: branch, COMMIT: commit})


def in_use(root: Path, uri: str | None = None) -> set[str]:
    """The commits that versions with an alias were made at, as far as they are known.

    Raises:
        RegistryError: MLflow does not answer.
    """
    file = database(default_uri(root) if uri is None else uri)
    if file is not None and not file.exists():
        return set()  # nothing was ever registered, and asking would make the file
    from geratriz.registry.mlflow import Registry

    registry = Registry(root, uri)
    tags = [each.tags for name in registry.names() for each in registry.versions(name) if each.aliases]
    commits = {each.get(COMMIT) or each.get(GIT, "").removesuffix("-dirty") for each in tags}
    return commits - {""}
