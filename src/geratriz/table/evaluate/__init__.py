"""Metrics of synthetic data: how near to the real distribution, how useful, how safe.

The package is also the function ``geratriz.evaluate(train, test, synthetic)`` of api.py: importing any module of it
puts the package where that name stands, so the package can be called.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Function(ModuleType):
    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        return import_module("geratriz.api").evaluate(*arguments, **settings)


sys.modules[__name__].__class__ = _Function
