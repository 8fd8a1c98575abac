"""Generators of images, one algorithm per file; the file is named as the algorithm in params.yaml."""
