"""Scores, metrics, landmarks and verdicts for every kind of data."""
