"""Geratriz turns a data set into a released generator of that data.

    table = geratriz.Table.read("adult.parquet", target="income")
    generator = geratriz.fit(table, kind="tvae", seed=0)
    rows = generator.sample(1000, seed=1, where={"income": ">50K"})

Errors that a user can correct are subclasses of :class:`geratriz.GeratrizError`; see ``geratriz.errors``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geratriz import errors
    from geratriz._version import __version__
    from geratriz.api import Measured, Report, evaluate, fit, load, read_images, sample
    from geratriz.errors import GeratrizError
    from geratriz.images.data.images import Images
    from geratriz.images.generators.base import ImageGenerator
    from geratriz.table.data.table import Table
    from geratriz.table.generators.base import Generator

__all__ = [
    "Generator",
    "GeratrizError",
    "ImageGenerator",
    "Images",
    "Measured",
    "Report",
    "Table",
    "__version__",
    "errors",
    "evaluate",
    "fit",
    "load",
    "read_images",
    "sample",
]

_MODULES = {  # the other names are in api
    "Generator": "table.generators.base",
    "GeratrizError": "errors",
    "ImageGenerator": "images.generators.base",
    "Images": "images.data.images",
    "Table": "table.data.table",
    "__version__": "_version",
}

if not TYPE_CHECKING:  # otherwise a type checker would accept any name

    def __getattr__(name):
        """Import a name when it is used, so that importing the package is cheap."""
        from importlib import import_module

        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name == "errors":
            return import_module("geratriz.errors")
        return getattr(import_module(f"geratriz.{_MODULES.get(name, 'api')}"), name)


def __dir__() -> list[str]:
    return __all__
