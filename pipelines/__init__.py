"""Prefect flows that run the graph in dvc.yaml."""
