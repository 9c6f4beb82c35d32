"""Mail refused before Exim took it: recipients refused one by one, and messages refused with their headers in the rejectlog.

Exim specification, sections "Log files" and "Logging rejected messages"; what a rejectlog shows below an entry is written by
exim `log.c`: the sender, up to five recipients, and the headers, each behind a letter that tells which one it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from forensics.addresses import canonical, canonical_message_id
from forensics.headers import recipients_of
from forensics.model import Outcome, Recipient, Role
from forensics.parsers.exim.entries import client_in
from forensics.parsers.exim.messages import FULL, Book, Message, Queue
from forensics.parsers.exim.queue_ids import time_in
from forensics.parsers.exim.targets import TEXT_LIMIT, address_in, masked
from forensics.records import constructor, replaced
from forensics.syslog import decoded

__all__ = ["DUMPED", "REFUSED", "Refusal", "refuse", "refused_message", "takes"]

DUMPED = re.compile(rb"(?:[A-Z* ] | |\t|Envelope-(?:from|to):|-{3})")  # what may lie below an entry of a rejectlog
REFUSED = (b"rejected RCPT ", b": discarded by RCPT ACL")
_LINE_ENDS = 4  # bytes at most between two lines: CR and LF in UTF-16
_DUMP_LIMIT = 1 << 16  # bytes
_HEADER = re.compile(rb"([A-Z* ]) ([!-9;-~]{1,200}+:.*)", re.DOTALL)
_SHOWN = {b"T": "to", b"C": "cc", b"B": "bcc", b"I": "message-id"}  # exim `macros.h`: the letters of headers that count here
_MORE = b"..."
_LOGIN = re.compile(rb" F=<[^<>]*+> A=[^ :]{1,64}:(\S++) ")  # exim `acl.c` (unverified): behind the sender
_ENVELOPE, _REJECTED = Role.ENVELOPE, Outcome.REJECTED
_record = constructor(Recipient)


@dataclass(slots=True, eq=False)
class Refusal:
    """An entry that refuses a message, and the lines below it."""

    queue_id: bytes
    text: bytes
    stamp: str
    start: int
    end: int
    below: list[bytes] = field(default_factory=list)


def refuse(book: Book, queue: Queue, text: bytes) -> None:
    """`H=... F=<s> rejected RCPT <t@d>: words`: no message yet, so no id. Sender and client's name stand before, in quotes or without blanks."""
    shape = masked(text)
    at = shape.find(b"rejected RCPT ")
    start = at + 14 if at >= 0 else shape.find(b" RCPT ") + 6
    end = shape.find(b">", start) if shape.startswith(b"<", start) else shape.find(b":", start)
    if start < 6 or end < 0 or end - start > TEXT_LIMIT:  # noqa: PLR2004  not found
        book.defect("a rejected recipient cannot be read; the line may be cut")
        return
    address, written = address_in(text[start:end].removeprefix(b"<"))
    words = text[end + 1 :].removeprefix(b":").strip()[:TEXT_LIMIT]
    one = _record(address, _ENVELOPE, _REJECTED, written, "", decoded(words), None, book.stamp, book.start, book.end, "")
    message = Message(queue, b"", book.start, book.stamp, book.end, recipients=[one])
    _note_origin(message, text, shape, start)
    book.let_alone(message, text)


def _note_origin(message: Message, text: bytes, shape: bytes, end: int) -> None:
    """Sender, client and login, which stand before `end`."""
    sender = shape.find(b"F=<", 0, end)
    if sender >= 0:
        message.sender = canonical(decoded(text[sender + 3 : max(shape.find(b">", sender), sender + 3)][:TEXT_LIMIT]))
    client = client_in(shape[:end])
    if client:
        message.facts = (client, ("origin", "smtp"))
    login = _LOGIN.search(shape, 0, end)
    if login:
        message.submitted = True
        message.facts += (("sasl_username", decoded(text[login.start(1) : login.end(1)][:TEXT_LIMIT])),)


def takes(refusal: Refusal, line: bytes, start: int, end: int) -> bool:
    """Whether a line lies right below an entry that refuses a message, and is of what a rejectlog shows of it."""
    if not 0 < start - refusal.end <= _LINE_ENDS or not DUMPED.match(line) or end - refusal.start > _DUMP_LIMIT:
        return False
    if not refusal.below and not line.startswith(b"Envelope-"):
        return False
    refusal.below.append(line)
    refusal.end = end
    return True


def refused_message(book: Book, queue: Queue, refusal: Refusal) -> bool:
    """Tell of a refused message whom its envelope and its headers name; whether the lines below the entry name anybody."""
    envelope, fields = _dumped(refusal.below)
    book.start, book.end, book.stamp = refusal.start, refusal.end, refusal.stamp
    words = decoded(refusal.text[refusal.text.find(b"rejected") :][:TEXT_LIMIT])
    found = [
        _record(address, _ENVELOPE, _REJECTED, written, "", words, None, book.stamp, book.start, book.end, "")
        for address, written in map(address_in, dict.fromkeys(envelope))
        if address != _MORE.decode()
    ]
    for one in recipients_of((name, value) for name, value in fields if name != "message-id"):
        outcome = _REJECTED if one.role is Role.BCC else one.outcome
        found.append(replaced(one, outcome=outcome, stamp=book.stamp, start=book.start, end=book.end))
    if not found:
        return False
    message = Message(queue, b"", book.start, book.stamp, book.end, time_in(refusal.queue_id), recipients=found)
    shape = masked(refusal.text)
    _note_origin(message, refusal.text, shape, max(shape.find(b"rejected "), 0))
    message.message_id = next(
        (canonical_message_id(decoded(value[:TEXT_LIMIT])) for name, value in fields if name == "message-id"), ""
    )
    message.header_known = bool(fields) and refusal.end - refusal.start < FULL  # beyond it Exim cuts
    if _MORE in envelope:
        message.facts += (("recipients_unknown", "true"),)
    else:
        message.declared = len(envelope) or -1
    book.let_alone(message, refusal.queue_id + b" " + refusal.text)
    return True


def _dumped(below: list[bytes]) -> tuple[list[bytes], list[tuple[str, bytes]]]:
    """The recipients of the envelope, `...` for those left out, and the headers that count, folds as LF."""
    envelope: list[bytes] = []
    fields: list[tuple[str, list[bytes]]] = []
    name = ""
    for line in below:
        header = _HEADER.fullmatch(line)
        if line.startswith(b"Envelope-"):
            name, _, value = line.decode("latin-1").partition(":")
            if name == "Envelope-to":
                envelope.append(value.strip().encode("latin-1"))
        elif name == "Envelope-to" and line.startswith(b"    ") and line[4:5] in {b"<", b"."}:
            envelope.append(line.strip())
        elif header:
            letter, text = header.groups()
            name = _SHOWN.get(letter, "")
            if name:
                fields.append((name, [text.partition(b":")[2].strip()]))
        elif name in _SHOWN.values() and line[:1] in {b" ", b"\t"}:
            fields[-1][1].append(line)
    bare = [one if one == _MORE else one[1:-1] if one[:1] == b"<" and one[-1:] == b">" else one for one in envelope]
    return [one[:TEXT_LIMIT] for one in bare if one], [(name, b"\n".join(lines)) for name, lines in fields]
