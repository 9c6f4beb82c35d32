"""A short way for the records that make up nearly all of a big export: deliveries, opens, clicks and plain search rows.

It answers only where every field is of its usual type, and then says what `events.event` and `sent.sent` say (a test holds
the two together); for anything else it gives None, and the long way is taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

from forensics.jsonstream import ANY_TEXT, PLAIN_TEXT, Plan, Record, plain_object, unescaped
from forensics.model import Direction, Fragment, Observation, Outcome, Recipient, Role, Route, Span
from forensics.parsers.postmark.values import CANONICAL, NAME, Facts, common_facts, exact_time, is_canonical, recipients
from forensics.records import constructor

__all__ = ["plan", "swift"]

_recipient, _observation, _fragment = constructor(Recipient), constructor(Observation), constructor(Fragment)
_new = tuple.__new__  # a named tuple without the call of its own constructor
# members of enumerations by short names: each look-up in its class takes as long as to make a small object
_TO, _CC, _BCC, _ENVELOPE, _EVENT = Role.TO, Role.CC, Role.BCC, Role.ENVELOPE, Role.EVENT
_DELIVERED, _FETCHED, _NO_OUTCOME, _API, _SUBMITTED = (
    Outcome.DELIVERED,
    Outcome.FETCHED,
    Outcome.NONE,
    Route.API,
    Direction.SUBMITTED,
)
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
_HEADERS = (("To", _TO), ("Cc", _CC), ("Bcc", _BCC), ("Recipients", _ENVELOPE))
# the fields of which something is made, by kind
_OF_DELIVERY = ("MessageID", "Recipient", "DeliveredAt", "Details", "MessageStream", "ServerID", "Tag", "Metadata")
_OF_FETCH = (
    "MessageID", "Recipient", "ReceivedAt", "MessageStream", "Tag", "Metadata", "Geo", "FirstOpen", "Platform", "ClickLocation", "UserAgent",
)  # fmt: skip
_OF_ROW = (
    "MessageID", "From", "Subject", "ReceivedAt", "MessageStream", "Status", "TrackLinks", "Tag", "Metadata", "TrackOpens", "Sandboxed",
    "Attachments", "To", "Cc", "Bcc", "Recipients",
)  # fmt: skip
_FORMS = {"MessageID": _LOWER_UUID.pattern, "Details": ANY_TEXT, "From": ANY_TEXT, "Subject": ANY_TEXT, "UserAgent": ANY_TEXT}
_LONG_LIST = 65_536  # characters
# lists of one address that is its own canonical form: nearly all
_ONE_TEXT = re.compile(rf'\["({CANONICAL})"\]')
_ONE_MAILBOX = re.compile(rf'\[\{{ ?"Email": ?"({CANONICAL})"(?:, ?"Name": ?(?:null|"{PLAIN_TEXT}"))? ?\}}\]')


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
    found = recipients(text, _EVENT, _NO_OUTCOME) if 0 < len(text) <= _MOST_ADDRESS else ()
    return (found[0].address, found[0].written) if len(found) == 1 else None


def _tag(text: str | None) -> str:
    return text[:_MOST_TAG] if text else ""


@lru_cache(maxsize=4_096)
def _event_facts(tag: str | None, is_tagged: bool) -> Facts:
    """`is_tagged`: whether there is metadata."""
    return tuple(sorted([*common_facts("", tag or "", "", "{...}" if is_tagged else "{}", None, None), ("unsigned", "true")]))


@lru_cache(maxsize=4_096)
def _row_facts(status: str, tag: str | None, links: str, is_tagged: bool, opens: bool, sandboxed: bool) -> tuple[Outcome, Facts]:
    """The outcome of everybody in a row, and its facts."""
    outcome = Outcome.SANDBOXED if sandboxed else Outcome.SUPPRESSED if status == "Blocked" else Outcome.ACCEPTED
    return outcome, common_facts(status, tag or "", links, "{...}" if is_tagged else "{}", opens, sandboxed)


@lru_cache(maxsize=4_096)
def _fetch_facts(  # noqa: PLR0917  the fields that tell of an open or a click
    tag: str | None,
    is_tagged: bool,
    first: bool | None,
    platform: str | None,
    where: str | None,
    agent: str | None,
    ip: str | None,
) -> Facts:
    named = (("platform", platform), ("click_location", where), ("user_agent", agent))
    found = [(name, text[:_MOST_FACT]) for name, text in named if text]
    found += [("ip", ip[:_MOST_IP])] if ip else []
    found += [] if first is None else [("first_open", str(first).lower())]
    return tuple(sorted([*_event_facts(tag, is_tagged), *found]))


def _delivery(value: dict[str, Any], span: Span) -> Fragment | None:
    """As `events.event`, of a Delivery with its nine fields and no other."""
    get = value.get
    identity, to, at, reply = get("MessageID"), get("Recipient"), get("DeliveredAt"), get("Details")
    stream, server, tag, metadata = get("MessageStream"), get("ServerID"), get("Tag", 0), get("Metadata")
    if len(value) != _DELIVERY_FIELDS or not (type(identity) is type(to) is type(at) is type(reply) is type(stream) is str):
        return None
    if type(server) is not int or type(tag) not in _TAG or type(metadata) is not dict or not _LOWER_UUID.fullmatch(identity):
        return None
    return _delivered(span, identity, to, at, reply, stream, str(server), _event_facts(_tag(tag), bool(metadata)))


def _delivered(  # noqa: PLR0913, PLR0917  the fields of a delivery
    span: Span, identity: str, to: str, at: str, reply: str, stream: str, server: str, facts: Facts
) -> Fragment | None:
    named, reading = _address(to), exact_time(at, "delivered_at")
    if named is None or reading is None or identity == _NULL:
        return None
    key = identity + "@mtasv.net"
    recipient = _recipient(
        named[0], _EVENT, _DELIVERED, named[1], "", reply if len(reply) <= _MOST_REPLY else reply[:_MOST_REPLY], reading.at,
        "", -1, -1, "",
    )  # fmt: skip
    seen = _observation(
        span, NAME, "webhook:Delivery", _API, _SUBMITTED, server, stream, key, (), "", "", "", "", -1, (reading,), "",
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
    if not all(type(one) in _TAG for one in seen) or not _LOWER_UUID.fullmatch(identity):
        return None
    return _fetched(span, of_type, identity, to, at, stream, _fetch_facts(_tag(tag), bool(metadata), first, *seen))


def _fetched(  # noqa: PLR0917  the fields of an open or a click
    span: Span, of_type: str, identity: str, to: str, at: str, stream: str, facts: Facts
) -> Fragment | None:
    named, reading = _address(to), exact_time(at, "event")
    if named is None or reading is None or identity == _NULL:
        return None
    key = identity + "@mtasv.net"
    recipient = _recipient(named[0], _EVENT, _FETCHED, named[1], "", "", reading.at, "", -1, -1, "")
    told = _observation(
        span, NAME, _FETCHES[of_type], _API, _SUBMITTED, "", stream, key, (), "", "", "", "", -1, (), "", (recipient,), False,
        -1, (), False, facts,
    )  # fmt: skip
    return _fragment(key, told, True, True)


def _row(value: dict[str, Any], span: Span) -> Fragment | None:
    """As `sent.sent` for a search row, with no field that only details or events have."""
    get = value.get
    identity, sender, subject, at = get("MessageID"), get("From"), get("Subject"), get("ReceivedAt")
    stream, status, links, tag = get("MessageStream"), get("Status"), get("TrackLinks"), get("Tag")
    if not (type(identity) is type(sender) is type(subject) is type(at) is type(stream) is type(status) is type(links) is str):
        return None
    metadata, opens, sandboxed, attachments = get("Metadata"), get("TrackOpens"), get("Sandboxed"), get("Attachments")
    if type(tag) not in _TAG or type(metadata) is not dict or type(opens) is not bool or type(sandboxed) is not bool:
        return None
    if type(attachments) is not list or not all(type(one) is str and one for one in attachments):
        return None
    outcome, facts = _row_facts(status, _tag(tag), links, bool(metadata), opens, sandboxed)
    named = [_named(value.get(name), role, outcome) for name, role in _HEADERS]
    if not _LOWER_UUID.fullmatch(identity):
        return None
    return _sent(span, identity, sender, subject, at, stream, facts, named, tuple(attachments))


def _sent(  # noqa: PLR0913, PLR0917  the fields of a row
    span: Span, identity: str, sender: str, subject: str, at: str, stream: str, facts: Facts,
    named: Sequence[tuple[Recipient, ...] | None], attachments: tuple[str, ...],
) -> Fragment | None:  # fmt: skip
    reading, by = exact_time(at, "received_at"), recipients(sender[:998], _EVENT, _NO_OUTCOME)
    to, cc, bcc, listed = named
    if reading is None or not by or identity == _NULL or to is None or cc is None or bcc is None or listed is None:
        return None
    told = to + cc + bcc if cc or bcc else to
    is_one = len(told) == len(listed) == 1
    if told[0].address != listed[0].address if is_one else {one.address for one in told} != {one.address for one in listed}:
        return None
    key = identity + "@mtasv.net"
    seen = _observation(
        span, NAME, "search", _API, _SUBMITTED, "", stream, key, (), by[0].address, "", subject, "", -1, (reading,), "",
        told + listed, True, -1, attachments, False, facts,
    )  # fmt: skip
    return _fragment(key, seen, True, True)


def _named(entries: object, role: Role, outcome: Outcome) -> tuple[Recipient, ...] | None:
    """Everybody in a list of addresses, or of objects that hold one; None if an entry is unusual."""
    if type(entries) is not list:
        return None
    found: tuple[Recipient, ...] = ()
    for entry in entries:
        text = entry if role is _ENVELOPE else entry.get("Email") if type(entry) is dict else None
        if type(text) is not str or not 0 < len(text) <= _MOST_ADDRESS:
            return None
        known = recipients(text, role, outcome)
        if not known:
            return None
        found += known
    return found


# --- the same of a record that is written like one before: only its texts are looked at


def plan(value: dict[str, Any], within: str, place: Span, scopes: set[str]) -> Plan[Fragment] | None:
    """How to read all records that are written like this one, a usual one; None for any other.

    `place`: the member; `scopes` gathers the streams of a page's rows.
    """
    example = swift(Record(0, 0, value, within), "", "")
    if example is None:
        return None
    evidence, member, *_ = place
    kind = example.observation.kind
    if kind == "webhook:Delivery":
        return Plan(_OF_DELIVERY, _FORMS | {"RecordType": "Delivery"}, partial(_planned_delivery, evidence, member))
    if kind == "search":
        return Plan(_OF_ROW, _FORMS, partial(_planned_row, evidence, member, scopes if within else set()))
    of_type = value["RecordType"]
    return Plan(_OF_FETCH, _FORMS | {"RecordType": of_type}, partial(_planned_fetch, evidence, member, of_type))


Texts = tuple[Any, ...]  # a field that `swift` found in the example is a text, or for some kinds None, in all of them


def _planned_delivery(evidence: str, member: str, start: int, end: int, texts: Texts) -> Fragment | None:
    identity, to, at, reply, stream, server, tag, metadata = texts
    if (reply := unescaped(reply)) is None:
        return None
    facts = _event_facts(tag and _tag(tag), metadata != "{}" and not _is_empty(metadata))
    return _delivered(_new(Span, (evidence, member, start, end)), identity, to, at, reply, stream, server, facts)


def _planned_fetch(evidence: str, member: str, of_type: str, start: int, end: int, texts: Texts) -> Fragment | None:
    identity, to, at, stream, tag, metadata, geo, first, platform, where, agent = texts
    agent, ip = agent and unescaped(agent), _ip(geo)
    if (agent is None and texts[-1] is not None) or ip is None:
        return None
    is_first = None if first is None else first == "true"
    facts = _fetch_facts(tag and _tag(tag), metadata != "{}" and not _is_empty(metadata), is_first, platform, where, agent, *ip)
    return _fetched(_new(Span, (evidence, member, start, end)), of_type, identity, to, at, stream, facts)


def _planned_row(evidence: str, member: str, scopes: set[str], start: int, end: int, texts: Texts) -> Fragment | None:
    identity, sender, subject, at, stream, status, links, tag, metadata, opens, sandboxed, files, to, cc, bcc, listed = texts
    sender, subject, names = unescaped(sender), unescaped(subject), _names(files)
    if sender is None or subject is None or names is None:
        return None
    is_tagged = metadata != "{}" and not _is_empty(metadata)
    outcome, facts = _row_facts(status, tag and _tag(tag), links, is_tagged, opens == "true", sandboxed == "true")
    named = (
        _in_list(to, _TO, outcome),
        () if cc == "[]" else _in_list(cc, _CC, outcome),
        () if bcc == "[]" else _in_list(bcc, _BCC, outcome),
        _in_list(listed, _ENVELOPE, outcome),
    )
    seen = _sent(_new(Span, (evidence, member, start, end)), identity, sender, subject, at, stream, facts, named, names)
    if seen is not None and len(scopes) < 2:  # noqa: PLR2004  one, or not one
        scopes.add(stream)
    return seen


def _is_empty(raw: str) -> bool:
    return not raw[1:-1].strip()


def _in_list(raw: str, role: Role, outcome: Outcome) -> tuple[Recipient, ...] | None:
    """As `_named`, of a list as it is written."""
    return _in_short_list(raw, role, outcome) if len(raw) <= _MOST_ADDRESS else _named(_decoded(raw), role, outcome)


@lru_cache(maxsize=65_536)
def _in_short_list(raw: str, role: Role, outcome: Outcome) -> tuple[Recipient, ...] | None:
    one = (_ONE_TEXT if role is _ENVELOPE else _ONE_MAILBOX).fullmatch(raw)
    return recipients(one[1], role, outcome) if one else _named(_decoded(raw), role, outcome)


def _decoded(raw: str) -> Any:  # noqa: ANN401  any JSON value
    """What a list or an object of scalars holds; None if that needs more care, or is long."""
    if len(raw) > _LONG_LIST:
        return None
    try:
        found = plain_object(f'{{"":{raw.encode("latin-1").decode()}}}')
    except UnicodeError:
        return None
    return None if found is None else found[""]


def _names(raw: str) -> tuple[str, ...] | None:
    """The names of attachments; None if one is no text."""
    listed = _decoded(raw) if raw != "[]" else []
    if type(listed) is not list or not all(type(one) is str and one for one in listed):
        return None
    return tuple(listed)


def _ip(raw: str) -> tuple[str | None] | None:
    """The address in `Geo`; None if it is no text."""
    geo = _decoded(raw) if raw != "{}" else {}
    ip = geo.get("IP") if type(geo) is dict else 0
    return (ip,) if ip is None or type(ip) is str else None
