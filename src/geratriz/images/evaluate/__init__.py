"""Metrics of synthetic images: one metric, one file."""
