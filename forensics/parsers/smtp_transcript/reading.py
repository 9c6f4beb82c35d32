"""Reading a transcript: its sessions side by side, and each transaction as one observation."""

from __future__ import annotations  # noqa: I001  the nouns of the model stand in two lines

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from forensics import mail
from forensics.addresses import canonical, canonical_message_id
from forensics.headers import header_block
from forensics.model import (
    Body, Defect, Direction, Fragment, Observation, Outcome, Reading, Recipient, Role, Route, Span, Statement, Unread,
)  # fmt: skip
from forensics.parsers.smtp_transcript.dialects import Handed, Line, Side, handed, line_of
from forensics.parsers.smtp_transcript.session import Named, Place, Session, Transaction
from forensics.plugins import Record, Source
from forensics.records import replaced
from forensics.syslog import Cut, as_plain, decoded, lines, log_lines

__all__ = ["body", "read"]

_NAME = "smtp_transcript"
_LINE_LIMIT = 32 << 20  # bytes: smtplib writes a whole mail on one line
_MOST_SESSIONS = 256  # open side by side
_HEAD = 256 << 10  # bytes of a mail's head that are kept in each
_HERE = ("127.", "localhost", "[::1]", "::1", "[127.")
_ENVELOPE, _LOCAL_CLOCK = Role.ENVELOPE, "syslog"


@dataclass(slots=True)
class _Book:
    """A member while it is being read: its sessions by name, the line at hand, and what is ready to go."""

    evidence: str
    member: str
    keep: int  # bytes of each mail's head
    whole: bool = False
    sessions: dict[str, Session] = field(default_factory=dict)
    ready: list[Transaction] = field(default_factory=list)
    said: list[Record] = field(default_factory=list)
    ignored: int = 0
    sending: deque[tuple[str, frozenset[str]]] = field(
        default_factory=deque
    )  # envelopes told before they were sent, by Message-ID

    def announced(self, message_id: str, addresses: frozenset[str]) -> None:
        """A whole envelope is about to be sent."""
        if len(self.sending) >= _MOST_SESSIONS:
            self.sending.popleft()
        self.sending.append((message_id, addresses))

    def known_by(self, message_id: str, transaction: Transaction) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The Message-ID: that of the mail's header, else that of the oldest envelope told for exactly these recipients."""
        named = frozenset(one.address for one in transaction.named)
        for one in self.sending:
            if one[0] == message_id or (not message_id and transaction.by_nodemailer and one[1] == named):
                self.sending.remove(one)
                return one[0], (() if message_id else (("message_id_from", "sending"),))
        return message_id, ()

    def session(self, name: str) -> Session:
        """The open session of that name; beyond a number the oldest is let go."""
        found = self.sessions.get(name)
        if found is None:
            if len(self.sessions) >= _MOST_SESSIONS:
                self.end(next(iter(self.sessions)))
            found = self.sessions[name] = Session(self.keep, self.whole, by_nodemailer=name.startswith(("nodemailer ", "json ")))
        return found

    def end(self, name: str) -> None:
        """The session is over."""
        session = self.sessions.pop(name)
        session.close()
        self.collect(session)

    def collect(self, session: Session) -> None:
        """Take the transactions of which all is told."""
        self.ready += session.ready
        session.ready.clear()

    def enter(self, line: Line, start: int, end: int) -> None:
        """One line of a session."""
        if line.side is Side.OPENED:
            if line.session in self.sessions:
                self.end(line.session)
            self.session(line.session).relay = decoded(line.texts[0][:300]) if line.texts else ""
            return
        session = self.session(line.session)
        session.start, session.end, session.at, session.clock = start, end, line.at, line.clock
        if line.is_cut:
            self.fault(start, end, "a line of the transcript is cut, or its text cannot be read")
        if line.raw is not None and session.place is Place.DATA and _is_mail(line, session):
            session.content(line.raw)
        else:
            for text in line.texts:
                _said(session, line.side, text)
        if session.is_astray:
            session.is_astray = False
            self.fault(start, end, "a RCPT command stands outside of any transaction: lines before it may be missing")
        if session.ready:
            self.collect(session)

    def fault(self, start: int, end: int, reason: str) -> None:
        """What cannot be read, or not all of it."""
        self.said.append(Defect(Span(self.evidence, self.member, start, end), _NAME, reason))

    def overlong(self, start: int, end: int) -> None:
        """A line that is too long to be read: in smtplib's form it is the mail."""
        self.fault(start, end, "a line is longer than 32 MiB; the mail in it was not read")
        session = self.sessions.get("smtplib")
        if session is not None and session.place is Place.DATA and session.current is not None:
            session.current.left = 0
            session.start, session.end = start, end
            session.content(b".")


def _said(session: Session, side: Side, text: bytes) -> None:
    if side is Side.CLIENT:
        session.client(text)
    elif side is Side.SERVER:
        session.server(text)
    elif side is Side.CONTENT:
        session.content(text)


def _is_mail(line: Line, session: Session) -> bool:
    """Whether a line that may be a reply, a command or the mail is the mail: all up to the dot are, if the mail is logged at all."""
    transaction = session.current
    if line.side is not Side.SERVER or transaction is None:
        return True
    return transaction.begun


def _walk(book: _Book, rows: Iterable[tuple[int, int, bytes]]) -> Iterator[tuple[Handed | None, int, int]]:
    """Enter every line; what is yielded are the places where nodemailer says to whom it sends, and after each line a chance to go on."""
    for offset, stop, line in rows:
        found = None
        if isinstance(line, Cut):
            book.overlong(offset, stop)
        elif (said := line_of(line)) is None or said.side is Side.SILENT:
            book.ignored += 1
            if said is not None and said.is_cut:
                book.fault(offset, stop, "a line of the transcript is cut, or its text cannot be read")
        elif said.side is Side.HANDED:
            found = handed(said.texts[0])
            if found is None:
                book.fault(offset, stop, "the recipients of a mail that is being sent cannot be read; the line may be cut")
            else:
                book.said += _handed(book, found, said, offset, stop)
        else:
            book.enter(said, offset, stop)
        yield found, offset, stop
    for name in tuple(book.sessions):
        book.end(name)


def read(source: Source) -> Iterator[Record]:
    """Observations and defects of one member, in the order in which the messages end, and a tally of its lines."""
    span = source.span
    book = _Book(span.evidence, span.member, _HEAD)
    total = 0
    for _ in _walk(book, log_lines(source, _LINE_LIMIT)):
        total += 1
        yield from _ready(book)
    yield from _ready(book)
    yield Statement(span, _NAME, "tally", value=total, rows=book.ignored)


def _ready(book: _Book) -> Iterator[Record]:
    if book.said:
        yield from book.said
        book.said.clear()
    if book.ready:
        for transaction in book.ready:
            yield from _told(book, transaction)
        book.ready.clear()


def _told(book: _Book, transaction: Transaction) -> Iterator[Record]:
    """One transaction: a fragment, and what of it could not be read."""
    span = Span(book.evidence, book.member, transaction.start, transaction.end)
    for reason in sorted(transaction.remarks):
        yield Defect(span, _NAME, reason)
    if any(not one.code for one in transaction.named):
        yield Defect(span, _NAME, "the reply to a recipient is not in the transcript: whether it was accepted is unknown")
    yield Fragment(f"{span.evidence}/{span.member}#{span.start}", _observation(book, span, transaction))


def _observation(book: _Book, span: Span, transaction: Transaction) -> Observation:
    """The envelope of a transaction, and its header where the mail is in the transcript."""
    named = _recipients(transaction)
    block = b"\r\n".join(transaction.lines) + b"\r\n\r\n" if transaction.shows_mail else b""
    has_header = bool(header_block(block))
    if has_header:
        base = mail.observe(span, _NAME, block, size=transaction.size)
    else:
        base = Observation(span, _NAME, "queue", Route.SMTP, size=transaction.size)
    message_id, more = book.known_by(base.message_id, transaction)
    unanswered = not transaction.named or any(one.code[:1] in {b"", b"2"} for one in transaction.named)
    is_mail = transaction.sent or (transaction.is_cut and unanswered and not transaction.refused and not transaction.stopped)
    readings = (Reading(_LOCAL_CLOCK, transaction.at),) if transaction.at else ()
    return replaced(
        base,
        kind="queue" if is_mail else "reject",
        route=Route.SMTP,
        direction=Direction.SUBMITTED,
        message_id=message_id,
        sender=base.sender or transaction.sender,
        envelope_sender=transaction.sender,
        readings=(*readings, *base.readings),
        recipients=(*named, *base.recipients),
        header_known=has_header and transaction.left > 0 and (transaction.header_ended or transaction.sent),
        has_body=transaction.shows_mail,
        facts=tuple(sorted({*base.facts, *_facts(transaction), *more})),
    )


def _facts(transaction: Transaction) -> Iterator[tuple[str, str]]:
    yield ("origin", "transcript")
    yield from transaction.facts
    if transaction.clock:
        yield ("time_of_day", transaction.clock)  # without its date
    if transaction.is_cut:
        yield ("partial", "end")
    elif not transaction.sent and transaction.stopped is None and not transaction.refused:
        yield ("abandoned", "true")
    if not transaction.named:
        yield ("recipients_unknown", "true")


def _recipients(transaction: Transaction) -> tuple[Recipient, ...]:
    taken = 0
    found = []
    for one in transaction.named:
        outcome, reply = _outcome(one, transaction, taken)
        taken += one.code.startswith(b"2")
        at = transaction.at if transaction.final else one.at
        found.append(
            Recipient(
                one.address, _ENVELOPE, outcome, one.written, one.original, reply=reply, at=at, start=one.start, end=one.end
            )
        )
    return tuple(found)


def _outcome(one: Named, transaction: Transaction, taken: int) -> tuple[Outcome, str]:
    """What became of a copy. A 250 from a server to which the client logged in, or on this host, means a queue and no mailbox."""
    if not one.code.startswith(b"2"):
        if not one.code:
            return (Outcome.BOUNCED if transaction.stopped or transaction.refused else Outcome.NONE), ""
        return (Outcome.DEFERRED if one.code.startswith(b"4") else Outcome.REJECTED), one.reply
    final = transaction.final
    if final:
        code, reply = final[min(taken, len(final) - 1)] if transaction.is_last_hop else final[0]
        if transaction.is_last_hop and taken >= len(final):
            return Outcome.ACCEPTED, ""
        if code.startswith(b"2"):
            knows = dict(transaction.facts)
            hands_on = "auth" in knows or knows.get("relay", "").startswith(_HERE)
            return (Outcome.ACCEPTED if hands_on and not transaction.is_last_hop else Outcome.DELIVERED), reply
        return (Outcome.DEFERRED if code.startswith(b"4") else Outcome.REFUSED_AFTER_DATA), reply
    if transaction.stopped:
        code, reply = transaction.stopped
        return (Outcome.DEFERRED if code.startswith(b"4") else Outcome.BOUNCED), reply
    is_open = transaction.sent or transaction.is_cut
    return (Outcome.ACCEPTED, "") if is_open else (Outcome.BOUNCED, "")  # given up before the mail: nothing left


def _handed(book: _Book, found: Handed, line: Line, start: int, end: int) -> Iterator[Record]:
    """What nodemailer itself says of an envelope, which needs no debug output; more than three recipients it only counts."""
    span = Span(book.evidence, book.member, start, end)
    recipients = []
    for written in dict.fromkeys(found.recipients):
        address = canonical(written)
        recipients.append(
            Recipient(
                address, _ENVELOPE, Outcome.ACCEPTED, "" if written.lower() == address else written,
                at=line.at, start=start, end=end,
            )
        )  # fmt: skip
    is_short = found.total > len(found.recipients)
    if is_short:
        yield Defect(span, _NAME, "nodemailer names only the first recipients of a mail; the others are not in the line")
    facts = [("origin", "transcript"), *((("recipients_unknown", "true"),) if is_short else ())]
    message_id = canonical_message_id(found.message_id)[:1_000]
    if message_id and not is_short:
        book.announced(message_id, frozenset(one.address for one in recipients))
    yield Fragment(
        f"{span.evidence}/{span.member}#{span.start}",
        Observation(
            span, _NAME, "sending", Route.SMTP, Direction.SUBMITTED, message_id=message_id,
            readings=(Reading(_LOCAL_CLOCK, line.at),) if line.at else (), recipients=tuple(recipients),
            declared=found.total, facts=tuple(facts),
        ),
    )  # fmt: skip


def _first_of(book: _Book) -> Body | None:
    """The mail of the transaction that begins at 0, if all of it has been read; others, of sessions beside it, are let go."""
    ready, book.ready = book.ready, []
    for one in ready:
        if one.start == 0 and one.shows_mail:
            missing = () if one.left else (Unread("message", "the transcript holds only a part of the mail"),)
            return mail.content(b"\r\n".join(one.lines) + b"\r\n", missing)
    return None


def body(raw: bytes, kind: str) -> Body:  # noqa: ARG001  the lines tell
    """The mail in the transcript of one transaction, which begins with its MAIL command."""
    book = _Book("", "", keep=2 * len(raw) + 2, whole=True)
    rows = ((at, at + len(line), line) for at, line in lines([as_plain(raw)], 0, -1, _LINE_LIMIT))
    for _ in _walk(book, rows):
        if (found := _first_of(book)) is not None:
            return found
    found = _first_of(book)
    if found is not None:
        return found
    return Body(unread=(Unread("message", "the mail cannot be found in the transcript again"),))
