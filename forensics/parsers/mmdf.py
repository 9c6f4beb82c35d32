"""Mail archives in MMDF form: a line of four Ctrl-A before each mail and another behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from forensics import headers, mail
from forensics.mail import HEAD, PEEK, MailStream, Place
from forensics.model import Body, Defect, Fragment
from forensics.plugins import Parser, Record, Source
from forensics.records import replaced

__all__ = ["PARSER"]

_NAME = "mmdf"
_NEEDLE = b"\n\x01\x01\x01\x01"
_NEEDLE_CR = re.compile(rb"[\r\n]\x01{4}")
_TOP = 4096  # bytes that show how lines end: a mark, some blank lines and a separator line
_REACH = 48  # bytes looked back at and ahead: two separator lines and the blank lines between them
_TOLD = 100  # odd separator lines of one mail that are told one by one
_BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"(?:\xef\xbb\xbf)?+[ \t\r\n]*+")
# a line ends in LF, CRLF, CR CR LF, or in a CR alone, as classic Mac OS wrote it
_LINE = re.compile(rb"\x01{4}(?!\x01)[ \t]{0,4}+(?:\r{0,2}+\n|\r{0,2}+\Z|\r)")
_LINES = re.compile(rb"(?:\x01{4}[ \t]{0,4}+(?:\r{0,2}+\n|\r))++")
_GAP = re.compile(rb"[\r\n]{0,16}+")
_CLOSED = re.compile(rb"(?:\A|[\r\n])\x01{4}[ \t]{0,4}+(?:\r{0,2}+\n|\r)[\r\n]{0,16}+\Z")
_FROM = re.compile(rb"From [^\r\n]*+(?:\r*+\n|\r)")  # some writers put mbox's line behind the separator
_FIELD = re.compile(rb"(?:From [^\r\n]*+(?:\r*+\n|\r))?+(?:>From [^\r\n]*+(?:\r*+\n|\r))*+([!-9;-~]{1,200}+)[ \t]*+:")


def sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  the file's name proves nothing
    """Whether `head` begins with separator lines and a mail's first header behind them."""
    lead = _BLANK.match(head)
    lines = _LINES.match(head, lead.end() if lead else 0)
    return bool(lines and _FIELD.match(head, lines.end()))


class _Kind(Enum):
    """What a separator line does."""

    OPENS = auto()
    CLOSES = auto()
    DOUBTFUL = auto()


class _Mark(NamedTuple):
    """A separator line: where it lies and what it does."""

    start: int
    end: int
    kind: _Kind


def _is_cr(source: Source) -> bool:
    """Whether a member's lines end in a CR alone, as those of classic Mac OS: its first separator line does."""
    head = b""
    for block in source.blocks(0):
        head += block
        if len(head) >= _TOP:
            break
    head = head[:_TOP]  # no more: the size of blocks must not matter
    lead = _BLANK.match(head)
    line = _LINE.match(head, lead.end() if lead else 0)
    return bool(line and line.group().endswith(b"\r") and line.end() < len(head))


def _next(buffer: bytes, start: int, *, cr: bool) -> int:
    """Place of the next line end with four Ctrl-A behind it, -1 if there is none."""
    if not cr:
        return buffer.find(_NEEDLE, start)
    found = _NEEDLE_CR.search(buffer, start)
    return found.start() if found else -1


def _marks(stream: MailStream, start: int, *, cr: bool) -> Iterator[_Mark]:
    """Every separator line from `start` on, in order; the stream must begin `_REACH` bytes before `start`, or at 0."""
    if start == 0:
        stream.reach(PEEK + len(_BOM), 0)
        first = len(_BOM) if stream.buffer.startswith(_BOM) else 0
        line = _LINE.match(stream.buffer, first)
        if line:
            yield _Mark(first, line.end(), _Kind.OPENS)
        scan = line.end() - 1 if line else first
    else:
        scan = start - 1
    while True:
        found = _next(stream.buffer, scan - stream.base, cr=cr)
        if found < 0:
            scan = max(scan, stream.end - len(_NEEDLE) + 1)
            if stream.done:
                return
            stream.slide(max(scan - _REACH, stream.base))
            continue
        scan = stream.base + found + 1
        if stream.end < scan + PEEK and not stream.done:
            stream.reach(scan + PEEK, max(scan - _REACH, stream.base))
        line = _LINE.match(stream.buffer, scan - stream.base)
        if line:
            yield _judged(stream, scan, stream.base + line.end())


def _judged(stream: MailStream, start: int, end: int) -> _Mark:
    """A line with another one behind it, or with the end of the file, closes. One with a header behind it opens, and so does one
    that stands behind a line that closes. A line between two pieces of text may be text itself.
    """
    behind = end - stream.base
    gap = _GAP.match(stream.buffer, behind)
    after = gap.end() if gap else behind
    if _LINE.match(stream.buffer, after) or (after == len(stream.buffer) and stream.done):
        return _Mark(start, end, _Kind.CLOSES)
    field = _FIELD.match(stream.buffer, behind, behind + PEEK // 2)
    if field and mail.is_known(field[1]):
        return _Mark(start, end, _Kind.OPENS)
    low = max(start - stream.base - _REACH, 0)
    closed = _CLOSED.search(stream.buffer, low, start - stream.base)
    if closed and (closed.group().startswith((b"\n", b"\r")) or stream.base + low == 0):
        return _Mark(start, end, _Kind.OPENS)
    return _Mark(start, end, _Kind.DOUBTFUL)


@dataclass(slots=True)
class _Open:
    """The mail that is being read: where its separator line begins and ends, and where the line that closes it lies, -1 for none.

    `odd` are the lines in it that were told, `untold` the place of the first that was not, -1 for none.
    """

    start: int
    content: int
    closed: int = -1
    odd: int = 0
    untold: int = -1


def read(source: Source) -> Iterator[Record]:
    """Mails whose opening line lies in the span, up to the next one's; doubtful lines, empty and cut mails as defects."""
    span = source.span
    base = max(0, span.start - _REACH)
    stream = MailStream(source.blocks(base), base)
    here = Place(span.evidence, span.member, _NAME)
    current: _Open | None = None
    top = b""
    if span.start == 0:
        stream.reach(PEEK, 0)
        top = stream.buffer[:PEEK]
    for mark in _marks(stream, span.start, cr=_is_cr(source)):
        leads = span.start == 0 and mark.start == len(_BOM) and top.startswith(_BOM)
        inside = leads or span.end < 0 or mark.start < span.end
        if not inside and current is None and span.start > 0:
            return
        if mark.kind is not _Kind.OPENS:
            if current is not None:
                yield from _met(here, current, mark)
            continue
        if current is not None:
            yield from _mail(here, stream, current, mark.start)
        elif span.start == 0 and mark.start > 0:
            yield _preamble(here, top, mark.start)
        if not inside:
            return
        stream.open(mark.start)
        current = _Open(mark.start, mark.end)
    if current is not None:
        yield from _mail(here, stream, current, stream.end, last=True)
    elif span.start == 0 and stream.end > 0:
        yield here.defect(0, stream.end, "no separator line in the whole file")


def _preamble(here: Place, top: bytes, end: int) -> Defect:
    blank = end <= len(top) and _BLANK.fullmatch(top, 0, end)
    reason = "blank lines or a byte order mark" if blank else "text that belongs to no mail"
    return here.defect(0, end, f"{reason} before the first separator line")


def _met(here: Place, current: _Open, mark: _Mark) -> Iterator[Record]:
    """A line inside the open mail's span: the first of those that close it counts."""
    if mark.kind is _Kind.DOUBTFUL:
        current.closed = -1
        reason = "ambiguous separator: neither a header nor another separator follows"
    elif current.closed < 0:
        current.closed = mark.start
        return
    else:
        reason = "separator lines without a mail between them"
    current.odd += 1
    if current.odd <= _TOLD:
        yield here.defect(mark.start, mark.end, reason)
    elif current.untold < 0:
        current.untold = mark.start


def _mail(here: Place, stream: MailStream, current: _Open, end: int, *, last: bool = False) -> Iterator[Record]:
    """The open mail as a fragment, behind its defects. Its span is that of its separator lines too."""
    if current.untold >= 0:
        yield here.defect(current.untold, end, f"more than {_TOLD} odd separator lines: those from here on are not listed")
    start, stop = current.start, current.closed if current.closed >= 0 else end
    size = stop - current.content
    if size <= 0:
        yield here.defect(start, end, "separator lines without a mail between them")
        return
    data, low, high = stream.head_of_mail(stop)
    low += current.content - start
    line = _FROM.match(data, low, high)
    body = line.end() if line else low
    head_end = headers.header_end(data, body, min(high, body + HEAD))
    stopped = head_end >= 0
    if not stopped and size - (body - low) > HEAD:
        yield here.defect(start, end, "the header block is longer than 1 MiB; the rest of it was not read")
    elif last and current.closed < 0:
        yield here.defect(start, end, "the file ends inside a message")
    else:
        stopped = True
    block = data[body : head_end if head_end >= 0 else min(high, body + HEAD)]
    if not headers.header_block(block):
        yield here.defect(start, end, "a mail without a header")
        stopped = False
    clocks = mail.separator_time(data[low:body])
    observation = mail.observe(here.span(start, end), _NAME, block, size=size - (body - low), archive=clocks)
    if not stopped:
        observation = replaced(observation, header_known=False)
    yield Fragment(f"{here.evidence}/{here.member}#{start}", observation)


def body(raw: bytes, kind: str) -> Body:  # noqa: ARG001  there is one kind
    """The mail at an observation's span, without separator lines and From_ line, as one part."""
    first = _LINE.match(raw)
    start = first.end() if first else 0
    line = _FROM.match(raw, start)
    start = line.end() if line else start
    end = len(raw.rstrip(b"\x01 \t\r\n"))
    closing = _NEEDLE_CR.search(raw, end)
    return mail.content(raw[start : max(start, closing.start() + 1 if closing else len(raw))])


PARSER = Parser(
    name=_NAME,
    title="MMDF mail archive",
    sniff=sniff,
    read=read,
    shows=frozenset({"recipients", "header", "content"}),
    body=body,
    divisible=True,
    version=2,
)
