"""Peers, comparators only: each script runs in the environment of the requirements file that bears its name."""
