"""Reading a span: which lines are Sendmail's, and what becomes of those that are not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forensics.model import Span, Statement
from forensics.parsers.sendmail.fields import time_in
from forensics.parsers.sendmail.messages import Book
from forensics.parsers.sendmail.payloads import came, delivery, further, is_refusal, refused, session
from forensics.plugins import Record, Source
from forensics.syslog import LOGGERS, Cut, Envelope, decoded, envelope, line_runs, lost_messages, repeated, stamp

__all__ = ["OURS", "read"]

_HEAD_LIMIT = 4_096  # different hosts and programs remembered
_YEARLESS = 16  # characters of `Sep  7 10:00:02` and the blank behind
_WIDEST = 64
_UNMET = "\n"  # no host has this name

OURS = re.compile(r"sendmail(?:[-.][\w.-]{1,32})?|sm-[\w.-]{1,32}|MSP|send-mail")
_MENTIONED = re.compile(rb"(?<![\w/.-])(?:sendmail|sm-[a-z]{2,12}|MSP|send-mail)[^\s\[\]:]{0,32}(?:\[[0-9]{1,10}\]?)?:? ?")
_PROCESS = re.compile(rb"[0-9]{1,10}\]")
_STAMP_GOES_ON = re.compile(rb"(?:(?:19|20)\d\d|[Zz]|[+-]\d\d:?\d\d) ")  # a year or a zone, or a host of that name
_ID_BEGINS = re.compile(rb"[0-9A-Za-x][0-9AB][1-9A-V][0-9A-N][0-9A-Za-x]{2,10}[0-9]{0,8}:?")
_FACTS = (b"from=", b"to=<")


def read(source: Source) -> Iterator[Record]:
    """Fragments, defects and losses of one span, and a tally of its lines."""
    span = source.span
    book, total = Book(span.evidence, span.member), 0
    for offset, run in line_runs(source.blocks(max(span.start - 1, 0)), span.start, span.end):
        total += len(run)
        book.end = offset - 1
        for line in run:
            book.start = book.end + 1
            book.end = book.start + len(line)
            _line(book, line)
            if book.ready:
                yield from book.ready
                book.ready.clear()
    book.let_all_go()
    yield from book.ready
    yield Statement(span, "sendmail", "tally", value=total, rows=book.ignored)


def _line(book: Book, line: bytes) -> None:
    """One line. Host and program that were met before are looked up by their bytes; what is found is what `envelope` finds."""
    width = _YEARLESS if line[_YEARLESS - 1 : _YEARLESS] == b" " else line.find(b" ", 0, _WIDEST) + 1
    prefix, _, payload = line[width:].partition(b": ")
    tag, _, process = prefix.partition(b"[")
    host = book.hosts.get(tag, _UNMET)
    time = ""
    if host is not _UNMET and _PROCESS.fullmatch(process) and payload[:4] != b"[ID ":
        time = stamp(line[: width - 1])
    if not time:
        _odd(book, line, width, tag)
    elif host is None:
        book.ignored += 1
    else:
        book.stamp = time
        _text(book, host, process, payload)


def _odd(book: Book, line: bytes, width: int, tag: bytes) -> None:
    """A line of a host and program not met before, or of a form that the common way does not read."""
    if isinstance(line, Cut):
        book.end = book.start + line.length
        book.defect("a line is longer than any line of a log")
        return
    found = envelope(line)
    if found is None:
        if _MENTIONED.search(line[:512]):
            book.defect("host, program or time of a Sendmail line cannot be read; the line may be cut")
        else:
            book.ignored += 1
        return
    lost = lost_messages(found.program, found.payload)
    if lost:
        span = Span(book.evidence, book.member, book.start, book.end)
        book.ready.append(Statement(span, "sendmail", "lost", scope=found.host, value=lost, stamp=found.stamp))
        return
    host = found.host if OURS.fullmatch(found.program) else None
    if found.stamp and width and stamp(line[: width - 1]) == found.stamp:
        _learn(book, tag, found, host)
    if host is None:
        book.ignored += 1
    else:
        book.stamp = found.stamp
        _text(book, host, found.pid.encode(), found.payload)


def _learn(book: Book, tag: bytes, found: Envelope, host: str | None) -> None:
    """Remember host and program by their bytes, if that is all that stands between time and process; loggers are always read."""
    if not found.pid or decoded(tag) != f"{found.host} {found.program}" or _STAMP_GOES_ON.match(tag):
        return
    if not found.program.startswith(LOGGERS):
        if len(book.hosts) >= _HEAD_LIMIT:
            book.hosts.clear()
        book.hosts[tag] = host


def _text(book: Book, host: str, process: bytes, payload: bytes) -> None:
    """The text of a line: an id, and what is said of it; `message repeated` counts once."""
    inner = repeated(payload) if payload.startswith(b"message repeated") else None
    book.again, payload = inner is not None, payload if inner is None else inner
    queue_id, colon, text = payload.partition(b": ")
    is_fact = text.startswith((b"to=", b"from="))
    if (host, queue_id) not in book.open and time_in(queue_id) is None:
        if is_fact and b" " not in queue_id and queue_id != b"NOQUEUE":
            book.defect("the queue id of a Sendmail line cannot be read")
        elif not colon and _ID_BEGINS.fullmatch(payload):
            book.defect("a Sendmail line ends within its queue id")
        elif not session(book, host, decoded(process.removesuffix(b"]")), payload):
            book.ignored += 1
    elif is_fact:
        (delivery if text.startswith(b"to=") else came)(book, host, queue_id, text)
    elif any(fact.startswith(text) for fact in _FACTS):
        book.defect("a Sendmail line ends within its first word")
    else:
        (refused if is_refusal(text) else further)(book, host, queue_id, text)
