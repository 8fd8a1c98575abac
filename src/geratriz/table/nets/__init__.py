"""Parts of networks for tables."""
