"""Bytes of evidence to observations: one format, one file."""
