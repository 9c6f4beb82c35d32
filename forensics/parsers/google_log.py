"""Google Workspace: Email Log Search exports (CSV), and Gmail logs out of BigQuery (JSON).

A row of Email Log Search is one event of one recipient; a record of BigQuery is one event with the recipients it is about. Both
name recipients of the envelope and tell nothing of To and Cc: that a copy was hidden shows only where the mail itself, or
another source, gives its header. They show no content. BigQuery holds nothing from before its export was set up, and a search
holds what was searched for: no count proves that either is whole.

The route is SMTP, not API: this is the log of the servers that all mail of the domain passes. What joins the events of a message
is its Message-ID; that of a forwarded copy is the same, and mail events of type 10 and 11 tell that the copy is one.

Sources: support.google.com/a/answer/13828463 (columns of Email Log Search), "Schema for Gmail logs in BigQuery".
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from itertools import islice
from typing import Any

from forensics.addresses import canonical, canonical_message_id
from forensics.csvlog import continued, fields_of, text_lines
from forensics.dates import iso_time, mail_time
from forensics.jsonstream import Broken, Fields, Record, frames
from forensics.model import (
    EPOCH,
    Defect,
    Direction,
    Fragment,
    Observation,
    Outcome,
    Reading,
    Recipient,
    Role,
    Route,
    Span,
    Statement,
)  # fmt: skip
from forensics.plugins import Parser, Source
from forensics.plugins import Record as Said
from forensics.syslog import Cut, decoded

__all__ = ["PARSER"]

_NAME = "google_log"
_SERVER = "google-workspace"  # no record names a host: so what is said of these is said of no other log
_LIMIT = 4_096  # characters of an address, an identifier or an answer
_MOST_FACT = 200
_MOST_COLUMNS = 256
_YEAR_5138 = 10**17  # microseconds
_JSON = re.compile(rb"\A(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]{0,4096}[\[{]")
_HEAD = 4_200  # bytes
_DIGITS = re.compile(r"[0-9]{1,15}")
_FIRST_LINES = 20
_ANOTHER = "senderaddress"  # a column of Microsoft's message trace, which also has recipients and states
# keys of a record that the head cuts off; in a text their quotes would be escaped
_CUT_RECORD = re.compile(r'"(message_info|event_info|rfc2822_message_id|mail_event_type)"\s{0,16}:')

# Columns by plain name; the first is what Google writes today
_COLUMNS = {
    "Message ID": ("messageid",), "Recipient address": ("recipientaddress", "recipient"), "Sender": ("sender",),
    "Start date": ("startdate",), "Event date": ("eventdate",), "Event status": ("eventstatus",), "Event target": ("eventtarget",),
    "Subject": ("subject",), "Direction": ("direction",), "Message size": ("messagesize",),
    "Event SMTP reply code": ("eventsmtpreplycode",), "Event description": ("eventdescription",),
    "Event target IP": ("eventtargetip", "eventtargetipaddress"),
}  # fmt: skip
_NEEDED = ("Message ID", "Recipient address")
_OF_EVENTS = ("Event status", "Event target")  # one of them at least: other tables have recipients too
_MISSED = (
    "Sender",
    "Start date",
    "Event date",
    "Event status",
    "Event target",
    "Subject",
)  # without these something is not known

_STATUSES = {
    "delivered": Outcome.DELIVERED, "inserted": Outcome.DELIVERED, "sent": Outcome.DELIVERED, "accepted": Outcome.ACCEPTED,
    "received": Outcome.ACCEPTED, "forwarded": Outcome.ACCEPTED, "bounced": Outcome.BOUNCED, "bounce": Outcome.BOUNCED,
    "failed": Outcome.BOUNCED, "rejected": Outcome.REJECTED, "dropped": Outcome.SUPPRESSED, "deferred": Outcome.DEFERRED,
    "delayed": Outcome.DEFERRED, "pending": Outcome.DEFERRED, "inprogress": Outcome.DEFERRED, "transienterror": Outcome.DEFERRED,
    "quarantined": Outcome.DEFERRED,  # can be released to its recipient
    "ok": Outcome.ACCEPTED, "": Outcome.ACCEPTED,
}  # fmt: skip
_DIRECTIONS = {
    "outgoing": Direction.SUBMITTED, "outbound": Direction.SUBMITTED, "internal": Direction.SUBMITTED, "sent": Direction.SUBMITTED,
    "incoming": Direction.RECEIVED, "inbound": Direction.RECEIVED, "received": Direction.RECEIVED,
}  # fmt: skip
_FORWARDS = {10: "forwarded", 11: "auto-forwarded by account setting"}  # event_info.mail_event_type


# --- what both say ------------------------------------------------------------------------------------------------------------


def _address(text: str) -> tuple[str, str]:
    """Canonical form, "" for the null sender, and the text as found where it differs in more than case."""
    text = text.strip()[:_LIMIT]
    address = canonical(text)
    return ("", "") if address == "<>" else (address, "" if text.lower() == address else text)


def _of_code(code: int, *, sends: bool) -> Outcome | None:
    """What an SMTP reply code says of a copy (RFC 5321 section 4.2.1); None if it is no last word.

    `sends`: it is the answer of a server to which Google sent; else Google's answer to one that sent.
    """
    first = code // 100
    if first == 2:  # noqa: PLR2004  2yz
        return Outcome.DELIVERED if sends else Outcome.ACCEPTED
    if first == 5:  # noqa: PLR2004  5yz
        return Outcome.BOUNCED if sends else Outcome.REJECTED
    return Outcome.DEFERRED if first == 4 else None  # noqa: PLR2004  4yz


def _number(fields: Fields, name: str) -> int | None:
    """A number from 0 on, as number or as digits."""
    text = fields.label(name).strip(" ")
    if _DIGITS.fullmatch(text):
        return int(text)
    if text:
        fields.wrong.add(name)
    return None


def _said(fields: Fields, observation: Observation | None, span: Span) -> Iterator[Said]:
    if observation is not None:
        yield Fragment(observation.message_id or f"{span.evidence}#{span.start}", observation)
    if fields.wrong:
        fields.remarks.append(f"fields of an unexpected form, read as far as possible: {', '.join(sorted(fields.wrong))}")
    yield from (Defect(span, _NAME, reason) for reason in dict.fromkeys(fields.remarks))


# --- Email Log Search ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1_024)
def _plain(name: str) -> str:
    """The name of a column without case, marks, and what stands in brackets, such as a time zone."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"\([^()]*\)", "", name.lower()[:64]))


def _header(text: bytes) -> dict[str, int]:
    """Where the known columns stand; nothing if this line does not name those of an Email Log Search."""
    names = [_plain(decoded(one.strip())) for one in fields_of(text) or ()]
    found = {
        title: next(names.index(one) for one in ways if one in names)
        for title, ways in _COLUMNS.items()
        if not set(ways).isdisjoint(names)
    }
    is_search = len(names) <= _MOST_COLUMNS and all(one in found for one in _NEEDED) and any(one in found for one in _OF_EVENTS)
    is_search = is_search and _ANOTHER not in names
    return found | {"": len(names)} if is_search else {}


def _read_csv(source: Source) -> Iterator[Said]:
    """A row is one event of one recipient. A quote that does not end costs the line in which it begins and no more."""
    place = source.span
    met = end = 0
    columns: dict[str, int] = {}
    begins = b""  # how the line that names the columns begins: joined exports repeat it
    fresh = text_lines(source.blocks(0))
    again: deque[tuple[int, int, bytes]] = deque()
    while line := again.popleft() if again else next(fresh, None):
        start, end, text = line
        span = Span(place.evidence, place.member, start, end)
        if not isinstance(text, Cut) and not text.strip(b"\0 \t"):
            continue
        may_name = not isinstance(text, Cut) and (not columns or text.startswith(begins))
        if may_name and (header := _header(text)):
            missing = [title for title in _MISSED if title not in header] if header != columns else []
            columns, begins = header, text.partition(b",")[0]
            if missing:
                yield Defect(span, _NAME, f"the table lacks columns, or names them in another language: {', '.join(missing)}")
            continue
        met += 1
        cells = None if isinstance(text, Cut) else fields_of(text)
        if cells is None and text.count(b'"') % 2:
            more = continued(text, fresh, again)
            cells = fields_of(b"\n".join((text, *(one[2] for one in more))))
            if cells is None or len(cells) != columns.get(""):
                again.extendleft(reversed(more))
                cells = None
            elif more:
                end = more[-1][1]
                span = span._replace(end=end)
        problem = _problem(text, columns, cells)
        if problem or cells is None:
            yield Defect(span, _NAME, problem)
            continue
        named = {title: decoded(cells[at]) for title, at in columns.items() if title and cells[at]}
        yield from _event(Fields(named), span, is_dated="Start date" in columns)
    yield Statement(Span(place.evidence, place.member, 0, end), _NAME, "tally", route=Route.SMTP, value=met)


def _problem(text: bytes, columns: dict[str, int], cells: list[bytes] | None) -> str:
    if isinstance(text, Cut):
        return text.reason
    if cells is None:
        return "a quoted field of a row does not end; the line may be cut"
    if not columns:
        return "no line before this row names its columns"
    is_whole = len(cells) == columns[""]
    return "" if is_whole else "a row has more or fewer fields than columns are named; the line may be cut"


def _event(fields: Fields, span: Span, *, is_dated: bool) -> Iterator[Said]:
    address, written = _address(fields.text("Recipient address"))
    if not address:
        fields.remarks.append("a row names no recipient")
        yield from _said(fields, None, span)
        return
    target, reply = fields.text("Event target").strip(), fields.text("Event description")[:_LIMIT]
    code = fields.label("Event SMTP reply code").strip()[:_MOST_FACT]
    outcome = _outcome(fields, target.upper(), code)
    began = fields.parsed("Start date", lambda text: _written_time(text, "received_at"))
    happened = fields.parsed("Event date", lambda text: _written_time(text, "event"))
    if began is None and is_dated:
        fields.remarks.append("the time of a message is not known")
    moment = happened or began
    sender, _ = _address(fields.text("Sender"))
    forward = "described" if "forward" in f"{target} {reply}".lower() else ""
    facts = [
        ("event_target", target[:_MOST_FACT]), ("status", fields.text("Event status")[:_MOST_FACT]), ("forwarded", forward),
        ("to_ip", fields.text("Event target IP")[:_MOST_FACT]),
    ]  # fmt: skip
    digits = fields.text("Message size").strip(" ")
    size = int(digits) if _DIGITS.fullmatch(digits) else -1  # "12 KB" is no number of bytes
    answer = reply if not code or reply.startswith(code) else f"{code} {reply}".strip()
    recipient = Recipient(
        address, Role.ENVELOPE, outcome, written, reply=answer, at=moment.at if moment and not moment.slack else None,
        stamp=moment.at.replace(tzinfo=None).isoformat() if moment and moment.slack else "",
    )  # fmt: skip
    seen = Observation(
        span, _NAME, "log-search", Route.SMTP, _DIRECTIONS.get(fields.text("Direction").strip().lower(), Direction.UNKNOWN), _SERVER,
        message_id=canonical_message_id(fields.text("Message ID")[:_LIMIT]), sender=sender, envelope_sender=sender,
        subject=fields.text("Subject"), size=size, readings=(began,) if began else (), recipients=(recipient,),
        facts=tuple(sorted(one for one in facts if one[1])),
    )  # fmt: skip
    yield from _said(fields, seen, span)


def _outcome(fields: Fields, target: str, code: str) -> Outcome:
    """What a row says of its copy; where mail comes in (SMTP_IN), or nothing tells, Google's yes is no delivery yet."""
    sends = target not in {"", "SMTP_IN"}
    known = _of_code(int(code), sends=sends) if re.fullmatch(r"[245][0-9]{2}", code) else None
    word = re.sub(r"[^a-z]", "", fields.text("Event status").lower()[:_MOST_FACT])
    if word not in _STATUSES:
        fields.remarks.append("a status is one that this version does not know")
    told = _STATUSES.get(word, Outcome.ACCEPTED)
    if told is Outcome.DELIVERED and not sends:
        told = Outcome.ACCEPTED
    return known if known is not None and told is Outcome.ACCEPTED else told


def _written_time(text: str, clock: str) -> Reading | None:
    """A time with an offset, `UTC` or `GMT`; without, its zone is unknown: an export may be in the administrator's own."""
    text = text.strip()[:_LIMIT]
    iso = re.sub(r"\A(\d{4})/(\d\d)/(\d\d)(?=[ T])", r"\1-\2-\3", text)
    return iso_time(re.sub(r"\s?(?:UTC|GMT)\Z", "Z", iso), clock) or mail_time(text, clock)


# --- BigQuery -----------------------------------------------------------------------------------------------------------------


def _logged(value: dict[str, Any]) -> dict[str, Any]:
    """The part of a record that tells of mail: the `gmail` of an activity, or the record itself."""
    inner = value.get("gmail")
    return inner if type(inner) is dict else value


def _is_logged(value: dict[str, Any]) -> bool:
    part = _logged(value)
    return type(part.get("message_info")) is dict and type(part.get("event_info")) is dict


def _read_json(source: Source) -> Iterator[Said]:
    place = source.span
    met = silent = end = 0
    for frame in frames(source.blocks(), (), place.start):
        end = max(end, frame.end)
        span = Span(place.evidence, place.member, frame.start, frame.end)
        met += 1
        if isinstance(frame, Broken):
            yield Defect(span, _NAME, frame.reason)
        elif isinstance(frame, Record):
            said = list(_record(frame, span))
            silent += not said
            yield from said
    yield Statement(
        Span(place.evidence, place.member, place.start, end), _NAME, "tally", route=Route.SMTP, value=met, rows=silent
    )


def _record(record: Record, span: Span) -> Iterator[Said]:
    """One event. A forwarded copy was sent by our side, whoever wrote the mail: the writer is a fact of it, not its sender."""
    if not _is_logged(record.value):
        if record.value.get("event_type") is None or "message_info" in record.value:  # activities of other products are no mail
            yield Defect(span, _NAME, "no record of a Gmail log that this version reads")
        return
    part = _logged(record.value)
    event, message = Fields(part["event_info"]), Fields(part["message_info"])
    peer, source = Fields(message.mapping("connection_info")), Fields(message.mapping("source"))
    kind, success = _number(event, "mail_event_type"), event.flag("success")
    at = _usec(event)
    reply = _reply(peer)
    recipients = tuple(_recipients(message, _delivery(peer), reply, at))
    remarks = [] if recipients or message.wrong else ["message_info.destination names no recipient"]
    envelope, author = _address(source.text("address"))[0], _address(source.text("from_header_address"))[0]
    forward = _FORWARDS.get(kind, "") if kind is not None else ""
    facts = [
        ("mail_event_type", "" if kind is None else str(kind)), ("forwarded", forward), ("original_sender", author or envelope if forward else ""),
        ("success", "" if success is None else str(success).lower()), ("service", source.text("service")),
        ("client", peer.text("client_ip") or peer.text("smtp_in_connect_ip")), ("relay", peer.text("smtp_out_connect_ip")),
    ]  # fmt: skip
    size = _number(message, "payload_size")
    seen = Observation(
        span, _NAME, "bigquery", Route.SMTP, Direction.SUBMITTED if forward else Direction.UNKNOWN, _SERVER,
        message_id=canonical_message_id(message.text("rfc2822_message_id")[:_LIMIT]),
        sender="" if forward else author or envelope, envelope_sender="" if forward else envelope,
        subject=message.text("subject"), size=-1 if size is None else size, readings=(_clock(at),) if at else (), recipients=recipients,
        attachments=tuple(text[:_MOST_FACT] for text in message.texts("attachment", "file_name")),
        facts=tuple(sorted((name, text[:_MOST_FACT]) for name, text in facts if text)),
    )  # fmt: skip
    fields = Fields({}, remarks=remarks + ([] if at else ["the time of an event cannot be read"]))
    for name, one in (("event_info", event), ("message_info", message), ("connection_info", peer), ("source", source)):
        fields.wrong |= {f"{name}.{key}" for key in one.wrong}
    if record.replaced:
        fields.remarks.append("characters that are no Unicode were replaced")
    yield from _said(fields, seen, span)


def _usec(event: Fields) -> Reading | None:
    """`timestamp_usec`: microseconds since 1970 in UTC, as number or as text."""
    found = event.value.get("timestamp_usec")
    if type(found) is str and re.fullmatch(r"[0-9]{1,18}", found):
        found = int(found)
    if type(found) is not int or not 0 < found < _YEAR_5138:
        if found is not None:
            event.wrong.add("timestamp_usec")
        return None
    return Reading("event", EPOCH + timedelta(microseconds=found))


def _clock(at: Reading) -> Reading:
    """The event's time as a clock of the message: an answer after deferrals may come five days behind it."""
    return Reading("syslog", at.at, 432_000)


def _reply(peer: Fields) -> str:
    return " ".join(filter(None, (peer.label("smtp_reply_code"), peer.label("smtp_response_reason"))))[:_LIMIT]


def _delivery(peer: Fields) -> Outcome:
    """What the SMTP answer of an event says of all its copies; without one they were taken, and no more is known."""
    code = _number(peer, "smtp_reply_code")
    known = _of_code(code, sends=bool(peer.text("smtp_out_connect_ip"))) if code is not None else None
    return known or Outcome.ACCEPTED


def _recipients(message: Fields, outcome: Outcome, reply: str, at: Reading | None) -> Iterator[Recipient]:
    """Everyone in `destination`; a refusal in its `rcpt_response` is about this recipient alone."""
    found = message.value.get("destination")
    for entry in found if type(found) is list else [] if found is None else [found]:
        one = Fields(entry if type(entry) is dict else {"address": entry})
        address, written = _address(one.text("address"))
        code = _number(one, "rcpt_response")
        own = _of_code(code, sends=False) if code is not None else None
        refused = own in {Outcome.REJECTED, Outcome.DEFERRED}
        if address:
            told = own if refused and own is not None else outcome
            yield Recipient(address, Role.ENVELOPE, told, written, reply=reply, at=at.at if at else None)
        if one.wrong or not address:
            message.wrong.add("destination")


# --- recognition --------------------------------------------------------------------------------------------------------------


def _read(source: Source) -> Iterator[Said]:
    """Fragments and defects of one member in file order; for any bytes, in bounded memory; then a tally."""
    head = b""
    for block in source.blocks(0):
        head += block
        if len(head) >= _HEAD:
            break
    yield from _read_json(source) if _JSON.match(head) else _read_csv(source)


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether this is a table whose first line names columns of Email Log Search, or JSON whose first whole record is one of a Gmail log."""
    if not _JSON.match(head):
        rows = (text for _, _, text in islice(text_lines(iter([head])), _FIRST_LINES))
        first = next((text for text in rows if text.strip(b"\0 \t")), b"")
        return bool(_header(first))
    for frame in islice(frames([head], ()), _FIRST_LINES):
        if isinstance(frame, Record) and _is_logged(frame.value):
            return True
        if isinstance(frame, Broken):
            text = head[frame.start : frame.end].replace(b"\0", b"").decode("latin-1")  # UTF-16 too: keys are ASCII
            if text.startswith("{") and len(set(_CUT_RECORD.findall(text))) > 1:
                return True
            continue
        if not isinstance(frame, Record) or not {"event_type", "time_usec"} <= frame.value.keys():
            return False  # records of other products may come before the first of Gmail
    return False


PARSER = Parser(
    name=_NAME,
    title="Google Workspace: Email Log Search (CSV), Gmail logs in BigQuery (JSON)",
    sniff=_sniff,
    read=_read,
    shows=frozenset({"recipients", "outcome"}),
)
