"""Tables to findings: one question, one file."""
