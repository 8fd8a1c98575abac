"""Fitting and holding a generator, whatever its data: runtime, batches, checkpoints, rounds, the fitted generator."""
