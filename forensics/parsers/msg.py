"""Outlook messages (.msg): recipients with their types, the blind ones included, and the headers of the transport."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from forensics import addresses, mail, mapi
from forensics.mapi import Properties, Storage, Tag, Unreadable
from forensics.model import Body, Defect, Direction, Fragment, Observation, Outcome, Part, Reading, Recipient, Role, Span
from forensics.plugins import Parser, Record, Source

__all__ = ["PARSER"]

_NAME = "msg"
_SNIFFED = 64 << 10  # bytes of a head; a shorter one is the whole file
_LARGEST = 256 << 20  # bytes of a file that is read
_READ = 16 << 20  # bytes of the message's own properties
_ROW = 256 << 10  # bytes of one recipient's or attachment's
_ROWS = 64 << 20  # of all: hostile rows may share one long stream
_RECIPIENTS = 50_000
_ATTACHMENTS = 2_000
_UNSENT = 0x8  # of PidTagMessageFlags, [MS-OXCMSG] section 2.2.1.6
_ROLES = {1: Role.TO, 2: Role.CC, 3: Role.BCC}  # PidTagRecipientType, [MS-OXCMSG] section 2.2.3.1.2
_ORIGINATOR = 0
_CLASS = re.compile(r"[A-Za-z0-9._-]{1,100}")

_MESSAGE = frozenset((
    Tag.MESSAGE_CLASS, Tag.SUBJECT, Tag.CLIENT_SUBMIT_TIME, Tag.REPRESENTING_EMAIL, Tag.REPRESENTING_SMTP, Tag.SENDER_EMAIL,
    Tag.SENDER_SMTP, Tag.TRANSPORT_HEADERS, Tag.DISPLAY_BCC, Tag.DELIVERY_TIME, Tag.MESSAGE_FLAGS, Tag.MESSAGE_ID,
    Tag.REFERENCES, Tag.IN_REPLY_TO, Tag.MESSAGE_CODEPAGE, Tag.INTERNET_CODEPAGE,
))  # fmt: skip
_RECIPIENT = frozenset((Tag.RECIPIENT_TYPE, Tag.DISPLAY_NAME, Tag.ADDRESS_TYPE, Tag.EMAIL, Tag.SMTP_ADDRESS))
_ATTACHMENT = frozenset((Tag.ATTACH_FILENAME, Tag.ATTACH_LONG_FILENAME, Tag.DISPLAY_NAME))


@dataclass(slots=True)
class _Table:
    """The recipient table as read: recipients by address and role, and how many rows name nobody by address."""

    found: dict[tuple[str, Role], Recipient] = field(default_factory=dict)
    in_names: set[str] = field(default_factory=set)
    nameless: int = 0  # To and Cc
    nameless_blind: int = 0
    faults: list[str] = field(default_factory=list)


def sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  the file's name proves nothing
    """Whether `head` begins a compound file whose directory is a message's, or lies beyond `head`."""
    return mapi.is_message(head, cut=len(head) >= _SNIFFED)


def read(source: Source) -> Iterator[Record]:
    """One observation a file, behind the defects: what could not be read of it, and recipients that have no mail address."""
    parts: list[bytes] = []
    size = 0
    for block in source.blocks():
        size += len(block)
        if size <= _LARGEST:
            parts.append(block)
    span = Span(source.span.evidence, source.span.member, 0, size)
    if size > _LARGEST:
        yield Defect(span, _NAME, f"an Outlook message longer than {_LARGEST >> 20} MiB: it was not read")
        return
    try:
        top = mapi.message(b"".join(parts))
    except Unreadable as unreadable:
        yield Defect(span, _NAME, str(unreadable))
        return
    message = mapi.properties_of(top, "", _READ, wanted=_MESSAGE)
    table = _table(top, message)
    observation = _observed(span, message, table, _attachment_names(top, message))
    for reason in dict.fromkeys((*message.faults, *table.faults, *_doubts(message, table))):
        yield Defect(span, _NAME, reason)
    yield Fragment(f"{span.evidence}/{span.member}#0", observation)


# ------------------------------------------------------------------------------------------------------------ recipients


def _table(top: Storage, message: Properties) -> _Table:
    table = _Table()
    codec, left = _codec(message), _ROWS
    for count, storage in enumerate(mapi.recipients_of(top)):
        if count >= _RECIPIENTS or left <= 0:
            table.faults.append(f"more than {count} recipients: the rest was not read")
            break
        row = mapi.properties_of(storage, "entry", _ROW, codec, _RECIPIENT)
        left -= row.size
        _add(table, row)
    if not any(role is Role.BCC for _, role in table.found):
        for written in addresses.addresses_in(message.text(Tag.DISPLAY_BCC)):
            _note(table, written, Role.BCC)
    return table


def _codec(message: Properties) -> str:
    return mapi.codec_of(message.number(Tag.MESSAGE_CODEPAGE)) or mapi.codec_of(message.number(Tag.INTERNET_CODEPAGE))


def _add(table: _Table, row: Properties) -> None:
    """One row of the table. A type that no specification names counts as an envelope's."""
    table.faults += [f"a recipient: {fault}" for fault in row.faults]
    kind = row.number(Tag.RECIPIENT_TYPE) & 0xF if Tag.RECIPIENT_TYPE in row.values else -1  # above: flags of a resend
    if kind == _ORIGINATOR:
        return
    role = _ROLES.get(kind, Role.ENVELOPE)
    name = row.text(Tag.DISPLAY_NAME)
    written = _written(row)
    in_name = [addresses.canonical(one) for one in addresses.addresses_in(name)]
    if not written and in_name:
        written = in_name[0]
    if written:
        _note(table, written, role)
        table.in_names.update(set(in_name) - {addresses.canonical(written)})
    elif role in {Role.TO, Role.CC}:
        table.nameless += 1
    else:
        table.nameless_blind += 1


def _written(row: Properties) -> str:
    """A recipient's mail address; "" where there is only a name in Exchange's directory (`/o=.../cn=...`)."""
    for tag in (Tag.SMTP_ADDRESS, Tag.EMAIL):
        text = row.text(tag).strip()
        if "@" in text and not text.startswith("/"):
            return text
    return ""


def _note(table: _Table, written: str, role: Role) -> None:
    address = addresses.canonical(written)
    table.found.setdefault((address, role), Recipient(address, role, Outcome.NONE, "" if written.lower() == address else written))


def _doubts(message: Properties, table: _Table) -> Iterator[str]:
    if table.nameless and not message.text(Tag.TRANSPORT_HEADERS):
        yield "recipients in To or Cc are named in Exchange's directory only: they have no mail address to compare"
    if table.nameless_blind:
        yield "a blind recipient is named in Exchange's directory only: there is no mail address to compare"
    elif message.text(Tag.DISPLAY_BCC).strip() and not any(role is Role.BCC for _, role in table.found):
        yield "a blind recipient is named without a mail address"


# ------------------------------------------------------------------------------------------------------------ the message


def _observed(span: Span, message: Properties, table: _Table, attachments: tuple[str, ...]) -> Observation:
    """The message as its transport headers tell it, completed by its properties: they alone know blind recipients."""
    block = message.text(Tag.TRANSPORT_HEADERS)
    cut = len(block) > mail.HEAD
    clocks = ((Tag.CLIENT_SUBMIT_TIME, "client_submit"), (Tag.DELIVERY_TIME, "message_delivery"))
    readings = tuple(Reading(clock, at) for tag, clock in clocks if (at := message.time(tag)) is not None)
    raw = (block or _spelled(message))[: mail.HEAD].encode("utf-8", "replace")
    told = mail.observe(span, _NAME, raw, size=span.end, archive=readings, facts=_facts(message, table))
    known = {(one.address, one.role) for one in told.recipients}
    added = tuple(one for key, one in table.found.items() if key not in known)
    own_id = addresses.canonical_message_id(message.text(Tag.MESSAGE_ID)[:1000])
    others = (f"mid:{own_id}",) if own_id and told.message_id and own_id != told.message_id else ()
    return replace(
        told,
        recipients=told.recipients + added,
        direction=_direction(message, table, told),
        message_id=told.message_id or own_id,
        ids=tuple(dict.fromkeys(told.ids + others)),
        sender=told.sender or _sender(message),
        subject=_subject(message) or told.subject,
        header_known=not cut and (bool(block) or not table.nameless) and not table.faults and not message.faults,
        attachments=attachments,
    )


def _spelled(message: Properties) -> str:
    """The identities of a message without transport headers, as the header lines that it would have had."""
    fields = (("Message-ID", Tag.MESSAGE_ID), ("In-Reply-To", Tag.IN_REPLY_TO), ("References", Tag.REFERENCES))
    lines = [f"{name}: {' '.join(text.split())}" for name, tag in fields if (text := message.text(tag)[:10_000])]
    return "\n".join(lines) + "\n\n"


def _direction(message: Properties, table: _Table, told: Observation) -> Direction:
    """A blind recipient is kept in the sender's own copy only, and a sent copy has met no server. A draft was not sent."""
    if _is_draft(message):
        return Direction.UNKNOWN
    if table.nameless_blind or any(role is Role.BCC for _, role in table.found):
        return Direction.SUBMITTED
    if message.text(Tag.TRANSPORT_HEADERS):
        return told.direction
    return Direction.SUBMITTED if table.found or table.nameless else Direction.UNKNOWN  # a contact or a note has no recipient


def _is_draft(message: Properties) -> bool:
    return bool(message.number(Tag.MESSAGE_FLAGS) & _UNSENT) and message.time(Tag.CLIENT_SUBMIT_TIME) is None


def _sender(message: Properties) -> str:
    for tag in (Tag.REPRESENTING_SMTP, Tag.SENDER_SMTP, Tag.REPRESENTING_EMAIL, Tag.SENDER_EMAIL):
        text = message.text(tag).strip()
        if "@" in text and not text.startswith("/"):
            return addresses.canonical(text)
    return ""


def _subject(message: Properties) -> str:
    text = message.text(Tag.SUBJECT)
    return text[2:] if text.startswith("\x01") else text  # the length of "RE: " and its like, [MS-OXCMSG] section 2.2.1.9


def _facts(message: Properties, table: _Table) -> list[tuple[str, str]]:
    facts = [("address_in_name", address) for address in sorted(table.in_names)[:20]]
    kind = message.text(Tag.MESSAGE_CLASS)
    if not kind.lower().startswith("ipm.note") and _CLASS.fullmatch(kind):
        facts.append(("message_class", kind.lower()))
    return facts + ([("draft", "true")] if _is_draft(message) else [])


def _attachment_names(top: Storage, message: Properties) -> tuple[str, ...]:
    """Names of the attachments, as many as pass two would read."""
    codec, left = _codec(message), _ROWS
    names = []
    for count, row in enumerate(mapi.attachments_of(top)):
        if count >= _ATTACHMENTS or left <= 0:
            break
        found = mapi.properties_of(row, "entry", _ROW, codec, _ATTACHMENT)
        left -= found.size
        names.append(found.text(Tag.ATTACH_LONG_FILENAME, Tag.ATTACH_FILENAME, Tag.DISPLAY_NAME))
    return tuple(name for name in names if name)


def body(raw: bytes, kind: str) -> Body:  # noqa: ARG001  there is one kind
    """The whole file as one part; the subject as its property tells it."""
    try:
        subject = _subject(mapi.properties_of(mapi.message(raw), "", _READ, wanted=frozenset((Tag.SUBJECT,))))
    except Unreadable:
        subject = ""
    return Body(subject=subject, parts=(Part("", "application/vnd.ms-outlook", raw),))


PARSER = Parser(
    name=_NAME,
    title="Outlook message",
    sniff=sniff,
    read=read,
    shows=frozenset({"recipients", "header", "content"}),
    body=body,
)
