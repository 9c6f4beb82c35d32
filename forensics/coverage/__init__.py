"""What the evidence can say at all: which part of the window each source, server and route accounts for.

`scopes` gathers what each source has of each server and stream; `compared` holds sources against each other; `collected` tells what a
provider was asked for. `rhythm` tells a silence from a habit, `rotation` reads the names of a log's files, `logs` and `logged` put
both together for each server; `named` are the servers that somebody names and nobody hears. `stretches` makes of all this the rows of
`coverage.csv`, and `conclusion` is drawn from them.
"""

from forensics.coverage.collected import Collected, Collection
from forensics.coverage.compared import Lack
from forensics.coverage.conclusion import Conclusion, Seen, conclude, last_record
from forensics.coverage.logged import usual_pause
from forensics.coverage.scopes import Beside, Stretch
from forensics.coverage.stretches import held_against, survey

__all__ = [
    "Beside", "Collected", "Collection", "Conclusion", "Lack", "Seen", "Stretch", "conclude", "held_against", "last_record", "survey", "usual_pause",
]  # fmt: skip
