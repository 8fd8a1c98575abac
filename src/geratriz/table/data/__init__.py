"""Tables as data: what their columns are, how they are encoded, divided and protected."""
