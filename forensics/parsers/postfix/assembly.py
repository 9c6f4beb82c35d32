"""Messages from the pieces of all files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter

from forensics.dates import FileClock
from forensics.model import Fragment, Observation, Role
from forensics.parsers.postfix.sessions import BEFORE_ALL, UNNAMED, Fact, Place, pieces_joined, unnamed
from forensics.records import replaced
from forensics.syslog import joined

__all__ = ["assemble"]


def assemble(fragments: Iterable[Fragment], clocks: Mapping[tuple[str, str], FileClock]) -> Iterator[Observation]:
    """Messages from fragments that come by key, then file (the oldest first), then place."""
    unknown = FileClock()

    def clock_of(place: tuple[str, str]) -> FileClock:
        return clocks.get(place, unknown)

    told: dict[Place, tuple[Fact, ...]] = {}  # of messages that have not come yet: what the ends of their sessions say
    for key, group in groupby(fragments, key=attrgetter("key")):
        if key.startswith(BEFORE_ALL):
            told.update(pieces_joined(group))
            continue
        message: list[Fragment] = []
        for piece in group:
            if piece.observation.kind == "session":
                told[_place(piece)] = piece.observation.facts
                continue
            if message and not _is_dated(message[0].observation) and (piece.opens or message[-1].closes):
                yield from _message(message, clock_of, told)  # a short id, used again
                message = []
            message.append(piece)
        if message:
            yield from _message(message, clock_of, told)


def _place(piece: Fragment) -> Place:
    """Where a piece begins: what begins a message names it better than its id, which may be used again."""
    return piece.observation.span[:3]


def _is_dated(one: Observation) -> bool:
    """Whether the queue id holds a time: such an id is never used again."""
    return bool(one.readings) and one.readings[0].clock == "queue_id"


def _message(
    pieces: list[Fragment], clock_of: Callable[[tuple[str, str]], FileClock], told: dict[Place, tuple[Fact, ...]]
) -> Iterator[Observation]:
    """One message; none where Postfix only probed an address: a probe is no mail (ADDRESS_VERIFICATION_README)."""
    one = joined(pieces, clock_of)
    if one.kind != "queue":
        yield one
        return
    if not one.recipients and "probe" in dict(one.facts):
        return
    ends = [fact for piece in pieces if piece.opens for fact in told.pop(_place(piece), ())]
    if ends or len(pieces) > 1:  # else the only piece has counted already
        one = _counted(one, ends)
    more = set()
    if not any(piece.opens for piece in pieces):
        more.add(("partial", "start"))
    if not any(piece.closes for piece in pieces):
        more.add(("partial", "end"))
        if not any(recipient.role is Role.ENVELOPE for recipient in one.recipients):
            more.add(("recipients_unknown", "true"))
    if not _is_dated(one) and not pieces[0].opens:  # a short id names a message only together with its time
        host, queue_id = one.server.partition("/")[0], pieces[0].key.rpartition("/")[2]
        one = replaced(one, ids=(f"queue:{host}/{queue_id}@{one.stamp}", *one.ids))
    yield replaced(one, facts=tuple(sorted({*one.facts, *more}))) if more else one


def _counted(one: Observation, ends: list[Fact]) -> Observation:
    """The message with what the end of its session says, and what that means where all pieces are known."""
    facts = {fact for fact in (*one.facts, *ends) if fact[0] != UNNAMED}
    said = dict(facts)
    if "session_messages" in said:
        accepted, is_alone = int(said["session_recipients"]), said["session_messages"] == "1"
        facts.update(unnamed(one.declared, accepted, one.recipients, is_alone=is_alone))
    return replaced(one, facts=tuple(sorted(facts)))
