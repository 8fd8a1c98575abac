"""Images as data: where they come from, and the form they are brought into."""
