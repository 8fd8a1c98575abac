"""The frame, the drawings and the sections that all pages share."""
