"""The kind of data that a saved generator produces."""

from pathlib import Path

from geratriz import bundle, domains
from geratriz.errors import BundleError


def kind_of_bundle(folder: Path | str) -> str:
    """Return the kind of data that the generator saved in ``folder`` produces.

    Raises:
        BundleError: ``folder`` holds no generator, or one that this version does not know.
    """
    name = str(bundle.read_head(Path(folder))["kind"])
    kind = domains.of_generator(name)
    if kind is None:
        raise BundleError(f"{folder} holds a {name!r} generator, which this version does not know. Upgrade geratriz.")
    return kind
