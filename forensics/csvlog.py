"""Logs of comma-separated records whose columns a `#Fields:` line names, as Exchange and IIS write them.

A field that holds a comma, a quote or a line break stands in quotes, with inner quotes doubled (RFC 4180). Lines that begin
with `#` tell of the log itself and may come again in the middle of a file (W3C "Extended Log File Format", and Microsoft
"Message tracking", learn.microsoft.com/exchange/mail-flow/transport-logs).
"""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple, Protocol

from forensics.model import Span
from forensics.syslog import Cut, lines

__all__ = ["Header", "Record", "continued", "fields_of", "header_in", "records", "text_lines"]

_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT[0-2]\d:[0-5]\d:[0-6]\d(?:\.\d{1,7})?Z?")
_LONGEST = 1 << 20  # bytes of a line, and of a record
_MOST_LINES = 1_000  # of one record
_MOST_COLUMNS = 256
_UTF8_MARK = codecs.BOM_UTF8
_WIDE_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_Line = tuple[int, int, bytes]  # start, end, text as UTF-8 without line end


class Evidence(Protocol):
    """What is read here of a `plugins.Source`."""

    @property
    def span(self) -> Span:
        """The part of the member whose records are wanted."""
        ...

    def blocks(self, start: int | None = None) -> Iterator[bytes]:
        """Decoded bytes from `start` to the end of the member."""
        ...


class Header(NamedTuple):
    """What the last `#` lines say: columns, lower case, in order; and what kind of log it is."""

    columns: tuple[str, ...] = ()
    log_type: str = ""


class Record(NamedTuple):
    """One record at its place; fields in the order of `header.columns`, each as UTF-8, and behind them an empty one.

    The empty one is what index -1 finds: a column that the log does not have. `fields` is empty where there are none: a line
    that tells of the log itself, or, if `problem` is a sentence, a record that cannot be read.
    """

    start: int
    end: int
    header: Header
    fields: Sequence[bytes] = ()
    problem: str = ""


def header_in(head: bytes) -> Header:
    """What the first `#Fields:` line of a log says; no columns if the first line is neither a `#` line nor a record.

    `head` are the first bytes of a file.
    """
    wide = _WIDE_MARKS.get(head[:2])
    text = head[2:].decode(wide, "replace").encode() if wide else head.removeprefix(_UTF8_MARK)
    text = text.lstrip(b"\r\n\0")
    header = Header()
    if text[:1] == b"#" or _STAMP.match(text):
        for line in text.split(b"\n"):
            if line[:1] == b"#":
                header = _told(header, line)
                if header.columns:
                    break
    return header


def records(source: Evidence) -> Iterator[Record]:
    """The records whose first byte lies in the source's span, in order of place.

    Whether a line begins a record, or goes on in a quoted field of the one before, is decided by all that comes before it:
    text in quotes may imitate records and `#` lines. So a file is always read from its beginning, and what lies before the
    span is passed over. (Exchange ends a log at ten megabytes unless it is told otherwise: spans seldom begin elsewhere.) A
    quote that does not end, or ends in a record of other columns, costs the line in which it begins and no more.
    """
    span = source.span
    fresh = text_lines(source.blocks(0))
    again: deque[_Line] = deque()
    header = Header()
    while True:
        line = again.popleft() if again else next(fresh, None)
        if line is None or 0 <= span.end <= line[0]:
            return
        if line[2][:1] == b"#" or not line[2].strip(b"\0 "):
            if not isinstance(line[2], Cut):
                header = _told(header, line[2])
                record = Record(line[0], line[1], header)
            else:
                record = Record(line[0], line[1], header, (), "a line is longer than any line of a log")
        else:
            record = _record(header, line, fresh, again)
        if record.start >= span.start:
            yield record


def _record(header: Header, line: _Line, fresh: Iterator[_Line], again: deque[_Line]) -> Record:
    """The record that begins with this line; lines that were read ahead and are not of it go to `again`."""
    start, end, text = line
    fields = text.split(b",") if b'"' not in text else fields_of(text)
    if fields is None and text.count(b'"') % 2:
        more = continued(text, fresh, again)
        fields = fields_of(b"\n".join((text, *(one[2] for one in more))))
        if fields is not None and len(fields) == len(header.columns):
            end = more[-1][1] if more else end
        else:
            again.extendleft(reversed(more))
            fields = None
    if not header.columns:
        return Record(start, end, header, (), "no line before this record names its columns")
    if fields is None:
        return Record(start, end, header, (), "a quoted field of a record does not end; the line may be cut")
    if not _STAMP.fullmatch(fields[0]):
        return Record(start, end, header, (), "a record does not begin with a time")
    if len(fields) != len(header.columns):
        return Record(start, end, header, (), "a record has more or fewer fields than columns are named; the line may be cut")
    fields.append(b"")
    return Record(start, end, header, fields)


def continued(text: bytes, fresh: Iterator[_Line], again: deque[_Line]) -> list[_Line]:
    """The lines behind `text` up to the one in which an open quote may end: none is gone over more than twice."""
    more: list[_Line] = []
    size = len(text)
    while len(more) < _MOST_LINES and size <= _LONGEST:
        line = again.popleft() if again else next(fresh, None)
        if line is None:
            break
        more.append(line)
        size += len(line[2]) if not isinstance(line[2], Cut) else _LONGEST + 1
        if line[2].count(b'"') % 2:
            break
    return more


def fields_of(text: bytes) -> list[bytes] | None:
    """The fields of a record; None if a quoted one does not end, or goes on behind its end."""
    fields: list[bytes] = []
    at = 0
    while True:
        if text[at : at + 1] != b'"':
            stop = text.find(b',"', at)
            fields += text[at : stop if stop >= 0 else None].split(b",")
        else:
            end = text.find(b'"', at + 1)
            doubled = False
            while end >= 0 and text[end + 1 : end + 2] == b'"':
                doubled = True
                end = text.find(b'"', end + 2)
            if end < 0:
                return None
            field = text[at + 1 : end]
            fields.append(field.replace(b'""', b'"') if doubled else field)
            stop = end + 1 if end + 1 < len(text) else -1
            if stop >= 0 and text[stop : stop + 1] != b",":
                return None
        if stop < 0:
            return fields
        at = stop + 1


def _told(header: Header, line: bytes) -> Header:
    """What a `#` line changes. It names columns only if they begin with a time."""
    name, colon, value = line.partition(b":")
    word = name.strip().lower()
    if word == b"#software":  # the first line of a new head
        return header._replace(log_type="")
    if word == b"#log-type" and colon:
        return header._replace(log_type=value.strip()[:100].decode("ascii", "replace").lower())
    if word == b"#fields" and colon:
        columns = value.strip().lower().split(b",", _MOST_COLUMNS)
        if columns[0].strip() == b"date-time" and len(columns) <= _MOST_COLUMNS:
            return header._replace(columns=tuple(one.strip().decode("ascii", "replace") for one in columns))
    return header


def text_lines(blocks: Iterator[bytes]) -> Iterator[_Line]:
    """The lines of a file, as UTF-8 whatever two byte form they have, at their true places; byte order marks are left out."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= len(_UTF8_MARK):
            break
    wide = _WIDE_MARKS.get(head[:2])
    if wide:
        yield from _wide_lines(chain((head[2:],), blocks), wide)
        return
    for offset, line in lines(chain((head,), blocks), 0, -1, _LONGEST):
        end = offset + (line.length if isinstance(line, Cut) else len(line))
        yield offset, end, line.removeprefix(_UTF8_MARK) if line[:1] == b"\xef" else line


def _wide_lines(blocks: Iterable[bytes], codec: str) -> Iterator[_Line]:
    """Lines of UTF-16. What cannot be decoded becomes U+FFFD, of as many bytes: offsets stay true, but for half a letter at the end."""
    decoder = codecs.getincrementaldecoder(codec)("replace")
    at, gone = 2, 0  # behind the byte order mark; bytes let go of a line that is too long
    held = ""
    total = at
    for block in chain(blocks, (b"",)):
        total += len(block)
        *rows, held = (held + decoder.decode(block, final=not block)).split("\n")
        for row in rows:
            size = gone + len(row.encode(codec, "replace"))
            yield _wide_line(at, size, gone, row)
            at, gone = at + size + 2, 0
        if len(held) > _LONGEST:
            gone, held = gone + len(held.encode(codec, "replace")), ""
    if held or gone:
        start, end, text = _wide_line(at, gone + len(held.encode(codec, "replace")), gone, held)
        yield start, min(end, total), text


def _wide_line(at: int, size: int, gone: int, row: str) -> _Line:
    if gone or len(row) > _LONGEST:
        return at, at + size, Cut(size)
    bare = row.removesuffix("\r")
    return at, at + size - 2 * (len(row) - len(bare)), bare.lstrip("\ufeff").encode("utf-8", "replace")
