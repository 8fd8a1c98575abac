"""Metrics of synthetic data: how near to the real distribution, how useful, how safe."""
