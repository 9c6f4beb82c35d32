"""The only place where the rooms meet: evidence in, a finished case out."""
