"""Speed and memory of the readers."""
