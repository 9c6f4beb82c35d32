"""The domains that stand where logs, mails and records name recipients, found without parsing any of them."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["CONTEXTS", "VALUE", "Fields", "Found", "domains_in", "is_flat", "logged", "logged_at"]

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

# Each begins with plain bytes on purpose: the search for them then runs as fast as memory.
_LOG = re.compile(rb"to(?:=<(?<!_to=<)|:(?<=rcpt to:) ?<)[^@>\n]{0,512}+@([^\s]{1,%d}+)" % _TOKEN)
_LINE = re.compile(
    rb"\n(?:(?P<header>(?:[Tt][Oo]|[Bb]?[Cc][Cc]|[Rr]esent-[Tt]o|[Dd]elivered-[Tt]o|[Xx]-[Oo]riginal-[Tt]o|[Ee]nvelope-[Tt]o):)"
    rb"|\d{4}-\d\d-\d\d [0-2]\d:\d\d:\d\d[^\s]{0,16}(?: [^\s]{1,40}){1,3} (?:[=>-]>|\*\*|==) )"
)
# One pass for three questions: it costs a fifth of all time on a plain log, where it finds nothing.
_FOLDED = re.compile(
    rb"\n(?:[TtCcBbRrDdXxEe][A-Za-z-]{1,13}:|\d{4}-\d\d-\d\d [0-2]"
    rb"|(?<=[A-Za-z0-9+/=\r]\n)(?:(?<=[=\r]\n)|(?<=[A-Za-z0-9+/]{40}\n)))"
)
_HEADER = re.compile(rb"[^\n]*+(?:\n[ \t][^\n]*+)*+")
_DELIVERY = re.compile(rb"[^\n]*?(?= [RFT]=|: |\n|\Z)")
# The common case, a plain address, is read at once; what is empty is passed over.
_JSON = re.compile(
    rb'"[RrEeTtCcBb](?:(?<=[Rr])ecipients?|(?<=[Ee])mail|(?<=[Tt])[oO]|(?<=[Cc])[cC]|(?<=[Bb])[cC][cC])"\s{0,8}:\s{0,8}(?=["\[])(?!""|\[\])'
    rb'(?:"[^"\\@]{0,320}+@(?P<plain>' + _NAME + rb')(?="))?'
)
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+')
_LIST = re.compile(rb'\[(?:[^"\]]++|"(?:[^"\\]|\\.)*+"?)*+')
_ADDRESS = re.compile(rb"(?:@|\\u0040)(" + _NAME + rb")")


class Found(NamedTuple):
    """A domain that a recipient's field names, and where the field begins."""

    start: int
    domain: bytes


def is_flat(data: bytes) -> bool:
    """Whether surely no header, no line of Exim and no line that goes on in the next one is in `data`."""
    return _FOLDED.search(data) is None


def logged(lowered: bytes, low: int, high: int) -> list[bytes]:
    """What follows the @ in each recipient of a log or SMTP command, in lower case: read it with `domains_in`."""
    return _LOG.findall(lowered, low, high)


def logged_at(lowered: bytes, low: int, high: int) -> list[Found]:
    """The same one by one, with places."""
    return [Found(match.start(), match[1]) for match in _LOG.finditer(lowered, low, high)]


class Fields:
    """The search through one stream, block by block: remembers how far the last JSON field reached."""

    def __init__(self) -> None:
        self._until = 0

    def found(self, data: bytes, place: tuple[int, int, int], *, flat: bool) -> list[Found]:
        """Domains in headers, JSON fields and Exim's lines, sorted.

        `place` is where they may begin: from, to (exclusive), and the offset of the data in the stream. `flat`: see `is_flat`.
        """
        low, high, base = place
        found: list[Found] = []
        for match in () if flat else _LINE.finditer(data, low, high + VALUE):
            if match.start() >= high:
                break
            stop = match.end() + VALUE
            value = (_HEADER if match["header"] else _DELIVERY).match(data, match.end(), stop)
            found += _domains(value, match.start(), stop)
        if b'"' in data:
            found += self._fields(data, low, high, base)
        return sorted(found)

    def _fields(self, data: bytes, low: int, high: int, base: int) -> list[Found]:
        found: list[Found] = []
        for match in _JSON.finditer(data, max(low, 0), high + VALUE):
            if match.start() >= high:
                break
            if base + match.start() < self._until:  # inside a list that was read as a whole
                continue
            if plain := match["plain"]:
                found.append(Found(match.start(), plain))
                self._until = base + match.end()
                continue
            shape = _LIST if data[match.end() : match.end() + 1] == b"[" else _TEXT
            stop = match.end() + VALUE
            value = shape.match(data, match.end(), stop)
            found += _domains(value, match.start(), stop)
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
