"""Tables as data: schema, encoding, division into parts and protection of rare values."""
