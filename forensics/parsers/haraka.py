"""Haraka logs: the recipients that each transaction named, with its answers, and what outbound delivery counts.

A transaction is `UUID.N` of the connection UUID. Recipients stand in inbound lines only; outbound ones count copies for each
domain, and only where that count leaves no doubt do the recipients of a domain become delivered.

Sources: connection.js, logger.js and outbound/hmail.js of Haraka; https://haraka.github.io/core/Logging.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

from forensics.addresses import canonical, canonical_message_id
from forensics.dates import FileClock
from forensics.model import Direction, Fragment, Observation, Outcome, Recipient, Role
from forensics.plugins import Parser, Record, Source
from forensics.records import replaced
from forensics.syslog import (
    Piece,
    PieceLedger,
    address_end,
    better_sender,
    decoded,
    envelope,
    found_in_head,
    joined,
    repeated,
    stamp,
    unwrapped,
    whole_number,
)  # fmt: skip

__all__ = ["PARSER"]

OPEN_LIMIT = 50_000  # transactions held open; beyond it all are let go as pieces
PIECE_LIMIT = 2_000  # recipients held for one of them
_LIMIT = 4_096  # characters of an address, an identifier or an answer
_COLOUR = re.compile(rb"\x1b\[[0-9;]{0,16}m")
_PLAIN = re.compile(rb"\[([A-Z]{3,9})\] \[([^\]\s]{1,80})\] \[([^\]\s]{1,64})\] ?")
_UUID = re.compile(r"([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})(?:\.(\d{1,9}))?(?:\.\d{1,9}){0,2}")
_PAIR = r' *+([A-Za-z_][\w.\-]{0,63})=(?:"((?:[^"\\]++|\\.)*+)"|([^\s"]*+))(?= |$)'
_FIELD = re.compile(_PAIR)
_ALL_FIELDS = re.compile(rf"(?:{_PAIR})*+ *+")
_ESCAPE = re.compile(r"\\(.)")
_COUNTS = re.compile(r"(\d{1,9})/(\d{1,9})/(\d{1,9})")
_QUEUED = re.compile(r"\bqueued as ([0-9A-Za-z-]{6,64})\b", re.IGNORECASE)
_LEVELS = frozenset(["DATA", "PROTOCOL", "DEBUG", "INFO", "NOTICE", "WARN", "ERROR", "CRIT", "ALERT", "EMERG"])
_FACTS = ("recipient", "sender", "message", "queue", "connect", "disconnect", "delivered")
# what the log says of a recipient (constants.js); no plugin said yes to CONT, so Haraka says no
_CODES = {
    "OK": Outcome.ACCEPTED, "DENY": Outcome.REJECTED, "DENYSOFT": Outcome.REJECTED, "DENYDISCONNECT": Outcome.REJECTED,
    "DENYSOFTDISCONNECT": Outcome.REJECTED, "CONT": Outcome.REJECTED,
}  # fmt: skip
Fields = Mapping[str, str]
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Said:
    """One line as Haraka means it, whatever its format; `fields` is None where they cannot be read."""

    uuid: str
    origin: str
    word: str  # the first word of the message
    address: str  # behind it; "" if there is none
    fields: Fields | None


@dataclass(slots=True, eq=False)
class _Book(PieceLedger):
    """One span while it is being read: its open transactions by host and connection, and each one's number."""

    open: dict[tuple[str, str], dict[str, Piece]] = field(default_factory=dict)
    opened: int = 0

    def transaction(self, host: str, connection: str, number: str) -> Piece:
        """The transaction of this number, new if there is none; "" is the connection itself."""
        if self.opened >= OPEN_LIMIT:
            self.let_all_go()
        held = self.open.setdefault((host, connection), {})
        if number not in held:
            held[number] = Piece(self.start, self.end, self.stamp)
            self.opened += 1
        held[number].end = self.end
        return held[number]

    def let_connection_go(self, host: str, connection: str) -> None:
        """What is known of a connection goes out."""
        for number, one in self.open.pop((host, connection), {}).items():
            self.opened -= 1
            name = f"{host}/{connection}.{number}" if host else f"{connection}.{number}"
            key = f"{host}/{connection}"
            self.let_go(one, key=key, kind="queue", host=host, ids=(f"queue:{name}",), facts=[("#transaction", number)])

    def let_all_go(self) -> None:
        """Let everything go as pieces."""
        for host, connection in tuple(self.open):
            self.let_connection_go(host, connection)


# --- the forms of a line -------------------------------------------------------------------------------------------------


def _fields(text: str) -> Fields | None:
    r"""`key=value key="value \" more"`, the first of each key; None if the text is anything else."""
    text = text.rstrip()
    if not _ALL_FIELDS.fullmatch(text):
        return None
    found: dict[str, str] = {}
    for key, string, bare in _FIELD.findall(text):
        found.setdefault(key, _ESCAPE.sub(r"\1", string) if "\\" in string else string or bare)
    return found


def _said(text: bytes) -> _Said | None:
    """The line's text in format default, logfmt or json; None if it is none of Haraka's."""
    plain = _PLAIN.match(text)
    if plain:
        level, uuid, origin = (one.decode("latin-1") for one in plain.groups())
        return _message(uuid, origin, text[plain.end() :]) if level in _LEVELS else None
    if text.startswith(b"level="):
        fields = _fields(decoded(text))
        return _named(fields) if fields is not None and fields.keys() >= {"level", "uuid"} else None
    if text.startswith(b"{"):
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if isinstance(record, dict) and isinstance(record.get("uuid"), str) and "level" in record:
            return _named({key: one for key, one in record.items() if isinstance(one, str)} | _numbers(record))
    return None


def _numbers(record: Mapping[str, object]) -> dict[str, str]:
    return {key: str(one) for key, one in record.items() if type(one) is int and abs(one) < 10**18}


def _message(uuid: str, origin: str, text: bytes) -> _Said:
    """Format default: the message, and its fields behind it."""
    word, _, rest = text.partition(b" ")
    name = word.decode("latin-1")
    if origin not in {"core", "outbound"} or name not in _FACTS:
        return _Said(uuid, origin, "", "", {})
    if name not in {"recipient", "sender"}:
        return _Said(uuid, origin, name, "", _fields(decoded(rest)))
    end = address_end(rest, 1, (b" code=",)) if rest.startswith(b"<") else -1
    fields = _fields(decoded(rest[end + 1 :])) if end >= 0 else None
    return _Said(uuid, origin, name, decoded(rest[1:end]), fields)


def _named(fields: Fields) -> _Said:
    """Formats logfmt and json: everything has a name."""
    word, _, rest = fields.get("message", "").partition(" ")
    origin = fields.get("source") or fields.get("origin", "")
    if origin not in {"core", "outbound"} or word not in _FACTS:
        return _Said(fields["uuid"], origin, "", "", {})
    if word not in {"recipient", "sender"}:
        return _Said(fields["uuid"], origin, word, "", fields if not rest else {})
    whole = rest.startswith("<") and rest.endswith(">")
    return _Said(fields["uuid"], origin, word, rest[1:-1], fields if whole else None)


def _logged(line: bytes) -> tuple[str, str, _Said] | None:
    """Time, host and meaning of a line; time and host are "" where it writes none. None if it is none of Haraka's."""
    outer, text = unwrapped(line)
    if b"\x1b" in text:
        text = _COLOUR.sub(b"", text)
    said = _said(text) if text[:1] in {b"[", b"{", b"l"} else None
    if said is not None:
        return outer, "", said
    first, _, rest = text.partition(b" ")
    time = stamp(first)
    said = _said(rest) if time else None
    if said is not None:
        return time, "", said
    found = envelope(line)
    if found is None or found.program.lower() != "haraka":
        return None
    said = _said(repeated(found.payload) or found.payload)
    return (found.stamp, found.host, said) if said else None


# --- what the lines say --------------------------------------------------------------------------------------------------


def _enter(book: _Book, host: str, said: _Said) -> None:
    """Take the line at hand in."""
    match = _UUID.fullmatch(said.uuid)
    if not said.word or (match is None and said.uuid == "-"):
        book.ignored += 1
        return
    if match is None or said.fields is None:
        book.defect("a Haraka line cannot be read; it may be cut")
        return
    connection, number = match[1].upper(), match[2] or ""
    act = _ACTS.get((said.origin, said.word, bool(number)))
    if act is None:
        book.ignored += 1
        return
    one = book.transaction(host, connection, number)
    act(book, one, said.address, said.fields)
    if said.word == "disconnect" or len(one.recipients) >= PIECE_LIMIT:
        book.let_connection_go(host, connection)


def _sender(book: _Book, one: Piece, address: str, fields: Fields) -> None:  # noqa: ARG001  all acts are alike
    one.opens = True
    one.sender = better_sender(one.sender, book.address(address)[0])


def _recipient(book: _Book, one: Piece, address: str, fields: Fields) -> None:
    code = fields.get("code", "")
    outcome = _CODES.get(code)
    if outcome is None:
        book.defect("what a recipient was told cannot be read; the line may be cut")
        outcome = Outcome.ACCEPTED
    one.sender = better_sender(one.sender, book.address(fields.get("sender", ""))[0])
    book.name(one, address, outcome, " ".join(filter(None, (code, fields.get("msg", "")))))


def _content(book: _Book, one: Piece, address: str, fields: Fields) -> None:  # noqa: ARG001  all acts are alike
    """`message mid=... size=... rcpts=accepted/deferred/refused code=...`: DATA has ended; DENY refuses all of it."""
    name, counts = fields.get("mid", ""), _COUNTS.fullmatch(fields.get("rcpts", ""))
    if counts is None or (name.startswith("<") and ">" not in name):
        book.defect("what is told of a message cannot be read; the line may be cut")
        return
    one.closes = True
    one.message_id = one.message_id or canonical_message_id(name[:_LIMIT])
    if one.declared < 0:
        one.declared = int(counts[1])
        one.size = whole_number(fields.get("size", ""))
    _verdict(one, fields)


def _queue(book: _Book, one: Piece, address: str, fields: Fields) -> None:  # noqa: ARG001  all acts are alike
    one.closes = True
    match = _QUEUED.search(fields.get("msg", "")[:_LIMIT])
    if match:
        one.facts.add(("handed_to", match[1]))
    _verdict(one, fields)


def _verdict(one: Piece, fields: Fields) -> None:
    if fields.get("code", "").startswith("DENY"):
        one.facts.add(("refused", fields["code"][:32]))


def _delivered(book: _Book, one: Piece, address: str, fields: Fields) -> None:  # noqa: ARG001  all acts are alike
    """`delivered domain=... host=... response="..." rcpts=delivered/deferred/bounced`: for a domain, without addresses."""
    domain, counts = fields.get("domain", ""), fields.get("rcpts", "")
    if not domain or not _COUNTS.fullmatch(counts):
        book.defect("domain or count of a delivery cannot be read; the line may be cut")
        return
    if len(domain) > _LIMIT:
        book.defect("a domain is longer than any domain")
        return
    one.recipients.append(
        Recipient(
            canonical(f"*@{domain}"), Role.EVENT, Outcome.DELIVERED, counts, reply=fields.get("response", "")[:_LIMIT],
            stamp=book.stamp, start=book.start, end=book.end,
        )
    )  # fmt: skip


def _peer(book: _Book, one: Piece, address: str, fields: Fields) -> None:  # noqa: ARG001  all acts are alike
    if fields.get("ip"):
        one.facts.add(("client", fields["ip"][:64]))
    if fields.get("relay") == "Y":
        one.facts.add(("relay", "true"))


Act = Callable[[_Book, Piece, str, Fields], None]
_ACTS: Mapping[tuple[str, str, bool], Act] = {
    ("core", "sender", True): _sender,
    ("core", "recipient", True): _recipient,
    ("core", "message", True): _content,
    ("core", "queue", True): _queue,
    ("outbound", "delivered", True): _delivered,
    ("core", "connect", False): _peer,
    ("core", "disconnect", False): _peer,
}


# --- reading and assembling ----------------------------------------------------------------------------------------------


def _read(source: Source) -> Iterator[Record]:
    """Fragments, defects and losses of one span, and a tally of its lines."""
    book = _Book(source.span, "haraka", canonical=canonical)
    for line in book.lines(source):
        _line(book, line)
        if book.ready:
            yield from book.told()
    book.let_all_go()
    yield from book.told()
    yield book.tally()


def _line(book: _Book, line: bytes) -> None:
    found = _logged(line)
    if found is not None:
        book.stamp, host, said = found
        _enter(book, host, said)
        return
    other = envelope(line)
    cut = _looks_cut(line, other is not None and other.program.lower() != "haraka")
    book.odd(other, "a Haraka line cannot be read; it may be cut" if cut else "")


def _looks_cut(line: bytes, foreign: bool) -> bool:
    """Whether a line that none of the forms fits speaks of a message as one of them does."""
    words = (b"] [core] ", b"] [outbound] ", b'"recipient <', b'"uuid"', b" uuid=")
    return not foreign and any(word in line[:1024] for word in words)


def _assemble(fragments: Iterable[Fragment], clocks: Mapping[Place, FileClock]) -> Iterator[Observation]:
    """Messages from fragments that come by connection, then file, then place."""
    unknown = FileClock()

    def clock_of(place: Place) -> FileClock:
        return clocks.get(place, unknown)

    for _, group in groupby(fragments, key=attrgetter("key")):
        by_number: dict[str, list[Fragment]] = {}
        for piece in group:
            by_number.setdefault(dict(piece.observation.facts)["#transaction"], []).append(piece)
        peer = {fact for piece in by_number.pop("", ()) for fact in piece.observation.facts if fact[0] != "#transaction"}
        for pieces in by_number.values():
            yield _finished(pieces, peer, clock_of)


def _finished(pieces: list[Fragment], peer: set[tuple[str, str]], clock_of: Callable[[Place], FileClock]) -> Observation:
    one = joined(pieces, clock_of)
    facts = {fact for fact in {*one.facts, *peer} if fact[0] not in {"#transaction", "relay"}}
    direction = Direction.SUBMITTED if ("relay", "true") in peer else one.direction
    opens, closes = any(piece.opens for piece in pieces), any(piece.closes for piece in pieces)
    events = [event for piece in pieces for event in piece.observation.recipients if event.role is Role.EVENT]
    named = [recipient for recipient in one.recipients if recipient.role is Role.ENVELOPE]
    refused = any(fact[0] == "refused" for fact in facts)
    if refused and not events:
        named = [replaced(r, outcome=Outcome.REJECTED) if r.outcome is Outcome.ACCEPTED else r for r in named]
    elif events:
        first = {r.address: r for r in one.recipients if r.role is Role.EVENT}
        named, unassigned = _told(named, events, first, whole=opens)
        facts |= unassigned
    only_refused = not closes and not events and bool(named) and all(r.outcome is Outcome.REJECTED for r in named)
    if not opens:
        facts.add(("partial", "start"))
    if not closes and not only_refused:
        facts.add(("partial", "end"))
    if not named:
        facts.add(("recipients_unknown", "true"))
    kind = "reject" if only_refused else "queue"
    return replaced(one, kind=kind, direction=direction, recipients=tuple(named), facts=tuple(sorted(facts)))


def _told(
    named: list[Recipient], events: list[Recipient], first: Mapping[str, Recipient], *, whole: bool
) -> tuple[list[Recipient], set[tuple[str, str]]]:
    """Recipients of a domain as delivered, where as many copies were; else the counts as facts."""
    facts = set()
    for domain in sorted({event.address for event in events}):
        rows = [tuple(map(int, event.written.split("/"))) for event in events if event.address == domain]
        there = [r for r in named if r.outcome is Outcome.ACCEPTED and r.address.endswith(domain[1:])]
        delivered, _, bounced = (sum(column) for column in zip(*rows, strict=True))
        if whole and there and not bounced and delivered == len(there):
            told = first[domain]
            new = {
                r.address: replaced(r, outcome=Outcome.DELIVERED, reply=told.reply, at=told.at, stamp=told.stamp) for r in there
            }
            named = [new.get(r.address, r) for r in named]
        else:
            facts.add(("delivered_unassigned", f"{domain[2:]} {delivered} delivered, {bounced} bounced"))
    return named, facts


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether most lines are those of a log, and one of them names a connection of Haraka."""
    bare = head.replace(b"\0", b"")
    if b"uuid" not in bare and b"] [" not in bare:
        return False
    return any(_UUID.fullmatch(said.uuid) for _, _, said in found_in_head(head, _logged))


PARSER = Parser(
    name="haraka",
    title="Haraka log (default, logfmt, json)",
    sniff=_sniff,
    read=_read,
    assemble=_assemble,
    shows=frozenset({"recipients", "outcome"}),
    divisible=True,
)
