"""Messages from the pieces of all files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter

from forensics.dates import FileClock, postfix_long_id_time
from forensics.model import Fragment, Observation
from forensics.parsers.exim.queue_ids import time_in
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
    return replaced(
        one,
        ids=tuple(dict.fromkeys((*one.ids, *_hops(one, queue_id)))),
        size=next((piece.observation.size for piece in pieces if piece.observation.size >= 0), -1),
        facts=tuple(sorted({*one.facts, *more})) if more else one.facts,
    )


def _hops(one: Observation, queue_id: str) -> Iterator[str]:
    """What ties hops together: this id, and those that next hops told.

    Who names an id may lie, and does not name the logging host: an id of Exim counts together with the sender only, that of
    another program (Postfix's long form) only if it came from this host.
    """
    yield f"exim:{queue_id}/{one.sender}"
    for name, value in one.facts:
        if name == "handed_to":
            host, _, following = value.rpartition("/")
            if time_in(following.encode()):
                yield f"exim:{following}/{one.sender}"
            elif host == one.server and host and postfix_long_id_time(following):
                yield f"queue:{value}"
