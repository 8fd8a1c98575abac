"""Images as data: sources, manifest and conversion to one form."""
