"""Where runs keep what they leave behind, in the project's root."""

from pathlib import Path

STATE = Path(".geratriz")  # what servers and runs keep; nothing of the user's
WORKTREES = STATE / "worktrees"
PAGES = STATE / "monitor"
CHECKPOINTS = Path(".cache") / "checkpoints"  # outside DVC's outputs, which it deletes before a stage runs
