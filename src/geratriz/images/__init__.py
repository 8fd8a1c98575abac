"""Images: the ports that stages, the registry and the command line use, and their packages."""
