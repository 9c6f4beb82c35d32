"""Exchange message tracking logs: to whom each message was addressed, expanded, sent and delivered.

Columns and events: learn.microsoft.com/exchange/mail-flow/transport-logs/message-tracking. Many rows tell of one message, on
several servers; they are joined by `network-message-id`, which forks and expansions keep, else by `message-id`. Shadow
copies (events that begin with HA) are second copies for safety, not mail: counted, not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from forensics.records import constructor, replaced
from forensics.syslog import decoded, strongest

__all__ = ["PARSER"]

_NAME = "exchange_tracking"
_NEEDED = {"date-time", "event-id", "recipient-address", "sender-address"}
_COLUMNS = (
    "date-time", "event-id", "source", "network-message-id", "message-id", "internal-message-id", "recipient-address",
    "recipient-status", "recipient-count", "related-recipient-address", "reference", "message-subject", "sender-address",
    "return-path", "total-bytes", "directionality", "client-ip", "client-hostname", "server-hostname", "original-client-ip",
    "connector-id",
)  # fmt: skip
_TEXT_LIMIT = 4_096  # bytes of an identifier, a name or a reply
_CHAIN = 32  # groups within groups
_TEXTS = ("server", "message_id", "sender", "envelope_sender", "subject", "subject_hash")
_BEGINS = frozenset((b"RECEIVE", b"SUBMIT"))
_EXPANDS = frozenset((b"EXPAND", b"RESOLVE", b"REDIRECT", b"DUPLICATEEXPAND", b"DUPLICATEREDIRECT"))
_OUTCOMES = {
    b"DELIVER": Outcome.DELIVERED, b"DUPLICATEDELIVER": Outcome.DELIVERED, b"SEND": Outcome.DELIVERED,
    b"SENDEXTERNAL": Outcome.DELIVERED, b"FAIL": Outcome.BOUNCED, b"DROP": Outcome.BOUNCED, b"BADMAIL": Outcome.BOUNCED,
    b"DEFER": Outcome.DEFERRED,
}  # fmt: skip
_DIRECTIONS = {b"originating": Direction.SUBMITTED, b"incoming": Direction.RECEIVED}
_LOCAL = frozenset((b"storedriver", b"pickup", b"replay"))  # sources of a message that no SMTP client handed in
_INSIDE = (b"intra-organization", b"intra-org")  # send connectors between servers of one organisation
_observation, _fragment, _recipient = constructor(Observation), constructor(Fragment), constructor(Recipient)


class _Row(NamedTuple):
    """The fields of one record, in the order of `_COLUMNS`; empty where the log has no such column."""

    stamp: bytes
    event: bytes
    source: bytes
    network_id: bytes
    message_id: bytes
    internal_id: bytes
    recipients: bytes
    statuses: bytes
    declared: bytes
    related: bytes
    reference: bytes
    subject: bytes
    sender: bytes
    return_path: bytes
    size: bytes
    directionality: bytes
    client_ip: bytes
    client_host: bytes
    server_host: bytes
    original_ip: bytes
    connector: bytes


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    return set(header_in(head).columns) >= _NEEDED


# --- rows -----------------------------------------------------------------------------------------------------------------


def _read(source: Source) -> Iterator[Said]:
    """A fragment for each row that tells of a message; defects; a tally of all records, and of those that tell of none."""
    span = source.span
    total = ignored = 0
    for record in records(source):
        total += 1
        place = Span(span.evidence, span.member, record.start, record.end)
        if record.problem:
            yield Defect(place, _NAME, record.problem)
        elif not record.fields:
            ignored += 1
        else:
            said = _said(record, place)
            ignored += said is None
            if said is not None:
                yield said
    yield Statement(span, _NAME, "tally", value=total, rows=ignored)


@lru_cache(maxsize=64)
def _columns_of(header: Header) -> Callable[[Sequence[bytes]], tuple[bytes, ...]]:
    """What takes the columns that we read out of a record; -1 is the empty field behind all others."""
    places = {name: at for at, name in reversed(tuple(enumerate(header.columns)))}
    return itemgetter(*(places.get(name, -1) for name in _COLUMNS))


def _said(record: Record, place: Span) -> Said | None:
    row = _Row(*_columns_of(record.header)(record.fields))
    event = row.event
    if event.startswith(b"HA") or not event:
        return None if event else Defect(place, _NAME, "a record names no event")
    host = _host(row)
    message_id = canonical_message_id(decoded(row.message_id[:_TEXT_LIMIT])) if row.message_id else ""
    unique = decoded(row.network_id[:64]).strip("{}").lower()
    if unique.strip("0-"):
        key = f"network/{unique}"
    elif message_id:
        unique, key = "", f"message/{message_id}"
    elif not row.recipients or event == b"NOTIFYMAPI":
        return None
    else:
        unique = ""
        key = (
            f"internal/{host}/{decoded(row.internal_id[:64])}"
            if row.internal_id.strip(b"0")
            else f"row/{place.evidence}/{place.start}"
        )
    stamp = row.stamp.decode() if row.stamp.endswith(b"Z") else f"{row.stamp.decode()}Z"
    recipients = _recipients(row, stamp, place)
    if recipients is None:
        return Defect(place, _NAME, "the recipients of a record cannot be read")
    begins = event in _BEGINS
    seen = _observation(
        place, _NAME, "queue", Route.SMTP, _direction(row), host, "", message_id, (f"queue:exchange/{unique}",) if unique else (),
        canonical(decoded(row.sender[:_TEXT_LIMIT])), canonical(decoded(row.return_path[:_TEXT_LIMIT])),
        decoded(row.subject), "", _number(row.size), (), stamp, recipients, False, _number(row.declared) if begins else -1, (), False,
        _facts(row, host),
    )  # fmt: skip
    return _fragment(key, seen, begins, False)


def _host(row: _Row) -> str:
    """The server that wrote the row: it is the client of what it sends, and the server of all else."""
    sends = row.event in {b"SEND", b"SENDEXTERNAL"} and row.source.upper() == b"SMTP"
    name = row.client_host if sends else row.server_host
    return decoded((name or row.server_host or row.client_host)[:_TEXT_LIMIT]).lower()


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() and len(text) <= 18 else -1  # noqa: PLR2004  64 bit


def _direction(row: _Row) -> Direction:
    """`directionality`, where the log has it; a mailbox or a folder of this server submits what comes from there."""
    known = _DIRECTIONS.get(row.directionality.lower())
    if known is not None:
        return known
    local = row.event in _BEGINS and row.source.lower() in _LOCAL
    return Direction.SUBMITTED if local else Direction.UNKNOWN


def _facts(row: _Row, host: str) -> tuple[tuple[str, str], ...]:
    """How the message came in, and what it is a fork or a report of."""
    found = []
    if row.event in _BEGINS:
        name, address = decoded(row.client_host[:_TEXT_LIMIT]), decoded(row.client_ip[:_TEXT_LIMIT])
        found = [
            ("client", f"{name}[{address}]" if address else name),
            ("directionality", decoded(row.directionality[:_TEXT_LIMIT]).lower()),
            ("origin", decoded(row.source[:_TEXT_LIMIT]).lower()),
            ("original_client_ip", decoded(row.original_ip[:_TEXT_LIMIT])),
        ]
    elif row.event == b"TRANSFER":
        found = [("forked_from", f"{host}/{decoded(row.reference[:_TEXT_LIMIT])}" if row.reference else "")]
    elif row.event == b"DSN":
        found = [("report_of", canonical_message_id(decoded(row.reference[:_TEXT_LIMIT])))]
    elif row.event == b"BADMAIL":
        found = [("badmail", "true")]
    return tuple(one for one in found if one[1])


def _recipients(row: _Row, stamp: str, place: Span) -> tuple[Recipient, ...] | None:
    """Each address of the row with its own status; None if a list cannot be taken apart.

    `related-recipient-address` is the group or the address that was expanded, resolved or redirected: the one before.
    """
    if not row.recipients:
        return ()
    names = _listed(row.recipients)
    if names is None:
        return None
    outcome = _OUTCOMES.get(row.event, Outcome.ACCEPTED)
    if outcome is Outcome.DELIVERED and row.connector.lower().startswith(_INSIDE):
        outcome = Outcome.ACCEPTED  # another server of the organisation goes on with it
    before = canonical(decoded(row.related[:_TEXT_LIMIT])) if row.event in _EXPANDS and row.related else ""
    found = []
    for name, status in zip(names, _statuses(row.statuses, len(names)), strict=True):
        address, written = _address(name)
        if not address or len(name) > _TEXT_LIMIT:
            return None
        original = "" if before == address else before
        reply = decoded(status[:_TEXT_LIMIT]) if status else ""
        found.append(
            _recipient(address, Role.ENVELOPE, outcome, written, original, reply, None, stamp, place.start, place.end, "")
        )
    return tuple(found)


@lru_cache(maxsize=16_384)
def _short_address(name: bytes) -> tuple[str, str]:
    text = decoded(name)
    address = canonical(text)
    return address, "" if text.lower() == address else text


def _address(name: bytes) -> tuple[str, str]:
    """Canonical form, and the text as found where it differs in more than case."""
    return _short_address(name) if len(name) <= 320 else _short_address.__wrapped__(name)  # noqa: PLR2004  RFC 5321's longest


def _listed(text: bytes) -> list[bytes] | None:
    """The addresses of a list that semicolons part, but for those in a quoted local part; None if a quote does not end."""
    if b'"' not in text:
        return [one.strip() for one in text.split(b";") if one.strip()]
    found, start, quoted, at = [], 0, False, 0
    while at < len(text):
        letter = text[at]
        if quoted and letter == ord("\\"):
            at += 1
        elif letter == ord('"'):
            quoted = not quoted
        elif letter == ord(";") and not quoted:
            found.append(text[start:at].strip())
            start = at + 1
        at += 1
    found.append(text[start:].strip())
    return None if quoted else [one for one in found if one]


def _statuses(text: bytes, count: int) -> Sequence[bytes]:
    """One status for each of `count` recipients. A remote server's words may hold a semicolon: then none is told apart.

    Exchange writes a refusal as `[{LED=550 ...};{MSG=...};{FQDN=...}]`: what brackets hold belongs together.
    """
    if count == 1:
        return (text,)
    parts = text.split(b";")
    if len(parts) != count and text.startswith(b"[{"):
        parts = text.split(b"];[")
        parts = [(b"[" if at else b"") + one + (b"]" if at + 1 < len(parts) else b"") for at, one in enumerate(parts)]
    return parts if len(parts) == count else (b"",) * count


# --- messages -------------------------------------------------------------------------------------------------------------


def _assemble(fragments: Iterable[Fragment], clocks: Mapping[tuple[str, str], FileClock]) -> Iterator[Observation]:
    """Messages from rows, which come by key; all times are UTC, so rows of several servers are put in order of time."""
    unknown = FileClock()
    for _, group in groupby(fragments, key=attrgetter("key")):
        yield _message(sorted(group, key=_moment), lambda place: clocks.get(place, unknown))


def _moment(piece: Fragment) -> tuple[str, int, Span]:
    """Order of rows: by time; where that is equal, as a message goes: received, expanded, sent on."""
    one = piece.observation
    second, _, fraction = one.stamp.rstrip("Z").partition(".")
    step = 0 if piece.opens else 1 if any(recipient.original for recipient in one.recipients) else 2
    return f"{second}.{fraction:0<7}", step, one.span


def _message(pieces: list[Fragment], clock_of: Callable[[tuple[str, str]], FileClock]) -> Observation:
    """One message: what was said first stands, and the union of all recipients."""
    rows = [piece.observation for piece in pieces]
    home, clock = rows[0].span[:2], clock_of(rows[0].span[:2])
    told = _with_originals(pieces)
    found = strongest((number, one) for number, one in told)
    if found:
        home = rows[found[0][0]].span[:2]
    spans = [one.span for one in rows if one.span[:2] == home]
    recipients = []
    for number, one in found:
        at = clock.resolve(one.stamp, "syslog")
        timed = replaced(one, at=at.at) if at else one
        recipients.append(timed if rows[number].span[:2] == home else replaced(timed, start=-1, end=-1))
    first = clock.resolve(rows[0].stamp, "syslog")
    facts = _first_facts(rows)
    if not any(piece.opens for piece in pieces):
        facts["partial"] = "start"
    if not recipients:
        facts["recipients_unknown"] = "true"
    known = (one.direction for one in rows if one.direction is not Direction.UNKNOWN)
    texts = {name: next((text for one in rows if (text := getattr(one, name))), "") for name in _TEXTS}
    return replaced(
        rows[0],
        span=Span(*home, min(span.start for span in spans), max(span.end for span in spans)),
        direction=next(known, Direction.UNKNOWN),
        readings=(first,) if first else (),
        recipients=tuple(recipients),
        ids=tuple(sorted({identity for one in rows for identity in one.ids})),
        facts=tuple(sorted(facts.items())),
        size=next((one.size for one in rows if one.size >= 0), -1),
        declared=next((one.declared for one in rows if one.declared >= 0), -1),
        **(texts | {"sender": texts["sender"] or texts["envelope_sender"]}),
    )


def _first_facts(rows: Sequence[Observation]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in rows:
        for name, value in one.facts:
            found.setdefault(name, value)
    return found


def _with_originals(pieces: Sequence[Fragment]) -> list[tuple[int, Recipient]]:
    """Every recipient with the number of its row; who is here only as a member of a group carries the group's name.

    Who was named before the group was expanded was addressed by name: membership takes nothing from that.
    """
    direct: set[str] = set()
    before: dict[str, str] = {}
    for piece in pieces:
        for one in piece.observation.recipients:
            if not one.original:
                direct.add(one.address)
            elif one.address not in direct:
                before.setdefault(one.address, one.original)
    return [
        (number, one if one.original == (first := _root(one.address, before)) else replaced(one, original=first))
        for number, piece in enumerate(pieces)
        for one in piece.observation.recipients
    ]


def _root(address: str, before: Mapping[str, str]) -> str:
    """The address that the sender wrote, of which `address` was made in one or several steps; "" if it is itself."""
    found = address
    for _ in range(_CHAIN):
        if found not in before:
            break
        found = before[found]
    return "" if found == address else found


PARSER = Parser(
    name=_NAME,
    title="Exchange message tracking log",
    sniff=_sniff,
    read=_read,
    assemble=_assemble,
    shows=frozenset({"recipients", "outcome"}),
    divisible=True,
)
