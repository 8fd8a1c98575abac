"""Generators of images: one algorithm, one file; the file's name is its name in params.yaml."""
