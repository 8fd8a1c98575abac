"""Generators: the contract every model keeps, a catalog of them, one algorithm a file."""
