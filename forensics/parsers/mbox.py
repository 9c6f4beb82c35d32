"""Mail archives in mbox form: every mail's header block, from mboxo, mboxrd, mboxcl, Takeout, Thunderbird or patch series."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from forensics import headers, mail
from forensics.mail import HEAD, PEEK, MailStream, Place
from forensics.model import Body, Defect, Fragment
from forensics.plugins import Parser, Record, Source
from forensics.records import constructor, replaced

__all__ = ["PARSER"]

_NAME = "mbox"
_fragment = constructor(Fragment)
_NEEDLE = b"\nFrom "
_NEEDLE_CR = re.compile(rb"[\r\n]From ")
_TOP = 4096  # bytes that show the dialect: a mark, some blank lines and one line
_TOLD = 100  # doubtful lines of one mail that are told one by one
_BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"(?:\xef\xbb\xbf)?+[ \t\r\n]*+")

# A line ends in LF, CRLF, CR CR LF, or in a CR alone. The From_ line; `>From ` lines that some store put behind it; a header
# line; then another header, a continuation, an empty line, the next separator or the end.
_EOL = rb"(?>\r*+\n|\r)"
_LINE = re.compile(rb"[^\r\n]*+(?:\r*+\n|\r|\Z)")
_SEPARATOR = re.compile(
    rb"From [^\r\n]*+" + _EOL + rb"(?:>From [^\r\n]*+" + _EOL + rb")*+(?:\xef\xbb\xbf)?(?P<name>[!-9;-~]++)[ \t]*+:[^\r\n]*+"
    rb"(?:" + _EOL + rb"(?:[!-9;-~]++[ \t]*+:|[ \t\r\n]|From |\Z)|\Z)"
)  # fmt: skip
_PATCH = re.compile(rb"From (?:[0-9a-f]{40}|[0-9a-f]{64}) Mon Sep 17 00:00:00 2001(?:[ \t\r]*+$|[ \t]*+\r)", re.MULTILINE)
_PATCH_DATE = b" Mon Sep 17 00:00:00 2001"
_PATCH_DATE_AT = (len(b"From ") + 40, len(b"From ") + 64)  # behind a hash of SHA-1 or SHA-256
# what a From_ line looks like when a program wrote it: a sender or "-", then a date, or nothing behind "- "
_WRITTEN = re.compile(rb"From (?:-[ \t\r]*+$|.{0,400}?\d\d:\d\d)", re.MULTILINE)


def sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  the file's name proves nothing
    """Whether `head` begins, after a byte order mark and blank lines, with a From_ line and a header behind it.

    An archive that lost this line is one too, if a second mail shows in `head`.
    """
    if mail.goes_on(head):
        return True
    lead = _BLANK.match(head)
    head = head[lead.end() if lead else 0 :]
    if not head.startswith(b"From "):
        return False
    match = _SEPARATOR.match(head)
    if match:
        return mail.is_known(match["name"]) or bool(_WRITTEN.match(head))
    line = _LINE.match(head)
    if not line or not _WRITTEN.match(head):
        return False
    return any(mail.is_known(name.encode()) for name, _ in headers.header_block(head[line.end() :])[:1])


class _Mark(NamedTuple):
    """A line that begins with "From ": where it lies, and why it is no sure separator ("" = it is one)."""

    start: int
    end: int
    doubt: str


class _Dialect(NamedTuple):
    """How a member parts its mails, told by its first line.

    `series`: it is a series of git patches, whose constant heads only there separate mails. `cr`: lines end in a CR alone, as
    classic Mac OS wrote them.
    """

    series: bool
    cr: bool

    def next(self, buffer: bytes, start: int) -> int:
        """Place of the next line end with "From " behind it, -1 if there is none."""
        if not self.cr:
            return buffer.find(_NEEDLE, start)
        found = _NEEDLE_CR.search(buffer, start)
        return found.start() if found else -1

    def line_end(self, buffer: bytes, start: int, end: int) -> int:
        """Where the line at `start` ends, its line end included."""
        line = _LINE.match(buffer, start, end) if self.cr else None
        return line.end() if line else buffer.find(b"\n", start, end) + 1 or end


def _dialect(source: Source) -> _Dialect:
    head = b""
    for block in source.blocks(0):
        head += block
        if len(head) >= _TOP:
            break
    head = head[:_TOP]
    lead = _BLANK.match(head)
    start = lead.end() if lead else 0
    line = _LINE.match(head, start)
    end = line.end() if line else start
    alone = head.endswith(b"\r", start, end) and head[end : end + 1] not in {b"", b"\r", b"\n"}
    return _Dialect(bool(_PATCH.match(head, start)), alone)


def _marks(window: MailStream, start: int, dialect: _Dialect) -> Iterator[_Mark]:
    """Every line from `start` on that begins with "From ", in order; the window must begin before `start` or at 0.

    Neither a blank line before nor a date behind `From ` is asked for: programs leave out both.
    """
    if start == 0:
        window.reach(PEEK + len(_BOM), 0)
        first = len(_BOM) if window.buffer.startswith(_BOM) else 0
        if window.buffer.startswith(b"From ", first):
            yield _judged(window, first, dialect)
        scan = first
    else:
        scan = start - 1
    while True:
        found = dialect.next(window.buffer, scan - window.base)
        if found < 0:
            scan = max(scan, window.end - len(_NEEDLE) + 1)
            if window.done:
                return
            window.slide(scan)
            continue
        scan = window.base + found + 1
        if window.end < scan + PEEK and not window.done:
            window.reach(scan + PEEK, scan)
        yield _judged(window, scan, dialect)


def _judged(window: MailStream, start: int, dialect: _Dialect) -> _Mark:
    buffer = window.buffer
    low = start - window.base
    high = min(low + PEEK, len(buffer))
    line = dialect.line_end(buffer, low, high)
    end = window.base + line
    if not dialect.series and _is_patch(buffer, low, line):
        return _Mark(start, end, "ambiguous separator: the head of a git patch inside a mail")
    match = _SEPARATOR.match(buffer, low, high)
    if not match:
        return _Mark(start, end, "ambiguous separator: no header follows")
    if not mail.is_known(match["name"]):
        return _Mark(start, end, "ambiguous separator: the header that follows is not a known one")
    return _Mark(start, end, "")


def _is_patch(buffer: bytes, start: int, end: int) -> bool:
    """Whether the line is the head of a patch as `git format-patch` writes it; the date alone rules out nearly every line."""
    short, long = _PATCH_DATE_AT
    dated = buffer.startswith(_PATCH_DATE, start + short) or buffer.startswith(_PATCH_DATE, start + long)
    return dated and _PATCH.match(buffer, start, end) is not None


def read(source: Source) -> Iterator[Record]:
    """Mails whose separator lies in the span, each with its header's say; doubtful separators as defects.

    The first line of a member is taken for a separator even if it is doubtful. A doubtful line is told by whoever reads the
    mail that it lies in. What precedes the first separator is a defect of its own.
    """
    span = source.span
    dialect = _dialect(source)
    window = MailStream(source.blocks(max(0, span.start - 1)), max(0, span.start - 1))
    here = Place(span.evidence, span.member, _NAME)
    opened = False
    doubts, untold = 0, -1
    top = b""
    if span.start == 0:
        window.reach(PEEK, 0)
        top = window.buffer[:PEEK]
        if mail.goes_on(top):
            yield here.defect(0, 0, "the first separator line is missing: the first mail was read all the same")
            window.open(0)
            opened = True
    for mark in _marks(window, span.start, dialect):
        leads = span.start == 0 and (mark.start == 0 or (mark.start == len(_BOM) and top.startswith(_BOM)))
        inside = leads or span.end < 0 or mark.start < span.end
        if not inside and not opened and span.start > 0:
            return
        if mark.doubt and (opened or span.start == 0):
            doubts += 1
            if doubts <= _TOLD:
                yield here.defect(mark.start, mark.end, mark.doubt)
            elif untold < 0:
                untold = mark.start
        if mark.doubt and not leads:
            continue
        yield from _untold(here, untold, mark.start)
        doubts, untold = 0, -1
        if opened:
            yield from _mail(here, window, mark.start)
        elif span.start == 0 and mark.start > 0:
            yield _preamble(here, top, mark.start)
        if not inside:
            return
        window.open(mark.start)
        opened = True
    yield from _untold(here, untold, window.end)
    if opened:
        yield from _mail(here, window, window.end, last=True)
    elif span.start == 0 and window.end > 0:
        yield here.defect(0, window.end, "no separator line in the whole file")


def _untold(here: Place, start: int, end: int) -> Iterator[Defect]:
    if start >= 0:
        yield here.defect(start, end, f"more than {_TOLD} ambiguous separators: those from here on are not listed")


def _preamble(here: Place, top: bytes, end: int) -> Defect:
    blank = end <= len(top) and _BLANK.fullmatch(top, 0, end)
    reason = "blank lines or a byte order mark" if blank else "text that belongs to no mail"
    return here.defect(0, end, f"{reason} before the first separator line")


def _mail(here: Place, window: MailStream, end: int, *, last: bool = False) -> Iterator[Record]:
    """The open mail as a fragment, behind its defects."""
    start = window.mail
    data, low, high = window.head_of_mail(end)
    body = _behind_separator(data, low, high)
    size = end - start - (body - low)
    stop = min(high, body + HEAD)
    head_end = headers.header_end(data, body, stop)
    whole = head_end >= 0 or not (last or size > HEAD)
    if head_end < 0 and size > HEAD:
        yield here.defect(start, end, "the header block is longer than 1 MiB; the rest of it was not read")
    elif last and (head_end < 0 or not window.buffer.endswith((b"\n", b"\r"))):
        yield here.defect(start, end, "the file ends inside a message")
    separator = data[low:body]
    clocks = () if _is_patch(separator, 0, len(separator)) else mail.separator_time(separator)  # a patch's date is a constant
    block = data[body : head_end if head_end >= 0 else stop]
    observation = mail.observe(here.span(start, end), _NAME, block, size=size, archive=clocks)
    if not whole:
        observation = replaced(observation, header_known=False)
    yield _fragment(f"{here.evidence}/{here.member}#{start}", observation, True, True)


def _behind_separator(data: bytes, low: int, high: int) -> int:
    if not data.startswith(b"From ", low):
        return low
    line = _LINE.match(data, low, high)
    return line.end() if line else low


def body(raw: bytes, kind: str) -> Body:  # noqa: ARG001  there is one kind
    """The mail at an observation's span, without its From_ line, as one part. mboxrd quoting stays: it is undone for display."""
    lead = _BLANK.match(raw)
    start = lead.end() if lead and raw.startswith(b"From ", lead.end()) else 0
    return mail.content(raw[_behind_separator(raw, start, len(raw)) :])


PARSER = Parser(
    name=_NAME,
    title="mbox mail archive",
    sniff=sniff,
    read=read,
    shows=frozenset({"recipients", "header", "content"}),
    body=body,
    divisible=True,
    version=2,
)
