"""hMailServer logs: the envelopes of every SMTP session, as it received them (SMTPD) or sent them on (SMTPC).

Fields are parted by tabs and quoted: service, thread, session, local time, the other side's address, and `RECEIVED: ` or
`SENT: ` with the command or reply, in which `[nl]` stands for a line end. Mail itself is not logged. Session numbers begin anew
with the service, and no line names the server: what one file leaves open is only joined with a next file that goes on with
the same session and address, and the result says so.

Source: hmailserver.com, "Documentation", "Logging"; replies: RFC 5321.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

from forensics.addresses import canonical
from forensics.dates import FileClock
from forensics.model import Fragment, Observation, Outcome, Recipient, Role
from forensics.plugins import Parser, Record, Source
from forensics.records import replaced
from forensics.syslog import Piece, PieceLedger, address_end, decoded, head_lines, joined, stamp

__all__ = ["PARSER"]

_NAME = "hmailserver"
_LIMIT = 4_096  # bytes of an address or a reply
_SESSIONS = 20_000  # held open; beyond it the oldest goes out as it is
_PIECE_LIMIT = 50_000  # recipients of one transaction
_PENDING = 1_000  # commands of one session that wait for a reply
_SERVICES = frozenset((b"SMTPD", b"SMTPC"))
_OTHERS = frozenset((b"APPLICATION", b"DEBUG", b"TCPIP", b"POP3D", b"POP3C", b"IMAPD", b"ERROR", b"AWSTATS", b"EVENT", b"BACKUP"))
_WAYS = (b"RECEIVED: ", b"SENT: ")
_REPLY = re.compile(rb"(\d{3})(?: |$)")
_SERVICE = re.compile(rb'"([A-Z0-9]{2,16})"\t')
_UNREAD = "the address of a command cannot be read; the line may be cut"
_Command = tuple[str, Recipient | None]  # verb, and whom it names


@dataclass(slots=True, eq=False)
class _Session:
    """One connection while it is being followed."""

    sends: bool  # this server is the client
    key: str
    piece: Piece | None = None
    pending: deque[_Command] = field(default_factory=deque)
    has_signed_in: bool = False
    has_sent: bool = False  # content has left


@dataclass(slots=True, eq=False)
class _Book(PieceLedger):
    """A member while it is being read: its open sessions by service, number and address, the one that spoke last at the end."""

    sessions: dict[tuple[bytes, bytes, bytes], _Session] = field(default_factory=dict)

    def session(self, name: tuple[bytes, bytes, bytes]) -> _Session:
        """The session of this name, new if there is none."""
        found = self.sessions.pop(name, None)
        if found is None:
            if len(self.sessions) >= _SESSIONS:
                self.finish(self.sessions.pop(next(iter(self.sessions))), is_cut=True)
            found = _Session(name[0] == b"SMTPC", "/".join(decoded(one) for one in name))
        self.sessions[name] = found
        return found

    def begin(self, session: _Session, *, opens: bool) -> Piece:
        """A transaction begins, or goes on from another file."""
        self.finish(session)
        service, _, address = session.key.split("/", 2)
        facts = {("origin", service.lower()), ("relay" if session.sends else "client", address)}
        session.piece = Piece(self.start, self.end, self.stamp, opens, submitted=session.has_signed_in, facts=facts)
        return session.piece

    def finish(self, session: _Session, final: tuple[Outcome, str] | None = None, *, is_cut: bool = False) -> None:
        """A transaction ends with a last word, is given up, or lies in part beyond what there is (`is_cut`)."""
        piece, session.piece = session.piece, None
        has_sent, session.has_sent = session.has_sent, False
        if piece is None:
            return
        taken = [one for one in piece.recipients if one.outcome is Outcome.ACCEPTED]
        if final is None and not is_cut:
            final = (Outcome.DEFERRED if session.sends else Outcome.REJECTED, "") if has_sent else (Outcome.NONE, "")
        if final is not None:
            others = [one for one in piece.recipients if one.outcome is not Outcome.ACCEPTED]
            told = [replaced(one, outcome=final[0], reply=final[1] or one.reply) for one in taken if final[0] is not Outcome.NONE]
            piece.recipients = others + told  # nobody got anything where a client gave up before any content
            piece.closes = True
        if not piece.recipients and not is_cut and (final is None or final[0] is Outcome.NONE):
            return
        only_refused = not is_cut and all(one.outcome is Outcome.REJECTED for one in piece.recipients) and bool(piece.recipients)
        self.let_go(piece, key=session.key, kind="reject" if only_refused and not session.sends else "queue", host="")


def _read(source: Source) -> Iterator[Record]:
    """Fragments, defects, and a tally of all lines and of those that tell of no mail."""
    book = _Book(source.span, _NAME, canonical=canonical)
    for line in book.lines(source):
        _line(book, line.removeprefix(b"\xef\xbb\xbf"))
        if book.ready:
            yield from book.told()
    for session in book.sessions.values():
        book.finish(session, is_cut=True)
    yield from book.told()
    yield book.tally()


def _line(book: _Book, line: bytes) -> None:
    service = _SERVICE.match(line)
    if service is None or service[1] not in _SERVICES:
        if line.strip() and (service is None or service[1] not in _OTHERS):
            book.defect("a line is of no kind that this version reads; it may be cut")
        else:
            book.ignored += 1
        return
    fields = line.split(b"\t", 5)
    text = fields[5] if len(fields) == 6 else b""  # noqa: PLR2004  service, thread, session, time, address, text
    way = next((one for one in _WAYS if text.startswith(one, 1)), b"")
    if not way or len(text) < 3 or text[:1] + text[-1:] != b'""' or not fields[2].isdigit() or len(fields[2]) > 20:  # noqa: PLR2004  digits of 64 bits
        book.defect("session or text of a line cannot be read; the line may be cut")
        return
    book.stamp = stamp(fields[3].strip(b'"'))
    if not book.stamp:
        book.defect("the time of a line cannot be read")
    session = book.session((service[1], fields[2], fields[4].strip(b'"')[:64]))
    said = text[1 + len(way) : -1]
    if (way == b"SENT: ") == session.sends:
        _commanded(book, session, said)
    else:
        _answered(book, session, said)


def _commanded(book: _Book, session: _Session, text: bytes) -> None:
    """A command of the client's; verbs in any case, RFC 5321 section 4.1.1."""
    if session.pending and session.pending[0][0] == "AUTH":
        return  # what answers a challenge is no command
    verb = decoded(text[:32].partition(b" ")[0]).strip().upper()
    named = None
    if verb in {"MAIL", "RCPT"}:
        path = _path(text)
        if path is None:
            book.defect(_UNREAD)
        elif verb == "MAIL":
            book.begin(session, opens=True).sender = book.address(path)[0]
        else:
            address, written = book.address(path)
            named = Recipient(address, Role.ENVELOPE, Outcome.ACCEPTED, written, stamp=book.stamp, start=book.start, end=book.end)
    elif verb in {"RSET", "EHLO", "HELO", "QUIT"}:
        book.finish(session)
    if len(session.pending) >= _PENDING:
        session.pending.clear()
    session.pending.append((verb, named))


def _path(text: bytes) -> str | None:
    """The address of `MAIL FROM:<a@b> SIZE=9`; None if it does not end."""
    written = text.partition(b":")[2].lstrip(b" ")
    if not written.startswith(b"<"):
        bare = written.partition(b" ")[0]
        return decoded(bare) if 0 < len(bare) <= _LIMIT else None
    end = address_end(written, 1, (b" ",), may_end=True)
    return decoded(written[1:end]) if 0 <= end <= _LIMIT else None


def _answered(book: _Book, session: _Session, text: bytes) -> None:
    """A reply of the server's; replies come in the order of the commands."""
    match = _REPLY.match(text.rpartition(b"[nl]")[2] or text.removesuffix(b"[nl]").rpartition(b"[nl]")[2])
    code, reply = match[1].decode() if match else "000", decoded(text[:_LIMIT])
    if not session.pending:
        if code == "220":  # a greeting: what went before was another connection of this number
            book.finish(session, is_cut=True)
            session.has_signed_in = False
        return
    if code == "354" and session.pending[0][0] != "DATA":
        _lost(session)
    verb, named = session.pending[0]
    if code[0] == "3" and verb in {"AUTH", "DATA"}:
        session.has_sent = session.has_sent or verb == "DATA"
        return
    session.pending.popleft()
    if verb == "AUTH":
        session.has_signed_in = session.has_signed_in or code == "235"
    elif verb == "RCPT" and named is not None:
        piece = session.piece or book.begin(session, opens=False)
        piece.end = book.end
        piece.recipients.append(replaced(named, outcome=_told(session, code), reply=reply))
        if len(piece.recipients) >= _PIECE_LIMIT:
            book.finish(session, is_cut=True)
    elif verb == "MAIL" and code[0] != "2":
        book.finish(session)
    elif verb == "DATA":
        piece = session.piece or book.begin(session, opens=False)
        piece.end = book.end
        book.finish(session, (_verdict(session, code), reply))


def _lost(session: _Session) -> None:
    """Replies are missing, for this one answers DATA: which of the others was whose is not known any more."""
    behind = [one for verb, one in session.pending if verb == "RCPT" and one is not None]
    while len(session.pending) > 1 and session.pending[0][0] != "DATA":
        session.pending.popleft()
    if session.piece is not None:
        session.piece.recipients = [
            replaced(one, outcome=Outcome.NONE, reply="") for one in (*session.piece.recipients, *behind)
        ]  # fmt: skip


def _told(session: _Session, code: str) -> Outcome:
    """What the answer to RCPT means for its recipient."""
    if code in {"250", "251", "252"}:
        return Outcome.ACCEPTED
    return Outcome.DEFERRED if session.sends and code[0] != "5" else Outcome.REJECTED


def _verdict(session: _Session, code: str) -> Outcome:
    """What the answer to DATA, or to its end, means for all who were taken."""
    if code[0] == "2":
        return Outcome.DELIVERED if session.sends else Outcome.ACCEPTED
    if session.has_sent:
        return Outcome.REFUSED_AFTER_DATA if code[0] == "5" else Outcome.DEFERRED
    if session.sends:
        return Outcome.BOUNCED if code[0] == "5" else Outcome.DEFERRED
    return Outcome.REJECTED


def _assemble(fragments: Iterable[Fragment], clocks: Mapping[tuple[str, str], FileClock]) -> Iterator[Observation]:
    """Messages from pieces, which come by session, then file, then place."""
    unknown = FileClock()
    for _, group in groupby(fragments, key=attrgetter("key")):
        message: list[Fragment] = []
        for piece in group:
            if message and (piece.opens or message[-1].closes):
                yield _finished(message, clocks, unknown)
                message = []
            message.append(piece)
        yield _finished(message, clocks, unknown)


def _finished(pieces: list[Fragment], clocks: Mapping[tuple[str, str], FileClock], unknown: FileClock) -> Observation:
    one = joined(pieces, lambda place: clocks.get(place, unknown))
    facts = set(one.facts)
    if not pieces[0].opens:
        facts.add(("partial", "start"))
    if not pieces[-1].closes:
        facts.add(("partial", "end"))
    if len(pieces) > 1:
        facts.add(("server_unnamed", "joined across files by session and address"))
    if not one.recipients:
        facts.add(("recipients_unknown", "true"))
    return replaced(one, facts=tuple(sorted(facts)))


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether most lines are those of a service of hMailServer, and one of them is of SMTP."""
    rows = [row.removeprefix(b"\xef\xbb\xbf") for row in head_lines(head)[:2_000] if row.strip()]
    services = [match[1] for row in rows if (match := _SERVICE.match(row))]
    known = sum(one in _SERVICES or one in _OTHERS for one in services)
    return not _SERVICES.isdisjoint(services) and 2 * known >= len(rows)


PARSER = Parser(
    name=_NAME,
    title="hMailServer log (SMTPD, SMTPC)",
    sniff=_sniff,
    read=_read,
    assemble=_assemble,
    shows=frozenset({"recipients", "outcome"}),
)
