"""Every generator by name. Each is imported when asked for: a stage depends on its own generator's file alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from geratriz import bundle
from geratriz.errors import BundleError, ConfigError, nearest
from geratriz.generators.base import Generator


def _ctgan() -> type[Generator[Any]]:
    from geratriz.generators.ctgan import Ctgan

    return Ctgan


def _independent() -> type[Generator[Any]]:
    from geratriz.generators.independent import Independent

    return Independent


def _tvae() -> type[Generator[Any]]:
    from geratriz.generators.tvae import Tvae

    return Tvae


GENERATORS: dict[str, Callable[[], type[Generator[Any]]]] = {
    "ctgan": _ctgan,
    "independent": _independent,
    "tvae": _tvae,
}


def find(kind: str) -> type[Generator[Any]]:
    """The generator class called ``kind``.

    Raises:
        ConfigError: there is none; names the nearest.
    """
    if kind not in GENERATORS:
        raise ConfigError(f"{kind!r} is no generator.{nearest(kind, GENERATORS)}")
    return GENERATORS[kind]()


def load(folder: Path | str) -> Generator[Any]:
    """The generator saved in ``folder``, of whatever kind.

    Raises:
        BundleError: as :meth:`Generator.load`, or a kind this version does not know.
    """
    kind = bundle.read_head(Path(folder))["kind"]
    if kind not in GENERATORS:
        raise BundleError(f"{folder} holds a {kind!r} generator, which this version does not know. Upgrade geratriz.")
    return find(kind).load(folder)
