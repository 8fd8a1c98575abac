"""Folders for the files that runs and servers keep, relative to the project's root."""

from pathlib import Path

STATE = Path(".geratriz")  # state of servers and runs; holds no user files
WORKTREES = STATE / "worktrees"
PAGES = STATE / "monitor"
CHECKPOINTS = Path(".cache") / "checkpoints"  # outside DVC's outputs, which it deletes before a stage runs
