"""Network sensors: Zeek's smtp.log (tab-separated or JSON) and Suricata's EVE records of SMTP.

Both hold the envelope and the mail's header side by side, as they saw them pass. Sources: Zeek, `base/protocols/smtp/main.zeek`
and `base/frameworks/logging/writers/ascii.zeek`; Suricata user guide, "EVE JSON Format", "Event type: SMTP". What went under TLS
they did not see: neither recipients nor how many mails there were.
"""

from __future__ import annotations  # noqa: I001  the nouns of the model stand in two lines

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import Any

from forensics.addresses import canonical, canonical_message_id, mailboxes
from forensics.dates import iso_time, mail_time
from forensics.headers import decode_words
from forensics.jsonstream import Fields
from forensics.model import (
    EPOCH, Defect, Direction, Fragment, Observation, Outcome, Reading, Recipient, Role, Route, Span, Statement,
)  # fmt: skip
from forensics.plugins import Parser, Record, Source
from forensics.records import constructor
from forensics.syslog import Cut, address_end, decoded, envelope, head_lines, log_lines, unwrapped

__all__ = ["PARSER"]

_NAME = "smtp_sensor"
_MOST_RECIPIENTS = 50_000  # of one record
_MOST_TEXT = 65_536  # characters of one element
_MOST_FACT = 300
_MOST_REPLY = 2_000
_YEAR_5138 = 10**11  # seconds
_ENVELOPE = Role.ENVELOPE
_recipient = constructor(Recipient)
_ESCAPE = re.compile(rb"\\x([0-9a-fA-F]{2})")
_CODE = re.compile(r"\s{0,9}([2-5])\d\d\b")
_ZEEK_KEYS = frozenset(("mailfrom", "rcptto", "last_reply", "is_webmail", "trans_depth"))
_SETS = frozenset(("rcptto", "to", "cc", "path", "fuids"))
_SENSORS = frozenset(("suricata", "zeek", "bro"))
_PREFIX = 512  # bytes in which a logger's own words stand
_SHOWS_SMTP = (b'"smtp"', b'"mailfrom"', b'"rcptto"', b'"helo"')
_HEADER_KEYS = (
    "date",
    "from",
    "to",
    "cc",
    "reply_to",
    "msg_id",
    "in_reply_to",
    "subject",
    "message_id",
    "x_mailer",
    "user_agent",
)


@dataclass(slots=True)
class _Table:
    """How a tab-separated log says that it is written, in the lines above its records (of Zeek's ASCII writer)."""

    separator: bytes = b"\t"
    set_separator: bytes = b","
    empty: bytes = b"(empty)"
    unset: bytes = b"-"
    path: bytes = b""
    fields: list[str] = field(default_factory=list)

    def note(self, line: bytes) -> bool:
        """Take over one line that begins with `#`; whether it is one of those that the writer knows."""
        if line.startswith(b"#separator "):
            self.separator = _unescaped(line[11:].strip()) or b"\t"
            self.fields, self.path = [], b""
            return True
        name, _, value = line.partition(self.separator)
        if name == b"#fields":
            self.fields = [decoded(one) for one in value.split(self.separator)]
        elif name == b"#set_separator":
            self.set_separator = value or b","
        elif name == b"#empty_field":
            self.empty = value
        elif name == b"#unset_field":
            self.unset = value
        elif name == b"#path":
            self.path = value
        else:
            return name in {b"#types", b"#open", b"#close"}
        return True

    def _plain(self, values: list[bytes]) -> dict[str, Any]:
        """`record` of values in which nothing is escaped."""
        found: dict[str, Any] = {}
        for name, value in zip(self.fields, values, strict=True):
            if value != self.unset:
                if name in _SETS:
                    found[name] = [] if value == self.empty else decoded(value).split(decoded(self.set_separator))
                else:
                    found[name] = "" if value == self.empty else decoded(value)
        return found

    def record(self, line: bytes) -> dict[str, Any] | None:
        """The values of one line by field, sets as lists; None if their number is not that of the fields."""
        values = line.split(self.separator)
        if not self.fields or len(values) != len(self.fields):
            return None
        if b"\\" not in line:
            return self._plain(values)
        found: dict[str, Any] = {}
        for name, value in zip(self.fields, values, strict=True):
            if value == self.unset:
                continue
            if name in _SETS:
                parts = [] if value == self.empty else value.split(self.set_separator)
                found[name] = [decoded(_unescaped(one)) for one in parts]
            else:
                found[name] = "" if value == self.empty else decoded(_unescaped(value))
        return found


def _unescaped(value: bytes) -> bytes:
    return _ESCAPE.sub(lambda one: bytes((int(one[1], 16),)), value) if b"\\" in value else value


@dataclass(slots=True)
class _Book:
    """A member while it is being read."""

    evidence: str
    member: str
    table: _Table = field(default_factory=_Table)
    ignored: int = 0
    hidden: int = 0  # sessions under TLS
    hidden_span: tuple[int, int] = (-1, -1)

    def span(self, start: int, end: int) -> Span:
        """The place from `start` to `end`."""
        return Span(self.evidence, self.member, start, end)

    def defect(self, start: int, end: int, reason: str) -> Defect:
        """What could not be read there, and why."""
        return Defect(self.span(start, end), _NAME, reason)

    def hide(self, start: int, end: int) -> None:
        """A session of which the sensor saw no envelope, because it went on under TLS."""
        self.hidden += 1
        self.hidden_span = (start if self.hidden == 1 else self.hidden_span[0], end)


def read(source: Source) -> Iterator[Record]:
    """An observation of each mail that the sensor saw, one defect for all sessions that it could not see into, and a tally."""
    span = source.span
    book = _Book(span.evidence, span.member)
    total = 0
    for start, end, row in log_lines(source):
        total += 1
        line = _sent(row)
        if isinstance(row, Cut):
            yield book.defect(start, end, row.reason)
        elif line.startswith(b"{") and not any(mark in line for mark in _SHOWS_SMTP):
            book.ignored += 1
        else:
            yield from _line(book, line, start, end)
    if book.hidden:
        reason = f"{book.hidden} sessions went on under TLS, or without an envelope: the sensor saw no recipients of their mail"
        yield book.defect(*book.hidden_span, reason)
    yield Statement(span, _NAME, "tally", value=total, rows=book.ignored)


def _sent(line: bytes) -> bytes:
    """What a sensor wrote of a line that a container runtime or a logger may have wrapped; any other line as it is."""
    _, text = unwrapped(line)
    if b'"SYSLOG_IDENTIFIER"' in text or (text[:1] not in {b"{", b"#"} and b": {" in text[:_PREFIX]):
        found = envelope(text)
        if found and found.program.lower() in _SENSORS and found.payload.startswith(b"{"):
            return found.payload
    return text


def _line(book: _Book, line: bytes, start: int, end: int) -> Iterator[Record]:
    line = line.lstrip(b"\xef\xbb\xbf") if start == 0 else line
    if not line.strip():
        book.ignored += 1
    elif line.startswith(b"#"):
        if book.table.note(line):
            book.ignored += 1
        else:
            yield book.defect(start, end, "a line above the records is of no kind that this version reads")
    elif line.startswith(b"{"):
        record = _json(line)
        if record is None:
            yield book.defect(start, end, "no valid JSON; the line may be cut")
        elif "event_type" in record:
            yield from _eve(book, record, start, end)
        elif _ZEEK_KEYS.isdisjoint(record) and "helo" not in record:
            book.ignored += 1
        else:
            yield from _zeek(book, record, start, end)
    elif book.table.path not in {b"smtp", b""}:
        book.ignored += 1
    else:
        found = book.table.record(line)
        if found is None:
            yield book.defect(start, end, "a record has not as many values as there are fields; the line may be cut")
        else:
            yield from _zeek(book, found, start, end)


def _json(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(decoded(line))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


# --- Zeek --------------------------------------------------------------------------------------------------------------------


def _zeek(book: _Book, record: dict[str, Any], start: int, end: int) -> Iterator[Record]:
    """One transaction. `rcptto` holds every RCPT that the client sent, refused or not; `last_reply` is the server's last word."""
    fields = Fields(record)
    named, unknown = _addresses(fields, "rcptto", _ENVELOPE)
    is_hidden = record.get("tls") in {True, "T", "true"}
    if not named and not unknown and not record.get("mailfrom") and (is_hidden or not _has_header(record)):
        book.hide(start, end)
        return
    reply = fields.text("last_reply")[:_MOST_REPLY]
    has_header = _has_header(record)
    outcome = _outcome(reply, has_header=has_header)
    at = _time(record.get("ts"))
    seen, complete = _header(fields, "to", "cc", has_header=has_header)
    uid, depth = fields.text("uid")[:_MOST_FACT], fields.label("trans_depth")[:_MOST_FACT]
    facts = [
        ("client", fields.text("id.orig_h")), ("relay", _at_port(fields.text("id.resp_h"), fields.label("id.resp_p"))),
        ("helo", fields.text("helo")), ("user_agent", fields.text("user_agent")), ("origin", "zeek"),
    ]  # fmt: skip
    yield from _told(
        book, fields, start, end,
        at=at, outcome=outcome, reply=reply, named=named, seen=seen, header_known=complete and not unknown, hidden=is_hidden,
        sender=fields.text("mailfrom"), author=fields.text("from"), message_id=fields.text("msg_id"), date=fields.text("date"),
        subject=fields.text("subject"), ids=(f"zeek:{uid}/{depth}",) if uid else (), server="", facts=facts, attachments=(),
    )  # fmt: skip


def _has_header(record: dict[str, Any]) -> bool:
    """Whether the sensor saw a mail's header pass."""
    return any(record.get(name) for name in _HEADER_KEYS if name != "user_agent")


def _outcome(reply: str, *, has_header: bool) -> Outcome:
    """What the last reply of a session says of all its copies; one recipient's own reply is not in a sensor's log."""
    match = _CODE.match(reply)
    code = match[1] if match else ""
    if code == "5":
        return Outcome.REFUSED_AFTER_DATA if has_header else Outcome.BOUNCED
    return Outcome.DEFERRED if code == "4" else Outcome.ACCEPTED


def _at_port(host: str, port: str) -> str:
    return f"{host}:{port}" if host and port else host


# --- Suricata ----------------------------------------------------------------------------------------------------------------


def _eve(book: _Book, record: dict[str, Any], start: int, end: int) -> Iterator[Record]:
    """An event of type smtp, or another one (alert, fileinfo) that carries the same two objects."""
    fields = Fields(record)
    smtp, email = fields.value.get("smtp"), fields.value.get("email")
    if not isinstance(smtp, dict):
        book.ignored += 1
        return
    of_smtp, of_email = Fields(smtp), Fields(email if isinstance(email, dict) else {})
    named, unknown = _addresses(of_smtp, "rcpt_to", _ENVELOPE)
    if not named and not unknown and not smtp.get("mail_from"):
        if record.get("event_type") == "smtp":
            book.hide(start, end)
        else:
            book.ignored += 1
        return
    seen, complete = _header(of_email, "to", "cc", has_header=_has_header(of_email.value))
    blind, _ = _addresses(of_email, "bcc", Role.BCC)
    state = of_email.text("status")
    is_whole = state in {"", "PARSE_DONE", "BODY_DONE", "BODY_STARTED", "HEADER_DONE"}
    flow, depth, host = fields.label("flow_id")[:_MOST_FACT], fields.label("tx_id")[:_MOST_FACT], fields.text("host")[:_MOST_FACT]
    facts = [
        ("client", fields.text("src_ip")), ("relay", _at_port(fields.text("dest_ip"), fields.label("dest_port"))),
        ("helo", of_smtp.text("helo")), ("user_agent", of_email.text("x_mailer")), ("origin", "suricata"),
        ("event", fields.text("event_type")),
    ]  # fmt: skip
    yield from _told(
        book, fields, start, end,
        at=_time(record.get("timestamp")), outcome=Outcome.ACCEPTED, reply="", named=named, seen=seen + _recipients(blind, Role.BCC),
        header_known=complete and is_whole, hidden=False, sender=of_smtp.text("mail_from"), author=of_email.text("from"),
        message_id=of_email.text("message_id"), date=of_email.text("date"), subject=of_email.text("subject"),
        ids=(f"flow:{host}/{flow}/{depth}",) if flow else (), server=host, facts=facts,
        attachments=tuple(one[:_MOST_FACT] for one in of_email.texts("attachment", "filename")),
        wrong=of_smtp.wrong | of_email.wrong,
    )  # fmt: skip


# --- both --------------------------------------------------------------------------------------------------------------------


def _addresses(fields: Fields, name: str, role: Role) -> tuple[dict[str, str], int]:
    """The addresses of one field, each with the text as found, and how many of its entries name none that can be read."""
    found: dict[str, str] = {}
    unknown = 0
    texts = fields.texts(name, "address")
    for text in texts[:_MOST_RECIPIENTS]:
        if role is _ENVELOPE:
            path = _path(text[:_MOST_TEXT].strip())
            address = canonical(path)
            if address and address != "<>":
                found.setdefault(address, path)
                continue
        else:
            boxes = mailboxes(decode_words(text[:_MOST_TEXT]))
            for box in boxes:
                found.setdefault(box.address, box.written)
            if boxes:
                continue
        unknown += 1
    if unknown or len(texts) > _MOST_RECIPIENTS:
        fields.wrong.add(name)
    return found, unknown


def _recipients(named: dict[str, str], role: Role, seen: str = "") -> list[Recipient]:
    """Recipients of a header, of which no outcome is known."""
    return [
        _recipient(address, role, Outcome.NONE, _as_found(address, written), "", "", None, "", -1, -1, seen)
        for address, written in named.items()
    ]


def _as_found(address: str, written: str) -> str:
    return "" if written.lower() == address else written


def _path(text: str) -> str:
    """The address of `<a@b> NOTIFY=NEVER`, as old versions of Zeek keep it, or as it is."""
    raw = text.encode("utf-8", "replace")
    end = address_end(raw, 1, (b" ",), may_end=True) if raw.startswith(b"<") else -1
    return raw[1:end].decode("utf-8", "replace") if end >= 0 else text


def _header(fields: Fields, *names: str, has_header: bool) -> tuple[list[Recipient], bool]:
    """Whom To and Cc name, and whether that is all of them: half a header would make blind recipients of its other half.

    Zeek cuts a list at every comma, those in quoted names too; what stands before such a comma names nobody.
    """
    found = []
    complete = has_header
    for name, role in zip(names, (Role.TO, Role.CC), strict=True):
        texts = fields.texts(name, "address")
        is_odd = name in fields.wrong
        named, _ = _addresses(fields, name, role)
        found += _recipients(named, role, name)
        if not is_odd and len(texts) <= _MOST_RECIPIENTS and sum(text.count("@") for text in texts) <= _at_signs(named):
            fields.wrong.discard(name)
        complete = complete and name not in fields.wrong
    return found, complete


def _at_signs(named: dict[str, str]) -> int:
    return sum(written.count("@") for written in named.values())


def _time(value: object) -> Reading | None:
    """Epoch seconds as number or text, or ISO 8601 with an offset."""
    text = str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        return None
    if re.fullmatch(r"\d{1,12}(?:\.\d{1,9})?", text):
        whole, _, fraction = text.partition(".")
        if int(whole) >= _YEAR_5138:
            return None
        return Reading("syslog", EPOCH + timedelta(seconds=int(whole), microseconds=int((fraction + "000000")[:6])))
    return iso_time(text, "syslog")


def _told(  # noqa: PLR0913  what two formats tell of one mail
    book: _Book, fields: Fields, start: int, end: int, *, at: Reading | None, outcome: Outcome, reply: str,
    named: dict[str, str], seen: list[Recipient], header_known: bool, hidden: bool, sender: str, author: str, message_id: str,
    date: str, subject: str, ids: tuple[str, ...], server: str, facts: list[tuple[str, str]], attachments: tuple[str, ...],
    wrong: set[str] | frozenset[str] = frozenset(),
) -> Iterator[Record]:  # fmt: skip
    """One mail as an observation, and what of its record could not be read."""
    span = book.span(start, end)
    moment = at.at if at and not at.slack else None
    envelope = [
        _recipient(address, _ENVELOPE, outcome, _as_found(address, written), "", reply, moment, "", start, end, "")
        for address, written in named.items()
    ]
    authors = mailboxes(decode_words(author[:_MOST_TEXT]))
    wrote = mail_time(date) if date else None
    known = [(name, value[:_MOST_FACT]) for name, value in facts if value]
    known += [("tls", "true")] if hidden else []
    known += [("recipients_unknown", "true")] if not envelope else []
    from_envelope = canonical(_path(sender[:_MOST_TEXT].strip()))
    null_sender = "" if from_envelope == "<>" else from_envelope
    yield Fragment(
        f"{span.evidence}/{span.member}#{span.start}",
        Observation(
            span, _NAME, "queue" if outcome is not Outcome.BOUNCED else "reject", Route.SMTP, Direction.UNKNOWN, server,
            message_id=canonical_message_id(message_id)[:1_000], ids=ids, sender=authors[0].address if authors else null_sender,
            envelope_sender=null_sender, subject=decode_words(subject), readings=tuple(filter(None, (at, wrote))),
            recipients=tuple(chain(envelope, seen)), header_known=header_known, attachments=attachments, facts=tuple(sorted(known)),
        ),
    )  # fmt: skip
    if fields.wrong or wrong:
        names = ", ".join(sorted(fields.wrong | wrong))
        yield Defect(span, _NAME, f"fields of an unexpected form, read as far as possible: {names}")
    if at is None:
        yield Defect(span, _NAME, "the time of a record cannot be read")


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether this begins as Zeek's smtp.log does, or with a JSON record of its form or of Suricata's EVE."""
    rows = [one for row in head_lines(head) if (one := _sent(row.lstrip(b"\xef\xbb\xbf"))).strip(b"\0\r ")]
    first = rows[0] if rows else b""
    if first.startswith(b"#separator "):
        table = _Table()
        for line in rows[:20]:
            if line.startswith(b"#"):
                table.note(line)
        return table.path == b"smtp" or {"mailfrom", "rcptto"} <= set(table.fields)
    record = _json(first) if first.startswith(b"{") else None
    if record is None:
        return False
    if {"timestamp", "event_type"} <= record.keys():
        return not {"flow_id", "src_ip", "in_iface", "stats"}.isdisjoint(record)
    return {"ts", "uid"} <= record.keys() and not {"mailfrom", "rcptto", "last_reply", "is_webmail"}.isdisjoint(record)


PARSER = Parser(
    name=_NAME,
    title="SMTP as a network sensor saw it (Zeek smtp.log, Suricata EVE)",
    sniff=_sniff,
    read=read,
    shows=frozenset({"recipients", "header", "outcome", "blind"}),
)
