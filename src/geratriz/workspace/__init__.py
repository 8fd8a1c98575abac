"""The project's checkout: Git, worktrees beside it, and what runs leave behind."""
