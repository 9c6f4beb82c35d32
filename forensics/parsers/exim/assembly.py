"""Messages from the pieces of all files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter

from forensics.dates import FileClock
from forensics.model import Fragment, Observation
from forensics.parsers.exim.messages import hops
from forensics.records import replaced
from forensics.syslog import joined

__all__ = ["assemble"]


def assemble(fragments: Iterable[Fragment], clocks: Mapping[tuple[str, str], FileClock]) -> Iterator[Observation]:
    """Messages from fragments that come by key, then file (the oldest first), then place; an id is never used again."""
    unknown = FileClock()

    def clock_of(place: tuple[str, str]) -> FileClock:
        return clocks.get(place, unknown)

    for _, pieces in groupby(fragments, key=attrgetter("key")):
        yield _message(list(pieces), clock_of)


def _message(pieces: list[Fragment], clock_of: Callable[[tuple[str, str]], FileClock]) -> Observation:
    one = joined(pieces, clock_of)
    if one.kind != "queue":
        return one
    queue_id = pieces[0].key.rpartition("/")[2]
    more = set()
    if not any(piece.opens for piece in pieces):
        more.add(("partial", "start"))
    if not any(piece.closes for piece in pieces):
        more.add(("partial", "end"))
        if one.declared < 0:  # whom nothing was delivered to as yet, no line names
            more.add(("recipients_unknown", "true"))
    own = (name for name in one.ids if not name.startswith("exim:"))  # a piece may not know the sender that belongs to its id
    return replaced(
        one,
        ids=tuple(dict.fromkeys((*own, *hops(one.server, queue_id, one.sender, one.facts)))),
        size=next((piece.observation.size for piece in pieces if piece.observation.size >= 0), -1),
        facts=tuple(sorted({*one.facts, *more})) if more else one.facts,
    )
