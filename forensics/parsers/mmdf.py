"""Mail archives in MMDF form: a line of four Ctrl-A before each mail and another behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import NamedTuple

from forensics import headers, mail
from forensics.mail import HEAD, PEEK, MailStream, Place
from forensics.model import Body, Defect, Fragment
from forensics.plugins import Parser, Record, Source

__all__ = ["PARSER"]

_NAME = "mmdf"
_NEEDLE = b"\n\x01\x01\x01\x01"
_REACH = 48  # bytes looked back at and ahead: two separator lines and the blank lines between them
_BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"(?:\xef\xbb\xbf)?+[ \t\r\n]*+")
_LINE = re.compile(rb"\x01{4}(?!\x01)[ \t]{0,4}+(?:\r{0,2}+\n|\r{0,2}+\Z)")
_LINES = re.compile(rb"(?:\x01{4}[ \t]{0,4}+\r{0,2}+\n)++")
_GAP = re.compile(rb"[\r\n]{0,16}+")
_CLOSED = re.compile(rb"(?:\A|\n)\x01{4}[ \t]{0,4}+\r{0,2}+\n[\r\n]{0,16}+\Z")
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


def _marks(stream: MailStream, start: int) -> Iterator[_Mark]:
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
        found = stream.buffer.find(_NEEDLE, scan - stream.base)
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
    if closed and (closed.group().startswith(b"\n") or stream.base + low == 0):
        return _Mark(start, end, _Kind.OPENS)
    return _Mark(start, end, _Kind.DOUBTFUL)


@dataclass(slots=True)
class _Open:
    """The mail that is being read: where its separator line begins and ends, and where the line that closes it lies, -1 for none."""

    start: int
    content: int
    closed: int = -1


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
    for mark in _marks(stream, span.start):
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
        yield here.defect(mark.start, mark.end, "ambiguous separator: neither a header nor another separator follows")
    elif current.closed < 0:
        current.closed = mark.start
    else:
        yield here.defect(mark.start, mark.end, "separator lines without a mail between them")


def _mail(here: Place, stream: MailStream, current: _Open, end: int, *, last: bool = False) -> Iterator[Record]:
    """The open mail as a fragment, behind its defects. Its span is that of its separator lines too."""
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
        observation = replace(observation, header_known=False)
    yield Fragment(f"{here.evidence}/{here.member}#{start}", observation)


def body(raw: bytes, kind: str) -> Body:  # noqa: ARG001  there is one kind
    """The mail at an observation's span, without separator lines and From_ line, as one part."""
    first = _LINE.match(raw)
    start = first.end() if first else 0
    line = _FROM.match(raw, start)
    start = line.end() if line else start
    end = len(raw.rstrip(b"\x01 \t\r\n"))
    closing = raw.find(_NEEDLE, end)
    return mail.content(raw[start : max(start, closing + 1 if closing >= 0 else len(raw))])


PARSER = Parser(
    name=_NAME,
    title="MMDF mail archive",
    sniff=sniff,
    read=read,
    shows=frozenset({"recipients", "header", "content"}),
    body=body,
    divisible=True,
)
