"""Exchange SMTP protocol logs: the envelopes of every session, as the server received them or sent them on.

Columns and events: learn.microsoft.com/exchange/mail-flow/connectors/protocol-logging; commands and replies: RFC 5321, RFC 2920
(pipelining: replies come in order), RFC 3030 (BDAT). In a log of the receiving side `<` is a command and `>` the reply, in one
of the sending side the other way round. ORCPT is not read: whoever sends a hidden copy may write a genuine name there.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple

from forensics.addresses import canonical, canonical_message_id
from forensics.csvlog import Header, Record, header_in, records
from forensics.dates import FileClock
from forensics.model import Defect, Direction, Fragment, Observation, Outcome, Recipient, Role, Route, Span, Statement
from forensics.plugins import Parser, Source
from forensics.plugins import Record as Said
from forensics.records import constructor
from forensics.syslog import address_end, decoded, strongest

__all__ = ["PARSER"]

_NAME = "exchange_protocol"
_COLUMNS = (
    "date-time", "connector-id", "session-id", "sequence-number", "local-endpoint", "remote-endpoint", "event", "data", "context",
)  # fmt: skip
_HELD = 100_000  # events held; beyond it all sessions are let go as pieces, which `_assemble` joins again
_TEXT_LIMIT = 4_096  # bytes of an address, an identifier or a reply
_REPLY = re.compile(rb"(\d{3})([ -]|$)")
_QUEUED = re.compile(r"250 2\.6\.0 <([^<>\s]{1,998})> \[InternalId=(\d{1,20}), Hostname=([^\s,\[\]]{1,255})\]")
_QUEUED_AS = re.compile(r"\bqueued as ([0-9A-Za-z]{6,40})\b")
_SENDING = re.compile(rb"sending message with RecordId \d{1,20} and InternetMessageId <([^<>\s]{1,998})>")
_SIDES = (("receive", "receive"), ("send", "send"))
_VERBS = {
    b"DATA": "DATA", b"RSET": "RSET", b"EHLO": "EHLO", b"HELO": "EHLO", b"AUTH": "AUTH", b"X-EXPS": "AUTH", b"STARTTLS": "EHLO",
    b"X-ANONYMOUSTLS": "EHLO",
}  # fmt: skip
# send connectors that hand mail to another server or service of the same organisation
_INSIDE = ("intra-organization", "intra-org", "inbound proxy internal", "client proxy")
_observation, _fragment, _recipient = constructor(Observation), constructor(Fragment), constructor(Recipient)


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    return set(header_in(head).columns) >= set(_COLUMNS[:8])


# --- lines: a piece of a session holds its events as recipients, which places, times and replies are kept in ----------------


_Name = tuple[str, bytes, bytes]  # side, connector and id of a session


@dataclass(slots=True, eq=False)
class _Piece:
    """What a span holds of one session: its events in order, and where the connection led from and to."""

    name: _Name
    facts: dict[str, str]
    events: list[Recipient] = field(default_factory=list)

    def fragment(self, place: Span) -> Fragment:
        """The piece; `opens` and `closes` if its first and last events were seen."""
        first, last = self.events[0], self.events[-1]
        span = Span(place.evidence, place.member, min(one.start for one in self.events), max(one.end for one in self.events))
        seen = _observation(
            span, _NAME, "session", Route.SMTP, Direction.UNKNOWN, "", "", "", (), "", "", "", "", -1, (), first.stamp,
            tuple(self.events), False, -1, (), False, tuple(sorted(self.facts.items())),
        )  # fmt: skip
        key = f"{self.facts['side']}/{self.facts['connector']}/{self.facts['session']}"
        return _fragment(key, seen, first.seen == "0", last.written == "-")


def _read(source: Source) -> Iterator[Said]:
    """Pieces of sessions, defects, and a tally of all records and of those that are no line of a session."""
    span = source.span
    open_pieces: dict[_Name, _Piece] = {}
    total = ignored = held = 0
    for record in records(source):
        total += 1
        place = Span(span.evidence, span.member, record.start, record.end)
        if record.problem:
            yield Defect(place, _NAME, record.problem)
            continue
        if not record.fields:
            ignored += 1
            continue
        piece, problem = _entered(open_pieces, record)
        held += piece is not None
        if problem:
            yield Defect(place, _NAME, problem)
        if piece is not None and piece.events[-1].written == "-":
            held -= len(piece.events)
            yield open_pieces.pop(piece.name).fragment(span)
        elif held >= _HELD:
            yield from (one.fragment(span) for one in open_pieces.values())
            open_pieces.clear()
            held = 0
    yield from (one.fragment(span) for one in open_pieces.values())
    yield Statement(span, _NAME, "tally", value=total, rows=ignored)


@lru_cache(maxsize=64)
def _columns_of(header: Header) -> Callable[[Sequence[bytes]], tuple[bytes, ...]]:
    places = {name: at for at, name in reversed(tuple(enumerate(header.columns)))}
    return itemgetter(*(places.get(name, -1) for name in _COLUMNS))


def _entered(pieces: dict[_Name, _Piece], record: Record) -> tuple[_Piece | None, str]:
    """The piece into which a record went, None if into none; and what is wrong with the record, "" if nothing."""
    stamp, connector, session, number, local, remote, event, text, context = _columns_of(record.header)(record.fields)
    if not session or not number.isdigit() or len(number) > 9 or event not in _EVENTS:  # noqa: PLR2004  32 bit
        return None, "session, sequence number or event of a record cannot be read"
    side = _side(record.header.log_type, connector)
    word, address, value, reply = _EVENTS[event](side, text, context)
    name = side, connector, session
    piece = pieces.get(name)
    if piece is None:
        facts = {"side": side, "connector": decoded(connector[:_TEXT_LIMIT]), "session": decoded(session[:_TEXT_LIMIT])}
        piece = pieces[name] = _Piece(name, facts)
    if remote and "remote" not in piece.facts:
        piece.facts |= {"local": decoded(local[:_TEXT_LIMIT]), "remote": decoded(remote[:_TEXT_LIMIT])}
    time = stamp.decode() if stamp.endswith(b"Z") else f"{stamp.decode()}Z"
    piece.events.append(
        _recipient(
            address, Role.ENVELOPE, Outcome.NONE, word, value, reply, None, time, record.start, record.end, str(int(number))
        )
    )
    unread = value == _UNREAD and word in {"MAIL", "RCPT"}
    return piece, "the address of a command cannot be read; the line may be cut" if unread else ""


@lru_cache(maxsize=1024)
def _side(log_type: str, connector: bytes) -> str:
    """Which side the server is on, by the log's own word; else only the name of a receive connector holds the server's."""
    known = next((side for word, side in _SIDES if word in log_type), "")
    return known or ("receive" if b"\\" in connector else "send")


_Event = tuple[str, str, str, str]  # word, address, value, reply
_UNREAD = "unread"


def _from_client(side: str, text: bytes, context: bytes) -> _Event:  # noqa: ARG001
    return _command(text) if side == "receive" else _answer(text)


def _from_server(side: str, text: bytes, context: bytes) -> _Event:  # noqa: ARG001
    return _answer(text) if side == "receive" else _command(text)


def _edge_of(word: str) -> Callable[[str, bytes, bytes], _Event]:
    return lambda _side, _text, _context: (word, "", "", "")


def _remark(side: str, text: bytes, context: bytes) -> _Event:
    """`*`: who has signed in, on the receiving side; which message comes next, on the sending one."""
    if side == "receive" and context.strip().lower() == b"authenticated":
        return "user", "", decoded(text[:_TEXT_LIMIT]), ""
    match = _SENDING.match(context) or _SENDING.match(text) if side == "send" else None
    return ("id", "", canonical_message_id(decoded(match[1])), "") if match else ("*", "", "", "")


_EVENTS: dict[bytes, Callable[[str, bytes, bytes], _Event]] = {
    b"+": _edge_of("+"), b"-": _edge_of("-"), b"<": _from_client, b">": _from_server, b"*": _remark,
}  # fmt: skip


def _answer(text: bytes) -> _Event:
    match = _REPLY.match(text)
    if match is None:
        return "000", "", "", decoded(text[:_TEXT_LIMIT])
    return decoded(match[1] + match[2].strip()), "", "", decoded(text[:_TEXT_LIMIT])


def _command(text: bytes) -> _Event:
    """The verb, in any case, and what is to be known of its arguments; those of AUTH are not."""
    verb, _, rest = text[:64].upper().partition(b" ")
    if verb in {b"MAIL", b"RCPT"}:
        colon = text.find(b":", 0, 32)
        mark = text[5:colon].strip().upper() if colon >= 0 else b""
        if mark == (b"FROM" if verb == b"MAIL" else b"TO"):
            address = _path(text[colon + 1 :].lstrip(b" "))
            return (verb.decode(), "", _UNREAD, "") if address is None else (verb.decode(), address, "", "")
        return verb.decode(), "", _UNREAD, ""
    if verb == b"BDAT":
        return "LAST" if rest.split()[1:2] == [b"LAST"] else "BDAT", "", "", ""
    word = _VERBS.get(verb.strip(), "OTHER")
    return word, "", decoded(text[5:_TEXT_LIMIT]).strip() if word == "EHLO" and len(verb) == 4 else "", ""  # noqa: PLR2004


def _path(text: bytes) -> str | None:
    """The canonical address of `<a@b> PARAMETERS`, also without brackets; None if it does not end."""
    if text[:1] == b"<":
        end = address_end(text, 1, (b" ",), may_end=True)
        if end < 0 or end > _TEXT_LIMIT:
            return None
        return canonical(decoded(text[1:end]))
    bare = text.partition(b" ")[0]
    return canonical(decoded(bare)) if 0 < len(bare) <= _TEXT_LIMIT else None


# --- sessions -------------------------------------------------------------------------------------------------------------


class _Line(NamedTuple):
    """One event of a session at its place; `word` is a verb, a code of three digits (and `-` where more follows), or a remark."""

    number: int
    stamp: str
    place: tuple[str, str]
    start: int
    end: int
    word: str
    address: str
    value: str
    reply: str


@dataclass(slots=True, eq=False)
class _Mail:
    """One transaction, as far as it was seen."""

    lines: list[_Line]
    sender: str = ""
    message_id: str = ""
    user: str = ""
    opens: bool = True
    cut: bool = False  # what became of it lies beyond what was seen
    sent: bool = False  # content has left
    final: _Line | None = None
    accepted: list[tuple[_Line, _Line]] = field(default_factory=list)
    refused: list[tuple[_Line, _Line]] = field(default_factory=list)
    unanswered: list[_Line] = field(default_factory=list)


class _Dialogue:
    """Follows one session, line by line; `mails` are its transactions."""

    def __init__(self, side: str) -> None:
        self.side = side
        self.whole = False  # what came before the line at hand was seen
        self.number = -1
        self.mails: list[_Mail] = []
        self.mail: _Mail | None = None
        self.pending: deque[tuple[_Line, _Mail | None]] = deque()
        self.dashed = False
        self.user = self.announced = self.greeted = ""

    def take(self, line: _Line) -> None:
        """The next line of the session."""
        if line.number == 0:
            self.whole = True
        elif line.number != self.number + 1:
            self.lose()
        self.number = line.number
        if line.word[:1].isdigit():
            self._answered(line)
        elif line.word == "user":
            self.user = line.value
        elif line.word == "id":
            self.announced = line.value
        elif line.word not in {"+", "-", "*"}:
            self._commanded(line)

    def lose(self) -> None:
        """Lines are missing here: which reply is whose, and whose transaction goes on, is not known any more."""
        self.whole, self.dashed = False, False
        for line, mail in self.pending:
            if mail is not None and line.word == "RCPT" and line.address:
                mail.unanswered.append(line)
        self.pending.clear()
        for mail in self.mails:
            mail.cut = mail.cut or mail is self.mail or (mail.final is None and mail.sent)
        self.mail = None

    def _begin(self, line: _Line, *, opens: bool) -> _Mail:
        self.mail = _Mail([line], line.address if opens else "", self.announced, self.user, opens)
        self.announced = ""
        self.mails.append(self.mail)
        return self.mail

    def _commanded(self, line: _Line) -> None:
        if self.pending and self.pending[0][0].word == "AUTH" and line.word == "OTHER":
            return  # what answers a challenge is no command
        if self.dashed and self.pending and self.pending[0][0].word == "EHLO":
            self.pending.popleft()  # a greeting on several lines may be logged as one
        self.dashed = False
        word = line.word
        if word == "MAIL":
            self._begin(line, opens=True)
        elif word in {"RSET", "EHLO"}:
            self.mail = None
            if self.side == "send" and line.value:
                self.greeted = line.value
        elif word in {"RCPT", "DATA", "BDAT", "LAST"} and self.mail is None and not self.whole:
            self._begin(line, opens=False)
        mail = self.mail if word in {"MAIL", "RCPT", "DATA", "BDAT", "LAST"} else None
        if mail is not None:
            mail.lines.append(line)
            mail.sent = mail.sent or word in {"BDAT", "LAST"}  # content follows at once: RFC 3030 section 2
        self.pending.append((line, mail))

    def _answered(self, line: _Line) -> None:
        self.dashed = line.word.endswith("-")
        if self.dashed:
            return
        if not self.pending:
            if not self.whole and self.side == "receive" and _QUEUED.match(line.reply):
                self._begin(line, opens=False).final = line  # recipients unknown
                self.mails[-1].sent = True
                self.mail = None
            return
        (command, mail), code = self.pending[0], line.word
        word = command.word
        if code[0] == "3" and word in {"AUTH", "DATA"}:
            if mail is not None and word == "DATA":
                mail.sent = True
            return
        self.pending.popleft()
        if mail is None:
            return
        mail.lines.append(line)
        if word == "RCPT" and command.address:
            (mail.accepted if code in {"250", "251"} else mail.refused).append((command, line))
        elif word in {"DATA", "BDAT", "LAST"}:
            if mail.final is None and (word != "BDAT" or code[0] != "2"):
                mail.final = line
            if mail is self.mail and mail.final is not None:
                self.mail = None


def _assemble(fragments: Iterable[Fragment], clocks: Mapping[tuple[str, str], FileClock]) -> Iterator[Observation]:
    """Messages from pieces of sessions, which come by key, whatever file each lies in."""
    unknown = FileClock()
    for _, group in groupby(fragments, key=attrgetter("key")):
        pieces = [piece.observation for piece in group]
        facts: dict[str, str] = {}
        for piece in sorted(pieces, key=lambda one: (one.stamp, one.span)):
            facts = dict(piece.facts) | facts
        for session in _sessions(pieces):
            dialogue = _Dialogue(facts["side"])
            for line in session:
                dialogue.take(line)
            if session[-1].word != "-":
                dialogue.lose()
            for mail in dialogue.mails:
                one = _message(mail, facts, dialogue.greeted, lambda place: clocks.get(place, unknown))
                if one is not None:
                    yield one


def _sessions(pieces: Iterable[Observation]) -> Iterator[list[_Line]]:
    """The lines of each session in order of their numbers, each once: a file may be there twice, an id be used again."""
    lines = {
        (one.stamp, int(one.seen), one.written, one.address, one.original, one.reply): _Line(
            int(one.seen), one.stamp, piece.span[:2], one.start, one.end, one.written, one.address, one.original, one.reply
        )
        for piece in sorted(pieces, key=attrgetter("span"), reverse=True)
        for one in piece.recipients
    }
    session: list[_Line] = []
    for line in sorted(lines.values(), key=lambda one: (one.stamp, one.number, one.place, one.start)):
        if session and line.number == 0:
            yield sorted(session, key=itemgetter(0))
            session = []
        session.append(line)
    if session:
        yield sorted(session, key=itemgetter(0))


def _verdicts(mail: _Mail, side: str, *, inside: bool) -> list[tuple[_Line, Outcome, str]]:
    """Each recipient's command, what became of it, and the words of the server that decided."""
    sends, final = side == "send", mail.final
    found = []
    for command, reply in mail.refused:
        later = sends and reply.word[0] == "4"
        found.append((command, Outcome.DEFERRED if later else Outcome.REJECTED, reply.reply))
    if final is not None and final.word[0] == "2":
        outcome: Outcome | None = Outcome.DELIVERED if sends and not inside else Outcome.ACCEPTED
    elif final is not None and mail.sent:
        outcome = Outcome.REFUSED_AFTER_DATA if final.word[0] == "5" else Outcome.DEFERRED
    elif final is not None:
        outcome = (Outcome.BOUNCED if final.word[0] == "5" else Outcome.DEFERRED) if sends else Outcome.REJECTED
    elif mail.cut:
        outcome = Outcome.ACCEPTED
    elif mail.sent:  # the connection broke before the last word
        outcome = Outcome.DEFERRED if sends else Outcome.REJECTED
    else:  # given up before any content: no mail
        outcome = None
    if outcome is not None:
        words = final.reply if final is not None else ""
        found += [(command, outcome, words or reply.reply) for command, reply in mail.accepted]
        found += [(command, Outcome.NONE, "") for command in mail.unanswered]
    return found


def _message(
    mail: _Mail, facts: Mapping[str, str], greeted: str, clock_of: Callable[[tuple[str, str]], FileClock]
) -> Observation | None:
    """One message, or attempt that was refused; None where there was neither."""
    side, connector = facts["side"], facts["connector"]
    verdicts = _verdicts(mail, side, inside=connector.lower().startswith(_INSIDE))
    queued = mail.final is not None and mail.final.word[0] == "2"
    if not verdicts and not queued:
        return None
    match = _QUEUED.match(mail.final.reply) if mail.final is not None and side == "receive" else None
    server = (connector.partition("\\")[0] if "\\" in connector else match[3] if match else greeted).lower()
    first = mail.lines[0]
    home = verdicts[0][0].place if verdicts else first.place
    spoken = [line for line in mail.lines if line.place == home]
    refused_first = sorted(verdicts, key=lambda one: one[1] is not Outcome.REJECTED)  # of two answers the yes counts
    recipients = strongest((number, _named(*one, home, clock_of)) for number, one in enumerate(refused_first))
    at = clock_of(first.place).resolve(first.stamp, "syslog")
    taken = {one.outcome for _, one in recipients} - {Outcome.REJECTED}
    person = bool(mail.user) and not mail.user.endswith("$") and not mail.user.upper().startswith("NT AUTHORITY\\")
    return _observation(
        Span(*home, min(line.start for line in spoken), max(line.end for line in spoken)), _NAME,
        "queue" if taken or queued or side == "send" else "reject", Route.SMTP,
        Direction.SUBMITTED if person else Direction.UNKNOWN, server, "",
        canonical_message_id(match[1]) if match else mail.message_id if side == "send" else "",
        (f"queue:{server}/{facts['session']}@{first.stamp}",), mail.sender, mail.sender, "", "", -1, (at,) if at else (), first.stamp,
        tuple(one for _, one in recipients), False, -1, (), False, _facts(mail, facts, match, recipients=bool(recipients)),
    )  # fmt: skip


def _named(
    command: _Line, outcome: Outcome, reply: str, home: tuple[str, str], clock_of: Callable[[tuple[str, str]], FileClock]
) -> Recipient:
    at = clock_of(command.place).resolve(command.stamp, "syslog")
    start, end = (command.start, command.end) if command.place == home else (-1, -1)
    return Recipient(command.address, Role.ENVELOPE, outcome, "", "", reply, at.at if at else None, command.stamp, start, end)


def _facts(
    mail: _Mail, facts: Mapping[str, str], match: re.Match[str] | None, *, recipients: bool
) -> tuple[tuple[str, str], ...]:
    side = facts["side"]
    remote = facts.get("remote", "")
    found = {"connector": facts["connector"], "client" if side == "receive" else "relay": remote, "origin": f"smtp {side}"}
    if mail.user:
        found["sasl_username"] = mail.user
    if match:
        found["internal_id"] = f"{match[3].lower()}/{match[2]}"
    elif mail.final is not None and side == "send" and (handed := _QUEUED_AS.search(mail.final.reply)):
        found["handed_to"] = f"{remote}/{handed[1]}"
    if mail.cut or not mail.opens:
        found["partial"] = "end" if mail.opens else "start"
    if not recipients:
        found["recipients_unknown"] = "true"
    return tuple(sorted(one for one in found.items() if one[1]))


PARSER = Parser(
    name=_NAME,
    title="Exchange SMTP protocol log (receive and send connectors)",
    sniff=_sniff,
    read=_read,
    assemble=_assemble,
    shows=frozenset({"recipients", "outcome"}),
    divisible=True,
)
