"""What the commands of tests/faults/killing.py import, before they start."""
