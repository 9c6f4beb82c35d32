"""A short way for the records that make up nearly all of a big export: deliveries, opens, clicks and plain search rows.

It answers only where every field is of its usual type, and then says what `events.event` and `sent.sent` say (a test holds
the two together); for anything else it gives None, and the long way is taken.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from forensics.jsonstream import Record
from forensics.model import Direction, Fragment, Observation, Outcome, Recipient, Role, Route, Span
from forensics.parsers.postmark.values import NAME, Facts, common_facts, exact_time, is_canonical, recipients
from forensics.records import constructor

__all__ = ["swift"]

_recipient, _observation, _fragment = constructor(Recipient), constructor(Observation), constructor(Fragment)
_new = tuple.__new__  # a named tuple without the call of its own constructor
_LOWER_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NULL = "00000000-0000-0000-0000-000000000000"
_DELIVERY_FIELDS = 9
_MOST_REPLY, _MOST_TAG, _MOST_ADDRESS = 2_000, 1_000, 320  # characters
_MOST_FACT, _MOST_IP = 200, 64
_FETCHES = {"Open": "webhook:Open", "Click": "webhook:Click"}
# fields of other records, of which `event` would make something too
_SENT_ONLY = frozenset({"From", "Subject", "Status", "TrackLinks", "TrackOpens", "Sandboxed", "Content", "ServerID", "ServerId"})
_FLAG = frozenset({bool, type(None)})
_ROW = frozenset({
    "Tag", "MessageID", "MessageStream", "To", "Cc", "Bcc", "Recipients", "ReceivedAt", "From", "Subject", "Attachments", "Status",
    "TrackOpens", "TrackLinks", "Metadata", "Sandboxed",
})  # fmt: skip
_TAG = frozenset({str, type(None)})


def swift(record: Record, evidence: str, member: str) -> Fragment | None:
    """The fragment of a usual record, None for any other."""
    start, end, value, within, replaced = record
    if replaced:
        return None
    if not within and (of_type := value.get("RecordType")) is not None:
        if of_type == "Delivery":
            return _delivery(value, _new(Span, (evidence, member, start, end)))
        if type(of_type) is str and of_type in _FETCHES:
            return _fetch(value, _new(Span, (evidence, member, start, end)), of_type)
        return None
    if within in {"Messages", ""} and "Recipients" in value and value.keys() <= _ROW:
        return _row(value, _new(Span, (evidence, member, start, end)))
    return None


@lru_cache(maxsize=65_536)
def _address(text: str) -> tuple[str, str] | None:
    """Canonical and, where it differs, as written; None for what names not exactly one recipient, or at great length."""
    if is_canonical(text):
        return text, ""
    found = recipients(text, Role.EVENT, Outcome.NONE) if 0 < len(text) <= _MOST_ADDRESS else ()
    return (found[0].address, found[0].written) if len(found) == 1 else None


@lru_cache(maxsize=4_096)
def _event_facts(tag: str, metadata: str) -> Facts:
    return tuple(sorted([*common_facts("", tag, "", metadata, None, None), ("unsigned", "true")]))


@lru_cache(maxsize=4_096)
def _fetch_facts(  # noqa: PLR0917  the fields that tell of an open or a click
    tag: str, metadata: str, first: bool | None, platform: str | None, where: str | None, agent: str | None, ip: str | None
) -> Facts:
    named = (("platform", platform), ("click_location", where), ("user_agent", agent))
    found = [(name, text[:_MOST_FACT]) for name, text in named if text]
    found += [("ip", ip[:_MOST_IP])] if ip else []
    found += [] if first is None else [("first_open", str(first).lower())]
    return tuple(sorted([*_event_facts(tag, metadata), *found]))


def _delivery(value: dict[str, Any], span: Span) -> Fragment | None:
    """As `events.event`, of a Delivery with its nine fields and no other."""
    get = value.get
    identity, to, at, reply = get("MessageID"), get("Recipient"), get("DeliveredAt"), get("Details")
    stream, server, tag, metadata = get("MessageStream"), get("ServerID"), get("Tag", 0), get("Metadata")
    if len(value) != _DELIVERY_FIELDS or not (type(identity) is type(to) is type(at) is type(reply) is type(stream) is str):
        return None
    if type(server) is not int or type(tag) not in _TAG or type(metadata) is not dict:
        return None
    named, reading = _address(to), exact_time(at, "delivered_at")
    if named is None or reading is None or not _LOWER_UUID.fullmatch(identity) or identity == _NULL:
        return None
    key = identity + "@mtasv.net"
    address, written = named
    recipient = _recipient(
        address, Role.EVENT, Outcome.DELIVERED, written, "", reply if len(reply) <= _MOST_REPLY else reply[:_MOST_REPLY], reading.at,
        "", -1, -1, "",
    )  # fmt: skip
    facts = _event_facts(tag[:_MOST_TAG] if tag else "", "{...}" if metadata else "{}")
    seen = _observation(
        span, NAME, "webhook:Delivery", Route.API, Direction.SUBMITTED, str(server), stream, key, (), "", "", "", "", -1, (reading,), "",
        (recipient,), False, -1, (), False, facts,
    )  # fmt: skip
    return _fragment(key, seen, True, True)


def _fetch(value: dict[str, Any], span: Span, of_type: str) -> Fragment | None:
    """As `events.event`, of an Open or a Click."""
    get = value.get
    identity, to, at, stream = get("MessageID"), get("Recipient"), get("ReceivedAt"), get("MessageStream")
    tag, metadata, geo, first = get("Tag"), get("Metadata"), get("Geo"), get("FirstOpen")
    if not (type(identity) is type(to) is type(at) is type(stream) is str and _SENT_ONLY.isdisjoint(value)):
        return None
    if type(tag) not in _TAG or type(metadata) is not dict or type(geo) is not dict or type(first) not in _FLAG:
        return None
    seen = (get("Platform"), get("ClickLocation"), get("UserAgent"), geo.get("IP"))
    if not all(type(one) in _TAG for one in seen):
        return None
    named, reading = _address(to), exact_time(at, "event")
    if named is None or reading is None or not _LOWER_UUID.fullmatch(identity) or identity == _NULL:
        return None
    key = identity + "@mtasv.net"
    recipient = _recipient(named[0], Role.EVENT, Outcome.FETCHED, named[1], "", "", reading.at, "", -1, -1, "")
    facts = _fetch_facts(tag[:_MOST_TAG] if tag else "", "{...}" if metadata else "{}", first, *seen)
    told = _observation(
        span, NAME, _FETCHES[of_type], Route.API, Direction.SUBMITTED, "", stream, key, (), "", "", "", "", -1, (), "", (recipient,), False,
        -1, (), False, facts,
    )  # fmt: skip
    return _fragment(key, told, True, True)


def _row(value: dict[str, Any], span: Span) -> Fragment | None:
    """As `sent.sent` for a search row, with no field that only details or events have."""
    get = value.get
    identity, sender, subject, at = get("MessageID"), get("From"), get("Subject"), get("ReceivedAt")
    stream, status, links = get("MessageStream"), get("Status"), get("TrackLinks")
    if not (type(identity) is type(sender) is type(subject) is type(at) is type(stream) is type(status) is type(links) is str):
        return None
    tag, metadata, opens, sandboxed, attachments = (
        get("Tag"),
        get("Metadata"),
        get("TrackOpens"),
        get("Sandboxed"),
        get("Attachments"),
    )
    if type(tag) not in _TAG or type(metadata) is not dict or type(opens) is not bool or type(sandboxed) is not bool:
        return None
    if type(attachments) is not list or not all(type(one) is str and one for one in attachments):
        return None
    reading, by = exact_time(at, "received_at"), recipients(sender[:998], Role.EVENT, Outcome.NONE)
    if reading is None or not by or not _LOWER_UUID.fullmatch(identity) or identity == _NULL:
        return None
    listed = Outcome.SANDBOXED if sandboxed else Outcome.SUPPRESSED if status == "Blocked" else Outcome.ACCEPTED
    told = _listed(value, listed)
    if told is None:
        return None
    facts = common_facts(status, tag[:_MOST_TAG] if tag else "", links, "{...}" if metadata else "{}", opens, sandboxed)
    key = identity + "@mtasv.net"
    seen = _observation(
        span, NAME, "search", Route.API, Direction.SUBMITTED, "", stream, key, (), by[0].address, "", subject, "", -1, (reading,), "",
        told, True, -1, tuple(attachments), False, facts,
    )  # fmt: skip
    return _fragment(key, seen, True, True)


def _listed(value: dict[str, Any], outcome: Outcome) -> tuple[Recipient, ...] | None:
    """Everybody in To, Cc, Bcc and Recipients; None if an entry is unusual, or if the four contradict each other."""
    found: list[Recipient] = []
    for name, role in (("To", Role.TO), ("Cc", Role.CC), ("Bcc", Role.BCC)):
        entries = value.get(name)
        if type(entries) is not list:
            return None
        for entry in entries:
            text = entry.get("Email") if type(entry) is dict else None
            if type(text) is not str or not 0 < len(text) <= _MOST_ADDRESS:
                return None
            known = recipients(text, role, outcome)
            if not known:
                return None
            found += known
    told = len(found)
    texts = value["Recipients"]
    if type(texts) is not list:
        return None
    for text in texts:
        if type(text) is not str or not 0 < len(text) <= _MOST_ADDRESS:
            return None
        known = recipients(text, Role.ENVELOPE, outcome)
        if not known:
            return None
        found += known
    if {one.address for one in found[:told]} != {one.address for one in found[told:]}:
        return None
    return tuple(found)
