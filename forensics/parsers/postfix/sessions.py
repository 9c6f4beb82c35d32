"""SMTP sessions: which messages a process of smtpd took from one client, and how many recipients it accepted for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

from forensics.model import Fragment, Outcome, Recipient, Role

__all__ = [
    "BEFORE_ALL",
    "SESSION_LIMIT",
    "UNNAMED",
    "Counts",
    "Fact",
    "Place",
    "Session",
    "Taken",
    "counts_in",
    "facts_of",
    "pieces_joined",
    "said",
    "unnamed",
]  # fmt: skip

Fact = tuple[str, str]
Place = tuple[str, str, int]
BEFORE_ALL = (
    " session/"  # begins the keys of pieces of sessions: they come before those of messages, for no host begins with a blank
)
SESSION_LIMIT = 16_384  # processes whose sessions are held in mind
UNNAMED = "unnamed_by_client"
_LONGEST = 100  # messages of one session; of longer ones nothing is said
_TEXT_LIMIT = 1_024
_CACHED = 320  # bytes; see `payloads`
_COUNT = re.compile(rb"([a-z]{1,16})=(\d{1,9})(?:/\d{1,9})?")
_ENVELOPE, _REJECTED = Role.ENVELOPE, Outcome.REJECTED  # members of an enumeration take their time to look up
_LENT = frozenset((b"xclient", b"xforward"))  # the client was a proxy or filter, and spoke for another


class Taken(NamedTuple):
    """A message that smtpd took: where its `client=` line lies, its queue id (b"" if it has none), and the client as logged."""

    start: int
    stamp: str
    queue_id: bytes
    client: bytes


class Counts(NamedTuple):
    """What the end of a session tells: messages taken and recipients accepted, 0 where these cannot be compared with the queue."""

    client: bytes
    messages: int = 0
    recipients: int = 0
    facts: tuple[Fact, ...] = ()  # the same, sorted


@dataclass(slots=True, eq=False)
class Session:
    """What a span tells of the session that one process serves; `sure` if the session before it ended within the span."""

    key: str
    host: str
    start: int
    stamp: str
    sure: bool = False
    taken: tuple[Taken, ...] = ()

    def take_more(self, one: Taken) -> None:
        """Add a message to others; of very many the first are forgotten, for no end of a session would speak of them."""
        self.taken = (*self.taken[-_LONGEST:], one)


def counts_in(text: bytes) -> Counts:
    """smtpd, at least 3.0: `disconnect from h[ip] ehlo=1 mail=1 rcpt=2/3 data=1 quit=1 commands=6/7` (accepted/all, smtpd.c).

    Only where each MAIL led to a message do the recipients accepted all belong to messages: then `data` equals `mail`. BDAT is
    counted by the piece, and tells as much for a single message only. `commands` comes last: without it the line was cut.
    """
    return _known_counts(text) if len(text) <= _CACHED else _counts_in(text)


def _counts_in(text: bytes) -> Counts:
    client, _, rest = text[:_TEXT_LIMIT].removeprefix(b"disconnect from ").partition(b" ")
    found = [_COUNT.fullmatch(word) for word in rest.split(b" ")]
    counts = {one[1]: int(one[2]) for one in found if one}
    messages, recipients = counts.get(b"mail", 0), counts.get(b"rcpt", 0)
    taken = counts.get(b"data", 0) if b"bdat" not in counts else int(messages == 1)
    if len(counts) < len(found) or b"commands" not in counts or counts.keys() & _LENT or not 0 < messages == taken <= recipients:
        return Counts(client)
    return _counts(client, messages, recipients)


def _counts(client: bytes, messages: int, recipients: int) -> Counts:
    facts = (("session_messages", str(messages)), ("session_recipients", str(recipients))) if messages else ()
    return Counts(client, messages, recipients, facts)


_known_counts = lru_cache(maxsize=4096)(_counts_in)


def said(taken: Sequence[Taken], counts: Counts, host: str) -> tuple[Fact, ...]:
    """What a session's end says of each of its messages, sorted; nothing where not all of these are known.

    `session_recipients`: how many the server accepted from the client, in all `session_messages` messages together. Where there
    are several, `session` is their common name. A change of the client means that another session ended without a word.
    """
    ours = list(takewhile(lambda one: one.client == counts.client, reversed(taken)))
    if not 0 < len(ours) == counts.messages <= _LONGEST or not all(one.queue_id for one in ours):
        return ()
    name = (("session", f"{host}/{ours[-1].queue_id.decode()}"),) if counts.messages > 1 else ()
    return name + counts.facts


def unnamed(declared: int, accepted: int, recipients: Iterable[Recipient], *, is_alone: bool) -> tuple[Fact, ...]:
    """How many recipients of a message the client did not name: the server added them. Nothing where nobody can tell.

    By counting what cleanup put into the queue against what smtpd accepted. Not where an alias may have been expanded in between
    (`orig_to`), so all copies must have been seen; and fewer in the queue mean that some were named twice. If the message is not
    alone in its session, only the sum was told: more than that came from the server, at least so many.
    """
    surplus = declared - accepted
    if accepted < 1 or surplus < 0 or not (surplus or is_alone):
        return ()
    for one in recipients:
        if one.original:
            return ()
        if one.role is _ENVELOPE and one.outcome is not _REJECTED:
            declared -= 1
    return _surplus(surplus) if declared <= 0 else ()


@lru_cache(maxsize=1024)
def _surplus(count: int) -> tuple[Fact, ...]:
    return ((UNNAMED, str(count)),)


# --- sessions that a span tells in part ----------------------------------------------------------------------------------


def facts_of(taken: Iterable[Taken], counts: Counts | None) -> tuple[Fact, ...]:
    """Part of a session as the facts of a fragment, which lies in the same file as its messages."""
    facts = [("taken", f"{one.start} {one.queue_id.decode() or '-'} {one.client.decode('latin-1')}") for one in taken]
    if counts is not None:
        facts.append(("told", f"{counts.messages} {counts.recipients} {counts.client.decode('latin-1')}"))
    return tuple(facts)


def pieces_joined(pieces: Iterable[Fragment]) -> Iterator[tuple[Place, tuple[Fact, ...]]]:
    """What the parts of one process' sessions, in order, say of each message, by the place of its `client=` line."""
    taken: list[Taken] = []
    places: list[Place] = []
    for piece in pieces:
        one, counts = piece.observation, None
        for name, text in one.facts:
            first, second, client = text.split(" ", 2)
            if name == "told":
                counts = _counts(client.encode("latin-1"), int(first), int(second))
            else:
                taken.append(Taken(int(first), "", b"" if second == "-" else second.encode(), client.encode("latin-1")))
                places.append((one.span.evidence, one.span.member, int(first)))
        if counts is not None:
            facts = said(taken, counts, one.server)
            yield from ((place, facts) for place in places[-counts.messages :] if facts)
            taken, places = [], []
