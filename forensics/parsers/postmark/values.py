"""What single values of a Postmark record say: recipients, times, ids, flags."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from forensics.addresses import canonical, canonical_message_id, mailboxes
from forensics.dates import UNKNOWN_ZONE, iso_time
from forensics.jsonstream import Fields
from forensics.model import Direction, Observation, Outcome, Reading, Recipient, Role, Route, Span

__all__ = [
    "ASSUMED_ZONE", "CANONICAL", "NAME", "NULL_UUID", "after_data", "common_facts", "exact_time", "facts", "is_canonical", "message_id", "moment", "named", "observation", "recipients", "time_of", "zone_told",
]  # fmt: skip

NAME = "postmark"
NULL_UUID = "00000000-0000-0000-0000-000000000000"  # what the "send test" button of a webhook sends
_MESSAGE_ID = re.compile(r"[0-9A-Za-z._-]{1,200}")
_PLAIN_ADDRESS = re.compile(r"[^\s\"(),:;<>@\[\]\\]{1,128}@[^\s\"(),:;<>@\[\]\\]{1,253}")
# an address that is its own canonical form: a dot-atom and a domain, ASCII and in lower case
CANONICAL = r"[a-z0-9_+-]++(?:\.[a-z0-9_+-]++)*+@[a-z0-9-]++(?:\.[a-z0-9-]++)++"
_CANONICAL = re.compile(CANONICAL)
_SHORT = 128  # characters
_MOST_ADDRESSES = 65_536  # characters of one text that names recipients
_AFTER_DATA = "in reply to end of data"  # Postfix's words for a refusal once the content had left
_OFFSETS = {
    f"{sign}{minutes // 60:02}:{minutes % 60:02}": timedelta(minutes=minutes if sign == "+" else -minutes)
    for minutes in range(UNKNOWN_ZONE // 60 + 1)
    for sign in "+-"
}
_EASTERN = ZoneInfo("America/New_York")
ASSUMED_ZONE = 5 * 3600  # seconds: how far Eastern time is from UTC in winter
_NO_OFFSET = re.compile(r"\s{0,9}\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,30})?)?\s{0,9}")
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


def time_of(fields: Fields, name: str, clock: str = "event") -> Reading | None:
    """The time in a field, in UTC.

    Postmark's answers always carry an offset, so a stamp that lacks one went through another program. It is read as US
    Eastern, the zone that Postmark writes elsewhere and means by `fromdate` and `todate` (developer/api/messages-api), with a
    slack of five hours: a writer that dropped a "Z" would be four or five off. `zone_told` says so on the record.
    """
    return fields.parsed(name, lambda text: exact_time(text, clock) or _eastern_time(text, clock) or iso_time(text, clock))


def _eastern_time(text: str, clock: str) -> Reading | None:
    """A stamp without an offset; None for any other text. Of an hour that Eastern time has twice, or skips, the earlier reading."""
    found = iso_time(text, clock) if _NO_OFFSET.fullmatch(text) else None
    if found is None:
        return None
    try:
        at = min(found.at.replace(tzinfo=_EASTERN, fold=fold).astimezone(UTC) for fold in (0, 1))
    except OverflowError:  # at either end of the calendar
        return found
    return Reading(clock, at, ASSUMED_ZONE)


def zone_told(reading: Reading | None, recipients: Iterable[Recipient] = ()) -> tuple[str, str]:
    """The fact that a time of this record was written without its zone, which is an assumption then; its value is "" otherwise."""
    is_assumed = (reading is not None and reading.slack == ASSUMED_ZONE) or any(one.at and one.stamp for one in recipients)
    return "zone", "assumed_us_eastern" if is_assumed else ""


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


def moment(fields: Fields, name: str, reading: Reading | None) -> dict[str, Any]:
    """`at` of a recipient or a statement, as read from this field.

    The time as written stands beside it where the zone is assumed, and alone where it is unknown.
    """
    if reading is None or not reading.slack:
        return {} if reading is None else {"at": reading.at}
    written = iso_time(fields.text(name))
    stamp = {"stamp": written.at.replace(tzinfo=None).isoformat()} if written else {}
    return {"at": reading.at, **stamp} if reading.slack == ASSUMED_ZONE else stamp


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
