"""Reading a span: Exim's own log files, the same entries under syslog, and what becomes of other lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forensics.model import Span, Statement
from forensics.parsers.exim.entries import ACTS, REJECTED, reject, unread
from forensics.parsers.exim.messages import Book, Queue
from forensics.parsers.exim.queue_ids import QUEUE_ID, time_in
from forensics.parsers.exim.splits import REACH, Splits
from forensics.plugins import Record, Source
from forensics.syslog import Cut, Envelope, envelope, line_runs, lost_messages, repeated

__all__ = ["DUMPED", "NATIVE", "PROOF", "is_exim", "read"]

# specification, section "Log files": local time, on request with milliseconds and zone; then, on request, the process
NATIVE = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})? (?:[+-]\d{4} )?")
_PROCESS = re.compile(rb"\[\d{1,10}\] ")
PROOF = re.compile(QUEUE_ID + rb" (?:[<(=*-]= |[=*>-]> |\*\* |Completed)|rejected RCPT <")
DUMPED = re.compile(rb"(?:[A-Z*] | |\t|Envelope-(?:from|to):|-{3})")  # headers in a rejectlog
_BY_SYSLOG = re.compile(rb"\S{1,255} exim[\w.+-]{0,64}(?:\[\d{1,10}\])?: ")
_SHAPE = bytes(ord("0") if 48 <= value <= 57 else ord("+") if value == 45 else value for value in range(256))  # noqa: PLR2004  0 to 9, "-"
_BRACKET = ord("[")
_SPOKEN = b"message repeated "
_HOSTS = 4_096  # hosts remembered


class _Layout:
    """The form of the stamps met last, and the line's text behind it."""

    __slots__ = ("shape", "width")

    def __init__(self) -> None:
        self.width, self.shape = 20, b"0000+00+00 00:00:00 "

    def learn(self, written: bytes) -> None:
        """The stamps that follow will look like this one."""
        self.width, self.shape = len(written), written.translate(_SHAPE)


def is_exim(program: str) -> bool:
    """Whether a program of syslog is Exim: `exim`, or a name of the kind that `syslog_processname` gives it."""
    return program.startswith("exim")


def _time(written: bytes) -> str:
    """A stamp of Exim's as `dates.FileClock.resolve` reads it."""
    text = written.decode("ascii", "replace")
    return f"{text[:10]}T{text[11:].replace(' ', '')}"


def read(source: Source) -> Iterator[Record]:
    """Fragments, defects and losses of one span, and a tally of its lines."""
    span = source.span
    book, layout, splits = Book(span.evidence, span.member), _Layout(), Splits()
    _look_back(source, splits)
    total = 0
    for offset, run in line_runs(source.blocks(max(span.start - 1, 0)), span.start, span.end):
        total += len(run)
        yield from _read_run(book, layout, splits, offset, run)
    _look_ahead(source, splits)
    splits.drop_all()
    _settle(book, splits)
    book.let_all_go()
    yield from book.ready
    yield Statement(span, "exim", "tally", value=total, rows=book.ignored)


def _look_back(source: Source, splits: Splits) -> None:
    """Take note of the entries that began before the span: their pieces belong to the span in which the first one lies."""
    start = source.span.start
    if start:
        before = max(start - REACH, 0)
        for at, line in _pieces(source, before, start):
            found = envelope(line)
            if found is not None and is_exim(found.program):
                splits.take(found, at, at + len(line))
        splits.done.clear()
    splits.since = start


def _look_ahead(source: Source, splits: Splits) -> None:
    """Finish the entries that began in the span."""
    end = source.span.end
    if end < 0 or not splits.is_waiting():
        return
    splits.until = end
    for at, line in _pieces(source, end, end + REACH):
        found = envelope(line)
        if found is not None and is_exim(found.program):
            splits.take(found, at, at + len(line))
        if not splits.is_waiting():
            return


def _pieces(source: Source, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Lines that may be pieces."""
    for offset, run in line_runs(source.blocks(max(start - 1, 0)), start, end):
        at = offset
        for line in run:
            if b"] " in line and b"exim" in line:
                yield at, line
            at += len(line) + 1


def _settle(book: Book, splits: Splits) -> None:
    """Read the entries that are whole, tell of those that will not be."""
    for one in splits.done:
        book.start, book.end, book.stamp = one.start, one.end, one.stamp
        if one.text is None:
            book.defect("an entry that was split for syslog is not complete")
        else:
            _logged(book, book.queue(one.host), one.text)
    splits.done.clear()


def _read_run(book: Book, layout: _Layout, splits: Splits, offset: int, run: list[bytes]) -> Iterator[Record]:
    """The records of consecutive lines, the first of which lies at `offset`."""
    acts, ready, queue = ACTS.get, book.ready, book.queue("")
    width, shape, end, time, written = layout.width, layout.shape, offset - 1, "", b""
    opened = queue.open.get
    for line in run:
        start = end + 1
        end = start + len(line)
        stamp = line[:width]
        text = line[width:]
        if stamp != written:
            if stamp.translate(_SHAPE) != shape:
                book.start, book.end = start, end
                _odd(book, layout, splits, line)
                width, shape, written = layout.width, layout.shape, b""
                if ready:
                    yield from ready
                    ready.clear()
                continue
            time, written = _time(stamp), stamp
        if text[:1] == b"[":
            text = text[text.find(b"] ", 0, 14) + 2 :]
        queue_id, _, words = text.partition(b" ")
        act = acts(words[:3])
        book.start, book.end, book.stamp = start, end, time
        message = opened(queue_id)
        if act is not None and (message is not None or time_in(queue_id) is not None):
            if message is None:
                message = book.message(queue, queue_id)
            else:
                message.end = end
            act(book, message, words[3:])
        else:
            _odd(book, layout, splits, line)
            width, shape, written = layout.width, layout.shape, b""
        if ready:
            yield from ready
            ready.clear()


def _odd(book: Book, layout: _Layout, splits: Splits, line: bytes) -> None:
    """A line off the common way: an entry without a message, other stamps than before, syslog, or none of Exim's at all."""
    if isinstance(line, Cut):
        book.end = book.start + line.length
        book.defect("a line is longer than any line of a log")
        return
    match = NATIVE.match(line)
    if match and not _BY_SYSLOG.match(line, match.end()):
        layout.learn(match[0])
        book.stamp = _time(match[0])
        _entry(book, book.queue(""), line[match.end() :])
        return
    found = envelope(line)
    if found is not None and is_exim(found.program):
        _by_syslog(book, splits, found)
        return
    lost = lost_messages(found.program, found.payload) if found else 0
    if found is not None and lost:
        span = Span(book.evidence, book.member, book.start, book.end)
        book.ready.append(Statement(span, "exim", "lost", scope=found.host, value=lost, stamp=found.stamp))
    elif found is None and not DUMPED.match(line) and PROOF.search(line[:512]):
        book.defect("host, program or time of an Exim line cannot be read; the line may be cut")
    else:
        book.ignored += 1


def _by_syslog(book: Book, splits: Splits, found: Envelope) -> None:
    """An entry under syslog, or a piece of one."""
    inner = repeated(found.payload)
    if inner is not None:
        found = found._replace(payload=inner)
    kind = splits.take(found, book.start, book.end)
    if not kind:
        book.stamp = found.stamp
        _logged(book, book.queue(found.host), found.payload)
    elif kind == "orphan":
        book.defect("a piece of an entry that was split for syslog lies without the one before it")
    elif kind == "header":
        book.ignored += 1
    if splits.done:
        _settle(book, splits)


def _logged(book: Book, queue: Queue, payload: bytes) -> None:
    """An entry whose `stamp` is syslog's: the one that tells its zone is believed, else Exim's own, which has a year."""
    match = NATIVE.match(payload)
    if match:
        own = _time(match[0])
        if not book.stamp.endswith("Z") and (len(own) > 23 or book.stamp[19:].find("+") < 0 > book.stamp[19:].find("-")):  # noqa: PLR2004
            book.stamp = own
        payload = payload[match.end() :]
    _entry(book, queue, payload)


def _entry(book: Book, queue: Queue, text: bytes) -> None:
    """An entry behind its stamp: of a message, or of an attempt that did not become one."""
    process = _PROCESS.match(text)
    if process:
        text = text[process.end() :]
    queue_id, _, words = text.partition(b" ")
    act = ACTS.get(words[:3])
    known = queue_id in queue.open or time_in(queue_id) is not None
    if known and act is not None:
        act(book, book.message(queue, queue_id), words[3:])
    elif any(mark in text for mark in REJECTED):
        reject(book, queue, words if known else text)
    elif known:
        unread(book, words)
    elif act is not None and b"-" in queue_id and words[:3] in _FLAGS:
        book.defect("the message id of an Exim line cannot be read")
    else:
        book.ignored += 1


_FLAGS = frozenset((b"<= ", b"(= ", b"=> ", b"-> ", b">> ", b"*> ", b"** ", b"== "))
