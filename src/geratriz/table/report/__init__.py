"""The sections of a page that are specific to generators of tables."""
