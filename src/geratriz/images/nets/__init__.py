"""Parts of networks for images."""
