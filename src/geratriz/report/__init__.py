"""One self-contained page per generator."""
