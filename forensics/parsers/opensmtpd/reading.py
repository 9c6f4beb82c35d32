"""Reading a span: which lines are OpenSMTPD's, and what becomes of their texts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forensics.parsers.opensmtpd.messages import Book
from forensics.parsers.opensmtpd.payloads import EVENTS, Event, before_64
from forensics.plugins import Record, Source
from forensics.syslog import Daemons, daemon_lines, repeated

__all__ = ["DAEMONS", "read"]

_HEX = b"0123456789abcdef"
_SESSION = 16  # digits
_LEAST = 8  # digits that make a first word look like a session
_BEHIND = (b" ", b"")  # a session
_WORDS = 9  # characters behind a session that tell the events apart

_MENTIONED = re.compile(rb"(?<![\w/.-])(?:open)?smtpd(?![\w.-])")
DAEMONS = Daemons("an OpenSMTPD line", ("smtpd", "opensmtpd").__contains__, _MENTIONED)
_COMMON: dict[bytes, tuple[bytes, Event | None]] = {name[:_WORDS]: (name + b" ", act) for name, act in EVENTS.items()} | {
    name: (name, None) for name in (b"smtp even", b"mta event", b"mda event")
}  # fmt: skip
_UNCOMMON: tuple[bytes, Event | None] = (b"", None)
_BEGUN = frozenset(name[:end] for name in EVENTS for end in range(len(name) + 1))


def read(source: Source) -> Iterator[Record]:
    """Fragments, defects and losses of one span, and a tally of its lines."""
    book = Book(source.span, "opensmtpd")
    yield from daemon_lines(source, DAEMONS, book, _tell)
    for name in tuple(book.open):
        book.let_go(name)
    book.let_sessions_go()
    yield from book.ready
    yield book.tally()


def _tell(book: Book, host: str, process: bytes, payload: bytes) -> None:
    """The text of a line: a session, and what is said of it."""
    session, text = payload[:_SESSION], payload[_SESSION + 1 :]
    if payload[_SESSION : _SESSION + 1] not in _BEHIND or session.translate(None, _HEX) or len(session) < _SESSION:
        _unnamed(book, host, process, payload)
        return
    words, act = _COMMON.get(text[:_WORDS], _UNCOMMON)
    if act is not None and text.startswith(words):
        act(book, host, session, text[len(words) :])
    elif words or len(text) < _WORDS:
        _uncommon(book, host, session, text)
    else:
        book.ignored += 1


def _uncommon(book: Book, host: str, session: bytes, text: bytes) -> None:
    """The words as they were before 6.4, and such that are cut."""
    who, _, rest = text.partition(b" ")
    event, blank, rest = rest.partition(b" ")
    act = EVENTS.get(who + b" " + event.removeprefix(b"event="))
    if act is not None and blank:
        act(book, host, session, rest)
    elif text in _BEGUN:
        book.defect("an OpenSMTPD line ends within its first words")
    else:
        book.ignored += 1


def _unnamed(book: Book, host: str, process: bytes, payload: bytes) -> None:
    """A text that does not begin with a session; `message repeated` counts once, and begins nothing."""
    inner = None if book.again else repeated(payload)
    first = payload.partition(b" ")[0][:_SESSION].removesuffix(b":")
    if inner is not None:
        book.again = True
        _tell(book, host, process, inner)
        book.again = False
    elif first.translate(None, _HEX) or (len(first) < _LEAST and first != payload):
        before_64(book, host, payload)
    elif payload and len(payload) < _SESSION:
        book.defect("an OpenSMTPD line ends within its session")
    elif payload:
        book.defect("the session of an OpenSMTPD line cannot be read")
    else:
        book.ignored += 1
