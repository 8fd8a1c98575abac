"""What the commands of tests/faults/killing.py import, before they start."""

from importlib import import_module

for module in ("api", "cli.app", "table.draft", "table.train", "table.draw", "table.generators.autoregressive"):
    import_module(f"geratriz.{module}")
