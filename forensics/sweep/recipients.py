"""The domains that stand where logs, mails and records name recipients, found without parsing any of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forensics.sweep.memory import Octets, places

__all__ = ["CONTEXTS", "VALUE", "Fields", "Found", "domains_in", "logged", "logged_at"]

Places = NDArray[np.intp]
CONTEXTS = {
    "log": "to=<...> of Postfix, Sendmail and OpenSMTPD",
    "rcpt": "RCPT TO:<...> of SMTP transcripts",
    "exim": "delivery lines of Exim (=>, ->, >>, **, ==)",
    "header": "the headers To, Cc, Bcc, Resent-To, Delivered-To, X-Original-To and Envelope-To",
    "json": 'the JSON fields "Recipient", "Recipients", "Email", "To", "Cc" and "Bcc", in upper or lower case',
}
VALUE = 12_288  # bytes of one header or field that are read
_TOKEN = 8_192  # bytes of one list in a log line that are read
_NAME = rb"[0-9A-Za-z_\x80-\xff](?:[0-9A-Za-z_.\x80-\xff-]{0,252}[0-9A-Za-z\x80-\xff])?+"

# Begins with plain bytes on purpose: the search for them then runs as fast as memory.
_LOG = re.compile(rb"to=<(?<!_to=<)[^@>\n]{0,512}+@([^\s]{1,%d}+)" % _TOKEN)
_COMMAND = b"rcpt to:"
_RCPT = re.compile(rb"rcpt to: ?<[^@>\n]{0,512}+@([^\s]{1,%d}+)" % _TOKEN, re.IGNORECASE)
_LINE = re.compile(
    rb"\n(?:(?P<header>(?:to|b?cc|resent-to|delivered-to|x-original-to|envelope-to):)"
    rb"|\d{4}-\d\d-\d\d [0-2]\d:\d\d:\d\d[^\s]{0,16}(?: [^\s]{1,40}){1,3} (?:[=>-]>|\*\*|==) )",
    re.IGNORECASE,
)
_HEADER = re.compile(rb"[^\n]*+(?:\n[ \t][^\n]*+)*+")
_DELIVERY = re.compile(rb"[^\n]*?(?= [RFT]=|: |\n|\Z)")
# The common case, a plain address, is read at once; what is empty is passed over.
_JSON = re.compile(
    rb'"(?:recipients?|email|to|b?cc)"\s{0,8}:\s{0,8}(?=["\[])(?!""|\[\])(?:"[^"\\@]{0,320}+@(?P<plain>' + _NAME + rb')(?="))?',
    re.IGNORECASE,
)
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+')
_LIST = re.compile(rb'\[(?:[^"\]]++|"(?:[^"\\]|\\.)*+"?)*+')
_ADDRESS = re.compile(rb"(?:@|\\u0040)(" + _NAME + rb")")


class Found(NamedTuple):
    """A domain that a recipient's field names, and where the field begins."""

    start: int
    domain: bytes


def logged(data: bytes, alike: Octets, low: int, high: int) -> list[bytes]:
    """What follows the @ in each recipient of a log or SMTP command: read it with `domains_in`. `alike` is the same, folded."""
    return _LOG.findall(data, low, high) + [match[1] for match in _commands(data, alike, low, high)]


def logged_at(data: bytes, alike: Octets, low: int, high: int) -> list[Found]:
    """The same one by one, with places, sorted."""
    found = [*_LOG.finditer(data, low, high), *_commands(data, alike, low, high)]
    return sorted(Found(match.start(), match[1]) for match in found)


def _commands(data: bytes, alike: Octets, low: int, high: int) -> Iterator[re.Match[bytes]]:
    for at in places(alike[low:high], _COMMAND):
        if match := _RCPT.match(data, low + at, high):
            yield match


class _Beginnings:
    """Texts of three bytes, of which NumPy finds the places far faster than a regular expression would."""

    def __init__(self, *texts: bytes) -> None:
        self._tables = [np.zeros(1 << 16, np.bool_) for _ in range(2)]
        for one in texts:
            for table, first, second in zip(self._tables, one, one[1:], strict=False):
                table[first << 8 | second] = True

    def among(self, alike: Octets, found: Places) -> Places:
        """Those of the places after which one may stand, in folded bytes; the text itself decides."""
        for step, table in enumerate(self._tables, 1):
            found = found[table[alike[found + step].astype(np.uint16) << 8 | alike[found + step + 1]]]
        return found


_FIELDS = _Beginnings(b"rec", b"ema", b'to"', b'cc"', b"bcc")
_LINES = _Beginnings(b"to:", b"cc:", b"bcc", b"res", b"del", b"x-o", b"env", *(b"%d" % century for century in range(199, 210)))
_DATE = 11  # bytes from a line end to what follows the date: a space in lines of Exim, a T in many others


def _marks(alike: Octets, mark: bytes, low: int, high: int) -> Places:
    return np.flatnonzero(alike[low : max(min(high, len(alike) - 3), 0)] == ord(mark)) + low


def _line_starts(alike: Octets, low: int, high: int) -> list[int]:
    """Line ends after which a header of recipients may stand, or a line of Exim."""
    found = _LINES.among(alike, _marks(alike, b"*", low, high))  # an asterisk is what a line feed is folded to
    dated = alike[found + 1] < ord(":")
    starts: list[int] = found[~dated | (alike[np.minimum(found + _DATE, len(alike) - 1)] == ord(" "))].tolist()
    return starts


class Fields:
    """The search through one stream, block by block: remembers how far the last JSON field reached."""

    def __init__(self) -> None:
        self._until = 0

    def found(self, data: bytes, alike: Octets, place: tuple[int, int, int]) -> list[Found]:
        """Domains in headers, JSON fields and Exim's lines, sorted; `alike` is the same data, folded.

        `place` is where they may begin: from, to (exclusive), and the offset of the data in the stream.
        """
        low, high, _ = place
        found: list[Found] = []
        for at in _line_starts(alike, low, high):
            if match := _LINE.match(data, at, at + VALUE):
                stop = match.end() + VALUE
                value = (_HEADER if match["header"] else _DELIVERY).match(data, match.end(), stop)
                found += _domains(value, match.start(), stop)
        return sorted(found + self._fields(data, alike, place)) if b'"' in data else found

    def _fields(self, data: bytes, alike: Octets, place: tuple[int, int, int]) -> list[Found]:
        low, high, base = place
        found: list[Found] = []
        for at in _FIELDS.among(alike, _marks(alike, b'"', low, high)).tolist():
            match = _JSON.match(data, at, high + VALUE)
            if match is None or base + at < self._until:  # the latter: inside a list that was read as a whole
                continue
            if plain := match[1]:
                found.append(Found(at, plain))
                continue
            shape = _LIST if data[match.end() : match.end() + 1] == b"[" else _TEXT
            stop = match.end() + VALUE
            value = shape.match(data, match.end(), stop)
            found += _domains(value, at, stop)
            self._until = base + (value.end() if value else match.end())
        return found


def _domains(value: re.Match[bytes] | None, start: int, stop: int) -> list[Found]:
    """The domains of one field; a name that is cut where reading stops is nobody's."""
    if value is None:
        return []
    text = value.group()
    whole = len(text) if value.end() < stop else len(text) - 1
    return [Found(start, match[1]) for match in _ADDRESS.finditer(text) if match.end() <= whole]


def domains_in(token: bytes) -> list[str]:
    """The domains in what follows the first @ of a log's recipient or list of recipients, lower case."""
    names = []
    for part in (b"@" + token).split(b">,<"):
        match = _ADDRESS.match(part.partition(b">")[0], part.partition(b">")[0].rfind(b"@"))
        if match:
            names.append(match[1].decode("utf-8", "replace").lower())
    return names
