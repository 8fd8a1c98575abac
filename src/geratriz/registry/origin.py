"""The commit of a registered version, which is known only after the version was registered."""

from pathlib import Path

from geratriz.errors import NoRegistryError
from geratriz.registry.names import BRANCH, COMMIT, GIT


def note_commit(root: Path, name: str, version: int, *, branch: str, commit: str, uri: str | None = None) -> None:
    """Tag a version with the branch and commit that hold its settings, its dvc.lock and the pointers to its data.

    Raises:
        RegistryError: MLflow does not answer, or the version does not exist.
    """
    from geratriz.registry.mlflow import Registry

    registry = Registry(root, uri)
    registry.tag(registry.resolve(f"models:/{name}/{version}"), {BRANCH: branch, COMMIT: commit})


def in_use(root: Path, uri: str | None = None) -> set[str]:
    """Commits at which versions with an alias were made, where known.

    Raises:
        RegistryError: MLflow does not answer.
    """
    from geratriz.registry.mlflow import Registry

    try:
        registry = Registry(root, uri)
    except NoRegistryError:  # nothing was ever registered
        return set()
    tags = [version.tags for name in registry.names() for version in registry.versions(name) if version.aliases]
    return {tag.get(COMMIT) or tag.get(GIT, "").removesuffix("-dirty") for tag in tags} - {""}
