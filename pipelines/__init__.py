"""Prefect flows around the graph in dvc.yaml."""
