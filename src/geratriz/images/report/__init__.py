"""The parts of a page that only a generator of images has."""
