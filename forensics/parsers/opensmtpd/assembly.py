"""Messages from the pieces of all files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter

from forensics.dates import FileClock
from forensics.model import Direction, Fragment, Observation, Outcome
from forensics.parsers.opensmtpd.messages import Fact
from forensics.records import replaced
from forensics.syslog import joined

__all__ = ["assemble"]

_TAKEN = re.compile(r"250 (?:[0-9]\.[0-9]{1,3}\.[0-9]{1,3}:? )?([0-9a-f]{8}) Message accepted for delivery")


def assemble(fragments: Iterable[Fragment], clocks: Mapping[tuple[str, str], FileClock]) -> Iterator[Observation]:
    """Messages from fragments that come in order of key (sessions first), then file (the oldest first), then place."""
    unknown = FileClock()

    def clock_of(place: tuple[str, str]) -> FileClock:
        return clocks.get(place, unknown)

    sessions: dict[str, set[Fact]] = {}
    for key, group in groupby(fragments, key=attrgetter("key")):
        kind, _, name = key.partition("/")
        if kind == "1session":
            sessions[name] = {fact for piece in group for fact in piece.observation.facts}
            continue
        message: list[Fragment] = []
        for piece in group:
            if piece.opens and any(one.opens for one in message):  # ids are random: one may come again
                yield _message(message, name, sessions, clock_of)
                message = []
            message.append(piece)
        yield _message(message, name, sessions, clock_of)


def _message(
    pieces: list[Fragment], name: str, sessions: Mapping[str, set[Fact]], clock_of: Callable[[tuple[str, str]], FileClock]
) -> Observation:
    one = joined(pieces, clock_of)
    facts: set[Fact] = set()
    for key, value in one.facts:
        facts |= sessions.get(f"{one.server}/{value}", set()) if key == "session" else {(key, value)}
    ours = ("origin", "local") in facts or any(key == "sasl_username" for key, _ in facts)
    if one.kind == "queue":
        facts |= set(_unseen(one, pieces))
        for recipient in one.recipients:
            taken = _TAKEN.match(recipient.reply) if recipient.outcome is Outcome.ACCEPTED else None
            if taken:
                facts.add(("handed_to", f"{one.server}/{taken[1]}"))
    return replaced(
        one,
        ids=(f"queue:{name}@{one.stamp}",) if one.kind == "queue" else (),
        direction=Direction.SUBMITTED if ours else Direction.UNKNOWN,
        facts=tuple(sorted(facts)),
    )


def _unseen(one: Observation, pieces: list[Fragment]) -> Iterator[Fact]:
    """What of a message lies outside of the logs: its beginning, or the last word on somebody."""
    if not any(piece.opens for piece in pieces):
        yield "partial", "start"
    last = [recipient for recipient in one.recipients if recipient.reply and recipient.outcome is not Outcome.DEFERRED]
    done = {recipient.address for recipient in last} | {recipient.original for recipient in last}
    named = {recipient.original or recipient.address for recipient in one.recipients}
    if len(named) < one.declared or not named or any(recipient.address not in done for recipient in one.recipients):
        yield "partial", "end"
        if not named:
            yield "recipients_unknown", "true"
