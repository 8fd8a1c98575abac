"""Geratriz turns a data set into a released generator of that data.

    table = geratriz.Table.read("adult.parquet", target="income")
    generator = geratriz.fit(table, kind="tvae", seed=0)
    rows = generator.sample(1000, seed=1, where={"income": ">50K"})

What can be wrong with what a user gave is a child of :class:`geratriz.GeratrizError`; see ``geratriz.errors``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geratriz import errors
    from geratriz.api import Measured, Report, evaluate, fit, load, read_images, sample
    from geratriz.data.images import Images
    from geratriz.data.table import Table
    from geratriz.errors import GeratrizError
    from geratriz.generators.base import Generator
    from geratriz.generators.image_base import ImageGenerator

__version__ = "0.1.0"

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

_HOMES = {  # the rest: in api
    "Generator": "generators.base",
    "GeratrizError": "errors",
    "ImageGenerator": "generators.image_base",
    "Images": "data.images",
    "Table": "data.table",
}

if not TYPE_CHECKING:  # a type checker that saw it would let any name pass

    def __getattr__(name):
        """Import what is asked for when it is asked for: importing the package costs nothing."""
        from importlib import import_module

        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name in ("errors", "evaluate"):  # packages and modules; why `evaluate` is one too stands there
            return import_module(f"geratriz.{name}")
        return getattr(import_module(f"geratriz.{_HOMES.get(name, 'api')}"), name)


def __dir__() -> list[str]:
    return __all__
