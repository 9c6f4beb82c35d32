"""Header blocks of mail, every occurrence, and whom they name."""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from encodings.aliases import aliases
from functools import lru_cache
from typing import NamedTuple

from forensics import addresses
from forensics.addresses import Mailbox
from forensics.model import Outcome, Recipient, Role
from forensics.records import constructor

__all__ = [
    "Listed", "address_list", "addressees", "decode_words", "fields_of", "header_block", "header_end", "postmark_recipient",
    "received_for", "recipients_of", "subject_of", "text_of",
]  # fmt: skip

_NAMES_KEPT = 4096
_CACHED = 300  # bytes of a value that is worth remembering
_VALUES_KEPT = 8192  # of each header
_PASSING = 20  # addresses in display names that are told, per mail
_BOM = b"\xef\xbb\xbf"
_LEAD = re.compile(rb"(?:\xef\xbb\xbf)?+(?:[ \t]*+[\r\n])*+")
_EMPTY_LINE = re.compile(rb"\n\r*+\n")
_EMPTY_CR_LINE = re.compile(rb"(?<!\r)\r{2,}+(?!\n)")
# a header: an mbox quote, a name of RFC 5322 section 3.6.8, blanks that old software put before the colon, folded lines
_FIELD = re.compile(rb"^>?([!-9;-~]{1,200}+)[ \t]*+:[ \t]*+(.*+(?:\n[ \t].*+)*+)", re.MULTILINE)
_SUBJECT = re.compile(rb">?subject[ \t]*+:[ \t]*+(.*+(?:\n[ \t].*+)*+)", re.IGNORECASE)
_LINE_FEED = ord("\n")
_WORD = re.compile(r"=\?([^?\s]{1,64})\?([bBqQ])\?([^?]*+\?{0,3}?)\?=")  # RFC 2047 section 2, and a "?" left unencoded
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]+")
_FOR = re.compile(rb"for(?<=\sfor)\s+<?([^\s<>;()\",]{1,320}@[^\s<>;()\",]{1,255})")
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
    return fields_of(raw[:end] if end >= 0 else raw)


def subject_of(block: bytes) -> str:
    """The first subject in a header block, decoded; "" if there is none: what `fields_of` says, without the other headers."""
    block = _plain(block)
    folded, at = block.lower(), -1
    while (
        at := folded.find(b"subject", at + 1)
    ) >= 0:  # a word that seldom stands elsewhere: quicker than a pattern without case
        start = at - folded.startswith(b">", at - 1)
        if (start <= 0 or folded[start - 1] == _LINE_FEED) and (found := _SUBJECT.match(block, max(start, 0))):
            return decode_words(found[1])
    return ""


def fields_of(block: bytes) -> list[tuple[str, bytes]]:
    """`header_block` of bytes that are known to hold no body: what `header_end` cut off."""
    return [(_NAMES[name], value) for name, value in _FIELD.findall(_plain(block))]


def _plain(block: bytes) -> bytes:
    """A header block without byte order mark, blank lines on top and NULs, its lines ended by LF."""
    lead = _LEAD.match(block)
    if lead and lead.end():
        block = block[lead.end() :]
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"\0" in block:
        block = block.replace(b"\0", b"")
    return block


class _Names(dict[bytes, str]):
    """Names of headers in lower case by the name as written: a look-up in C, for names that are met again and again."""

    def __missing__(self, written: bytes) -> str:
        name = written.decode("ascii").lower()
        if len(self) < _NAMES_KEPT:
            self[written] = name
        return name


_NAMES = _Names()


def text_of(value: bytes) -> str:
    """A raw header value as text, unfolded: UTF-8, else Windows-1252, else Latin-1. Encoded words stay."""
    if b"\n" in value or b"\r" in value:
        value = value.replace(b"\r", b"").replace(b"\n", b"")
    try:
        return value.decode()
    except UnicodeDecodeError:
        pass  # what is no UTF-8 is most often Windows-1252; Latin-1 takes every byte
    try:
        return value.decode("cp1252")
    except UnicodeDecodeError:
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
    plain = addresses.plain_mailboxes(text)
    if plain is not None:
        plain = [_decoded_mailbox(box) for box in plain]
        if text.count("@") == len(plain) and not any("@" in box.name for box in plain):
            return Listed(tuple(plain), ())
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


_Known = tuple[tuple[Recipient, ...], tuple[str, ...]]  # recipients, and addresses in passing


@dataclass(frozen=True, slots=True)
class _Place:
    """What a header says of the addresses in it; `rank` tells places apart that mean different things."""

    role: Role
    outcome: Outcome
    rank: int
    header: str
    known: dict[bytes, _Known] = field(default_factory=dict)  # what short values of this header were found to say


def _places(role: Role, outcome: Outcome, rank: int, *names: str) -> dict[str, _Place]:
    return {name: _Place(role, outcome, rank, name) for name in names}


_BLIND = 2  # the last rank whose addresses somebody wrote into the mail; what follows are traces of transport
_PLACES = {
    **_places(Role.TO, Outcome.NONE, 0, "to", "resent-to", "apparently-to"),
    **_places(Role.CC, Outcome.NONE, 1, "cc", "resent-cc"),
    **_places(Role.BCC, Outcome.NONE, _BLIND, "bcc", "resent-bcc"),
    # written when a copy is put into a mailbox, or for exactly one recipient
    **_places(Role.TRACE, Outcome.DELIVERED, 3, "delivered-to", "envelope-to", "x-envelope-to", "x-pm-rcpt"),
    # an address before or behind a redirection
    **_places(Role.TRACE, Outcome.NONE, 4, "x-original-to", "x-forwarded-to", "x-apparently-to", "received"),
}
_LOWER_HOP = _Place(Role.TRACE, Outcome.NONE, 4, "received-below")
_recipient = constructor(Recipient)


def recipients_of(headers: Iterable[tuple[str, bytes]]) -> tuple[Recipient, ...]:
    """Everybody whom a header block names as recipient, once per role, in order; shape of `headers` as `header_block` gives.

    To, Cc, Bcc with their Resent- forms and Apparently-To; as traces, Delivered-To, X-Original-To, Envelope-To, X-Envelope-To,
    X-Forwarded-To, Postmark's X-PM-RCPT, and every `Received ... for`, those below the topmost told apart: they are easily forged.
    """
    return addressees(headers)[0]


def addressees(headers: Iterable[tuple[str, bytes]]) -> tuple[tuple[Recipient, ...], tuple[str, ...]]:
    """`recipients_of`, and addresses that To, Cc, Bcc and their like hold only in a display name or a comment.

    The second is canonical, sorted, at most 20. `"ann@corp.example" <x@b.example>` addresses x alone, but whoever reads the
    report should know of the other.
    """
    found: dict[tuple[str, int], Recipient] = {}
    passing: set[str] = set()
    below, clause = False, b""  # the topmost hop's, which those below often repeat
    for name, value in [one for one in headers if one[0] in _PLACES]:
        place, text = _PLACES[name], value
        if name == "received":
            at = value.find(b"for <")
            if clause and value.startswith(clause, at) and value[at - 1 : at].isspace():
                continue
            text = received_for(value)
            place = _LOWER_HOP if below else place
            below = True
            clause = b"for <" + text + b">" if text else clause
        elif name == "x-pm-rcpt":
            text = postmark_recipient(value)
        if not text:
            continue
        recipients, names = place.known.get(text) or _looked_up(text, place)
        for one in recipients:
            found.setdefault((one.address, place.rank), one)
        if names and place.rank <= _BLIND:
            passing.update(names)
    return tuple(found.values()), tuple(sorted(passing)[:_PASSING])


def _looked_up(value: bytes, place: _Place) -> _Known:
    """What a value says, remembered if it is short: lists and senders repeat, long recipient lists do not."""
    known = _recipients(value, place)
    if len(value) <= _CACHED:
        if len(place.known) >= _VALUES_KEPT:
            place.known.clear()
        place.known[value] = known
    return known


def _recipients(value: bytes, place: _Place) -> _Known:
    text = text_of(value)
    plain = None if "=?" in text else addresses.plain_addresses(text)
    in_passing: tuple[str, ...] = ()
    if plain is None:
        mailboxes, in_passing = address_list(value)
        plain = [(box.address, box.written) for box in mailboxes]
    role, outcome, header = place.role, place.outcome, place.header
    recipients = [
        _recipient(address, role, outcome, "" if written.lower() == address else written, "", "", None, "", -1, -1, header)
        for address, written in plain
    ]
    return tuple(recipients), in_passing


def received_for(value: bytes) -> bytes:
    """The address of a Received header's `for` clause (RFC 5321 section 4.4), b"" without one."""
    match = _FOR.search(value) if b"for" in value else None
    return match[1] if match else b""


def postmark_recipient(value: bytes) -> bytes:
    """The envelope recipient in Postmark's X-PM-RCPT: base64 of `m0|account|server|recipient` between bars; b"" if it is none."""
    payload = _NOT_BASE64.sub("", value.strip(b"| \t\r\n").decode("ascii", "replace"))
    fields = _payload("b", payload).split(b"|")
    return fields[3] if len(fields) == 4 else b""  # noqa: PLR2004  the four fields above
