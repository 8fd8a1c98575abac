"""Geratriz turns a data set into a released generator of that data."""

__version__ = "0.1.0"

__all__ = ["__version__"]
