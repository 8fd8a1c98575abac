"""Candidate and champion, drawn from and scored against the same held-out rows or images."""

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
    """How the candidate stands beside the champion, on the test rows or images in ``prepared``.

    As thoroughly as ``release`` says. A champion whose columns, or whose size and
    classes, are not those of the data any more, or whose bundle cannot be read any more, is not compared with.

    Raises:
        BundleError: the candidate's bundle is damaged.
        DataError: the data cannot be read, or the candidate's do not fit them.
        RegistryError: MLflow does not answer.
    """
    with tempfile.TemporaryDirectory() as scratch:
        mine, theirs = (
            registry.download(version.uri, Path(scratch) / name)
            for version, name in ((candidate, "candidate"), (champion, "champion"))
        )
        load = domains.draw(release.kind).load
        challenger = load(mine)
        try:
            reigning = load(theirs)
        except BundleError as problem:
            return Comparison.impossible(f"its bundle cannot be read ({problem})")
        return domains.judge(release.kind).compare(challenger, reigning, prepared, release.evaluate)
