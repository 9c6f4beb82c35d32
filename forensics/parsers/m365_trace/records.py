"""What one row of a message trace says of a message: recipients, outcomes, times and identities."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from forensics.addresses import canonical, canonical_message_id, domain_of
from forensics.jsonstream import Fields
from forensics.model import Direction, Observation, Outcome, Reading, Recipient, Role, Route, Span
from forensics.parsers.m365_trace.times import trace_time

__all__ = ["NAME", "SERVER", "Clockwork", "observed"]

NAME = "m365_trace"
SERVER = "exchange-online"  # the rows name no host: so what is said of their completeness is said of no other log
_LIMIT = 4_096  # characters of an address, an identifier or an answer
_MOST_FACT = 200
_MOST_RECIPIENTS = 10_000  # of one row
_MOST_TEXT = 1 << 20  # characters of a list of recipients
_SUBJECT_CUT = 256  # summary reports cut it: its hash would be that of another subject
_EVENT_LATENESS = 432_000  # seconds: queues give up after five days

# learn.microsoft.com, "Message trace in the Exchange admin center", "Get-MessageTraceV2", and for the words of a summary
# report the events of "Message tracking". What may still arrive, or may have arrived, is never called failed.
_OUTCOMES = {
    "delivered": Outcome.DELIVERED, "deliver": Outcome.DELIVERED, "send": Outcome.DELIVERED, "sendexternal": Outcome.DELIVERED,
    "duplicatedeliver": Outcome.DELIVERED,
    "failed": Outcome.BOUNCED, "fail": Outcome.BOUNCED, "drop": Outcome.BOUNCED, "badmail": Outcome.BOUNCED,
    "pending": Outcome.DEFERRED, "defer": Outcome.DEFERRED,
    "quarantined": Outcome.DEFERRED, "quarantine": Outcome.DEFERRED,  # kept, and can be released to its recipient
    "expanded": Outcome.ACCEPTED, "expand": Outcome.ACCEPTED,  # a group: its members have rows of their own
    "resolved": Outcome.ACCEPTED, "resolve": Outcome.ACCEPTED, "redirect": Outcome.ACCEPTED,  # went on to another address, in its own row
    "filteredasspam": Outcome.ACCEPTED,  # blocked by one page of the documentation, in the Junk folder by another
    "gettingstatus": Outcome.ACCEPTED,  # nothing known yet
    "none": Outcome.ACCEPTED,  # rejected, or redirected to another address: the row does not say which
    "receive": Outcome.ACCEPTED, "submit": Outcome.ACCEPTED, "transfer": Outcome.ACCEPTED, "agentinfo": Outcome.ACCEPTED,
    "duplicateexpand": Outcome.ACCEPTED, "duplicateredirect": Outcome.ACCEPTED, "process": Outcome.ACCEPTED,
}  # fmt: skip
_EXPANDS = frozenset({"expand", "resolve", "redirect", "duplicateexpand", "duplicateredirect"})
_REDIRECTS = frozenset({"redirect", "duplicateredirect"})
_BEGINS = frozenset({"receive", "submit"})
_DIRECTIONS = {
    "1": Direction.RECEIVED, "incoming": Direction.RECEIVED, "2": Direction.SUBMITTED, "originating": Direction.SUBMITTED,
}  # fmt: skip
_TIMES = ("received", "receiveddatetime", "receivedutc", "dateutc", "origintimestamputc", "datetimeutc", "datetime", "startdate")
_FACTS = (
    ("from_ip", ("fromip",)), ("to_ip", ("toip",)), ("original_client_ip", ("originalclientip",)), ("connector", ("connectorid",)),
    ("organization", ("organization", "tenantid")), ("directionality", ("directionality",)),
)  # fmt: skip


_DIGITS = re.compile(r"[0-9]{1,15}")


class Clockwork(NamedTuple):
    """How the file at hand writes its times: see `times.trace_time`."""

    day_first: bool | None = None
    exact_epoch: bool = False


def _first(fields: Fields, names: Sequence[str]) -> str:
    return next((text for name in names if (text := fields.label(name))), "")


def _number(fields: Fields, name: str) -> int | None:
    """A number from 0 on, as number or as digits."""
    text = fields.label(name).strip(" ")
    if _DIGITS.fullmatch(text):
        return int(text)
    if text:
        fields.wrong.add(name)
    return None


def _word(text: str) -> str:
    return "".join(text.lower().split())


def _outcome(fields: Fields, words: Sequence[str]) -> Outcome:
    """What the words of a status say: a delivery is not undone by what follows it; else the last word counts."""
    found = [_OUTCOMES.get(one) for one in words if one]
    if None in found:
        fields.remarks.append("a status is one that this version does not know")
    known = [one for one in found if one is not None]
    if Outcome.DELIVERED in known:
        return Outcome.DELIVERED
    return known[-1] if known else Outcome.ACCEPTED


def _address(text: str) -> tuple[str, str]:
    """Canonical form, "" for the null sender, and the text as found where it differs in more than case."""
    text = text.strip()[:_LIMIT]
    address = canonical(text)
    return ("", "") if address == "<>" else (address, "" if text.lower() == address else text)


def _parts(fields: Fields, name: str) -> list[str]:
    """The items of a list that semicolons part, but for those in a quoted local part; of an open quote all are parted."""
    text = fields.text(name)
    if len(text) > _MOST_TEXT:
        fields.remarks.append("a row names more recipients than any message has")
        text = text[:_MOST_TEXT]
    if '"' not in text:
        return [one for one in text.split(";") if one.strip()]
    found, start, quoted, at = [], 0, False, 0
    while at < len(text):
        if quoted and text[at] == "\\":
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        elif text[at] == ";" and not quoted:
            found.append(text[start:at])
            start = at + 1
        at += 1
    found.append(text[start:])
    return [one for one in (text.split(";") if quoted else found) if one.strip()]


class _Copy(NamedTuple):
    address: str
    written: str
    outcome: Outcome
    original: str = ""
    reply: str = ""


def _of_summary(fields: Fields) -> Iterator[_Copy]:
    """`ann@acme.example##Receive, Send;bob@corp.example##Deliver`: all recipients of a message in one cell."""
    parts = _parts(fields, "recipientstatus")
    if len(parts) > _MOST_RECIPIENTS:
        fields.remarks.append("a row names more recipients than any message has")
    for part in parts[:_MOST_RECIPIENTS]:
        name, mark, status = part.rpartition("##")
        address, written = _address(name if mark else part)
        if not mark:
            fields.remarks.append("a recipient of a row has no status")
        if address:
            yield _Copy(address, written, _outcome(fields, [_word(one) for one in status.split(",")] if mark else ()))
        else:
            fields.remarks.append("a status of a row has no recipient")


def _of_extended(fields: Fields, event: str) -> Iterator[_Copy]:
    """The recipients of an event, each with its own status where the two lists are of one length."""
    names = _parts(fields, "recipientaddress")[:_MOST_RECIPIENTS]
    replies = [fields.text("recipientstatus")] if len(names) == 1 else fields.text("recipientstatus").split(";")
    before = _address(fields.text("relatedrecipientaddress"))[0] if event in _EXPANDS else ""
    for number, name in enumerate(names):
        address, written = _address(name)
        reply = replies[number][:_LIMIT] if len(replies) == len(names) else ""
        yield _Copy(address, written, _outcome(fields, (event,)), "" if before == address else before, reply)


def _of_trace(fields: Fields) -> Iterator[_Copy]:
    address, written = _address(fields.text("recipientaddress"))
    if address:
        yield _Copy(address, written, _outcome(fields, (_word(fields.text("status")),)))
    elif "recipientaddress" not in fields.wrong:
        fields.remarks.append("a row names no recipient")


def _time(fields: Fields, clockwork: Clockwork) -> Reading | None:
    """The time of a row: when the service took the message; in an extended report, of the event."""
    name = next((one for one in _TIMES if fields.value.get(one) is not None), "")
    found = fields.parsed(name, lambda text: trace_time(text, day_first=clockwork.day_first, exact_epoch=clockwork.exact_epoch))
    if found is None:
        fields.remarks.append("the time of a row cannot be read")
    return found


def _clock(found: Reading, event: str) -> Reading:
    """The same as a clock of the message: an event of an extended report may lie days behind its coming."""
    late = event and event not in _BEGINS
    return Reading("syslog", found.at, max(found.slack, _EVENT_LATENESS)) if late else found


def _direction(fields: Fields, sender: str) -> Direction:
    """As the row says it; else mail of the tenant's own domain, where the row names that, was submitted."""
    told = _DIRECTIONS.get(fields.label("directionality").strip().lower())
    own = fields.text("organization").strip().lower()
    return told or (Direction.SUBMITTED if own and domain_of(sender) == own else Direction.UNKNOWN)


def observed(value: dict[str, Any], form: str, span: Span, clockwork: Clockwork) -> tuple[Observation | None, Fields]:
    """The observation that a row gives, None if it tells of no copy; and its fields, with what is wrong with them.

    `value` are its fields by plain name, `form` is what `rows.layout` says.
    """
    fields = Fields(value)
    event = _word(fields.text("eventid")) if form == "extended" else ""
    if form == "extended" and (event.startswith("ha") or not fields.text("recipientaddress")):
        return None, fields  # second copies for safety; events that name nobody
    copies = list(_of_summary(fields) if form == "summary" else _of_extended(fields, event) if event else _of_trace(fields))
    if not copies:
        return None, fields
    reading = _time(fields, clockwork)
    at = reading.at if reading and not reading.slack else None
    sender, _ = _address(fields.text("senderaddress"))
    subject = fields.text("subject") or fields.text("messagesubject")
    facts = [(name, _first(fields, keys)[:_MOST_FACT]) for name, keys in _FACTS]
    facts.append(("event" if event else "status", event or _word(fields.text("status"))[:_MOST_FACT]))
    if event in _REDIRECTS:  # by a rule, or by the forwarding of a mailbox
        facts.append(("forwarded", "redirect"))
    size = _number(fields, "size" if "size" in value else "totalbytes")
    envelope = _address(fields.text("returnpath"))[0] or sender
    return Observation(
        span, NAME, form, Route.SMTP, _direction(fields, sender), SERVER,
        message_id=canonical_message_id(fields.text("messageid")[:_LIMIT]), ids=_ids(fields), sender=sender, envelope_sender=envelope,
        subject=subject if len(subject) < _SUBJECT_CUT else "", size=-1 if size is None else size, readings=(_clock(reading, event),) if reading else (),
        recipients=tuple(
            Recipient(one.address, Role.ENVELOPE, one.outcome, one.written, one.original, one.reply, at) for one in copies
        ),
        facts=tuple(sorted({one for one in facts if one[1]})),
    ), fields  # fmt: skip


def _ids(fields: Fields) -> tuple[str, ...]:
    """The network message id, as Exchange's own tracking logs name it, so that a hybrid's rows join: forks keep it."""
    unique = _first(fields, ("networkmessageid", "messagetraceid", "id")).strip("{} ").lower()[:64]
    return (f"queue:exchange/{unique}",) if unique.strip("0-") else ()
