"""What the evidence can say at all: which part of the window each source, server and route accounts for.

`rhythm` tells a silence from a habit, `rotation` reads the names of a log's files, `logs` puts both together for each server;
`stretches` are the rows of `coverage.csv`, and `conclusion` is drawn from them.
"""

from forensics.coverage.conclusion import Conclusion, Seen, conclude, last_record
from forensics.coverage.stretches import Stretch, survey, usual_pause

__all__ = ["Conclusion", "Seen", "Stretch", "conclude", "last_record", "survey", "usual_pause"]
