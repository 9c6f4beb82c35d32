"""Reading a span: which lines are Postfix's, and what becomes of those that are not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forensics.model import Span, Statement
from forensics.parsers.postfix.messages import Book, Head, Queue
from forensics.parsers.postfix.payloads import DAEMONS, HAND_ON, unread
from forensics.parsers.postfix.queue_ids import LETTERS, is_queue_id
from forensics.parsers.postfix.sessions import SESSION_LIMIT
from forensics.plugins import Record, Source
from forensics.syslog import LOGGERS, Cut, Envelope, Recast, decoded, envelope, log_runs, lost_messages, repeated, stamp

__all__ = ["POSTFIX", "read"]

_HEAD_LIMIT = 4_096  # different hosts and programs remembered
_PREFIX_LIMIT = 16_384  # the same, with the process
_LONGEST_FACT = 12  # characters; no fact's name is as long
_YEARLESS = 16  # characters of `Sep  7 10:00:02` and the blank behind
_WIDEST = 64
_BLANK = ord(" ")  # a number is sought in bytes ten times as fast as bytes are
_PROCESS = re.compile(rb"[^\]\s]{0,32}\]")
_SOLARIS = b"[ID "  # Solaris puts an id of its own before the text
_OF_A_SESSION = frozenset((b"connect ", b"disconne", b"lost con"))  # prose that makes up a fifth of all lines
_ENDS = b"disconnect from "
_STAMP_GOES_ON = re.compile(rb"(?:(?:19|20)\d\d|[Zz]|[+-]\d\d:?\d\d) ")  # a year or a zone, or a host of that name

POSTFIX = re.compile(rb"(?<![\w/.-])postfix[\w.-]{0,64}/[\w.-]")
_FOREIGN = Head({}, "", Queue("", "", ""), {})  # another program's


class _Prefixes:
    """What stands before the texts of a span: how wide stamps are, and hosts and programs met before, by their bytes.

    What is found here is what `envelope` would find: a line means the same whatever was met before it.
    """

    __slots__ = ("book", "by_process", "by_program", "second", "width", "zone")

    def __init__(self, book: Book) -> None:
        self.book = book
        self.width = _YEARLESS  # of a stamp and the blank behind it
        self.second, self.zone = b"", b""  # before and behind the microseconds of an ISO stamp met before
        self.by_program: dict[bytes, Head] = {}
        self.by_process: dict[bytes, Head] = {}

    def stamp(self, line: bytes) -> str:
        """The time of a line that begins with a stamp of common form, from which `width` is taken; else ""."""
        width = _YEARLESS if line[_YEARLESS - 1 : _YEARLESS] == b" " else line.find(b" ", 0, _WIDEST) + 1
        time = stamp(line[: width - 1]) if width else ""
        if time:
            self.width = width
        return time

    def time(self, begin: bytes) -> str:
        """The time that a line's first `width` bytes are, if they are a stamp and a blank; else ""."""
        if begin[:20] == self.second and begin[20:26].isdigit() and begin[26:] == self.zone:
            return begin[:-1].decode()
        time = stamp(begin[:-1]) if begin[-1:] == b" " else ""
        if begin[19:20] == b"." and begin[20:26].isdigit() and begin[:-1].decode("latin-1") == time:
            self.second, self.zone = begin[:20], begin[26:]
        return time

    def head(self, prefix: bytes) -> Head | None:
        """The head of a line whose `prefix` ends before the first `: `; None if its host and program were not met before."""
        tag = prefix[self.width :]
        found = self.by_process.get(tag)
        if found is None:
            program, _, process = tag.partition(b"[")
            if _PROCESS.fullmatch(process):
                found = self.by_program.get(program)
            if found is not None:
                found = self.of_process(found, decoded(process[:-1]))
                self._note(tag, found)
        return found

    def of_process(self, head: Head, process: str) -> Head:
        """The head for one process; when there have been too many, all of them and their sessions are let go."""
        if len(self.book.sessions) >= SESSION_LIMIT:
            self.book.let_sessions_go()
            self.forget()
        return self.book.served(head, process)

    def learn(self, line: bytes, found: Envelope, head: Head) -> None:
        """Remember what `envelope` found in a line, if that is all there is to its prefix."""
        if found.program.startswith(LOGGERS) or not found.stamp or self.stamp(line) != found.stamp:
            return
        prefix, _, payload = line.partition(b": ")
        tag = prefix[self.width :]
        process = f"[{found.pid}]" if found.pid else ""
        if payload != found.payload or not decoded(tag).endswith(found.program + process) or _STAMP_GOES_ON.match(tag):
            return
        if found.pid:
            if len(self.by_program) >= _HEAD_LIMIT:
                self.forget()
            self.by_program[tag.partition(b"[")[0]] = head
        self._note(tag, head)

    def _note(self, tag: bytes, head: Head) -> None:
        if len(self.by_process) >= _PREFIX_LIMIT:
            self.by_process.clear()
        self.by_process[tag] = head

    def forget(self) -> None:
        """Let go of all programs met so far."""
        self.by_program.clear()
        self.by_process.clear()


def read(source: Source) -> Iterator[Record]:
    """Fragments, defects and losses of one span, and a tally of its lines."""
    span = source.span
    book = Book(span.evidence, span.member)
    prefixes = _Prefixes(book)
    total = 0
    for offset, run in log_runs(source):
        total += len(run)
        if isinstance(run[0], Recast):  # alone in its run; its bytes in the evidence are not those of the line
            book.start, book.end = offset, offset + run[0].length
            _odd(book, prefixes, run[0])
        else:
            yield from _read_run(book, prefixes, offset, run)
        yield from book.ready
        book.ready.clear()
    book.let_all_go()
    book.let_sessions_go()
    yield from book.ready
    yield Statement(span, "postfix", "tally", value=total, rows=book.ignored)


def _read_run(book: Book, prefixes: _Prefixes, offset: int, run: list[bytes]) -> Iterator[Record]:
    """The records of consecutive lines, the first of which lies at `offset`. What was met before is looked up by its bytes."""
    head_of, ready, width = prefixes.by_process.get, book.ready, prefixes.width
    end, time, written = offset - 1, "", b""
    for line in run:
        start = end + 1
        end = start + len(line)
        prefix, colon, payload = line.partition(b": ")
        head = head_of(prefix[width:])
        begin = line[:width]
        if begin != written or head is None:
            time, written = prefixes.time(begin), begin
            if not time or head is None:
                time = prefixes.stamp(line)
                book.start, book.end, book.stamp = start, end, time
                head = prefixes.head(prefix) if time else None
                width, written = prefixes.width, b""
                if head is None:
                    _odd(book, prefixes, line)
                    width = prefixes.width
                    continue
        queue_id, _, text = payload.partition(b": ")
        act = head.actions.get(text[:4])
        if act is not None:
            message = head.open.get(queue_id)
            if message is not None or queue_id[:4] != _SOLARIS:
                book.start, book.end, book.stamp = start, end, time
                act(book, head, queue_id, text, message)
                if ready:
                    yield from ready
                    ready.clear()
                continue
        elif payload[:8] in _OF_A_SESSION:
            book.ignored += 1
            if head.session is not None and payload[:16] == _ENDS:
                book.start, book.end, book.stamp = start, end, time
                book.ended(head.queue, head.session, payload)
            continue
        if not colon or payload[:4] == _SOLARIS:
            book.start, book.end = start, end
            _odd(book, prefixes, line)
            width, written = prefixes.width, b""
        elif head is _FOREIGN or _is_prose(text or queue_id, queue_id):
            book.ignored += 1
        else:
            book.start, book.end, book.stamp = start, end, time
            _rest(book, head, payload)


def _is_prose(text: bytes, queue_id: bytes) -> bool:
    """Whether this is nothing that `_rest` would look at: too long to be a fact cut short, and of several words."""
    return len(text) > _LONGEST_FACT and _BLANK in text and not queue_id.startswith(b"message rep")


def _odd(book: Book, prefixes: _Prefixes, line: bytes) -> None:
    """A line of a host and program not met before, or of a form that the common way does not read."""
    if isinstance(line, Cut):
        book.end = book.start + line.length
        book.defect(line.reason)
        return
    found = envelope(line)
    if found is None:
        if POSTFIX.search(line[:1024].replace(b"\0", b"")):
            book.defect("host, program or time of a Postfix line cannot be read; the line may be cut")
        else:
            book.ignored += 1
        return
    lost = lost_messages(found.program, found.payload)
    if lost:
        span = Span(book.evidence, book.member, book.start, book.end)
        book.ready.append(Statement(span, "postfix", "lost", scope=found.host, value=lost, stamp=found.stamp))
    book.stamp = found.stamp
    head = _head_of(book, prefixes, found)
    prefixes.learn(line, found, head)
    if head is not _FOREIGN:
        _rest(book, head, found.payload)
    elif not lost:
        book.ignored += 1


def _head_of(book: Book, prefixes: _Prefixes, found: Envelope) -> Head:
    """The head of a mail daemon's line: the first element of the program is the instance, the last the daemon."""
    instance, *_, daemon = found.program.split("/") if "/" in found.program else ("", "")
    if not instance.startswith("postfix") or daemon not in DAEMONS:
        return _FOREIGN
    if len(book.queues) >= _HEAD_LIMIT:
        book.let_all_go()
        book.queues.clear()
        prefixes.forget()
    host = found.host
    queue = book.queues.get((host, instance))
    if queue is None:
        queue = book.queues[host, instance] = Queue(host, instance, host if instance == "postfix" else f"{host}/{instance}")
    head = Head(DAEMONS[daemon], daemon, queue, queue.open, daemon not in HAND_ON)
    return prefixes.of_process(head, found.pid)


def _rest(book: Book, head: Head, payload: bytes) -> None:
    """A mail daemon's text off the common way; `message repeated` counts once, and begins nothing."""
    inner = repeated(payload)
    book.again = inner is not None
    queue_id, colon, text = (payload if inner is None else inner).partition(b": ")
    act = head.actions.get(text[:4])
    if act is not None:
        act(book, head, queue_id, text, head.open.get(queue_id))
    elif inner is None and head.session is not None and payload.startswith(_ENDS):
        book.ignored += 1
        book.ended(head.queue, head.session, payload)
    elif colon and is_queue_id(queue_id):
        unread(book, text)
    elif not colon and b" " not in queue_id and not queue_id.rstrip(b":").translate(None, LETTERS):
        book.defect("a Postfix line ends within its queue id")
    else:
        book.ignored += 1
    book.again = False
