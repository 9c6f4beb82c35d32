"""What single values of a Postmark record say: recipients, times, ids, flags."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from forensics.addresses import canonical, canonical_message_id, mailboxes
from forensics.dates import UNKNOWN_ZONE, iso_time
from forensics.jsonstream import Fields
from forensics.model import Direction, Observation, Outcome, Reading, Recipient, Role, Route, Span

__all__ = [
    "NAME", "NULL_UUID", "after_data", "common_facts", "exact_time", "facts", "is_canonical", "message_id", "moment", "named", "observation", "recipients", "time_of",
]  # fmt: skip

NAME = "postmark"
NULL_UUID = "00000000-0000-0000-0000-000000000000"  # what the "send test" button of a webhook sends
_MESSAGE_ID = re.compile(r"[0-9A-Za-z._-]{1,200}")
_PLAIN_ADDRESS = re.compile(r"[^\s\"(),:;<>@\[\]\\]{1,128}@[^\s\"(),:;<>@\[\]\\]{1,253}")
# an address that is its own canonical form: a dot-atom and a domain, ASCII and in lower case
_CANONICAL = re.compile(r"[a-z0-9_+-]++(?:\.[a-z0-9_+-]++)*+@[a-z0-9-]++(?:\.[a-z0-9-]++)++")
_SHORT = 128  # characters
_MOST_ADDRESSES = 65_536  # characters of one text that names recipients
_AFTER_DATA = "in reply to end of data"  # Postfix's words for a refusal once the content had left
_OFFSETS = {
    f"{sign}{minutes // 60:02}:{minutes % 60:02}": timedelta(minutes=minutes if sign == "+" else -minutes)
    for minutes in range(UNKNOWN_ZONE // 60 + 1)
    for sign in "+-"
}
_new = tuple.__new__  # a named tuple without the call of its own constructor
_TIME_AT = 10  # place of the "T" between day and time

Facts = tuple[tuple[str, str], ...]


def is_canonical(text: str) -> bool:
    """Whether an address is plainly its own canonical form, as nearly all are: to find it otherwise takes ten times as long."""
    return len(text) <= _SHORT and _CANONICAL.fullmatch(text) is not None


@lru_cache(maxsize=65_536)
def recipients(text: str, role: Role, outcome: Outcome) -> tuple[Recipient, ...]:
    """The recipients that a text names: one, as a rule."""
    if is_canonical(text):
        return (Recipient(text, role, outcome),)
    if _PLAIN_ADDRESS.fullmatch(text):
        address = canonical(text)
        return (Recipient(address, role, outcome, "" if text.lower() == address else text),)
    boxes = [(box.address, box.written) for box in mailboxes(text)]
    return tuple(Recipient(address, role, outcome, "" if as_is.lower() == address else as_is) for address, as_is in boxes)


def named(fields: Fields, name: str, role: Role = Role.EVENT, outcome: Outcome = Outcome.NONE) -> list[Recipient]:
    """The recipients that a field names; entries without an address make it one of the wrong."""
    found: list[Recipient] = []
    for text in fields.texts(name, "Email"):
        known = recipients(text[:_MOST_ADDRESSES], role, outcome)
        found.extend(known)
        if not known or len(text) > _MOST_ADDRESSES:
            fields.wrong.add(name)
    return found


def time_of(
    fields: Fields, name: str, clock: str = "event", parse: Callable[[str, str], Reading | None] = iso_time
) -> Reading | None:
    """The time in a field, in UTC.

    A stamp without offset is of unknown zone (slack 14 hours), not Eastern: Postmark's answers always carry an offset, so one
    that lacks it went through another program, and those write UTC or their own machine's time as readily as what they read.
    That `fromdate` and `todate` of a request mean US Eastern says nothing of an answer.
    """
    return fields.parsed(name, lambda text: exact_time(text, clock) or parse(text, clock))


def exact_time(text: str, clock: str) -> Reading | None:
    """The usual form, ten times as fast as `iso_time`; None for a form or zone that needs its care."""
    try:
        offset = _OFFSETS.get(text[-6:])
        if offset is None:
            at = datetime.fromisoformat(text)
            return Reading(clock, at) if at.tzinfo is UTC else None
        if text[_TIME_AT] == "T":
            return _new(Reading, (clock, datetime.fromisoformat(text[:-6] + "+00:00") - offset, 0))
    except (ValueError, OverflowError, IndexError):
        pass  # of another form, or no time at all: None says so
    return None


def message_id(fields: Fields) -> str:
    """Postmark's uuid as `<uuid>@mtasv.net`; "" if there is none, which is remarked."""
    text = fields.text("MessageID").strip()
    if "@" in text:
        return canonical_message_id(text)[:998]
    text = text.strip("<>").lower()
    if text != NULL_UUID and _MESSAGE_ID.fullmatch(text):
        return f"{text}@mtasv.net"
    if "MessageID" not in fields.wrong:
        fields.remarks.append("MessageID names no message" if text else "MessageID is missing")
    return ""


def moment(reading: Reading | None) -> dict[str, Any]:
    """`at` of a recipient; a time of unknown zone stays a stamp."""
    if reading is None:
        return {}
    return {"stamp": reading.at.replace(tzinfo=None).isoformat()} if reading.slack else {"at": reading.at}


def after_data(outcome: Outcome, *texts: str) -> Outcome:
    """A bounce is none if the receiving server says that it refused what it had read."""
    late = outcome is Outcome.BOUNCED and any(_AFTER_DATA in text.lower() for text in texts)
    return Outcome.REFUSED_AFTER_DATA if late else outcome


def facts(fields: Fields, *more: tuple[str, str]) -> Facts:
    """What a record says besides, by name; metadata without its keys and values, which may be secrets."""
    metadata = "" if fields.value.get("Metadata") is None else "{...}" if fields.mapping("Metadata") else "{}"
    if "Metadata" in fields.wrong:
        metadata = ""
    status, tag, links = fields.text("Status"), fields.text("Tag")[:1_000], fields.text("TrackLinks")
    common = common_facts(status, tag, links, metadata, fields.flag("TrackOpens"), fields.flag("Sandboxed"))
    own = [one for one in more if one[1]]
    return tuple(sorted([*common, *own])) if own else common


@lru_cache(maxsize=4_096)
def common_facts(status: str, tag: str, links: str, metadata: str, opens: bool | None, sandboxed: bool | None) -> Facts:
    """The facts that tell one application's mail from another's (the incident's `[cohort]`)."""
    found = [("status", status), ("tag", tag), ("track_links", links), ("metadata", metadata)]
    states = (("track_opens", opens), ("sandboxed", sandboxed))
    found += [(name, str(state).lower()) for name, state in states if state is not None]
    return tuple(sorted(one for one in found if one[1]))


def observation(fields: Fields, span: Span, kind: str) -> Observation:
    """What all records of an outbound message have in common."""
    sender = fields.parsed("From", lambda text: recipients(text[:998], Role.EVENT, Outcome.NONE) or None)
    return Observation(
        span=span,
        source=NAME,
        kind=kind,
        route=Route.API,
        direction=Direction.SUBMITTED,
        server=fields.label("ServerID") or fields.label("ServerId"),  # the second in webhooks of old
        stream=fields.text("MessageStream"),
        message_id=message_id(fields),
        sender=sender[0].address if sender else "",
        subject=fields.text("Subject"),
    )
