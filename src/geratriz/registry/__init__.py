"""Registering, promoting and serving generators with MLflow."""
