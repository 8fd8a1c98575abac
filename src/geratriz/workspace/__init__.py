"""The project's checkout: Git, worktrees, and cleaning up after runs."""
