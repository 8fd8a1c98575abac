"""Parts of the networks that model tables."""
