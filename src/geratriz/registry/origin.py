"""Where a registered version was made, as far as it is known only after it was registered."""

from pathlib import Path

from geratriz.registry.names import BRANCH, COMMIT


def note_commit(root: Path, name: str, version: int, *, branch: str, commit: str, uri: str | None = None) -> None:
    """Note on a version the commit that holds its settings, its dvc.lock and the pointers to its data.

    Raises:
        RegistryError: MLflow does not answer, or there is no such version.
    """
    from geratriz.registry.mlflow import Registry

    registry = Registry(root, uri)
    registry.tag(registry.resolve(f"models:/{name}/{version}"), {BRANCH: branch, COMMIT: commit})
