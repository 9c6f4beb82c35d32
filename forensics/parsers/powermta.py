"""PowerMTA accounting files: one row for each copy that was received, delivered, deferred or bounced.

The first line names the columns, which an administrator chooses: those that are read here are found by name. What tells that
rows are of one message is its Message-ID (`header_Message-Id`) or the envelope id that the client gave, together with the time
of queueing. A file that has neither tells of copies only, and says so in a fact. `orcpt` is not read: whoever sends a hidden
copy may write a genuine name there.

Source: PowerMTA User's Guide, "The Accounting Files", "Record Types and Fields".
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from itertools import groupby
from operator import attrgetter

from forensics.addresses import canonical, canonical_message_id, mailboxes
from forensics.dates import FileClock
from forensics.headers import decode_words
from forensics.model import EPOCH, Direction, Fragment, Observation, Outcome, Recipient, Role, Route
from forensics.plugins import Parser, Record, Source
from forensics.records import replaced
from forensics.syslog import PieceLedger, decoded, head_lines, joined, stamp, whole_number

__all__ = ["PARSER"]

_NAME = "powermta"
_LIMIT = 4_096  # characters of an address, an identifier or an answer
_MOST_COLUMNS = 256
_LONGEST_TIME = 64  # characters
_NEEDED = {"type", "rcpt"}
_OTHERS = {"timelogged", "timequeued", "orig", "dsnaction", "dsnstatus", "dlvtype", "vmta", "jobid", "envid"}
_EPOCH_TIME = re.compile(r"(\d{9,10})(?:\.\d{1,9})?")
_OUTCOMES = {
    "d": Outcome.DELIVERED, "b": Outcome.BOUNCED, "rb": Outcome.BOUNCED, "t": Outcome.DEFERRED, "r": Outcome.ACCEPTED,
}  # fmt: skip
_REPORTED = {"delivered": Outcome.DELIVERED, "relayed": Outcome.DELIVERED, "failed": Outcome.BOUNCED, "delayed": Outcome.DEFERRED}
_OF_NO_COPY = frozenset(("tq", "f", "p"))  # a queue's errors, complaints, planned ones
_SUBMITTED = frozenset(("api", "pickup"))  # ways in that only this machine's own users have
Row = Mapping[str, str]


@dataclass(slots=True, eq=False)
class _Book(PieceLedger):
    """A member while it is being read, and the columns that its last header line named."""

    columns: list[str] = field(default_factory=list)


def _cells(line: bytes) -> list[str] | None:
    """The fields of a row (RFC 4180); None if a quoted one does not end, or goes on behind its end."""
    text = decoded(line.removeprefix(b"\xef\xbb\xbf"))
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True), [""])
    except csv.Error:
        return None


def _header(cells: Sequence[str]) -> list[str]:
    """The columns, lower case, that a header line names; none if it is no header line."""
    if cells[0].strip().lower() != "type" or len(cells) > _MOST_COLUMNS:
        return []
    columns = [one.strip().lower() for one in cells]
    return columns if set(columns) >= _NEEDED and not _OTHERS.isdisjoint(columns) else []


def _read(source: Source) -> Iterator[Record]:
    """A fragment for each row that tells of a copy; defects; a tally of all lines, and of those that tell of none."""
    book = _Book(source.span, _NAME, canonical=canonical)
    for line in book.lines(source):
        _line(book, line)
        if book.ready:
            yield from book.told()
    yield book.tally()


def _line(book: _Book, line: bytes) -> None:
    if not line.strip():
        book.ignored += 1
        return
    cells = _cells(line)
    if cells is None:
        book.defect("a quoted field of a row does not end; the line may be cut")
    elif columns := _header(cells):
        book.columns = columns
        book.ignored += 1
    elif not book.columns:
        book.defect("no line before this row names its columns")
    elif len(cells) != len(book.columns):
        book.defect("a row has more or fewer fields than columns are named; the line may be cut")
    else:
        _row(book, dict(reversed(tuple(zip(book.columns, cells, strict=True)))))


def _outcome(row: Row) -> Outcome | None:
    """What a row says of its copy; None for a kind of row that is not known."""
    kind = row["type"].strip().lower()
    return _REPORTED.get(row.get("dsnaction", "").lower(), Outcome.DEFERRED) if kind == "rs" else _OUTCOMES.get(kind)


def _row(book: _Book, row: Row) -> None:
    """One row; the first of two columns of one name counts."""
    outcome, address = _outcome(row), row["rcpt"].strip()
    if row["type"].strip().lower() in _OF_NO_COPY:
        book.ignored += 1
    elif outcome is None:
        book.defect("a row is of no kind that this version reads")
    elif not address or len(address) > _LIMIT:
        book.defect("an address is empty, or longer than any address")
    else:
        book.ready.append(_copy(book, row, address, outcome))
        if not book.stamp:
            book.defect("the time of a row cannot be read")


def _copy(book: _Book, row: Row, text: str, outcome: Outcome) -> Fragment:
    book.stamp = _stamp(row.get("timelogged", ""))
    address, written = book.address(text)
    envelope_sender = canonical(row.get("orig", "")[:_LIMIT]).removeprefix("<>")
    authors = mailboxes(decode_words(row.get("header_from", "")[:_LIMIT]))
    named = _named(row)
    reply = row.get("dsndiag", "") or row.get("dsnstatus", "")
    told = Recipient(
        address, Role.ENVELOPE, outcome, written, reply=reply[:_LIMIT], stamp=book.stamp, start=book.start, end=book.end
    )
    key, message_id = _key(row, address, f"row/{book.span.evidence}/{book.span.member}/{book.start}")
    facts = [
        ("client", row.get("srcmta", "")), ("origin", row.get("srctype", "").lower()), ("envelope_id", row.get("envid", "")),
        ("job", row.get("jobid", "")), ("recipients_apart", "neither Message-ID nor envelope id" if key[:3] in _APART else ""),
    ]  # fmt: skip
    queued = _stamp(row.get("timequeued", ""))
    seen = Observation(
        book.here(), _NAME, "queue", Route.SMTP,
        Direction.SUBMITTED if row.get("srctype", "").lower() in _SUBMITTED else Direction.UNKNOWN,
        message_id=message_id, sender=authors[0].address if authors else envelope_sender, envelope_sender=envelope_sender,
        subject=decode_words(row.get("header_subject", "")), size=whole_number(row.get("dlvsize", "")), stamp=queued or book.stamp,
        recipients=(told, *named), header_known=_is_whole(row, named),
        facts=tuple(sorted((name, value[:_LIMIT]) for name, value in facts if value)),
    )  # fmt: skip
    return Fragment(key, seen, outcome is Outcome.ACCEPTED, outcome in {Outcome.DELIVERED, Outcome.BOUNCED})


_APART = frozenset(("cop", "row"))


def _key(row: Row, address: str, place: str) -> tuple[str, str]:
    """What rows of one message have in common, as far as the file tells; and the Message-ID."""
    message_id = canonical_message_id(row.get("header_message-id", "")[:_LIMIT])
    sender, queued, name = row.get("orig", "")[:_LIMIT], row.get("timequeued", "")[:64], row.get("envid", "")[:_LIMIT]
    if message_id:
        return f"message/{message_id}/{sender}", message_id
    if name and queued:
        return f"envelope/{name}/{sender}/{queued}", ""
    return (f"copy/{sender}/{address}/{queued}" if queued else place), ""


def _named(row: Row) -> tuple[Recipient, ...]:
    """Whom To and Cc name, where the administrator had them logged."""
    return tuple(
        Recipient(box.address, role, written="" if box.written.lower() == box.address else box.written, seen=name)
        for name, role in (("to", Role.TO), ("cc", Role.CC))
        if (text := row.get(f"header_{name}"))
        for box in mailboxes(decode_words(text))
    )


def _is_whole(row: Row, named: Sequence[Recipient]) -> bool:
    """Whether To and Cc are known completely: half a header would make blind recipients of its other half."""
    lists = [row.get("header_to"), row.get("header_cc")]
    return bool(lists[0]) and lists[1] is not None and sum((one or "").count("@") for one in lists) == len(named)


@lru_cache(maxsize=4096)
def _short_stamp(text: str) -> str:
    """Seconds since 1970, as version 4 writes them, or date and time with or without an offset; "" if it is neither."""
    epoch = _EPOCH_TIME.fullmatch(text)
    if epoch:
        return (EPOCH + timedelta(seconds=int(epoch[1]))).strftime("%Y-%m-%dT%H:%M:%SZ")
    return stamp(text.encode("utf-8", "replace"))


def _stamp(text: str) -> str:
    return _short_stamp(text) if len(text) <= _LONGEST_TIME else ""


def _assemble(fragments: Iterable[Fragment], clocks: Mapping[tuple[str, str], FileClock]) -> Iterator[Observation]:
    """Messages, or copies, from rows, which come by key, then file, then place."""
    unknown = FileClock()
    for _, group in groupby(fragments, key=attrgetter("key")):
        pieces = list(group)
        rows = [piece.observation for piece in pieces]
        yield replaced(
            joined(pieces, lambda place: clocks.get(place, unknown)),
            envelope_sender=rows[0].envelope_sender,
            header_known=any(one.header_known for one in rows),
        )


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether the first line names the columns of an accounting file."""
    first = next((row for row in head_lines(head[:65536]) if row.strip()), b"")
    return bool(_header(_cells(first) or [""]))


PARSER = Parser(
    name=_NAME,
    title="PowerMTA accounting file (CSV)",
    sniff=_sniff,
    read=_read,
    assemble=_assemble,
    shows=frozenset({"recipients", "outcome"}),
)
