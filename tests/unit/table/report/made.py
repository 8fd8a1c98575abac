"""Moved to tests/page_reader.py."""

from tests.page_reader import Reader as Reader
