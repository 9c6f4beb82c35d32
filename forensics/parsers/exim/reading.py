"""Reading a span: Exim's own log files, the same entries under syslog or in a container's log, and what becomes of other lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forensics.model import Span, Statement
from forensics.parsers.exim.entries import ACTS, unread
from forensics.parsers.exim.messages import Book, Queue
from forensics.parsers.exim.plain import PLAIN
from forensics.parsers.exim.prefixes import BY_SYSLOG, NATIVE, SHAPE, Layout, believed, is_docker, native_time, unwrapped
from forensics.parsers.exim.queue_ids import QUEUE_ID, fresh_time_in, time_in
from forensics.parsers.exim.refusals import DUMPED, REFUSED, Refusal, refuse, refused_message, takes
from forensics.parsers.exim.splits import REACH, Splits
from forensics.plugins import Record, Source
from forensics.syslog import Cut, Envelope, Recast, envelope, lines, log_runs, lost_messages, repeated

__all__ = ["PROOF", "is_exim", "read"]

PROOF = re.compile(QUEUE_ID + rb" (?:[<(=*-]= |[=*>-]> |\*\* |Completed)|rejected RCPT <")
_PROCESS = re.compile(rb"\[\d{1,10}\] ")  # on request behind Exim's own stamp
_FIRST = 50  # lines of a run that show its form
_PROCESS_DIGITS = 10
_READY = 100  # records held before they go on
# who reads what by the blank, flag and blank (or the blank and the first three letters) behind a message id, at once and at leisure
_READERS = {flag: (PLAIN.get(flag), act) for first, act in ACTS.items() for flag in (b" " + first,)}
_FLAGS = frozenset((b"<= ", b"(= ", b"=> ", b"-> ", b">> ", b"*> ", b"** ", b"== "))


class _Open:
    """What one span has open while it is being read, beside its book."""

    __slots__ = ("layout", "refusal", "splits")

    def __init__(self) -> None:
        self.layout, self.splits = Layout(), Splits()
        self.refusal: Refusal | None = None  # the last one, of whose headers more lines may come


def is_exim(program: str) -> bool:
    """Whether a program of syslog is Exim: `exim`, or a name of the kind that `syslog_processname` gives it."""
    return program.startswith("exim")


def read(source: Source) -> Iterator[Record]:
    """Fragments, defects and losses of one span, and a tally of its lines."""
    span = source.span
    book, held = Book(span.evidence, span.member), _Open()
    _look_back(source, held.splits)
    total, last, begins = 0, [b""], 0
    for offset, run in log_runs(source):
        total += len(run)
        last, begins = run, offset
        if isinstance(run[0], Recast):  # alone in its run; its bytes in the evidence are not those of the line
            book.start, book.end = offset, offset + run[0].length
            _odd(book, held, run[0])
        elif any(map(NATIVE.match, run[:_FIRST])):
            yield from _read_native(book, held, offset, run)
        else:
            yield from _read_syslog(book, held, offset, run)
        yield from book.ready
        book.ready.clear()
    if (
        begins + sum(len(line) + 1 for line in last[:-1]) < span.end
    ):  # else it was read in one go: nothing is left behind the span
        _look_ahead(source, held)
    held.splits.drop_all()
    _settle(book, held)
    _end_refusal(book, held)
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


def _look_ahead(source: Source, held: _Open) -> None:
    """Finish the entries that began in the span."""
    end, splits, refusal = source.span.end, held.splits, held.refusal
    if refusal is not None:
        for at, line in _lines_from(source, end):
            if not takes(refusal, line, at, at + len(line)):
                break
    if not splits.is_waiting():
        return
    splits.until = end
    for at, line in _pieces(source, end, end + REACH):
        found = envelope(line)
        if found is not None and is_exim(found.program):
            splits.take(found, at, at + len(line))
        if not splits.is_waiting():
            return


def _lines_from(source: Source, start: int) -> Iterator[tuple[int, bytes]]:
    """Lines that begin behind a place, as far as an entry may reach."""
    return lines(source.blocks(max(start - 1, 0)), start, start + REACH)


def _pieces(source: Source, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Lines that may be pieces."""
    for at, line in lines(source.blocks(max(start - 1, 0)), start, end):
        if b"] " in line and b"exim" in line:
            yield at, line


def _settle(book: Book, held: _Open) -> None:
    """Read the entries that are whole, tell of those that will not be."""
    for one in held.splits.done:
        book.start, book.end, book.stamp = one.start, one.end, one.stamp
        if one.text is None:
            book.defect("an entry that was split for syslog is not complete")
        else:
            _logged(book, held, book.queue(one.host), one.text)
    held.splits.done.clear()


def _end_refusal(book: Book, held: _Open) -> None:
    """No more headers of the message that was refused last will come; the line at hand stays what it is."""
    at_hand = book.start, book.end, book.stamp
    if held.refusal is not None and not refused_message(book, book.queue(""), held.refusal):
        book.ignored += 1
    held.refusal = None
    book.start, book.end, book.stamp = at_hand


def _read_native(book: Book, held: _Open, offset: int, run: list[bytes]) -> Iterator[Record]:
    """The records of consecutive lines, the first of which lies at `offset`, most of them of Exim's own log."""
    readers, ready, queue, layout = _READERS.get, book.ready, book.queue(""), held.layout
    width, shape, id_width, end, time, written = layout.width, layout.shape, layout.id_width, offset - 1, "", b""
    opened = queue.open.get
    for line in run:
        start = end + 1
        end = start + len(line)
        if not written or not line.startswith(written):
            written = line[:width] if line[:width].translate(SHAPE) == shape else b""
            time = native_time(written) if written else ""
        id_end = width + id_width
        found = readers(line[id_end : id_end + 4])
        queue_id = line[width:id_end]
        if found is None and line[width : width + 1] == b"[":
            at = _behind_process(line, width)
            id_end = at + id_width
            found, queue_id = readers(line[id_end : id_end + 4]), line[at:id_end]
        book.start, book.end, book.stamp = start, end, time
        message = opened(queue_id) if found is not None and time else None
        if message is not None:
            message.end = end
        elif found is not None and time and (second := fresh_time_in(queue_id)) is not None:
            message = book.begin(queue, queue_id, second)
        if message is None or found is None:
            _odd(book, held, line)
            width, shape, id_width, written, time = layout.width, layout.shape, layout.id_width, b"", ""
        else:
            quick, act = found
            if quick is None or not quick(book, message, line[id_end + 4 :]):
                act(book, message, line[id_end + 4 :])
        if len(ready) > _READY:
            yield from ready
            ready.clear()


def _behind_process(line: bytes, at: int) -> int:
    """Where an entry begins that has the number of its process in front; `at` itself if there is no number."""
    end = line.find(b"] ", at, at + _PROCESS_DIGITS + 3)
    return end + 2 if line[at + 1 : end].isdigit() else at


def _read_syslog(book: Book, held: _Open, offset: int, run: list[bytes]) -> Iterator[Record]:
    """The records of consecutive lines, the first of which lies at `offset`, most of them of syslog. Hosts are looked up by their bytes."""
    readers, ready, layout = _READERS.get, book.ready, held.layout
    width, end, logged, written = layout.syslog_width, offset - 1, "", b""
    own, time = b"", ""
    for line in run:
        start = end + 1
        end = start + len(line)
        prefix, _, payload = line.partition(b": ")
        if line[:width] != written:
            logged, own, time = layout.stamp(line), b"", ""
            width = layout.syslog_width
            written = line[:width] if logged else b""
        program, _, process = prefix[width:].partition(b"[")
        host = layout.hosts.get(program) if logged and process[:-1].isdigit() and process[-1:] == b"]" else None
        queue = book.queue(host) if host else None
        at = layout.width if payload[: layout.width].translate(SHAPE) == layout.shape else 0
        if payload[:at] != own or not time:
            own = payload[:at]
            time = believed(logged, native_time(own)) if at else logged
        id_end = at + layout.id_width
        found = readers(payload[id_end : id_end + 4])
        queue_id = payload[at:id_end]
        book.start, book.end = start, end
        if found is not None and queue is not None and (queue_id in queue.open or time_in(queue_id) is not None):
            book.stamp = time
            message = book.message(queue, queue_id)
            quick, act = found
            if quick is None or not quick(book, message, payload[id_end + 4 :]):
                act(book, message, payload[id_end + 4 :])
        else:
            _odd(book, held, line)
            width, written = layout.syslog_width, b""
        if len(ready) > _READY:
            yield from ready
            ready.clear()


def _odd(book: Book, held: _Open, line: bytes) -> None:
    """A line off the common way: an entry without a message, other stamps than before, syslog, or none of Exim's at all."""
    if isinstance(line, Cut):
        book.defect(line.reason)
        return
    if held.refusal is not None:
        if takes(held.refusal, line, book.start, book.end):
            book.ignored += 1
            return
        _end_refusal(book, held)
    match = NATIVE.match(line)
    if match and not BY_SYSLOG.match(line, match.end()):
        held.layout.learn(match[0])
        book.stamp = native_time(match[0])
        _entry(book, held, book.queue(""), line[match.end() :], own=True)
        return
    found = None if is_docker(line) else envelope(line)
    if found is not None and is_exim(found.program):
        _by_syslog(book, held, line, found)
    elif not _in_wrapper(book, held, line, found):
        _foreign(book, line, found)


def _in_wrapper(book: Book, held: _Open, line: bytes, found: Envelope | None) -> bool:
    """An entry of Exim's own log that something else wrapped: whether there is one."""
    if found is not None and NATIVE.match(found.payload) and PROOF.search(found.payload[:512]):
        book.stamp = found.stamp
        _logged(book, held, book.queue(found.host), found.payload)
        return True
    inner = unwrapped(line)
    if inner is not None:
        book.stamp = inner.stamp
        _entry(book, held, book.queue(""), inner.text)
    return inner is not None


def _foreign(book: Book, line: bytes, found: Envelope | None) -> None:
    """A line without an entry of Exim's."""
    lost = lost_messages(found.program, found.payload) if found else 0
    if found is not None and lost:
        span = Span(book.evidence, book.member, book.start, book.end)
        book.ready.append(Statement(span, "exim", "lost", scope=found.host, value=lost, stamp=found.stamp))
    elif found is None and not DUMPED.match(line) and PROOF.search(line[:512]):
        book.defect("host, program or time of an Exim line cannot be read; the line may be cut")
    else:
        book.ignored += 1


def _by_syslog(book: Book, held: _Open, line: bytes, found: Envelope) -> None:
    """An entry under syslog, or a piece of one."""
    inner = repeated(found.payload)
    if inner is None:
        held.layout.learn_host(line, found)
    else:
        found = found._replace(payload=inner)
    kind = held.splits.take(found, book.start, book.end)
    if not kind:
        book.stamp = found.stamp
        _logged(book, held, book.queue(found.host), found.payload)
    elif kind == "orphan":
        book.defect("a piece of an entry that was split for syslog lies without the one before it")
    elif kind == "header":
        book.ignored += 1
    if held.splits.done:
        _settle(book, held)


def _logged(book: Book, held: _Open, queue: Queue, payload: bytes) -> None:
    """An entry whose `stamp` is syslog's."""
    match = NATIVE.match(payload)
    if match:
        book.stamp = believed(book.stamp, native_time(match[0]))
        held.layout.learn(match[0])
        payload = payload[match.end() :]
    _entry(book, held, queue, payload)


def _is_read_at_once(book: Book, queue: Queue, id_width: int, text: bytes) -> bool:
    """Whether an entry was of common form, and has been read."""
    found, queue_id = _READERS.get(text[id_width : id_width + 4]), text[:id_width]
    if found is None or found[0] is None or (queue_id not in queue.open and time_in(queue_id) is None):
        return False
    return found[0](book, book.message(queue, queue_id), text[id_width + 4 :])


def _entry(book: Book, held: _Open, queue: Queue, text: bytes, *, own: bool = False) -> None:
    """An entry behind its stamp: of a message, or of an attempt that did not become one; `own` if it is a line of Exim's own file."""
    process = _PROCESS.match(text)
    if process:
        text = text[process.end() :]
    if _is_read_at_once(book, queue, held.layout.id_width, text):
        return
    queue_id, _, words = text.partition(b" ")
    act = ACTS.get(words[:3])
    known = queue_id in queue.open or time_in(queue_id) is not None
    if known and act is not None:
        held.layout.id_width = len(queue_id)
        act(book, book.message(queue, queue_id), words[3:])
    elif any(mark in text for mark in REFUSED):
        refuse(book, queue, words if known else text)
    elif own and b" rejected " in text:
        held.refusal = Refusal(queue_id if known else b"", words if known else text, book.stamp, book.start, book.end)
    elif known:
        unread(book, words)
    elif act is not None and b"-" in queue_id and words[:3] in _FLAGS:
        book.defect("the message id of an Exim line cannot be read")
    else:
        book.ignored += 1
