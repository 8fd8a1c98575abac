"""The parts of a page that only a generator of tables has."""
