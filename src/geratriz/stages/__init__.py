"""The stages of dvc.yaml, one module each: pure functions of files."""
