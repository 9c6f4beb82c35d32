"""Lines: a piece of a session holds its events as recipients, which places, times and replies are kept in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter

from forensics.addresses import canonical, canonical_message_id
from forensics.csvlog import Header, Record, records
from forensics.model import Defect, Direction, Fragment, Observation, Outcome, Recipient, Role, Route, Span, Statement
from forensics.plugins import Record as Said
from forensics.plugins import Source
from forensics.records import constructor
from forensics.syslog import address_end, decoded

__all__ = ["COLUMNS", "NAME", "read"]

NAME = "exchange_protocol"
COLUMNS = (
    "date-time", "connector-id", "session-id", "sequence-number", "local-endpoint", "remote-endpoint", "event", "data", "context",
)  # fmt: skip
_HELD = 100_000  # events held; beyond it all sessions are let go as pieces, which `assemble` joins again
_TEXT_LIMIT = 4_096  # bytes of an address, an identifier or a reply
_REPLY = re.compile(rb"(\d{3})([ -]|$)")
_SENDING = re.compile(rb"sending message with RecordId \d{1,20} and InternetMessageId <([^<>\s]{1,998})>")
_SIDES = (("receive", "receive"), ("send", "send"))
_VERBS = {
    b"DATA": "DATA", b"RSET": "RSET", b"EHLO": "EHLO", b"HELO": "EHLO", b"AUTH": "AUTH", b"X-EXPS": "AUTH", b"STARTTLS": "EHLO",
    b"X-ANONYMOUSTLS": "EHLO",
}  # fmt: skip
_observation, _fragment, _recipient = constructor(Observation), constructor(Fragment), constructor(Recipient)
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
            span, NAME, "session", Route.SMTP, Direction.UNKNOWN, "", "", "", (), "", "", "", "", -1, (), first.stamp,
            tuple(self.events), False, -1, (), False, tuple(sorted(self.facts.items())),
        )  # fmt: skip
        key = f"{self.facts['side']}/{self.facts['connector']}/{self.facts['session']}"
        return _fragment(key, seen, first.seen == "0", last.written == "-")


def read(source: Source) -> Iterator[Said]:
    """Pieces of sessions, defects, and a tally of all records and of those that are no line of a session."""
    span = source.span
    open_pieces: dict[_Name, _Piece] = {}
    total = ignored = held = 0
    for record in records(source):
        total += 1
        place = Span(span.evidence, span.member, record.start, record.end)
        if record.problem:
            yield Defect(place, NAME, record.problem)
            continue
        if not record.fields:
            ignored += 1
            continue
        piece, problem = _entered(open_pieces, record)
        held += piece is not None
        if problem:
            yield Defect(place, NAME, problem)
        if piece is not None and piece.events[-1].written == "-":
            held -= len(piece.events)
            yield open_pieces.pop(piece.name).fragment(span)
        elif held >= _HELD:
            yield from (one.fragment(span) for one in open_pieces.values())
            open_pieces.clear()
            held = 0
    yield from (one.fragment(span) for one in open_pieces.values())
    yield Statement(span, NAME, "tally", value=total, rows=ignored)


@lru_cache(maxsize=64)
def _columns_of(header: Header) -> Callable[[Sequence[bytes]], tuple[bytes, ...]]:
    places = {name: at for at, name in reversed(tuple(enumerate(header.columns)))}
    return itemgetter(*(places.get(name, -1) for name in COLUMNS))


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


def _from_client(side: str, text: bytes, context: bytes) -> _Event:  # noqa: ARG001  all events are alike
    return _command(text) if side == "receive" else _answer(text)


def _from_server(side: str, text: bytes, context: bytes) -> _Event:  # noqa: ARG001  all events are alike
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
    return word, "", decoded(text[5:_TEXT_LIMIT]).strip() if word == "EHLO" and len(verb) == 4 else "", ""  # noqa: PLR2004  EHLO and HELO only


def _path(text: bytes) -> str | None:
    """The canonical address of `<a@b> PARAMETERS`, also without brackets; None if it does not end."""
    if text[:1] == b"<":
        end = address_end(text, 1, (b" ",), may_end=True)
        if end < 0 or end > _TEXT_LIMIT:
            return None
        return canonical(decoded(text[1:end]))
    bare = text.partition(b" ")[0]
    return canonical(decoded(bare)) if 0 < len(bare) <= _TEXT_LIMIT else None
