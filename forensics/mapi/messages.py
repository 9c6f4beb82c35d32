"""A message as its MAPI properties and recipient table tell it, whichever file of Outlook's it lies in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from forensics import addresses
from forensics.mapi.properties import Properties, Tag, codec_of
from forensics.mapi.richtext import decompressed
from forensics.model import Direction, Observation, Outcome, Part, Reading, Recipient, Role, Unread

__all__ = [
    "ATTACHMENT", "MESSAGE", "RECIPIENT", "RecipientTable", "bodies", "clocks", "codec_in", "completed", "doubts", "facts",
    "header_text", "name_of", "read_table", "spoken", "subject_of",
]  # fmt: skip

_UNSENT = 0x8  # of PidTagMessageFlags, [MS-OXCMSG] section 2.2.1.6
_ROLES = {1: Role.TO, 2: Role.CC, 3: Role.BCC}  # PidTagRecipientType, [MS-OXCMSG] section 2.2.3.1.2
_ORIGINATOR = 0
_CLASS = re.compile(r"[A-Za-z0-9._-]{1,100}")
_CLOCKS = ((Tag.CLIENT_SUBMIT_TIME, "client_submit"), (Tag.DELIVERY_TIME, "message_delivery"))
_OWN_PART = {Tag.BODY, Tag.HTML, Tag.SUBJECT, Tag.TRANSPORT_HEADERS, Tag.RTF_COMPRESSED}

# what an observation is made from
MESSAGE = frozenset((
    Tag.MESSAGE_CLASS, Tag.SUBJECT, Tag.CLIENT_SUBMIT_TIME, Tag.REPRESENTING_EMAIL, Tag.REPRESENTING_SMTP, Tag.SENDER_EMAIL,
    Tag.SENDER_SMTP, Tag.TRANSPORT_HEADERS, Tag.DISPLAY_BCC, Tag.DELIVERY_TIME, Tag.MESSAGE_FLAGS, Tag.MESSAGE_ID,
    Tag.REFERENCES, Tag.IN_REPLY_TO, Tag.MESSAGE_CODEPAGE, Tag.INTERNET_CODEPAGE,
))  # fmt: skip
RECIPIENT = frozenset((Tag.RECIPIENT_TYPE, Tag.DISPLAY_NAME, Tag.ADDRESS_TYPE, Tag.EMAIL, Tag.SMTP_ADDRESS))
ATTACHMENT = frozenset((Tag.ATTACH_FILENAME, Tag.ATTACH_LONG_FILENAME, Tag.DISPLAY_NAME))


@dataclass(slots=True)
class RecipientTable:
    """The recipient table as read: recipients by address and role, and how many rows name nobody by address."""

    found: dict[tuple[str, Role], Recipient] = field(default_factory=dict)
    in_names: set[str] = field(default_factory=set)
    nameless: int = 0  # To and Cc
    nameless_blind: int = 0
    faults: list[str] = field(default_factory=list)


# ------------------------------------------------------------------------------------------------------------ recipients


def read_table(message: Properties, rows: Iterable[Properties]) -> RecipientTable:
    """The table of these rows; where it names no blind recipient, the addresses in what Outlook displays as Bcc join it."""
    table = RecipientTable()
    for row in rows:
        _add(table, row)
    if not any(role is Role.BCC for _, role in table.found):
        for written in addresses.addresses_in(message.text(Tag.DISPLAY_BCC)):
            _note(table, written, Role.BCC)
    return table


def codec_in(message: Properties) -> str:
    """The code page of a message's 8-bit strings, by Python's name; "" if it names none."""
    return codec_of(message.number(Tag.MESSAGE_CODEPAGE)) or codec_of(message.number(Tag.INTERNET_CODEPAGE))


def _add(table: RecipientTable, row: Properties) -> None:
    """One row of the table. A type that no specification names counts as an envelope's."""
    table.faults += [f"a recipient: {fault}" for fault in row.faults]
    kind = row.number(Tag.RECIPIENT_TYPE) & 0xF if Tag.RECIPIENT_TYPE in row.values else -1  # above: flags of a resend
    if kind == _ORIGINATOR:
        return
    role = _ROLES.get(kind, Role.ENVELOPE)
    name = row.text(Tag.DISPLAY_NAME)
    written = _written(row, (Tag.SMTP_ADDRESS, Tag.EMAIL))
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


def _written(properties: Properties, tags: Iterable[int]) -> str:
    """The first mail address; "" where there is only a name in Exchange's directory (`/o=.../cn=...`)."""
    for tag in tags:
        text = properties.text(tag).strip()
        if "@" in text and not text.startswith("/"):
            return text
    return ""


def _note(table: RecipientTable, written: str, role: Role) -> None:
    address = addresses.canonical(written)
    one = Recipient(address, role, Outcome.NONE, "" if written.lower() == address else written, seen="recipient table")
    table.found.setdefault((address, role), one)


def doubts(message: Properties, table: RecipientTable) -> Iterator[str]:
    """What could not be read, and which recipients have no address to compare, as sentences; each once."""
    yield from dict.fromkeys((*message.faults, *table.faults))
    if table.nameless and not message.text(Tag.TRANSPORT_HEADERS):
        yield "recipients in To or Cc are named in Exchange's directory only: they have no mail address to compare"
    if table.nameless_blind:
        yield "a blind recipient is named in Exchange's directory only: there is no mail address to compare"
    elif message.text(Tag.DISPLAY_BCC).strip() and not any(role is Role.BCC for _, role in table.found):
        yield "a blind recipient is named without a mail address"


# ----------------------------------------------------------------------------------------------------------- the message


def header_text(message: Properties) -> str:
    """The transport headers; of a message that has none, its identities as the header lines that it would have had."""
    if block := message.text(Tag.TRANSPORT_HEADERS):
        return block
    fields = (("Message-ID", Tag.MESSAGE_ID), ("In-Reply-To", Tag.IN_REPLY_TO), ("References", Tag.REFERENCES))
    lines = [f"{name}: {' '.join(text.split())}" for name, tag in fields if (text := message.text(tag)[:10_000])]
    return "\n".join(lines) + "\n\n"


def clocks(message: Properties) -> tuple[Reading, ...]:
    """When the client submitted it and when it was delivered, as far as the properties tell."""
    return tuple(Reading(clock, at) for tag, clock in _CLOCKS if (at := message.time(tag)) is not None)


def completed(told: Observation, message: Properties, table: RecipientTable, attachments: tuple[str, ...]) -> Observation:
    """What the headers told, completed by the properties: they alone know blind recipients.

    `told.header_known` is whether the whole of the headers was read; it stays True only where nothing else is missing.
    """
    known = {(one.address, one.role) for one in told.recipients}
    added = tuple(one for key, one in table.found.items() if key not in known)
    own_id = addresses.canonical_message_id(message.text(Tag.MESSAGE_ID)[:1000])
    others = (f"mid:{own_id}",) if own_id and told.message_id and own_id != told.message_id else ()
    addressed = bool(message.text(Tag.TRANSPORT_HEADERS)) or not table.nameless
    return replace(
        told,
        recipients=told.recipients + added,
        direction=_direction(message, table, told),
        message_id=told.message_id or own_id,
        ids=tuple(dict.fromkeys(told.ids + others)),
        sender=told.sender or _sender(message),
        subject=subject_of(message) or told.subject,
        header_known=told.header_known and addressed and not table.faults and not message.faults,
        attachments=attachments,
    )


def _direction(message: Properties, table: RecipientTable, told: Observation) -> Direction:
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
    written = _written(message, (Tag.REPRESENTING_SMTP, Tag.SENDER_SMTP, Tag.REPRESENTING_EMAIL, Tag.SENDER_EMAIL))
    return addresses.canonical(written) if written else ""


def subject_of(message: Properties) -> str:
    """The subject, without the mark that says how long its "RE: " is ([MS-OXCMSG] section 2.2.1.9)."""
    text = message.text(Tag.SUBJECT)
    return text[2:] if text.startswith("\x01") else text


def facts(message: Properties, table: RecipientTable) -> list[tuple[str, str]]:
    """What else is known: addresses in display names, a class other than mail's, whether it is a draft."""
    told = [("address_in_name", address) for address in sorted(table.in_names)[:20]]
    kind = message.text(Tag.MESSAGE_CLASS)
    if not kind.lower().startswith("ipm.note") and _CLASS.fullmatch(kind):
        told.append(("message_class", kind.lower()))
    return told + ([("draft", "true")] if _is_draft(message) else [])


# --------------------------------------------------------------------------------------------------------------- content


def name_of(attachment: Properties) -> str:
    """An attachment's name as written, "" if it has none."""
    return attachment.text(Tag.ATTACH_LONG_FILENAME, Tag.ATTACH_FILENAME, Tag.ATTACH_TRANSPORT_NAME, Tag.DISPLAY_NAME)


def spoken(read: Properties) -> str:
    """The texts among the properties that are no part of their own, each on its line: names, addresses, categories, links."""
    texts = (value for tag, value in read.values.items() if tag not in _OWN_PART and isinstance(value, str))
    return "\n".join(dict.fromkeys(texts))


def bodies(read: Properties, prefix: str, depth: int, limit: int) -> Iterator[Part | Unread]:
    """All forms of the body, as parts below `prefix`: what one of them says the others may lack.

    `limit` bounds rich text once it is expanded, in bytes.
    """
    if body := read.text(Tag.BODY):
        yield Part(f"{prefix}text/plain", "text/plain", body.encode("utf-8", "replace"), charset="utf-8", depth=depth)
    if markup := read.text(Tag.HTML):
        yield Part(f"{prefix}text/html", "text/html", markup.encode("utf-8", "replace"), charset="utf-8", depth=depth)
    if raw := read.blob(Tag.HTML):
        charset = codec_of(read.number(Tag.INTERNET_CODEPAGE))
        yield Part(f"{prefix}text/html", "text/html", raw, charset=charset, depth=depth)
    if compressed := read.blob(Tag.RTF_COMPRESSED):
        rich, fault = decompressed(compressed, limit)
        if fault:
            size = f"{limit >> 20} MB" if limit >= 1 << 20 else f"{limit} bytes"
            yield Unread(f"{prefix}text/rtf", f"{fault} of {size}" if "limit" in fault else fault)
        if rich:
            yield Part(f"{prefix}text/rtf", "text/rtf", rich, depth=depth)
