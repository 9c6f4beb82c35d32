"""Outlook's wrapped mail (winmail.dat) by itself: its recipients with their types, in the few files that name them."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from forensics import mail, mapi
from forensics.mapi import Properties, Tag, Value, tnef
from forensics.mapi.tnef import Attribute
from forensics.model import Body, Defect, Direction, Fragment, Observation, Part, Reading, Role, Span
from forensics.plugins import Parser, Record, Source

__all__ = ["PARSER"]

_NAME = "tnef"
_LARGEST = 64 << 20  # bytes of a file that is read; packed properties take many times their room in memory
_TEXT = 256 << 10  # characters of one property
_RECIPIENTS = 50_000
_ATTACHMENTS = 2_000
_YEARS = 1601, 4500  # as in dates of properties
_UNKNOWN_ZONE = 50_400  # seconds
_WANTED = mapi.MESSAGE | mapi.ATTACHMENT
_ABOUT_PEOPLE = {Attribute.PROPERTIES, Attribute.RECIPIENTS}
_TRIPLE = struct.Struct("<4H")  # kind, size, then the lengths of name and address; [MS-OXTNEF], attFrom
_DATE = struct.Struct("<6H")  # year to second; a day of the week follows
_ID = re.compile(r"<?[^\s<>@]{1,500}@[^\s<>@]{1,400}>?")
_CLOCKS = (
    (Attribute.DATE_SENT, Tag.CLIENT_SUBMIT_TIME, "client_submit"),
    (Attribute.DATE_RECEIVED, Tag.DELIVERY_TIME, "message_delivery"),
)


def sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  the file's name proves nothing
    """Whether `head` begins with TNEF's signature."""
    return head.startswith(tnef.MAGIC)


def read(source: Source) -> Iterator[Record]:
    """One observation a file, behind the defects: what could not be read of it, and that it does not name its recipients."""
    parts: list[bytes] = []
    size = 0
    for block in source.blocks():
        size += len(block)
        if size <= _LARGEST:
            parts.append(block)
    span = Span(source.span.evidence, source.span.member, 0, size)
    if size > _LARGEST:
        yield Defect(span, _NAME, f"a TNEF file longer than {_LARGEST >> 20} MiB: it was not read")
        return
    raw = b"".join(parts)
    if not raw.startswith(tnef.MAGIC):
        yield Defect(span, _NAME, "no TNEF: its signature is missing")
        return
    found = tnef.wrapped(raw, _WANTED)
    if not found.attributes:
        yield Defect(span, _NAME, "damaged TNEF: no attribute of it can be read")
        return
    message = _message(found)
    tables = [one for one in found.told if isinstance(one, tnef.Rows)]
    faults: list[str] = []
    table = mapi.read_table(message, _rows(tables, faults))
    table.faults += [*faults, *_damage(found)]
    named = _names_recipients(message, tables, table)
    reasons = [*mapi.doubts(message, table), *found.faults, *_gaps(found, named=named)]
    for reason in dict.fromkeys(reasons):
        yield Defect(span, _NAME, reason)
    yield Fragment(f"{span.evidence}/{span.member}#0", _observed(span, found, message, table, named=named))


# ------------------------------------------------------------------------------------------------------- the observation


def _rows(tables: list[tnef.Rows], faults: list[str]) -> Iterator[Properties]:
    """The rows of the recipient tables, bounded; what is left out is told in `faults`."""
    count = 0
    for one in tables:
        last = 4  # behind the number of rows
        for row, end in one.read():
            if count >= _RECIPIENTS:
                faults.append(f"more than {count} recipients: the rest was not read")
                return
            count, last = count + 1, end
            if _tells_anything(row):
                yield _clipped(row)
            else:
                faults += [f"a recipient: {fault}" for fault in row.faults or ("neither role nor address",)]
        if len(one.data) < 4 or one.data[last:].strip(b"\0"):  # noqa: PLR2004  as above
            faults.append("the recipient table is longer or shorter than its number of rows")


def _tells_anything(row: Properties) -> bool:
    """Whether a row has a role or an address; what is left of a damaged one must not count as a blind recipient without address."""
    return Tag.RECIPIENT_TYPE in row.values or any("@" in row.text(tag) for tag in mapi.RECIPIENT)


def _clipped(read: Properties) -> Properties:
    """Addresses are looked for in texts of a bounded length; transport headers are bounded elsewhere."""
    long = [
        tag
        for tag, value in read.values.items()
        if isinstance(value, str) and len(value) > _TEXT and tag != Tag.TRANSPORT_HEADERS
    ]
    if not long:
        return read
    fault = f"a property is longer than {_TEXT} characters: the rest was not read"
    return Properties(read.values | {tag: read.text(tag)[:_TEXT] for tag in long}, (*read.faults, fault))


def _damage(found: tnef.Wrapped) -> Iterator[str]:
    """Damage that recipients may lie in."""
    if found.rest:
        yield "damaged TNEF: what lies behind the damage was not read"
    if not _ABOUT_PEOPLE.isdisjoint(found.broken):
        yield "a checksum of the recipients or of the message's properties does not match: what was read may be wrong"


def _gaps(found: tnef.Wrapped, *, named: bool) -> Iterator[str]:
    """What a whole file may lack, and damage elsewhere."""
    if not named:
        yield "a TNEF file that names no recipients: they stand in the mail that it was attached to"
    if not _ABOUT_PEOPLE.issuperset(found.broken):
        yield "a checksum does not match: what it covers was read, and may be wrong"


def _names_recipients(message: Properties, tables: list[tnef.Rows], table: mapi.RecipientTable) -> bool:
    """Whether the file tells to whom the message went; what Outlook displays as Bcc is no such list."""
    listed = any(one.data[:4].strip(b"\0") for one in tables) and (table.found or table.nameless or table.nameless_blind)
    return bool(listed or message.text(Tag.TRANSPORT_HEADERS))


def _observed(span: Span, found: tnef.Wrapped, message: Properties, table: mapi.RecipientTable, *, named: bool) -> Observation:
    """The message as its transport headers tell it, completed by its properties and, where these are silent, by older attributes."""
    block = mapi.header_text(message)
    raw = block[: mail.HEAD].encode("utf-8", "replace")
    archive = mapi.clocks(found.properties) + _older_clocks(found)
    told = mail.observe(span, _NAME, raw, size=span.end, archive=archive, facts=mapi.facts(message, table))
    names = tuple(one.name for one in found.attachments[:_ATTACHMENTS] if one.name)
    seen = mapi.completed(replace(told, header_known=named and len(block) <= mail.HEAD), message, table, names)
    # without headers of a transport it may still have come in mail: only a blind recipient shows the sender's own copy
    if seen.direction is Direction.SUBMITTED and not _is_senders_copy(message, table):
        return replace(seen, direction=Direction.UNKNOWN)
    return seen


def _is_senders_copy(message: Properties, table: mapi.RecipientTable) -> bool:
    blind = table.nameless_blind or any(role is Role.BCC for _, role in table.found)
    return bool(blind or message.text(Tag.TRANSPORT_HEADERS))


# ------------------------------------------------------------------------------------------------------ older attributes


def _message(found: tnef.Wrapped) -> Properties:
    """The message's properties; attributes that are older than these supply what they lack."""
    sent = _date(found.raw.get(Attribute.DATE_SENT, b""))
    own_id = found.text(found.raw.get(Attribute.MESSAGE_ID, b"")).strip()
    older: dict[int, Value] = {
        Tag.SUBJECT: found.subject,
        Tag.MESSAGE_CLASS: found.text(found.raw.get(Attribute.MESSAGE_CLASS, b"")),
        Tag.MESSAGE_ID: own_id if _ID.fullmatch(own_id) else "",  # as a rule it holds a search key
        Tag.SENDER_EMAIL: _sender(found),
        Tag.CLIENT_SUBMIT_TIME: sent or "",
    }
    values = {tag: value for tag, value in older.items() if value}
    known = {tag: value for tag, value in found.properties.values.items() if value not in {"", b""}}
    if "@" not in found.properties.text(Tag.SENDER_EMAIL):  # a name in Exchange's directory
        known.pop(Tag.SENDER_EMAIL, None)
    return _clipped(Properties(values | known, found.properties.faults))


def _sender(found: tnef.Wrapped) -> str:
    """The mail address in attFrom, "" where it is a name in Exchange's directory."""
    data = found.raw.get(Attribute.FROM, b"")
    if len(data) < _TRIPLE.size:
        return ""
    _, _, name, address = _TRIPLE.unpack_from(data)
    start = _TRIPLE.size + name
    kind, _, written = found.text(data[start : start + address].partition(b"\0")[0]).partition(":")
    return written.strip() if kind.strip().upper() == "SMTP" else ""


def _older_clocks(found: tnef.Wrapped) -> tuple[Reading, ...]:
    """Dates of attributes where no property tells them; they name no zone."""
    return tuple(
        Reading(clock, at, _UNKNOWN_ZONE)
        for name, tag, clock in _CLOCKS
        if found.properties.time(tag) is None and (at := _date(found.raw.get(name, b"")))
    )


def _date(data: bytes) -> datetime | None:
    """A date of an attribute ([MS-OXTNEF], attDateSent) as if in UTC; None if it is no date."""
    if len(data) < _DATE.size:
        return None
    year, month, day, hour, minute, second = _DATE.unpack_from(data)
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return at if _YEARS[0] <= at.year < _YEARS[1] else None


def body(raw: bytes, kind: str) -> Body:  # noqa: ARG001  there is one kind
    """The whole file as one part; the subject as its property tells it, or the attribute."""
    found = tnef.wrapped(raw, frozenset((Tag.SUBJECT,)))
    return Body(subject=mapi.subject_of(_message(found)), parts=(Part("", "application/ms-tnef", raw),))


PARSER = Parser(
    name=_NAME,
    title="Outlook's wrapped mail (winmail.dat)",
    sniff=sniff,
    read=read,
    shows=frozenset({"recipients", "header", "content"}),
    body=body,
)
