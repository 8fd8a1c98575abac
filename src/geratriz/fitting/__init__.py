"""Fitting of generators for any kind of data: runtime, batches, checkpoints, training rounds, and their base class."""
