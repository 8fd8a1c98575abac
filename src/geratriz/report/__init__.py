"""The frame of every page, its drawings, and the parts that all pages have."""
