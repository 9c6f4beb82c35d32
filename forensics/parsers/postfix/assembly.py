"""Messages from the pieces of all files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter

from forensics.dates import FileClock
from forensics.model import Fragment, Observation, Role
from forensics.records import replaced
from forensics.syslog import joined

__all__ = ["assemble"]


def assemble(fragments: Iterable[Fragment], clocks: Mapping[tuple[str, str], FileClock]) -> Iterator[Observation]:
    """Messages from fragments that come by key, then file (the oldest first), then place."""
    unknown = FileClock()

    def clock_of(place: tuple[str, str]) -> FileClock:
        return clocks.get(place, unknown)

    for _, group in groupby(fragments, key=attrgetter("key")):
        message: list[Fragment] = []
        for piece in group:
            if message and not _is_dated(message[0].observation) and (piece.opens or message[-1].closes):
                yield from _message(message, clock_of)  # a short id, used again
                message = []
            message.append(piece)
        yield from _message(message, clock_of)


def _is_dated(one: Observation) -> bool:
    """Whether the queue id holds a time: such an id is never used again."""
    return bool(one.readings) and one.readings[0].clock == "queue_id"


def _message(pieces: list[Fragment], clock_of: Callable[[tuple[str, str]], FileClock]) -> Iterator[Observation]:
    """One message; none where Postfix only probed an address: a probe is no mail (ADDRESS_VERIFICATION_README)."""
    one = joined(pieces, clock_of)
    if one.kind != "queue":
        yield one
        return
    facts = dict(one.facts)
    if "probe" in facts and not one.recipients:
        return
    more = set()
    if not any(piece.opens for piece in pieces):
        more.add(("partial", "start"))
    if not any(piece.closes for piece in pieces):
        more.add(("partial", "end"))
        if not any(recipient.role is Role.ENVELOPE for recipient in one.recipients):
            more.add(("recipients_unknown", "true"))
    if not _is_dated(one):  # a short id names a message only together with its time
        host, queue_id = one.server.partition("/")[0], pieces[0].key.rpartition("/")[2]
        one = replaced(one, ids=(f"queue:{host}/{queue_id}@{one.stamp}", *one.ids))
    yield replaced(one, facts=tuple(sorted({*one.facts, *more}))) if more else one
