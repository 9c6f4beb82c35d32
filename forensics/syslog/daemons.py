"""The lines of one mail server's programs among all lines of a log, and an account of the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from forensics.model import Defect, Fragment, Span, Statement
from forensics.syslog.envelopes import LOGGERS, envelope, lost_messages
from forensics.syslog.forms import Log, log_runs
from forensics.syslog.heads import found_in_head
from forensics.syslog.line_ends import Cut, Recast, decoded
from forensics.syslog.prefixes import Envelope
from forensics.syslog.stamps import stamp

__all__ = ["Addresses", "Daemons", "Ledger", "daemon_lines", "is_log_of"]

Record = Fragment | Defect | Statement
_PROGRAM_LIMIT = 4_096  # different hosts and programs remembered
_SPEAKER_LIMIT = 16_384  # the same, with the process
_ADDRESS_LIMIT = 16_384  # addresses remembered
_YEARLESS = 16  # characters of `Sep  7 10:00:02` and the blank behind
_WIDEST = 64
_DIGITS = 10  # of a process
_MENTION = 1_024  # bytes of a line without time or host in which a program is sought
_STAMP_GOES_ON = re.compile(rb"(?:(?:19|20)\d\d|[Zz]|[+-]\d\d:?\d\d) ")  # a year or a zone, or a host of that name
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+=-"  # in addresses, with one "@"
_AROUND = (b"@", b"<@>")
_LONGEST = 322  # bytes of an address (RFC 5321 section 4.5.3.1: 64 and 255) and its brackets
_POSTFIX = re.compile(rb"(?<![\w/.-])postfix[\w.-]{0,64}/[\w.-]")


@dataclass(frozen=True, slots=True)
class Daemons:
    """The programs of one mail server, as they name themselves in logs."""

    noun: str  # one of their lines, in a sentence: "an OpenSMTPD line"
    is_ours: Callable[[str], bool]  # of a program
    mentioned: re.Pattern[bytes]  # found in their lines, also where time or host cannot be read


_Speaker = tuple[str | None, bytes]  # host and process; no host: another program
_FOREIGN: _Speaker = (None, b"")
_UNMET: _Speaker = ("", b"")  # or one that names no host: each of its lines is read by `envelope`


@dataclass(slots=True, eq=False)
class Ledger:
    """One span while it is being read: the line at hand, the account of all lines, and what is ready to go."""

    span: Span
    parser: str
    start: int = 0
    end: int = 0
    stamp: str = ""
    total: int = 0
    ignored: int = 0
    ready: list[Record] = field(default_factory=list)

    def here(self) -> Span:
        """The place of the line at hand."""
        return Span(self.span.evidence, self.span.member, self.start, self.end)

    def defect(self, reason: str) -> None:
        """The line at hand cannot be read, or not all of it."""
        self.ready.append(Defect(self.here(), self.parser, reason))

    def tally(self) -> Statement:
        """The span's last record: how many lines were met, and how many of them say nothing of mail."""
        return Statement(self.span, self.parser, "tally", value=self.total, rows=self.ignored)


_Book = TypeVar("_Book", bound=Ledger)
_Tell = Callable[[_Book, str, bytes, bytes], None]


class Addresses(dict[bytes, str]):
    """Addresses of common form as written, with or without brackets, and their canonical form; "" for those of other forms.

    The common case of `addresses.canonical`: what that returns for the same text is what stands here.
    """

    def __missing__(self, text: bytes) -> str:
        """An address that was not met before."""
        odd = text.translate(None, _PLAIN)
        bare = text[1:-1] if odd == b"<@>" and text.startswith(b"<") and text.endswith(b">") else text
        if odd not in _AROUND or bare.endswith((b".", b">")) or len(text) > _LONGEST:
            return ""
        if len(self) >= _ADDRESS_LIMIT:
            self.clear()
        found = self[text] = bare.lower().decode()
        return found


def is_log_of(head: bytes, daemons: Daemons, telling: re.Pattern[bytes] | None = None) -> bool:
    """Whether a file's first bytes are those of a log with a line of these programs, and not of Postfix's.

    With `telling` the text of one of their lines must begin as that says: other servers have programs of the same name.
    """
    narrow = head.replace(b"\0", b"")
    if not daemons.mentioned.search(narrow) or _POSTFIX.search(narrow):
        return False

    def logged(row: bytes) -> Envelope | None:
        found = envelope(row)
        if found is None or not daemons.is_ours(found.program) or (telling and not telling.match(found.payload)):
            return None
        return found

    return bool(found_in_head(head, logged))


def daemon_lines(source: Log, daemons: Daemons, book: _Book, tell: _Tell[_Book]) -> Iterator[Record]:
    """What `tell` makes ready in the book, line by line of these programs, and what is to be said of the lines of others.

    `tell(book, host, process, text)` finds place and time of its line in the book. Defects and losses come in their places.
    """
    speakers = _Speakers()
    for offset, run in log_runs(source):
        book.total += len(run)
        if isinstance(run[0], Recast):  # alone in its run; its bytes in the evidence are not those of the line
            book.start, book.end = offset, offset + run[0].length
            _odd(book, daemons, speakers, run[0], tell)
            yield from book.ready
            book.ready.clear()
        else:
            yield from _read_run(book, daemons, speakers, offset, run, tell)


def _read_run(
    book: _Book, daemons: Daemons, speakers: _Speakers, offset: int, run: list[bytes], tell: _Tell[_Book]
) -> Iterator[Record]:
    """The records of consecutive lines, the first of which lies at `offset`. Who was met before is looked up by his bytes."""
    known, ready, width = speakers.met.get, book.ready, speakers.width
    end, last, time, written = offset - 1, b"\n", "", b"\n"
    host, pid = _UNMET
    for line in run:
        start = end + 1
        end = start + len(line)
        prefix, colon, text = line.partition(b": ")
        if prefix != last:
            if prefix[:width] != written:
                time = stamp(line[: width - 1]) if line[width - 1 : width] == b" " else ""
                if not time:
                    time = speakers.stamp(line)
                    width = speakers.width
                written = line[:width] if time else b"\n"
            host, pid = (known(prefix[width:]) or speakers.of(prefix[width:])) if time else _UNMET
            last = prefix
        if not host or not colon or text[:4] == b"[ID ":  # Solaris puts an id of its own before the text
            if host is None and colon:
                book.ignored += 1
                continue
            book.start, book.end = start, end
            _odd(book, daemons, speakers, line, tell)
            last = b"\n"
        else:
            book.start, book.end, book.stamp = start, end, time
            tell(book, host, pid, text)
        if ready:
            yield from ready
            ready.clear()


def _odd(book: _Book, daemons: Daemons, speakers: _Speakers, line: bytes, tell: _Tell[_Book]) -> None:
    """A line of a host and program not met before, or of a form that the common way does not read."""
    if isinstance(line, Cut):
        book.defect(line.reason)
        return
    found = envelope(line)
    if found is None:
        if daemons.mentioned.search(line[:_MENTION].replace(b"\0", b"")):
            book.defect(f"host, program or time of {daemons.noun} cannot be read; the line may be cut")
        else:
            book.ignored += 1
        return
    lost = lost_messages(found.program, found.payload)
    if lost:
        book.ready.append(Statement(book.here(), book.parser, "lost", scope=found.host, value=lost, stamp=found.stamp))
        return
    host = found.host if daemons.is_ours(found.program) else None
    speakers.learn(line, found, host)
    if host is None:
        book.ignored += 1
    else:
        book.stamp = found.stamp
        tell(book, host, found.pid.encode(), found.payload)


class _Speakers:
    """Who wrote the lines of a span: how wide stamps are, and hosts and programs met before, by their bytes.

    What is found here is what `envelope` would find: a line means the same whatever was met before it.
    """

    __slots__ = ("by_program", "met", "width")

    def __init__(self) -> None:
        self.width = _YEARLESS  # of a stamp and the blank behind it
        self.by_program: dict[bytes, str | None] = {}  # hosts
        self.met: dict[bytes, _Speaker] = {}

    def stamp(self, line: bytes) -> str:
        """The time of a line that begins with a stamp of common form, from which `width` is taken; else ""."""
        width = _YEARLESS if line[_YEARLESS - 1 : _YEARLESS] == b" " else line.find(b" ", 0, _WIDEST) + 1
        time = stamp(line[: width - 1]) if width else ""
        if time:
            self.width = width
        return time

    def of(self, tag: bytes) -> _Speaker:
        """Who is meant by what stands between the stamp and `: `; `_UNMET` if host and program were not met before."""
        program, _, process = tag.partition(b"[")
        host, pid = self.by_program.get(program, ""), process[:-1]
        if host == "" or not pid.isdigit() or len(pid) > _DIGITS or not process.endswith(b"]"):
            return _UNMET
        if len(self.met) >= _SPEAKER_LIMIT:
            self.met.clear()
        found = self.met[tag] = _FOREIGN if host is None else (host, pid)
        return found

    def learn(self, line: bytes, found: Envelope, host: str | None) -> None:
        """Remember what `envelope` found in a line, if that is all that stands before its text; loggers are always read."""
        if found.program.startswith(LOGGERS) or not found.pid or not found.stamp or self.stamp(line) != found.stamp:
            return
        program = line[self.width :].partition(b": ")[0].partition(b"[")[0]
        if decoded(program) == f"{found.host} {found.program}" and not _STAMP_GOES_ON.match(program):
            if len(self.by_program) >= _PROGRAM_LIMIT:
                self.by_program.clear()
                self.met.clear()
            self.by_program[program] = host
