"""Metrics of synthetic tables: one metric, one file."""
