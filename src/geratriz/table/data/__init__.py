"""Data in memory and on disk: tables, their schema, codec, splits and contracts."""
