"""The generators of a domain by name, each imported when it is asked for.

A stage depends on the file of its own generator alone, so the file's name is the generator's name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from geratriz import bundle
from geratriz.errors import BundleError, ConfigError, nearest
from geratriz.fitting.generator import Fitted


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalog:
    """The generators of one domain."""

    package: str
    """Where their modules lie."""
    classes: Mapping[str, str]
    """The class of each, by name."""
    default: str
    """The one that is fitted where none is named."""
    makes: str
    """What they make: ``tables`` or ``images``."""

    def __iter__(self) -> Iterator[str]:
        return iter(self.classes)

    def __contains__(self, name: object) -> bool:
        return name in self.classes

    def find(self, name: str | None = None) -> type[Fitted[Any, Any]]:
        """The generator called ``name``; the default one when None.

        Raises:
            ConfigError: there is none; names the nearest.
        """
        name = self.default if name is None else name
        if name not in self:
            raise ConfigError(f"{name!r} is no generator of {self.makes}.{nearest(name, self)}")
        found: type[Fitted[Any, Any]] = getattr(import_module(f"{self.package}.{name}"), self.classes[name])
        return found

    def load(self, folder: Path | str) -> Fitted[Any, Any]:
        """The generator saved in ``folder``.

        Raises:
            BundleError: as :meth:`Fitted.load`, or it is not one of these.
        """
        kind = str(bundle.read_head(Path(folder))["kind"])
        if kind not in self:
            raise BundleError(f"{folder} holds a {kind!r} generator; one of {self.makes} is needed here.")
        return self.find(kind).load(folder)
