"""Reading a span: messages, deliveries and sessions by their ids; and one message from its pieces of all files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby, takewhile
from operator import attrgetter

from forensics.addresses import canonical, canonical_message_id
from forensics.dates import FileClock
from forensics.model import Fragment, Observation, Outcome, Span
from forensics.parsers.stalwart.records import Fields, Written, event_in, one_of, several_of, values, written
from forensics.plugins import Record, Source
from forensics.records import replaced
from forensics.syslog import Cut, Piece, PieceLedger, better_sender, decoded, envelope, joined, log_lines, whole_number

__all__ = ["assemble", "read"]

OPEN_LIMIT = 50_000  # messages and sessions held open; beyond it all are let go as pieces
PIECE_LIMIT = 2_000  # deliveries held for one message
_LIMIT = 4_096  # characters of an address or an answer
_RECORD_LIMIT = 1 << 20  # bytes of a record on many lines
_SNOWFLAKE = 15  # digits: an id with a clock in it, never used again
_OUTCOMES = {
    "delivery.delivered": Outcome.DELIVERED, "delivery.dsn-success": Outcome.DELIVERED, "delivery.failed": Outcome.BOUNCED,
    "delivery.dsn-perm-fail": Outcome.BOUNCED, "delivery.dsn-temp-fail": Outcome.DEFERRED, "delivery.dsn-delay": Outcome.DEFERRED,
    "delivery.rcpt-to-rejected": Outcome.BOUNCED, "delivery.rcpt-to-failed": Outcome.DEFERRED,
    "delivery.message-rejected": Outcome.REFUSED_AFTER_DATA,
}  # fmt: skip
_REFUSALS = frozenset((
    "smtp.mailbox-does-not-exist", "smtp.relay-not-allowed", "smtp.rcpt-to-rejected", "smtp.rcpt-to-greylisted", "smtp.too-many-recipients",
))  # fmt: skip
_SESSION = frozenset(("smtp.mail-from", "smtp.rcpt-to", "smtp.rset"))
_TOLD = _SESSION | _REFUSALS | _OUTCOMES.keys() | {"delivery.attempt-start", "delivery.completed"}
Place = tuple[str, str]


@dataclass(slots=True, eq=False)
class _Book(PieceLedger):
    """One span while it is being read: its open messages and sessions by key, "queue/HOST/ID" or "session/HOST/ID"."""

    open: dict[str, Piece] = field(default_factory=dict)

    def piece(self, key: str) -> Piece:
        """The open piece of this key, new if there is none."""
        if key not in self.open:
            if len(self.open) >= OPEN_LIMIT:
                self.let_all_go()
            self.open[key] = Piece(self.start, self.end, self.stamp)
        self.open[key].end = self.end
        return self.open[key]

    def let_key_go(self, key: str, piece: Piece, kind: str) -> None:
        """A piece goes out."""
        room, host, number = key.split("/", 2)
        name = f"{host}/{number}" if host else number
        unique = len(number) >= _SNOWFLAKE and number.isdigit()
        ids = (f"queue:{name}" if unique else f"queue:{name}@{piece.stamp}",) if room == "queue" else ()
        self.let_go(piece, key=key, kind=kind, host=host, ids=ids)

    def let_all_go(self) -> None:
        """Let everything go as pieces."""
        for key, piece in self.open.items():
            self.let_key_go(key, piece, key.partition("/")[0])
        self.open.clear()


# --- what the events say -------------------------------------------------------------------------------------------------


def _enter(book: _Book, host: str, event: str, text: bytes) -> bool:
    """Take the record at hand in; False if it says nothing of a message."""
    is_queued = event.startswith("queue.") and event.endswith("queued")
    if not (is_queued or event in _TOLD):
        return False
    fields = values(decoded(text))
    if is_queued:
        _queued(book, host, event, fields)
    elif event in _SESSION:
        return _session(book, host, event, fields)
    elif event in _REFUSALS:
        return _refused(book, host, fields)
    else:
        _delivery(book, host, event, fields)
    return True


def _queued(book: _Book, host: str, event: str, fields: Fields) -> None:
    """`queueId = 9, from = "s", to = ["a", "b"], size = 7`: the message with all of its recipients."""
    number, to = one_of(fields, "queueId"), several_of(fields, "to")
    if not number.isalnum() or len(number) > 64 or not to:  # noqa: PLR2004  digits of any integer
        book.defect("the recipients of a queued message cannot be read; the record may be cut")
        return
    if event.endswith("message-queued"):
        _end_session(book, host, fields)
    piece = book.piece(f"queue/{host}/{number}")
    piece.opens = True
    piece.submitted |= "authenticated" in event
    piece.sender = better_sender(piece.sender, book.address(one_of(fields, "from"))[0])
    piece.message_id = piece.message_id or canonical_message_id(one_of(fields, "messageId")[:_LIMIT])
    if piece.declared < 0:
        piece.declared = len(to)
        piece.size = whole_number(one_of(fields, "size"))
    piece.facts.add(("origin", event[6:]))
    if client := one_of(fields, "remoteIp"):
        piece.facts.add(("client", client[:64]))
    for address in to:
        book.name(piece, address, Outcome.ACCEPTED, "")


def _delivery(book: _Book, host: str, event: str, fields: Fields) -> None:
    """What became of a copy; `attempt-start` repeats the list, `completed` ends the message."""
    outcome, number = _OUTCOMES.get(event), one_of(fields, "queueId")
    to = one_of(fields, "to")
    if not number.isalnum() or len(number) > 64:  # noqa: PLR2004  digits of any integer
        book.defect("the queue id of a delivery cannot be read; the record may be cut")
        return
    key = f"queue/{host}/{number}"
    piece = book.piece(key)
    piece.sender = better_sender(piece.sender, book.address(one_of(fields, "from"))[0])
    if event == "delivery.completed":
        piece.closes = True
        book.let_key_go(key, book.open.pop(key), "queue")
        return
    several = several_of(fields, "to") or []
    code, reply = one_of(fields, "code"), _reply(fields)
    if outcome is None:
        for address in several:
            book.name(piece, address, Outcome.ACCEPTED, "")
    elif to or len(several) == 1:
        if outcome is Outcome.BOUNCED and code.startswith("4"):
            outcome = Outcome.DEFERRED
        book.name(piece, to or several[0], outcome, reply)
    elif outcome is Outcome.REFUSED_AFTER_DATA:
        piece.facts.add(("#refused_after_data", one_of(fields, "domain")[:255].lower()))
    else:
        piece.facts.add(("unassigned", event[9:]))
    if len(piece.recipients) >= PIECE_LIMIT:
        book.let_key_go(key, book.open.pop(key), "queue")


def _reply(fields: Fields) -> str:
    words = (one_of(fields, "hostname"), one_of(fields, "code"), one_of(fields, "details") or one_of(fields, "reason"))
    return " ".join(filter(None, words))[:_LIMIT]


def _session_key(host: str, fields: Fields) -> str:
    own = one_of(fields, "spanId") or f"{one_of(fields, 'remoteIp')}:{one_of(fields, 'remotePort')}"
    return f"session/{host}/{own[:128]}" if own != ":" else ""


def _session(book: _Book, host: str, event: str, fields: Fields) -> bool:
    """A transaction before it is queued: kept, for the record of its queueing may be missing."""
    key = _session_key(host, fields)
    if not key:
        return False
    if event != "smtp.rcpt-to":
        held = book.open.pop(key, None)
        if held is not None:
            book.let_key_go(key, held, "session")
    piece = book.piece(key)
    if event == "smtp.rcpt-to":
        if to := one_of(fields, "to"):
            book.name(piece, to, Outcome.ACCEPTED, "")
        else:
            book.defect("the recipient of a session cannot be read; the record may be cut")
        return True
    piece.opens = True
    piece.sender = book.address(one_of(fields, "from"))[0]
    if client := one_of(fields, "remoteIp"):
        piece.facts.add(("client", client[:64]))
    return True


def _end_session(book: _Book, host: str, fields: Fields) -> None:
    """The session's recipients are those of the message now; what an earlier span holds of it is told so, too."""
    key = _session_key(host, fields)
    held = book.open.pop(key, None)
    if key and (held is None or not held.opens):
        book.let_key_go(key, Piece(book.start, book.end, book.stamp), "queued")


def _refused(book: _Book, host: str, fields: Fields) -> bool:
    """A recipient that was refused before there was a message."""
    to = one_of(fields, "to")
    if not to:
        return False
    piece = Piece(book.start, book.end, book.stamp, opens=True, closes=True, sender=book.address(one_of(fields, "from"))[0])
    if client := one_of(fields, "remoteIp"):
        piece.facts.add(("client", client[:64]))
    book.name(piece, to, Outcome.REJECTED, _reply(fields))
    book.let_key_go(f"reject/{host}/{book.span.evidence}/{book.span.member}/{book.start}", piece, "reject")
    return True


# --- reading -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rest:
    """What lies behind a span, as a log of its own."""

    span: Span
    source: Source

    def blocks(self, start: int | None = None) -> Iterator[bytes]:
        """Decoded bytes from `start` to the end of the member."""
        return self.source.blocks(self.span.start if start is None else start)


def _goes_on(text: bytes) -> bool:
    """Whether a line of this text goes on with the record before."""
    return text.startswith(b"\t")


def _owned(source: Source) -> Iterator[tuple[int, int, bytes]]:
    """Start, end and bytes of the lines that begin in the span, and of those behind it that go on with its last record."""
    yield from log_lines(source)
    span = source.span
    if span.end > 0:
        behind = log_lines(_Rest(span._replace(start=span.end, end=-1), source))
        yield from takewhile(lambda one: _goes_on(written(one[2]).text), behind)


def read(source: Source) -> Iterator[Record]:
    """Fragments, defects and losses of one span, and a tally of its lines. A record's lines go with its first one."""
    book = _Book(source.span, "stalwart", canonical=canonical)
    first, record, size = b"", list[Written](), 0
    for start, end, line in _owned(source):
        said = written(line)
        goes_on = _goes_on(said.text)
        if goes_on and not record and source.span.start:
            continue  # of a record that began before the span
        book.total += 1
        if goes_on and record:
            size += end - start
            if size <= _RECORD_LIMIT:
                record.append(said)
        else:
            if record:
                yield from _record(book, first, record, size)
            first, record, size, book.start = line, [said], end - start, start
        book.end = end
    if record:
        yield from _record(book, first, record, size)
    book.let_all_go()
    yield from book.told()
    yield book.tally()


def _record(book: _Book, line: bytes, said: list[Written], size: int) -> Iterator[Record]:
    """The records of one record of the log: its first line, and what is said on all of them."""
    event = event_in(said[0])
    if isinstance(line, Cut):
        book.defect(line.reason)
    elif size > _RECORD_LIMIT:
        book.defect("a record is longer than any record of a log")
    elif event is None:
        _odd(book, line, len(said))
    else:
        book.stamp = event.stamp
        text = b", ".join((event.text, *(one.text.strip().rstrip(b",") for one in said[1:])))
        if not _enter(book, event.host, event.name, text):
            book.ignored += len(said)
    yield from book.told()


def _odd(book: _Book, line: bytes, count: int) -> None:
    """A line that begins no record."""
    found = envelope(line)
    ours = found is None or found.program.lower().startswith("stalwart")
    cut = ours and any(word in line[:512] for word in (b"(queue.", b"(delivery.", b"(smtp."))
    book.odd(found, "time, level or event of a Stalwart line cannot be read; the line may be cut" if cut else "", count)


# --- assembling ----------------------------------------------------------------------------------------------------------


def assemble(fragments: Iterable[Fragment], clocks: Mapping[Place, FileClock]) -> Iterator[Observation]:
    """Messages from fragments that come by key, then file, then place."""
    unknown = FileClock()

    def clock_of(place: Place) -> FileClock:
        return clocks.get(place, unknown)

    for key, group in groupby(fragments, key=attrgetter("key")):
        if not key.startswith("session/"):
            yield _finished(list(group), clock_of)
            continue
        transactions: list[list[Fragment]] = []  # what is queued is the last one; that ends it
        for piece in group:
            if piece.observation.kind == "queued":
                del transactions[-1:]
            elif piece.opens or not transactions:
                transactions.append([piece])
            else:
                transactions[-1].append(piece)
        for pieces in transactions:
            yield from _unqueued(pieces, clock_of)


def _unqueued(pieces: list[Fragment], clock_of: Callable[[Place], FileClock]) -> Iterator[Observation]:
    """Recipients that a session named, and of which no record says that they were queued."""
    if any(piece.observation.recipients for piece in pieces):
        one = joined(pieces, clock_of)
        yield replaced(one, facts=tuple(sorted({*one.facts, ("not_queued", "true")})))


def _finished(pieces: list[Fragment], clock_of: Callable[[Place], FileClock]) -> Observation:
    """A message from its pieces. That a list was repeated says nothing that another record of a recipient does not."""
    told = {r.address for piece in pieces for r in piece.observation.recipients if r.outcome is not Outcome.ACCEPTED}
    named: set[str] = set()
    kept = []
    for piece in pieces:
        recipients = []
        for r in piece.observation.recipients:
            if r.outcome is not Outcome.ACCEPTED or (r.address not in told and r.address not in named):
                recipients.append(r)
                named.add(r.address)
        kept.append(Fragment(piece.key, replaced(piece.observation, recipients=tuple(recipients)), piece.opens, piece.closes))
    one = joined(kept, clock_of)
    if one.kind != "queue":
        return one
    facts = {fact for fact in one.facts if fact[0][0] != "#"}
    after = [fact[1] for fact in one.facts if fact[0] == "#refused_after_data"]
    recipients = [
        replaced(r, outcome=Outcome.REFUSED_AFTER_DATA)
        if r.outcome is Outcome.BOUNCED and any(not domain or r.address.endswith("@" + domain) for domain in after)
        else r
        for r in one.recipients
    ]
    if not any(piece.opens for piece in pieces):
        facts.add(("partial", "start"))
    if not any(piece.closes for piece in pieces):
        facts.add(("partial", "end"))
    if not recipients:
        facts.add(("recipients_unknown", "true"))
    first = pieces[0].observation
    return replaced(one, ids=first.ids, recipients=tuple(recipients), facts=tuple(sorted(facts)))
