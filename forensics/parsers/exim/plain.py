"""Lines of common form, read at once: what `entries` would say of them, found by fixed marks and known bytes.

A function here takes the whole of a line, or refuses it and changes nothing; `entries` then reads it. Nothing in quotes can
be mistaken for a field: a line with quotes in other places than those expected is refused. Texts are sought in bytes by
`find`, which takes half as long as `in`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import cast

from forensics.model import Outcome, Recipient, Role
from forensics.parsers.exim.entries import list_recipients, origin_of
from forensics.parsers.exim.messages import FULL, PIECE_LIMIT, Book, Message, Origin
from forensics.parsers.exim.queue_ids import QUEUE_ID
from forensics.parsers.exim.targets import CACHED, TEXT_LIMIT
from forensics.records import constructor
from forensics.syslog import decoded

__all__ = ["PLAIN"]

_NEXT = re.compile("id=(" + QUEUE_ID.decode() + ")(?![0-9A-Za-z-])")
_ID_LETTERS = bytes(value for value in range(0x21, 0x7F) if value not in b'"()<>')
_ID_LIMIT = 1_000
_SIZE_DIGITS = 18  # 64 bit
_BLANK = (b" ", b"")
_KNOWN = 8_192  # ways and origins remembered
_KEPT = 1_000  # bytes of one
_HOSTLESS = "-"  # no name that a way can have: each ends in a bracket
_HERE = (b"127.", b"::1")
_ENVELOPE, _DELIVERED = Role.ENVELOPE, Outcome.DELIVERED  # members of an enumeration take their time to look up
_record = constructor(Recipient)


def _arrival(book: Book, message: Message, text: bytes) -> bool:
    """`sender H=... P=... S=size id=message-id T="subject" from <s> for t1 t2`, quotes around the subject only."""
    head, mark, tail = text.partition(b' T="')
    origin, _, told = head.rpartition(b" S=")
    digits, _, name = told.partition(b" id=")
    if mark:
        words, mark, tail = tail.partition(b'"')
        if not mark or words[-1:] == b"\\" or tail.find(b'"') >= 0 or tail.find(b" S=") >= 0 or tail[:1] not in _BLANK:
            return False
    else:
        name, mark, tail = name.partition(b" ")
        tail = mark + tail
        if tail.find(b'"') >= 0:
            return False
    if not digits.isdigit() or name.translate(None, _ID_LETTERS) or not name or message.named:
        return False
    if len(digits) > _SIZE_DIGITS or len(name) > _ID_LIMIT or name[-9:].lower() == b"mtasv.net":
        return False
    known = book.origins.get(origin) or _note_origin(book, origin)
    if known is None:
        return False
    sender, facts, submitted = known
    message.opens = True
    if sender and "@" not in message.sender:
        message.sender = sender
    message.facts = message.facts + facts if message.facts else facts
    if submitted:
        message.submitted = True
    if message.size < 0:
        message.size = int(digits)
    if not message.message_id:
        message.message_id = name.decode()
    at = tail.find(b" for ")
    if at >= 0:
        _list(book, message, tail[at + 5 :])
    return True


def _note_origin(book: Book, text: bytes) -> Origin | None:
    """What stands before the size: a plain sender or none, and who handed the message in; None for any other sender."""
    sender, blank, origin = text.partition(b" ")
    known = "" if sender == b"<>" else book.address(sender)
    if known is None or not blank or b'"' in text:
        return None
    found = known, *origin_of(b" " + origin)
    if len(text) <= _KEPT:
        if len(book.origins) >= _KNOWN:
            book.origins.clear()
        book.origins[text] = found
    return found


def _list(book: Book, message: Message, listed: bytes) -> None:
    """The list behind `for`, if all in it were met before; else `entries` reads it."""
    names = list(map(book.addresses.get, listed.split()))
    if None in names or len(names) > PIECE_LIMIT:
        list_recipients(book, message, listed, listed)
    elif names:
        message.named = cast("list[str]", names)
        message.listed = book.stamp, book.start, book.end
        if message.declared < 0 and book.end - book.start < FULL:
            message.declared = len(names)


def _delivery(book: Book, message: Message, text: bytes) -> bool:
    """`address <original> F=<s> R=router T=transport H=host [ip] ... C="reply" QT=1s`: the copy was taken."""
    to, _, fields = text.partition(b" ")
    address, written, original = book.addresses.get(to), "", ""
    if address is None or fields[:2] != b"R=":
        found = _target(book, message, text)
        if found is None:
            return False
        (address, written, original), fields = found
    way, mark, words = fields.rpartition(b' C="')
    reply = ""
    if mark:
        words = words.partition(b'"')[0]
        reply = decoded(words)
        hop = book.ways.get(way) or _note_way(book, way)
        if not hop or "\\" in reply or "queued as " in reply or len(words) > TEXT_LIMIT:
            return False
        at = reply.find("id=")
        if hop == _HOSTLESS:
            if fields.find(b" H=") >= 0:
                return False
        elif at >= 0:
            match = _NEXT.match(reply, at)
            if match is None:
                return False
            message.facts += (("handed_to", f"{hop}/{match[1]}"),)
    elif fields.find(b" [127.") >= 0 or fields.find(b" [::1]") >= 0:
        return False
    recipients = message.recipients
    recipients.append(
        _record(address, _ENVELOPE, _DELIVERED, written, original, reply, None, book.stamp, book.start, book.end, "")
    )
    if len(recipients) >= PIECE_LIMIT:
        book.let_go(message, closes=False)
    return True


def _target(book: Book, message: Message, text: bytes) -> tuple[tuple[str, str, str], bytes] | None:
    """Recipient as in `Target`, and the fields behind it and `F=<s>`; None where it takes more to read them."""
    to, _, fields = text.partition(b" ")
    if fields[:1] == b"<":
        at = text.find(b"> ") + 1
        target, fields = book.targets.get(text[:at]), text[at + 1 :]
        found = target[:3] if target else None
    else:
        address = book.address(to)
        found = (address, "", "") if address else None
    if fields[:3] == b"F=<":
        sender, _, fields = fields[3:].partition(b">")
        if fields[:1] != b" " or sender[:1] == b'"' or (sender and "@" not in message.sender):
            return None
        fields = fields[1:]
    return (found, fields) if found and fields[:2] in {b"R=", b"T="} else None


def _note_way(book: Book, way: bytes) -> str:
    """The next hop by the fields before its reply, as `_hop` says, remembered."""
    if len(way) > _KEPT:
        return ""
    if len(book.ways) >= _KNOWN:
        book.ways.clear()
    found = book.ways[way] = _hop(way)
    return found


def _hop(way: bytes) -> str:
    """Name and address of the host in the fields before a reply; "" for this host, and where they cannot be read."""
    _, mark, host = way.partition(b" H=")
    if not mark:
        return _HOSTLESS
    name, _, host = host.partition(b" [")
    address, mark, _ = host.partition(b"]")
    if not mark or address.startswith(_HERE):
        return ""
    return decoded(b"%b[%b]" % (name, address)) if len(address) <= CACHED else ""


# by the blank, flag and blank behind the message id
PLAIN: Mapping[bytes, Callable[[Book, Message, bytes], bool]] = {
    b" <= ": _arrival, **dict.fromkeys((b" => ", b" -> ", b" >> "), _delivery),
}  # fmt: skip
