"""Measurements: figures that documents quote were printed by a command in here."""
