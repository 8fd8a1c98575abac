"""Servers and workers of the pipeline as processes on this machine, started by `geratriz up`."""
