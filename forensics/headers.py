"""Header blocks of mail, every occurrence, and whom they name."""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Iterable
from encodings.aliases import aliases
from functools import lru_cache
from typing import NamedTuple

from forensics import addresses
from forensics.addresses import Mailbox
from forensics.model import Outcome, Recipient, Role

__all__ = [
    "Listed", "address_list", "addressees", "decode_words", "header_block", "header_end", "postmark_recipient", "received_for",
    "recipients_of", "text_of",
]  # fmt: skip

_CACHED = 300  # bytes of a value that is worth remembering: lists and senders repeat, long recipient lists do not
_PASSING = 20  # addresses in display names that are told, per mail
_BOM = b"\xef\xbb\xbf"
_LEAD = re.compile(rb"(?:\xef\xbb\xbf)?+(?:[ \t]*+[\r\n])*+")
_EMPTY_LINE = re.compile(rb"\n\r*+\n")
_EMPTY_CR_LINE = re.compile(rb"(?<!\r)\r{2,}+(?!\n)")
# a header: an mbox quote, a name of RFC 5322 section 3.6.8, blanks that old software put before the colon, folded lines
_FIELD = re.compile(rb"^>?([!-9;-~]{1,200}+)[ \t]*+:[ \t]*+(.*+(?:\n[ \t].*+)*+)", re.MULTILINE)
_WORD = re.compile(r"=\?([^?\s]{1,64})\?([bBqQ])\?([^?]*+\?{0,3}?)\?=")  # RFC 2047 section 2, and a "?" left unencoded
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]+")
_FOR = re.compile(rb"\sfor\s+<?([^\s<>;()\",]{1,320}@[^\s<>;()\",]{1,255})")
_NO_CHARSETS = {"idna", "punycode", "undefined", "mbcs", "oem", "unicode_escape", "raw_unicode_escape"}  # slow, or no charsets
_BINARY = {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
_CHARSETS = {**aliases, **{name: name for name in aliases.values()}}


class Listed(NamedTuple):
    """An address list as read: its mailboxes, and addresses that stand only in display names or comments."""

    mailboxes: tuple[Mailbox, ...]
    in_passing: tuple[str, ...]


def header_end(raw: bytes, start: int = 0, end: int | None = None) -> int:
    """Offset of the empty line's end, where the body begins; -1 if `raw[start:end]` holds no empty line.

    A byte order mark and blank lines on top do not end the block, nor does a line of blanks. Lines end in LF, CRLF, CR CR LF,
    or CR where no LF comes first.
    """
    stop = len(raw) if end is None else end
    lead = _LEAD.match(raw, start, stop)
    begin = lead.end() if lead else start
    empty = _EMPTY_LINE.search(raw, begin, stop)
    found = empty.end() if empty else -1
    if raw.find(b"\r", begin, stop if found < 0 else found) >= 0:
        alone = _EMPTY_CR_LINE.search(raw, begin, stop if found < 0 else found)
        if alone and raw.find(b"\n", begin, alone.start()) < 0:
            return alone.end()
    return found


def header_block(raw: bytes) -> list[tuple[str, bytes]]:
    """Every header of a mail in order, as (lower-case name, value as written, folds as LF), each occurrence.

    `raw` is a mail or its head; reading stops at the first empty line. Tolerant, because mail programs are: a byte order mark
    or blank lines first, CR line ends, NUL, blanks before the colon, `>` before a name. A line without a colon is passed over
    and ends nothing. Linear; never raises.
    """
    end = header_end(raw)
    block = raw[:end] if end >= 0 else raw
    lead = _LEAD.match(block)
    if lead and lead.end():
        block = block[lead.end() :]
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"\0" in block:
        block = block.replace(b"\0", b"")
    return [(_name(name), value) for name, value in _FIELD.findall(block)]


@lru_cache(maxsize=2048)
def _name(name: bytes) -> str:
    return name.decode("ascii").lower()


def text_of(value: bytes) -> str:
    """A raw header value as text, unfolded: UTF-8, else Windows-1252, else Latin-1. Encoded words stay."""
    if b"\n" in value or b"\r" in value:
        value = value.replace(b"\r", b"").replace(b"\n", b"")
    for charset in ("utf-8", "cp1252"):
        try:
            return value.decode(charset)
        except UnicodeDecodeError:
            continue  # the next charset; Latin-1 takes every byte
    return value.decode("latin-1")


def decode_words(raw: bytes | str) -> str:
    """A header value with its encoded words (RFC 2047) decoded; an unknown charset is read as UTF-8 or Windows-1252.

    White space between two encoded words vanishes, and words of one charset are joined before they are decoded: some
    writers cut inside a character. Linear; never raises.
    """
    text = text_of(raw) if isinstance(raw, bytes) else raw
    if "=?" not in text:
        return text
    out: list[str] = []
    pending: list[bytes] = []
    charset, at = "", 0
    for match in _WORD.finditer(text):
        gap = text[at : match.start()]
        here = match[1].partition("*")[0].lower()  # a language may follow: RFC 2231 section 5
        if pending and (here != charset or (gap and not gap.isspace())):
            out.append(_decoded(b"".join(pending), charset))
            pending = []
            out.append("" if gap.isspace() else gap)
        elif not pending:
            out.append(gap)
        pending.append(_payload(match[2], match[3]))
        charset, at = here, match.end()
    if pending:
        out.append(_decoded(b"".join(pending), charset))
    out.append(text[at:])
    return "".join(out)


def _payload(encoding: str, text: str) -> bytes:
    if encoding in "bB":
        bare = _NOT_BASE64.sub("", text)
        bare = bare[:-1] if len(bare) % 4 == 1 else bare
        return binascii.a2b_base64(bare + "=" * (-len(bare) % 4))
    return binascii.a2b_qp(text.encode("utf-8", "surrogatepass"), header=True)


def _decoded(raw: bytes, charset: str) -> str:
    codec = _codec(charset)
    if codec:
        try:
            return raw.decode(codec, "replace")
        except (UnicodeError, LookupError, ValueError):
            pass  # a codec that cannot do it: read as text without one
    return text_of(raw)


@lru_cache(maxsize=256)
def _codec(charset: str) -> str:
    """Python's name of a charset, "" if it is none; never looks for a module by a hostile name."""
    name = re.sub(r"[^a-z0-9]+", "_", charset).strip("_")
    codec = _CHARSETS.get(name) or _CHARSETS.get(name.replace("_", "")) or ""
    if codec in _NO_CHARSETS or codec in _BINARY:
        return ""
    try:
        return codecs.lookup(codec).name if codec else ""
    except LookupError:
        return ""


def address_list(value: bytes) -> Listed:
    """The mailboxes of an address header, and what only its display names and comments hold.

    The list is cut before encoded words are decoded: a comma inside an encoded name parts nothing. An item that holds no
    address until it is decoded counts as what it decodes to.
    """
    text = text_of(value)
    if "=?" not in text:
        boxes = addresses.mailboxes(text)
        return Listed(tuple(boxes), () if text.count("@") == len(boxes) else _in_passing(text, boxes))
    # "," "@" or "<" may not stand bare in an encoded word (RFC 2047 section 5): such a word is decoded before the cut
    text = _WORD.sub(lambda word: decode_words(word.group()) if re.search(r"[,;@<>\"()]", word[3]) else word.group(), text)
    boxes = []
    for item in addresses.items(text):
        found = addresses.mailboxes_in(item)
        whole = " ".join((item.outside, *item.inside))
        if not found and "=?" in whole:
            boxes += addresses.mailboxes(decode_words(whole))
        boxes += [_decoded_mailbox(box) for box in found]
    return Listed(tuple(boxes), _in_passing(text + " " + decode_words(text), boxes))


def _decoded_mailbox(box: Mailbox) -> Mailbox:
    if "=?" not in box.written:
        return box._replace(name=decode_words(box.name))
    return Mailbox(decode_words(box.name), addresses.canonical(decode_words(box.written)), box.written)


def _in_passing(text: str, boxes: list[Mailbox]) -> tuple[str, ...]:
    known = {box.address for box in boxes} | {addresses.canonical(box.written) for box in boxes}
    swept = dict.fromkeys(addresses.canonical(written) for written in addresses.addresses_in(text))
    return tuple(address for address in swept if address not in known)


class _Place(NamedTuple):
    """What a header says of the addresses in it; `rank` tells places apart that mean different things."""

    role: Role
    outcome: Outcome
    rank: int


_TO = _Place(Role.TO, Outcome.NONE, 0)
_CC = _Place(Role.CC, Outcome.NONE, 1)
_BCC = _Place(Role.BCC, Outcome.NONE, 2)
_COPY = _Place(Role.TRACE, Outcome.DELIVERED, 3)  # written when a copy is put into a mailbox, or for exactly one recipient
_HOP = _Place(Role.TRACE, Outcome.NONE, 4)  # an address before or behind a redirection
_PLACES = {
    "to": _TO, "resent-to": _TO, "apparently-to": _TO, "cc": _CC, "resent-cc": _CC, "bcc": _BCC, "resent-bcc": _BCC,
    "delivered-to": _COPY, "envelope-to": _COPY, "x-envelope-to": _COPY, "x-pm-rcpt": _COPY,
    "x-original-to": _HOP, "x-forwarded-to": _HOP, "x-apparently-to": _HOP, "received": _HOP,
}  # fmt: skip


def recipients_of(headers: Iterable[tuple[str, bytes]]) -> tuple[Recipient, ...]:
    """Everybody whom a header block names as recipient, once per role, in order; shape of `headers` as `header_block` gives.

    To, Cc, Bcc with their Resent- forms and Apparently-To; as traces, Delivered-To, X-Original-To, Envelope-To, X-Envelope-To,
    X-Forwarded-To, Postmark's X-PM-RCPT, and the topmost `Received ... for`: lower ones are easily forged.
    """
    return addressees(headers)[0]


def addressees(headers: Iterable[tuple[str, bytes]]) -> tuple[tuple[Recipient, ...], tuple[str, ...]]:
    """`recipients_of`, and addresses that To, Cc, Bcc and their like hold only in a display name or a comment.

    The second is canonical, sorted, at most 20. `"ann@corp.example" <x@b.example>` addresses x alone, but whoever reads the
    report should know of the other.
    """
    found: dict[tuple[str, int], Recipient] = {}
    passing: set[str] = set()
    traced = False
    for name, value in [one for one in headers if one[0] in _PLACES]:
        place = _PLACES[name]
        text = value
        if name == "received":
            text = b"" if traced else received_for(value)
            traced = traced or bool(text)
        elif name == "x-pm-rcpt":
            text = postmark_recipient(value)
        if not text:
            continue
        recipients, names = _cached_recipients(text, place) if len(text) <= _CACHED else _recipients(text, place)
        for one in recipients:
            found.setdefault((one.address, place.rank), one)
        if names and place.rank <= _BCC.rank:
            passing.update(names)
    return tuple(found.values()), tuple(sorted(passing)[:_PASSING])


def _recipients(value: bytes, place: _Place) -> tuple[tuple[Recipient, ...], tuple[str, ...]]:
    listed = address_list(value)
    recipients = tuple(
        Recipient(box.address, place.role, place.outcome, "" if box.written.lower() == box.address else box.written)
        for box in listed.mailboxes
    )
    return recipients, listed.in_passing


_cached_recipients = lru_cache(maxsize=16_384)(_recipients)


def received_for(value: bytes) -> bytes:
    """The address of a Received header's `for` clause (RFC 5321 section 4.4), b"" without one."""
    match = _FOR.search(value) if b"for" in value else None
    return match[1] if match else b""


def postmark_recipient(value: bytes) -> bytes:
    """The envelope recipient in Postmark's X-PM-RCPT: base64 of `m0|account|server|recipient` between bars; b"" if it is none."""
    payload = _NOT_BASE64.sub("", value.strip(b"| \t\r\n").decode("ascii", "replace"))
    fields = _payload("b", payload).split(b"|")
    return fields[3] if len(fields) == 4 else b""  # noqa: PLR2004  the four fields above
