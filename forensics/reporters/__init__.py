"""A case to one output: one reporter, one file."""
