"""Parts of the networks that model images."""
