"""Reading a span: which lines are Sendmail's, and what becomes of their texts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forensics.parsers.sendmail.fields import time_in
from forensics.parsers.sendmail.messages import Book
from forensics.parsers.sendmail.payloads import came, delivery, further, session
from forensics.plugins import Record, Source
from forensics.syslog import Daemons, daemon_lines, repeated

__all__ = ["DAEMONS", "read"]

_OURS = re.compile(r"sendmail(?:[-.][\w.-]{1,32})?|sm-[\w.-]{1,32}|MSP|send-mail")
_MENTIONED = re.compile(rb"(?<![\w/.-])(?:sendmail|sm-[a-z]{2}|MSP\b|send-mail)")
DAEMONS = Daemons("a Sendmail line", lambda program: _OURS.fullmatch(program) is not None, _MENTIONED)
_ID_BEGINS = re.compile(rb"[0-9A-Za-x][0-9AB][1-9A-V][0-9A-N][0-9A-Za-x]{2,10}[0-9]{0,8}:?")
_BEGUN = frozenset(fact[:end] for fact in (b"from=", b"to=<") for end in range(len(fact) + 1))


def read(source: Source) -> Iterator[Record]:
    """Fragments, defects and losses of one span, and a tally of its lines."""
    book = Book(source.span, "sendmail")
    yield from daemon_lines(source, DAEMONS, book, _tell)
    book.let_all_go()
    yield from book.ready
    yield book.tally()


def _tell(book: Book, host: str, process: bytes, payload: bytes) -> None:
    """The text of a line: an id, and what is said of it."""
    queue_id, colon, text = payload.partition(b": ")
    is_fact = text.startswith((b"to=", b"from="))
    message = book.message(host, queue_id) if is_fact else book.open.get((host, queue_id))
    if is_fact and message is not None:
        (delivery if text.startswith(b"to=") else came)(book, host, queue_id, message, text)
    elif message is not None or time_in(queue_id) is not None:
        if text in _BEGUN:
            book.defect("a Sendmail line ends within its first word")
        else:
            further(book, host, queue_id, text)
    elif is_fact and b" " not in queue_id and queue_id != b"NOQUEUE":
        book.defect("the queue id of a Sendmail line cannot be read")
    elif not colon and _ID_BEGINS.fullmatch(payload):
        book.defect("a Sendmail line ends within its queue id")
    elif not session(book, host, process, payload):
        _repeated(book, host, process, payload)


def _repeated(book: Book, host: str, process: bytes, payload: bytes) -> None:
    """A text without an id; in `message repeated` it counts once, and begins and ends nothing."""
    inner = None if book.again else repeated(payload)
    if inner is None:
        book.ignored += 1
    else:
        book.again = True
        _tell(book, host, process, inner)
        book.again = False
