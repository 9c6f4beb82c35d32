"""Postmark: search answers, message details, stored webhooks and suppression dumps.

Shapes: postmarkapp.com/developer/api/messages-api, .../suppressions-api, .../webhooks. The published Swagger is older than
the API's answers: here every field is optional, and any type is met with a defect.
"""

from __future__ import annotations  # noqa: I001  the nouns of the model stand in three lines, as in their own module

import re
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from forensics.addresses import canonical, canonical_message_id, mailboxes
from forensics.dates import UNKNOWN_ZONE, iso_time
from forensics.jsonstream import Broken, Fields, Frame, Page, Record, first_level, frames, load
from forensics.model import (
    Body, Defect, Direction, Fragment, Observation, Outcome, Part, Reading, Recipient, Role, Route, Span, Statement, Unread,
)  # fmt: skip
from forensics.plugins import Parser, Source
from forensics.plugins import Record as Said

__all__ = ["PARSER", "body", "read", "sniff"]

_NAME = "postmark"
_LISTS = frozenset({"Messages", "Suppressions", "InboundMessages"})
_NULL_UUID = "00000000-0000-0000-0000-000000000000"  # what the "send test" button of a webhook sends
_MESSAGE_ID = re.compile(r"[0-9A-Za-z._-]{1,200}")
_PLAIN_ADDRESS = re.compile(r"[^\s\"(),:;<>@\[\]\\]{1,128}@[^\s\"(),:;<>@\[\]\\]{1,253}")
_WIDEST_OFFSET = timedelta(seconds=UNKNOWN_ZONE)
_MOST_ADDRESSES = 65_536  # characters of one text that names recipients
_MOST_REPLY, _MOST_FACT = 2_000, 200  # characters
_AFTER_DATA = "in reply to end of data"  # Postfix's words for a refusal once the content had left
_CUT_BY_PROVIDER = "[Message Truncated]"
_BOUNCE_LATENESS = 432_000  # seconds: queues give up after five days

# `Type` of an entry of MessageEvents
_EVENTS = {
    "delivered": Outcome.DELIVERED, "transient": Outcome.DEFERRED, "opened": Outcome.FETCHED, "linkclicked": Outcome.FETCHED,
    "bounced": Outcome.BOUNCED, "spamcomplaint": Outcome.DELIVERED, "subscriptionchanged": Outcome.NONE,
    "suppressed": Outcome.SUPPRESSED, "blocked": Outcome.SUPPRESSED,
}  # fmt: skip
# `Type` of a bounce, postmarkapp.com/developer/api/bounce-api; what is not here is a final failure. Answers and complaints
# come of mail that came, notifications of mail that was read. TypeCode is never used: its published tables contradict.
_BOUNCES = {
    "transient": Outcome.DEFERRED, "softbounce": Outcome.DEFERRED, "dnserror": Outcome.DEFERRED,
    "autoresponder": Outcome.DELIVERED, "addresschange": Outcome.DELIVERED, "challengeverification": Outcome.DELIVERED,
    "subscribe": Outcome.DELIVERED, "unsubscribe": Outcome.DELIVERED, "spamcomplaint": Outcome.DELIVERED,
    "spamnotification": Outcome.REFUSED_AFTER_DATA, "virusnotification": Outcome.REFUSED_AFTER_DATA,
    "unknown": Outcome.ACCEPTED, "manuallydeactivated": Outcome.SUPPRESSED, "smtpapierror": Outcome.SUPPRESSED,
    "templaterenderingfailed": Outcome.SUPPRESSED,
}  # fmt: skip
_ROLES = {"To": Role.TO, "Cc": Role.CC, "Bcc": Role.BCC, "Recipients": Role.ENVELOPE}


@lru_cache(maxsize=65_536)
def _recipients(text: str, role: Role, outcome: Outcome) -> tuple[Recipient, ...]:
    """The recipients that a text names: one, as a rule."""
    if _PLAIN_ADDRESS.fullmatch(text):
        address = canonical(text)
        return (Recipient(address, role, outcome, "" if text.lower() == address else text),)
    boxes = [(box.address, box.written) for box in mailboxes(text)]
    return tuple(Recipient(address, role, outcome, "" if as_is.lower() == address else as_is) for address, as_is in boxes)


def _named(fields: Fields, name: str, role: Role = Role.EVENT, outcome: Outcome = Outcome.NONE) -> list[Recipient]:
    """The recipients that a field names; entries without an address make it one of the wrong."""
    found: list[Recipient] = []
    for text in fields.texts(name, "Email"):
        known = _recipients(text[:_MOST_ADDRESSES], role, outcome)
        found.extend(known)
        if not known or len(text) > _MOST_ADDRESSES:
            fields.wrong.add(name)
    return found


def _time(fields: Fields, name: str, clock: str = "event") -> Reading | None:
    return fields.parsed(name, lambda text: _exact(text, clock) or iso_time(text, clock))


def _exact(text: str, clock: str) -> Reading | None:
    """The usual form, five times as fast as `iso_time`; None for a form or zone that needs its care."""
    try:
        at = datetime.fromisoformat(text)
        offset = at.utcoffset()
        return Reading(clock, at.astimezone(UTC)) if offset is not None and abs(offset) <= _WIDEST_OFFSET else None
    except (ValueError, OverflowError):
        return None


def _message_id(fields: Fields) -> str:
    text = fields.text("MessageID").strip()
    if "@" in text:
        return canonical_message_id(text)[:998]
    text = text.strip("<>").lower()
    if text != _NULL_UUID and _MESSAGE_ID.fullmatch(text):
        return f"{text}@mtasv.net"
    if "MessageID" not in fields.wrong:
        fields.remarks.append("MessageID names no message" if text else "MessageID is missing")
    return ""


def _moment(reading: Reading | None) -> dict[str, Any]:
    """`at` of a recipient; a time of unknown zone stays a stamp."""
    if reading is None:
        return {}
    return {"stamp": reading.at.replace(tzinfo=None).isoformat()} if reading.slack else {"at": reading.at}


def _facts(fields: Fields, *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    status, tag, links = fields.text("Status"), fields.text("Tag")[:1_000], fields.text("TrackLinks")
    metadata = "" if fields.value.get("Metadata") is None else "{...}" if fields.mapping("Metadata") else "{}"
    if "Metadata" in fields.wrong:
        metadata = ""  # else shown without its keys and values, which may be secrets
    common = _common_facts(status, tag, links, metadata, fields.flag("TrackOpens"), fields.flag("Sandboxed"))
    own = [one for one in more if one[1]]
    return tuple(sorted([*common, *own])) if own else common


@lru_cache(maxsize=4_096)
def _common_facts(
    status: str, tag: str, links: str, metadata: str, opens: bool | None, sandboxed: bool | None
) -> tuple[tuple[str, str], ...]:
    found = [("status", status), ("tag", tag), ("track_links", links), ("metadata", metadata)]
    states = (("track_opens", opens), ("sandboxed", sandboxed))
    found += [(name, str(state).lower()) for name, state in states if state is not None]
    return tuple(sorted(one for one in found if one[1]))


def _observation(fields: Fields, span: Span, kind: str, **own: Any) -> Observation:  # noqa: ANN401  fields of Observation
    """What all records of a message have in common, and what is this one's own."""
    sender = fields.parsed("From", lambda text: _recipients(text[:998], Role.EVENT, Outcome.NONE) or None)
    return Observation(
        span=span,
        source=_NAME,
        kind=kind,
        route=Route.API,
        direction=Direction.SUBMITTED,
        server=fields.label("ServerID") or fields.label("ServerId"),  # the second in webhooks of old
        stream=fields.text("MessageStream"),
        message_id=_message_id(fields),
        sender=sender[0].address if sender else "",
        subject=fields.text("Subject"),
        **own,
    )


def _sent(fields: Fields, span: Span, kind: str) -> Observation:
    """A row of GET /messages/outbound, or an answer of .../details."""
    value = fields.value
    unless_sandboxed = Outcome.SUPPRESSED if value.get("Status") == "Blocked" else Outcome.ACCEPTED  # "Sent" says no more
    listed = Outcome.SANDBOXED if fields.flag("Sandboxed") else unless_sandboxed
    named = {key: _named(fields, key, role, listed) for key, role in _ROLES.items()}
    recipients = [one for found in named.values() for one in found]
    if value.get("MessageEvents") is not None:
        recipients.extend(_events(fields, listed))
    reading = _time(fields, "ReceivedAt", "received_at")
    header_known, contradiction = _header(fields, named)
    return _observation(
        fields,
        span,
        kind,
        readings=(reading,) if reading else (),
        recipients=tuple(recipients),
        header_known=header_known,
        attachments=tuple(fields.texts("Attachments", "Name")),
        has_body=kind == "details" and any(bool(value.get(key)) for key in ("TextBody", "HtmlBody", "Body")),
        facts=_facts(fields, ("contradiction", contradiction)),
    )


def _header(fields: Fields, named: dict[str, list[Recipient]]) -> tuple[bool, str]:
    """Whether To and Cc are here in full, and "recipients" where Recipients is not their union with Bcc.

    Half a header would make blind recipients of its other half; so would a Cc that the record does not tell.
    """
    value, wrong = fields.value, fields.wrong
    if value.get("To") is None or (wrong and not wrong.isdisjoint({"To", "Cc"})):
        return False, ""
    told = {one.address for key in ("To", "Cc", "Bcc") for one in named[key]}
    listed = {one.address for one in named["Recipients"]}
    whole = value.get("Bcc") is not None and value.get("Recipients") is not None and wrong.isdisjoint({"Bcc", "Recipients"})
    no_cc_left = value.get("Recipients") is not None and listed <= told
    return "Cc" in value or no_cc_left, "recipients" if whole and listed != told else ""


def _events(fields: Fields, listed: Outcome) -> Iterator[Recipient]:
    """One recipient for each entry of MessageEvents; it may be one that no other field names."""
    events = fields.value["MessageEvents"]
    for entry in events if type(events) is list else [events]:
        if type(entry) is not dict:
            fields.wrong.add("MessageEvents")
            continue
        event = Fields(entry)
        said = Fields(entry["Details"] if type(entry.get("Details")) is dict else {"Summary": entry.get("Details")})
        reply = said.text("DeliveryMessage") or said.text("Summary")
        outcome = _EVENTS.get(event.text("Type").lower())
        if outcome is None:
            fields.remarks.append("an entry of MessageEvents is of a type that this version does not know")
            outcome = Outcome.ACCEPTED
        outcome = _after_data(outcome, reply)
        if listed is Outcome.SANDBOXED and outcome is not Outcome.NONE:  # a sandbox plays its events
            outcome = listed
        moment = _moment(_time(event, "ReceivedAt"))
        found = _named(event, "Recipient", outcome=outcome)
        if not found:
            fields.remarks.append("an entry of MessageEvents names no recipient")
        yield from (replace(one, reply=reply[:_MOST_REPLY], **moment) for one in found)
        fields.wrong.update(f"MessageEvents.{name}" for name in event.wrong)
        fields.wrong.update(f"MessageEvents.Details.{name}" for name in said.wrong)


def _after_data(outcome: Outcome, *texts: str) -> Outcome:
    late = outcome is Outcome.BOUNCED and any(_AFTER_DATA in text.lower() for text in texts)
    return Outcome.REFUSED_AFTER_DATA if late else outcome


class _Webhook(NamedTuple):
    """How a record type tells its recipient, its time and its outcome."""

    recipient: str
    time: str
    outcome: Callable[[Fields], Outcome]
    clock: str = ""  # the time is close to that of the message; "" where it may be weeks later
    slack: int = 0
    facts: tuple[tuple[str, str], ...] = ()  # name and field


def _bounce(fields: Fields) -> Outcome:
    outcome = _BOUNCES.get(fields.text("Type").lower(), Outcome.BOUNCED)
    return _after_data(outcome, fields.text("Details"), fields.text("Description"))


_SEEN = (("platform", "Platform"), ("click_location", "ClickLocation"), ("user_agent", "UserAgent"))  # never the link itself
_WEBHOOKS = {
    "Delivery": _Webhook("Recipient", "DeliveredAt", lambda _: Outcome.DELIVERED, "delivered_at"),
    "Bounce": _Webhook("Email", "BouncedAt", _bounce, "bounced_at", _BOUNCE_LATENESS, (("bounce_type", "Type"),)),
    "SpamComplaint": _Webhook("Email", "BouncedAt", lambda _: Outcome.DELIVERED, facts=(("bounce_type", "Type"),)),
    "Open": _Webhook("Recipient", "ReceivedAt", lambda _: Outcome.FETCHED, facts=_SEEN),
    "Click": _Webhook("Recipient", "ReceivedAt", lambda _: Outcome.FETCHED, facts=_SEEN),
    "SubscriptionChange": _Webhook("Recipient", "ChangedAt", lambda _: Outcome.NONE, facts=(("origin", "Origin"),)),
}


def _event(fields: Fields, span: Span, record_type: str) -> Observation:
    """A stored webhook: one event of one recipient. Postmark signs none, so each may be forged."""
    shape = _WEBHOOKS[record_type]
    reading = _time(fields, shape.time, shape.clock or "event")
    named = _named(fields, shape.recipient, outcome=shape.outcome(fields))
    if not named:
        fields.remarks.append(f"{shape.recipient} names no recipient")
    reply = "" if record_type in {"Open", "Click"} else fields.text("Details") or fields.text("Description")
    more = [(name, fields.text(key)[:_MOST_FACT]) for name, key in shape.facts]
    if record_type in {"Open", "Click"}:
        first = fields.flag("FirstOpen")
        more += [
            ("first_open", "" if first is None else str(first).lower()),
            ("ip", Fields(fields.mapping("Geo")).text("IP")[:64]),
        ]
    moment = _moment(reading)
    return _observation(
        fields,
        span,
        f"webhook:{record_type}",
        readings=(reading._replace(slack=max(reading.slack, shape.slack)),) if reading and shape.clock else (),
        recipients=tuple(replace(one, reply=reply[:_MOST_REPLY], **moment) for one in named),
        has_body=bool(fields.text("Content")),
        facts=_facts(fields, ("unsigned", "true"), *more),
    )


def _suppression(fields: Fields, span: Span) -> Statement | None:
    """An entry of a suppression dump, or a SubscriptionChange; it outlives the messages, and names none."""
    change = "EmailAddress" not in fields.value
    named = _named(fields, "Recipient" if change else "EmailAddress")
    reading = _time(fields, "ChangedAt" if change else "CreatedAt")
    reason = fields.text("SuppressionReason")
    if change and fields.flag("SuppressSending") is not True:
        reason = "reactivated"
    if not named:
        fields.remarks.append("the suppression names no address")
        return None
    note = "/".join(one[:_MOST_FACT] for one in (reason, fields.text("Origin")) if one)
    scope, address = fields.text("MessageStream"), named[0].address
    return Statement(span, _NAME, "suppression", scope, Route.API, address=address, note=note, **_moment(reading))


_BODY_KEYS = {"TextBody", "HtmlBody", "Body"}
_ROW_KEYS = {"Recipients", "MessageStream", "ReceivedAt", "TrackOpens", "TrackLinks", "Sandboxed", "Metadata"}
_NEEDED = {
    "search": {"MessageID"}, "details": {"MessageID"}, "inbound": {"FromFull", "MessageID"},
    "suppression": {"EmailAddress", "SuppressionReason"},
}  # fmt: skip


def _kind(keys: AbstractSet[str], of_type: object, within: str) -> str:
    """What kind of record this is, by its keys; "" if it is none of Postmark's that this version reads."""
    if isinstance(of_type, str) and of_type in _WEBHOOKS:
        return f"webhook:{of_type}"
    if within == "InboundMessages" or "FromFull" in keys or of_type == "Inbound":
        return "inbound"
    if within == "Suppressions" or keys >= _NEEDED["suppression"]:
        return "suppression"
    if "MessageID" in keys and ("MessageEvents" in keys or not _BODY_KEYS.isdisjoint(keys)):
        return "details"
    is_row = "MessageID" in keys and not _ROW_KEYS.isdisjoint(keys)
    if within == "Messages" or (is_row and keys.isdisjoint({"Recipient", "Email", "ErrorCode"})):  # event, bounce, answer
        return "search"
    return ""


def _said(record: Record, evidence: Span) -> Iterator[Fragment | Statement | Defect]:
    span = Span(evidence.evidence, evidence.member, record.start, record.end)
    kind = _kind(record.value.keys(), record.value.get("RecordType"), record.within)
    fields = Fields(record.value)
    if kind in {"suppression", "webhook:SubscriptionChange"} and (statement := _suppression(fields, span)):
        yield statement
    observation = None
    if kind in {"search", "details"}:
        observation = _sent(fields, span, kind)
    elif kind.startswith("webhook:"):
        by_hand = kind == "webhook:SubscriptionChange" and record.value.get("MessageID") in (None, "", _NULL_UUID)
        observation = None if by_hand else _event(fields, span, kind.partition(":")[2])
    elif not kind:
        is_error = {"ErrorCode", "Message"} <= record.value.keys()
        fields.remarks.append("the API's answer is an error" if is_error else "no record of Postmark that this version reads")
    if observation is not None:
        yield Fragment(observation.message_id or f"{span.evidence}#{span.start}", observation)
    if fields.wrong:
        fields.remarks.append(f"fields of an unexpected form, read as far as possible: {', '.join(sorted(fields.wrong))}")
    if record.replaced:
        fields.remarks.append("characters that are no Unicode were replaced")
    for reason in dict.fromkeys(fields.remarks):
        yield Defect(span, _NAME, reason)


def read(source: Source) -> Iterator[Said]:
    """Fragments, defects and statements of one member, in file order; for any bytes, in bounded memory.

    A page of search rows ends with a statement "total" (TotalCount against the rows that were read) and, without rows,
    with "empty"; the last record is "tally": records met, and those among them that tell nothing of outbound mail.
    """
    place = source.span
    met = silent = end = 0
    scopes: set[str] = set()
    for frame in frames(source.blocks(), _LISTS, place.start):
        end = max(end, frame.end)
        if isinstance(frame, Record):
            met += 1
            said = list(_said(frame, place))
            silent += not said
            if frame.within and len(scopes) < 2:  # noqa: PLR2004  one, or not one
                scopes.update(one.observation.stream or one.observation.server for one in said if isinstance(one, Fragment))
            yield from said
        elif isinstance(frame, Broken):
            met += 1
            yield Defect(Span(place.evidence, place.member, frame.start, frame.end), _NAME, frame.reason)
        else:
            yield from _page(frame, place, scopes.pop() if len(scopes) == 1 else "")
            scopes = set()
    yield Statement(Span(place.evidence, place.member, place.start, end), _NAME, "tally", route=Route.API, value=met, rows=silent)


def _page(page: Page, place: Span, scope: str) -> Iterator[Statement | Defect]:
    span = Span(place.evidence, place.member, page.start, page.end)
    fields = Fields(page.fields)
    total = fields.count("TotalCount")
    if fields.wrong:
        yield Defect(span, _NAME, "TotalCount is no count")
    if page.name == "Messages" and total is not None:
        yield Statement(span, _NAME, "total", scope, Route.API, value=total, rows=page.rows)
    if page.complete and not page.elements:
        yield Statement(span, _NAME, "empty", scope, Route.API, note=page.name)


def body(raw: bytes, kind: str) -> Body:
    """The content in the bytes of one record: subject, text, HTML, else the raw message (in a webhook the returned one)."""
    record = load(raw)
    if record is None:
        return Body(unread=(Unread("", "the record cannot be read again"),))
    fields = Fields(record)
    parts: list[Part] = []
    unread: list[Unread] = []
    keys = [key for key in ("TextBody", "HtmlBody") if record.get(key)]
    for key in keys or ["Content" if kind.startswith("webhook:") else "Body"]:
        media = _MEDIA[key]
        path = media if keys else ""
        for one in record[key] if type(record.get(key)) is tuple else [record.get(key)]:  # a repeated key: all its values
            if type(one) is str and one:
                parts.append(Part(path, media, one.encode("utf-8", "replace"), charset="utf-8"))
                if _CUT_BY_PROVIDER in one:
                    unread.append(Unread(path, "cut by the provider"))
            elif one:
                unread.append(Unread(path, f"{key} is no text"))
    whole = b"" if keys else b"".join(part.data for part in parts)
    names = [name for name in fields.texts("Attachments", "Name") if name.encode("utf-8", "replace") not in whole]
    unread.extend(Unread(f"attachment:{name}", "bytes are never in a Postmark export") for name in names)
    return Body(fields.text("Subject"), tuple(parts), tuple(unread))


_MEDIA = {"TextBody": "text/plain", "HtmlBody": "text/html", "Body": "message/rfc822", "Content": "message/rfc822"}
_MARK = re.compile(rb"\A(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]{0,4096}[\[{]")
_CUT_HEAD = 32_768


def sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name is no proof of a format
    """Whether this is JSON whose first record or page has the keys of one of Postmark's, in that place.

    An empty page is one. Keys inside texts, in later records or under prose prove nothing.
    """
    first = next(frames([head] if _MARK.match(head) else [], _LISTS), None)
    return first is not None and _is_postmark(first, head)


def _is_postmark(frame: Frame, head: bytes) -> bool:
    if isinstance(frame, Page):
        is_empty_dump = frame.name == "Suppressions" and not frame.fields
        return frame.elements == 0 and ("TotalCount" in frame.fields or is_empty_dump)
    if isinstance(frame, Record):
        return _is_claimed(frame.value.keys(), frame.value.get("RecordType"), frame.within)
    raw = head[frame.start : frame.end]
    text = raw.replace(b"\0", b"").decode("latin-1")  # UTF-16 too: keys are ASCII
    keys = first_level(text) if text.startswith("{") else []  # of a record that the head cuts off
    if len(raw) >= _CUT_HEAD and keys and keys[0] in _BODY_KEYS and _BODY_KEYS.issuperset(keys):
        return True  # details begin with their bodies; a request to send begins otherwise
    of_type = re.search(r'"RecordType"\s{0,16}:\s{0,16}"(\w{1,20})"', text)
    return _is_claimed(set(keys), of_type and "RecordType" in keys and of_type[1], frame.within)


def _is_claimed(keys: AbstractSet[str], of_type: object, within: str) -> bool:
    kind = _kind(keys, of_type, within)
    if kind.startswith("webhook:"):
        return not {"MessageID", "ServerID", "ServerId", "MessageStream"}.isdisjoint(keys)
    least = 2 if kind == "search" and not within else 1  # one of them may be a chance
    is_sure = kind in {"suppression", "inbound"} or "MessageEvents" in keys or len(_ROW_KEYS & keys) >= least
    return is_sure and kind in _NEEDED and _NEEDED[kind] <= keys


PARSER = Parser(
    name=_NAME,
    title="Postmark: API exports, stored webhooks, suppressions",
    sniff=sniff,
    read=read,
    shows=frozenset({"recipients", "header", "outcome", "content", "blind"}),
    body=body,
)
