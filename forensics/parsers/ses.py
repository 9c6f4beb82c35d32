"""Amazon SES: event publishing and feedback notifications, bare or in the envelopes of SNS, SQS, EventBridge and CloudWatch.

Every event repeats what SES knows of its message: `mail.destination` is the whole envelope, and `commonHeaders` with `headers`
tell whom To and Cc name, unless the sender had headers left out or they were cut. Who is in the first and not in the second
got a hidden copy. What this cannot show: content, attachments, and which of several recipients opened a mail or complained of
it. SES keeps no history: mail for which no event destination was set up has left no event, and silence proves nothing.

Shapes: docs.aws.amazon.com/ses, "Contents of event data" and "Notification contents". Every field is optional here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from forensics.addresses import canonical_message_id, is_within, mailboxes
from forensics.dates import iso_time
from forensics.jsonstream import Broken, Fields, Page, Record, first_level, frames, load
from forensics.model import Defect, Direction, Fragment, Observation, Outcome, Reading, Recipient, Role, Route, Span, Statement
from forensics.plugins import Parser, Source
from forensics.plugins import Record as Said

__all__ = ["PARSER"]

_NAME = "ses"
_LISTS = frozenset({"Messages", "Records", "events", "logEvents"})  # SQS, Lambda, CloudWatch Logs
_LAYERS = 6  # envelopes around an event
_MOST_ADDRESSES = 65_536  # characters of one text that names recipients
_MOST_TEXT, _MOST_REPLY, _MOST_FACT = 998, 2_000, 200  # characters
_ARN = re.compile(r"arn:aws[a-z-]{0,16}:ses:([a-z0-9-]{1,32}):")
_PLAIN_ID = re.compile(r"[0-9A-Za-z-]{1,128}")
_OWN_HOSTS = ("amazonses.com", "amazonaws.com")
_AFTER_DATA = "in reply to end of data"
_FIRST = 20  # records that are looked at to know the format: confirmations of a topic come before its events

# what holds the next layer: a JSON text or an object
_INNER = ("Message", "Body", "body", "message", "detail", "Sns")
_ENVELOPES = {"Message": "sns", "Body": "sqs", "body": "sqs", "message": "cloudwatch", "detail": "eventbridge", "Sns": "lambda"}
_NO_MAIL = frozenset({"AmazonSnsSubscriptionSucceeded", "Received"})  # a test of the topic; mail that came in


class _Event(NamedTuple):
    """How an event tells its recipients, and what it says of their copies."""

    part: str  # key of its own object
    recipients: str = ""  # key of the list in it; "" where it is about all of the envelope
    outcome: Outcome = Outcome.NONE  # of those recipients
    envelope: Outcome = Outcome.ACCEPTED  # of all recipients
    facts: tuple[tuple[str, str], ...] = ()  # name and field


# Never the link of a click, nor the names of templates and topics
_SEEN = (("ip", "ipAddress"), ("user_agent", "userAgent"))
_EVENTS = {
    "Send": _Event("send"),
    "Delivery": _Event("delivery", "recipients", Outcome.DELIVERED),
    "Bounce": _Event(
        "bounce", "bouncedRecipients", Outcome.BOUNCED, facts=(("bounce_type", "bounceType"), ("bounce_subtype", "bounceSubType"))
    ),
    "Complaint": _Event("complaint", "complainedRecipients", Outcome.DELIVERED, facts=(("complaint", "complaintFeedbackType"),)),
    "Reject": _Event("reject", envelope=Outcome.SUPPRESSED, facts=(("reason", "reason"),)),  # a virus: taken, and not sent
    "Open": _Event("open", facts=_SEEN),
    "Click": _Event("click", facts=_SEEN),
    "DeliveryDelay": _Event("deliveryDelay", "delayedRecipients", Outcome.DEFERRED, facts=(("delay", "delayType"),)),
    "Rendering Failure": _Event("failure", envelope=Outcome.SUPPRESSED),  # the template could not be filled: nothing to send
    "Subscription": _Event("subscription"),
}
_SUPPRESSED = frozenset({"suppressed", "onaccountsuppressionlist", "ontenantsuppressionlist", "unsubscribedrecipient"})
_READ_THROUGH = frozenset({"contentrejected", "attachmentrejected"})  # who refuses for these has seen the content
_FETCHES = frozenset({"Open", "Click"})


# --- envelopes ----------------------------------------------------------------------------------------------------------------


class _Wrapped(NamedTuple):
    """An event, None where the text in an envelope cannot be read, and the envelopes around it, the outermost first."""

    event: dict[str, Any] | None
    around: tuple[str, ...]
    region: str = ""


def _events(value: dict[str, Any], around: tuple[str, ...] = (), region: str = "") -> Iterator[_Wrapped]:
    """The events in a record, through all envelopes; nothing where it holds none."""
    if _type_of(value) is not None:
        yield _Wrapped(value, around, region)
        return
    if len(around) >= _LAYERS:
        yield _Wrapped(None, around)
        return
    found = value.get("region")
    region = found if type(found) is str else region
    for key in _INNER:
        inner = value.get(key)
        if type(inner) is str and inner.lstrip()[:1] == "{":
            layer = load(inner.encode("utf-8", "replace"))
            if layer is None:
                yield _Wrapped(None, around)
                continue
            inner = layer
        if type(inner) is dict:
            yield from _events(inner, (*around, _ENVELOPES[key]), region)


def _type_of(value: dict[str, Any]) -> str | None:
    """The type of an event, "" where it is of none that is a text; None if this is no event."""
    key = "eventType" if "eventType" in value else "notificationType"
    if key not in value:
        return None
    kind = value[key] if type(value[key]) is str else ""
    return kind if "mail" in value or kind in _NO_MAIL else None


# --- recipients ---------------------------------------------------------------------------------------------------------------


def _boxes(fields: Fields, name: str, key: str, *, empty_is_wrong: bool) -> dict[str, str]:
    """Addresses of a field, each with the text as found; one element may hold several."""
    found: dict[str, str] = {}
    for text in fields.texts(name, key):
        boxes = mailboxes(text[:_MOST_ADDRESSES])
        if len(text) > _MOST_ADDRESSES or (not boxes and (empty_is_wrong or "@" in text)):
            fields.wrong.add(name)
        for box in boxes:
            found.setdefault(box.address, "" if box.written.lower() == box.address else box.written)
    return found


def _moment(reading: Reading | None) -> dict[str, Any]:
    """`at` of a recipient; a time of unknown zone stays a stamp."""
    if reading is None:
        return {}
    return {"stamp": reading.at.replace(tzinfo=None).isoformat()} if reading.slack else {"at": reading.at}


def _header(mail: Fields, common: Fields) -> tuple[list[Recipient], bool]:
    """Whom To, Cc and Bcc name, and whether To and Cc are known completely: half a header makes blind recipients of the rest."""
    entries = mail.value.get("headers")
    listed: dict[str, list[str]] = {}
    if entries is not None and type(entries) is not list:
        mail.wrong.add("headers")
    for entry in entries if type(entries) is list else []:
        name, text = (entry.get("name"), entry.get("value")) if type(entry) is dict else (None, None)
        if type(name) is not str or (name.lower() in {"to", "cc", "bcc"} and type(text) is not str):
            mail.wrong.add("headers")
        elif name.lower() in {"to", "cc", "bcc", "message-id"} and type(text) is str:
            listed.setdefault(name.lower(), []).append(text)
    found: list[Recipient] = []
    for role in (Role.TO, Role.CC, Role.BCC):
        whole = Fields({"headers": listed.get(role.value)})
        named = _boxes(common, role.value, "", empty_is_wrong=False) | _boxes(whole, "headers", "", empty_is_wrong=False)
        mail.wrong |= whole.wrong
        found += [Recipient(address, role, written=written, seen=role.value) for address, written in named.items()]
    is_cut = mail.flag("headersTruncated") is True
    told = bool(listed) or bool(entries) or any(one.role is Role.TO for one in found)
    is_whole = mail.wrong.isdisjoint({"headers", "headersTruncated", "commonHeaders"}) and common.wrong.isdisjoint({"to", "cc"})
    return found, told and is_whole and not is_cut


def _bounce(said: Fields, reply: str) -> Outcome:
    """What a bounce says of a copy; it is final and early only where nothing speaks for another reading.

    SES tries again on its own, so a Transient bounce ends its efforts, but automatic answers of people who did get the mail
    come as Transient/General too. A report made by a server of others tells of mail that this server had taken.
    """
    kind, subtype = said.text("bounceType").lower(), said.text("bounceSubType").lower()
    if subtype in _SUPPRESSED:
        return Outcome.SUPPRESSED
    reporter = said.text("reportingMTA").rpartition(";")[2].strip().lower()[:_MOST_TEXT]
    is_report = bool(reporter) and not said.value.get("remoteMtaIp") and not any(is_within(reporter, one) for one in _OWN_HOSTS)
    if subtype in _READ_THROUGH or is_report or _AFTER_DATA in reply.lower():
        return Outcome.REFUSED_AFTER_DATA
    return {"permanent": Outcome.BOUNCED, "transient": Outcome.DEFERRED}.get(kind, Outcome.ACCEPTED)


def _complaint(said: Fields, named: int) -> Outcome:
    """SES lists everybody at the complaining provider who got this mail: only one alone is known to have it."""
    if said.text("complaintSubType").lower() in _SUPPRESSED:
        return Outcome.SUPPRESSED
    return Outcome.DELIVERED if named == 1 else Outcome.ACCEPTED


def _of_event(kind: str, said: Fields, envelope: dict[str, str], at: Reading | None) -> Iterator[Recipient]:
    """The recipients that an event is about, with what it says of each."""
    shape = _EVENTS[kind]
    moment = _moment(at)
    if kind in _FETCHES:
        if len(envelope) == 1:  # else nobody knows whose copy it was
            address, written = next(iter(envelope.items()))
            yield Recipient(address, Role.EVENT, Outcome.FETCHED, written, **moment)
        return
    entries = said.value.get(shape.recipients) if shape.recipients else None
    if shape.recipients and not entries:
        said.remarks.append(f"an event of type {kind} names no recipient")
    for number, entry in enumerate(entries if type(entries) is list else [entries] if entries else []):
        one = Fields(
            {"emailAddress": entry} if type(entry) is str else entry if type(entry) is dict else {"emailAddress": [entry]}
        )
        reply = (one.text("diagnosticCode") or one.text("status") or said.text("smtpResponse"))[:_MOST_REPLY]
        outcome = shape.outcome
        if kind == "Bounce":
            outcome = _bounce(said, reply)
        elif kind == "Complaint":
            outcome = _complaint(said, len(entries) if type(entries) is list else 1)
        named = _boxes(one, "emailAddress", "", empty_is_wrong=True)
        said.wrong |= {f"{shape.recipients}.{name}" for name in one.wrong}
        if not named and number == 0 and not one.wrong:
            said.remarks.append(f"an event of type {kind} names no recipient")
        yield from (Recipient(address, Role.EVENT, outcome, written, reply=reply, **moment) for address, written in named.items())


# --- events -------------------------------------------------------------------------------------------------------------------


def _ids(mail: Fields, common: Fields, region: str) -> tuple[str, tuple[str, ...]]:
    """The Message-ID that the sender wrote, and the identities that SES gave: its own, and the Message-ID that recipients see.

    SES replaces the header's Message-ID by `<id@region.amazonses.com>` (in us-east-1 `@email.amazonses.com`), so the sender's
    own copy and the recipients' differ in it. `commonHeaders.messageId` is one or the other, by the kind of event.
    """
    own = mail.text("messageId")
    if own and not _PLAIN_ID.fullmatch(own):
        mail.wrong.add("messageId")
        own = ""
    arn = _ARN.match(mail.text("sourceArn"))
    region = arn[1] if arn else region if re.fullmatch(r"[a-z0-9-]{1,32}", region) else ""
    sent_as = f"{own}@{'email' if region == 'us-east-1' else region}.amazonses.com" if own and region else ""
    ids = (f"ses:{own}", f"mid:{sent_as}") if sent_as else (f"ses:{own}",) if own else ()
    entries = mail.value.get("headers")
    texts = [
        entry["value"]
        for entry in (entries if type(entries) is list else [])
        if type(entry) is dict and str(entry.get("name")).lower() == "message-id" and type(entry.get("value")) is str
    ]
    texts.append(common.text("messageId"))
    written = next((found for text in texts if "@" in (found := canonical_message_id(text[:_MOST_TEXT]))), "")
    return written or sent_as, ids


def _observation(kind: str, fields: Fields, wrapped: _Wrapped, span: Span) -> Observation:
    mail = Fields(fields.mapping("mail"))
    common = Fields(mail.mapping("commonHeaders"))
    shape = _EVENTS.get(kind)
    said = Fields(fields.mapping(shape.part) if shape else {})
    received = mail.parsed("timestamp", lambda text: iso_time(text, "received_at"))
    event_at = said.parsed("timestamp", lambda text: iso_time(text, "event"))
    envelope = _boxes(mail, "destination", "", empty_is_wrong=True)
    listed = shape.envelope if shape else Outcome.ACCEPTED
    recipients = [
        Recipient(address, Role.ENVELOPE, listed, written, **_moment(received)) for address, written in envelope.items()
    ]
    recipients += _of_event(kind, said, envelope, event_at) if shape else ()
    named, header_known = _header(mail, common)
    message_id, ids = _ids(mail, common, wrapped.region)
    authors = [box for text in common.texts("from", "") for box in mailboxes(text[:_MOST_TEXT])]
    source = [box.address for box in mailboxes(mail.text("source")[:_MOST_TEXT])]
    tags = Fields(mail.mapping("tags"))
    facts = [(name, said.label(key)[:_MOST_FACT]) for name, key in shape.facts] if shape else []
    facts += [(name, ", ".join(tags.texts(f"ses:{tag}", ""))[:_MOST_FACT]) for name, tag in _TAGS]
    facts += [("event", kind[:_MOST_FACT]), ("wrapped_in", "/".join(wrapped.around))]
    facts += [("fetched_by", "unknown")] if kind in _FETCHES and len(envelope) != 1 else []
    facts += [("headers_truncated", "true")] if mail.flag("headersTruncated") else []
    observation = Observation(
        span, _NAME, f"event:{kind[:_MOST_FACT]}", Route.API, Direction.SUBMITTED, mail.label("sendingAccountId")[:_MOST_FACT],
        next(iter(tags.texts("ses:configuration-set", "")), "")[:_MOST_FACT], message_id, ids,
        sender=authors[0].address if authors else source[0] if source else "", envelope_sender=source[0] if source else "",
        subject=common.text("subject"), readings=(received,) if received else (), recipients=(*recipients, *named),
        header_known=header_known, facts=tuple(sorted(one for one in facts if one[1])),
    )  # fmt: skip
    if not envelope and not mail.wrong & {"destination"}:
        fields.remarks.append("mail.destination names no recipient")
    for name, inner in (("mail", mail), ("commonHeaders", common), ("tags", tags), (shape.part if shape else "", said)):
        fields.wrong |= {f"{name}.{one}" for one in inner.wrong}
        fields.remarks += inner.remarks
    return observation


# What SES itself tells by tags: who called it, from where. Tags of the sender may hold anything.
_TAGS = (("caller", "caller-identity"), ("client", "source-ip"), ("from_domain", "from-domain"))


def _said(record: Record, place: Span) -> Iterator[Said]:
    """Everything that one record says: as a rule one event."""
    span = Span(place.evidence, place.member, record.start, record.end)
    met = False
    for wrapped in _events(record.value):
        met = True
        if wrapped.event is None:
            yield Defect(span, _NAME, "the text in an envelope cannot be read as JSON; it may be cut")
            continue
        kind = _type_of(wrapped.event) or ""
        if kind in _NO_MAIL:
            continue
        fields = Fields(wrapped.event)
        if kind not in _EVENTS:
            fields.remarks.append("an event is of a type that this version does not know")
        observation = _observation(kind if kind in _EVENTS else "unknown", fields, wrapped, span)
        yield Fragment(next(iter(observation.ids), "") or f"{span.evidence}#{span.start}", observation)
        if fields.wrong:
            fields.remarks.append(f"fields of an unexpected form, read as far as possible: {', '.join(sorted(fields.wrong))}")
        yield from (Defect(span, _NAME, reason) for reason in dict.fromkeys(fields.remarks))
    if not met and not _is_of_topic(record.value):
        yield Defect(span, _NAME, "no record of Amazon SES that this version reads")
    if record.replaced:
        yield Defect(span, _NAME, "characters that are no Unicode were replaced")


def _is_of_topic(value: dict[str, Any]) -> bool:
    """Whether a record only tells of a topic, a queue or a log: a confirmation, a test message, an empty answer."""
    return any(key in value for key in ("TopicArn", "ReceiptHandle", "logStreamName", "nextForwardToken"))


def _read(source: Source) -> Iterator[Said]:
    """Fragments and defects of one member in file order; for any bytes, in bounded memory; then a tally."""
    place = source.span
    met = silent = end = 0
    for frame in frames(source.blocks(), _LISTS, place.start):
        end = max(end, frame.end)
        if isinstance(frame, Record):
            met += 1
            said = list(_said(frame, place))
            silent += not said
            yield from said
        elif isinstance(frame, Broken):
            met += 1
            yield Defect(Span(place.evidence, place.member, frame.start, frame.end), _NAME, frame.reason)
    yield Statement(Span(place.evidence, place.member, place.start, end), _NAME, "tally", route=Route.API, value=met, rows=silent)


# --- recognition --------------------------------------------------------------------------------------------------------------

_MARK = re.compile(rb"\A(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]{0,4096}[\[{]")
_KINDS = "|".join(re.escape(one) for one in sorted({*_EVENTS, *_NO_MAIL}))
_CUT_EVENT = re.compile(
    rf'\\{{0,31}}"(?:eventType|notificationType)\\{{0,31}}"\s{{0,16}}:\s{{0,16}}\\{{0,31}}"(?:{_KINDS})\\{{0,31}}"'
)


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether the first whole record that is no confirmation of a topic is an event of SES, bare or in its envelopes."""
    if not _MARK.match(head):
        return False
    for number, frame in enumerate(frames([head], _LISTS)):
        if isinstance(frame, Page) or number >= _FIRST:
            return False
        if isinstance(frame, Broken):
            if _is_cut_event(head[frame.start : frame.end]):
                return True
            continue
        for wrapped in _events(frame.value):
            return wrapped.event is not None and _is_sure(wrapped.event)
        if not _is_of_topic(frame.value):
            return False
    return False


def _is_sure(event: dict[str, Any]) -> bool:
    mail = event.get("mail")
    if _type_of(event) in _NO_MAIL:
        return True
    return type(mail) is dict and not {"messageId", "destination", "source", "commonHeaders"}.isdisjoint(mail)


def _is_cut_event(raw: bytes) -> bool:
    """Whether this is the beginning of an event, or of an envelope with one, that the head cuts off."""
    text = raw.replace(b"\0", b"").decode("latin-1")  # UTF-16 too: keys are ASCII
    keys = set(first_level(text)) if text.startswith("{") else set()
    bare = not {"eventType", "notificationType"}.isdisjoint(keys) and not {
        "mail",
        *(one.part for one in _EVENTS.values()),
    }.isdisjoint(keys)
    return (bare or not keys.isdisjoint(_INNER)) and _CUT_EVENT.search(text) is not None


PARSER = Parser(
    name=_NAME,
    title="Amazon SES: events and notifications, also out of SNS, SQS, EventBridge and CloudWatch",
    sniff=_sniff,
    read=_read,
    shows=frozenset({"recipients", "header", "outcome", "blind"}),
)
