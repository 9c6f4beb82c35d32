"""Messages from the pieces of all files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from forensics.dates import FileClock
from forensics.model import Direction, Fragment, Observation, Outcome, Role
from forensics.parsers.sendmail.messages import Fact, finished
from forensics.records import replaced
from forensics.syslog import better_sender, joined

__all__ = ["assemble"]

_SESSION = 3600  # seconds from signing in to a message: numbers of processes are used again
_ClockOf = Callable[[tuple[str, str]], FileClock]


def assemble(fragments: Iterable[Fragment], clocks: Mapping[tuple[str, str], FileClock]) -> Iterator[Observation]:
    """Messages from fragments that come by key (host and process), then file (the oldest first), then place."""
    unknown = FileClock()

    def clock_of(place: tuple[str, str]) -> FileClock:
        return clocks.get(place, unknown)

    for _, group in groupby(fragments, key=attrgetter("key")):
        messages: dict[str, list[Fragment]] = {}
        sessions: list[Observation] = []
        for piece in group:
            if piece.observation.kind == "session":
                sessions.append(piece.observation)
            else:
                messages.setdefault(piece.observation.ids[0], []).append(piece)
        for pieces in messages.values():
            yield from _message(pieces, sessions, clock_of)


def _message(pieces: list[Fragment], sessions: Sequence[Observation], clock_of: _ClockOf) -> Iterator[Observation]:
    """One message; "reject" where nobody was accepted; none where nobody was named: a session without mail."""
    sender = ""
    for piece in pieces:
        sender = better_sender(sender, piece.observation.sender)
    one = joined([_expanded(piece, sender) for piece in pieces], clock_of)
    if one.declared == 0 and not one.recipients:
        return
    facts = {*one.facts, *_user(one, sessions, clock_of)}
    envelope = [recipient for recipient in one.recipients if recipient.role is Role.ENVELOPE]
    accepted = [recipient for recipient in envelope if recipient.outcome is not Outcome.REJECTED]
    is_attempt = bool(envelope) and not accepted and one.declared <= 0
    if not is_attempt:
        facts |= set(_unseen(one, pieces, finished(envelope), any_known=bool(accepted)))
    signed_in = any(name == "sasl_username" for name, _ in facts)
    yield replaced(
        one,
        kind="reject" if is_attempt else "queue",
        direction=Direction.SUBMITTED if signed_in else one.direction,
        facts=tuple(sorted(facts)),
    )


def _unseen(one: Observation, pieces: list[Fragment], done: int, *, any_known: bool) -> Iterator[Fact]:
    """What of a message lies outside of the logs. At its usual level Sendmail logs no end: it has come when all are done."""
    if not any(piece.opens for piece in pieces) and ("origin", "bounce") not in one.facts:
        yield "partial", "start"
    if not any(piece.closes for piece in pieces) and not 0 <= one.declared <= done:
        yield "partial", "end"
        if not any_known:
            yield "recipients_unknown", "true"


def _expanded(piece: Fragment, sender: str) -> Fragment:
    """A piece without controlling users who are the sender; any other had the recipient as alias or forward."""
    seen = piece.observation
    if not any(one.original for one in seen.recipients):
        return piece
    own = {sender, sender.partition("@")[0]}
    recipients = tuple(replaced(one, original="") if one.original in own else one for one in seen.recipients)
    return Fragment(piece.key, replaced(seen, recipients=recipients), piece.opens, piece.closes)


def _user(one: Observation, sessions: Sequence[Observation], clock_of: _ClockOf) -> Iterator[Fact]:
    """Who signed in before a message to the same process, from the same client."""
    client = ("client", dict(one.facts).get("client", ""))
    logged = next((reading for reading in one.readings if reading.clock == "syslog"), None)
    for session in reversed(sessions):
        at = clock_of(session.span[:2]).resolve(session.stamp)
        near = at is not None and logged is not None and 0 <= (logged.at - at.at).total_seconds() <= _SESSION
        if near and client in session.facts:
            yield next(fact for fact in session.facts if fact[0] == "sasl_username")
            return
