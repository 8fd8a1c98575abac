"""Comparison of a candidate with the champion on the same held-out rows or images."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from geratriz import domains
from geratriz.errors import BundleError
from geratriz.registry.evidence import Release
from geratriz.scoring.difference import Comparison

if TYPE_CHECKING:
    from geratriz.registry.mlflow import Registry, Version


def compare(
    registry: "Registry", candidate: "Version", champion: "Version", prepared: Path, release: Release
) -> Comparison:
    """Compare the candidate with the champion on the test rows or images in ``prepared``, by ``release.evaluate``.

    The comparison is impossible if the champion's columns, or its image size and classes, no longer match the data,
    or if its bundle can no longer be read.

    Raises:
        BundleError: the candidate's bundle is damaged.
        DataError: the data cannot be read, or the candidate's columns or images do not match them.
        RegistryError: MLflow does not answer.
    """
    with tempfile.TemporaryDirectory() as scratch:
        load = domains.draw(release.kind).load
        challenger = load(registry.download(candidate, Path(scratch) / "candidate"))
        try:
            reigning = load(registry.download(champion, Path(scratch) / "champion"))
        except BundleError as problem:
            return Comparison.impossible(f"its bundle cannot be read ({problem})")
        return domains.judge(release.kind).compare(challenger, reigning, prepared, release.evaluate)
