"""The kind of data that a saved generator makes."""

from pathlib import Path

from geratriz import bundle, domains
from geratriz.errors import BundleError


def kind_of_bundle(folder: Path | str) -> str:
    """The kind of data that the generator saved in ``folder`` makes.

    Raises:
        BundleError: there is none, or this version does not know it.
    """
    name = str(bundle.read_head(Path(folder))["kind"])
    kind = domains.of_generator(name)
    if kind is None:
        raise BundleError(f"{folder} holds a {name!r} generator, which this version does not know. Upgrade geratriz.")
    return kind
