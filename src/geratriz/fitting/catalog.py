"""Generators of a domain by name, each imported on first use.

A stage depends on the file of its own generator alone, so each file is named after its generator.
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
    """Generators of one domain."""

    package: str
    """Package that holds their modules."""
    classes: Mapping[str, str]
    """Class names by generator name."""
    default: str
    """Name of the generator that is fitted if none is named."""
    makes: str
    """Data they generate: ``tables`` or ``images``."""

    def __iter__(self) -> Iterator[str]:
        return iter(self.classes)

    def __contains__(self, name: object) -> bool:
        return name in self.classes

    def find(self, name: str | None = None) -> type[Fitted[Any, Any]]:
        """Return the class of the generator called ``name``, or of the default one when None.

        Raises:
            ConfigError: there is no such generator; the message suggests the nearest name.
        """
        name = self.default if name is None else name
        if name not in self:
            raise ConfigError(f"{name!r} is not a generator of {self.makes}.{nearest(name, self)}")
        generator: type[Fitted[Any, Any]] = getattr(import_module(f"{self.package}.{name}"), self.classes[name])
        return generator

    def load(self, folder: Path | str) -> Fitted[Any, Any]:
        """Load the generator saved in ``folder``.

        Raises:
            BundleError: as :meth:`Fitted.load`, or the generator is not in this catalog.
        """
        kind = str(bundle.read_head(Path(folder))["kind"])
        if kind not in self:
            raise BundleError(f"{folder} holds a {kind!r} generator; a generator of {self.makes} is needed here.")
        return self.find(kind).load(folder)
