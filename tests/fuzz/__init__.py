"""Hostile input against every reader."""
