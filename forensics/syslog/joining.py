"""How the lines of one message come together: the ends of addresses, and the records of one recipient."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from forensics.model import Direction, Fragment, Observation, Outcome, Reading, Recipient, Span
from forensics.records import replaced

__all__ = ["AFTER_DATA", "Clock", "address_end", "better_sender", "joined", "strongest"]

_QUOTED = re.compile(rb'"(?:[^"\\]|\\.){0,1024}"')
AFTER_DATA = b"(in reply to end of DATA command)"
_AFTER = AFTER_DATA.decode()


class Clock(Protocol):
    """The year and zone of one file: `dates.FileClock`."""

    def resolve(self, stamp: str, clock: str = ...) -> Reading | None:
        """A stamp as UTC; None if that is not known."""
        ...


def address_end(line: bytes, at: int, followers: tuple[bytes, ...], *, may_end: bool = False) -> int:
    """Where the `>` stands that ends an address written as `key=<address>`; -1 if there is none.

    An address may hold `>` and `, `: in a quoted local part, or bare in logs of Postfix before 3.5. Its end is therefore
    the first `>` outside quotes that one of `followers` follows (or the end of the line, with `may_end`).
    """
    quoted = _QUOTED.match(line, at) if line.startswith(b'"', at) else None
    stop = line.find(b">", quoted.end() if quoted else at)
    while stop >= 0 and not line.startswith(followers, stop + 1) and not (may_end and stop + 1 == len(line)):
        stop = line.find(b">", stop + 1)
    return stop


def better_sender(one: str, other: str) -> str:
    """Of two forms of one envelope sender the first with a domain: a mail program writes `www-data`, the queue completes it."""
    return one if "@" in one or not other else other


def strongest(found: Iterable[tuple[int, Recipient]]) -> list[tuple[int, Recipient]]:
    """One record for each recipient, out of pairs of (number of the file, record); in order of file and place.

    The first delivery decides: no later bounce undoes it. Then the last refusal after DATA: content had left, whatever
    came later. Then the last word.
    """
    best: dict[tuple[str, str, str], tuple[tuple[int, int, int], int, Recipient]] = {}
    for file, one in found:
        key = (one.role.value, one.address, one.original)
        if one.outcome is Outcome.DELIVERED:
            rank = (2, -file, -one.start)
        else:
            rank = (int(one.outcome is Outcome.REFUSED_AFTER_DATA or one.reply.endswith(_AFTER)), file, one.start)
        if key not in best or rank > best[key][0]:
            best.pop(key, None)  # of records in one place, the order is that of the ones which decided
            best[key] = (rank, file, one)
    return sorted(((file, one) for _, file, one in best.values()), key=lambda pair: (pair[0], pair[1].start))


def joined(pieces: Sequence[Fragment], clock_of: Callable[[tuple[str, str]], Clock]) -> Observation:
    """One message from its fragments, which come in order of file and place; stamps become times by each file's clock.

    The observation's span lies in the file of its first recipient's record. A recipient whose record lies in another
    file keeps its time, but no place (-1): a span names one file only.
    """
    if len(pieces) == 1:
        base = pieces[0].observation
        clock = clock_of(base.span[:2])
        recipients = [_timed(one, clock) for one in base.recipients]
        if len(recipients) > 1:
            recipients = [one for _, one in strongest((0, one) for one in recipients)]
        logged = clock.resolve(base.stamp, "syslog")
        return replaced(base, readings=(*base.readings, logged) if logged else base.readings, recipients=tuple(recipients))
    files: dict[tuple[str, str], int] = {}
    found = []
    for piece in pieces:
        one = piece.observation
        clock = clock_of(one.span[:2])
        file = files.setdefault(one.span[:2], len(files))
        found += [(file, _timed(recipient, clock)) for recipient in one.recipients]
    if len(found) > 1:
        found = strongest(found)
    home = found[0][0] if found else 0
    spans = [piece.observation.span for piece in pieces if files[piece.observation.span[:2]] == home]
    base = pieces[0].observation
    for piece in pieces[1:]:
        base = _filled(base, piece.observation)
    logged = clock_of(pieces[0].observation.span[:2]).resolve(base.stamp, "syslog")
    return replaced(
        base,
        span=Span(*spans[0][:2], min(span.start for span in spans), max(span.end for span in spans)),
        readings=(*base.readings, logged) if logged else base.readings,
        recipients=tuple(one if file == home else replaced(one, start=-1, end=-1) for file, one in found),
    )


def _timed(recipient: Recipient, clock: Clock) -> Recipient:
    at = clock.resolve(recipient.stamp, "syslog")
    return replaced(recipient, at=at.at) if at else recipient


def _filled(base: Observation, other: Observation) -> Observation:
    """What is said first stands; what was not said is filled in."""
    sender = better_sender(base.sender, other.sender)
    return replaced(
        base,
        direction=base.direction if base.direction is not Direction.UNKNOWN else other.direction,
        message_id=base.message_id or other.message_id,
        ids=tuple(dict.fromkeys((*base.ids, *other.ids))),
        sender=sender,
        envelope_sender=sender,
        size=base.size if base.declared >= 0 else other.size,
        declared=base.declared if base.declared >= 0 else other.declared,
        facts=tuple(sorted({*base.facts, *other.facts})),
    )
