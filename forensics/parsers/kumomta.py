"""KumoMTA logs: a JSON record for each thing that happens to a message, which in KumoMTA has one recipient or a batch of them.

A message that a client sent to several recipients may be taken apart at reception, one id for each: only a logged Message-ID
header (`log_headers`) tells that they are one. `meta` is not kept: it holds what the operator's policy put there.

Source: docs.kumomta.com, "Log Record" (reference/log_record), "configure_local_logs".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from forensics.addresses import canonical, canonical_message_id, mailboxes
from forensics.dates import FileClock
from forensics.headers import decode_words
from forensics.jsonstream import Fields
from forensics.model import EPOCH, Direction, Fragment, Observation, Outcome, Recipient, Role, Route
from forensics.plugins import Parser, Record, Source
from forensics.records import replaced
from forensics.syslog import PieceLedger, head_lines, joined, loaded, stamp

__all__ = ["PARSER"]

_NAME = "kumomta"
_LIMIT = 4_096  # characters of an address, an identifier or an answer
_MOST = 50_000  # recipients of one record
_YEAR_5138 = 10**11  # seconds
_NEEDED = {"type", "id", "sender", "recipient"}
_OUTCOMES = {
    "Reception": Outcome.ACCEPTED, "XferIn": Outcome.ACCEPTED, "XferOut": Outcome.ACCEPTED, "Delivery": Outcome.DELIVERED,
    "TransientFailure": Outcome.DEFERRED, "Bounce": Outcome.BOUNCED, "Expiration": Outcome.BOUNCED, "AdminBounce": Outcome.BOUNCED,
    "Rejection": Outcome.REJECTED,
}  # fmt: skip
_OPENS, _CLOSES = frozenset(("Reception", "XferIn")), frozenset(("Delivery", "Bounce", "Expiration", "AdminBounce", "XferOut"))
# reports that came in about other messages, and what an administrator did to a queue
_OF_NO_COPY = frozenset(("OOB", "Feedback", "AdminRebind", "DeferredInjectionRebind", "Delayed"))
_TYPES = _OUTCOMES.keys() | _OF_NO_COPY
_END_OF_DATA = "."  # the command to which a server answered


def _read(source: Source) -> Iterator[Record]:
    """A fragment for each record that tells of a copy; defects; a tally of all lines, and of those that tell of none."""
    book = PieceLedger(source.span, _NAME, canonical=canonical)
    for line in book.lines(source):
        _line(book, line.removeprefix(b"\xef\xbb\xbf"))
        if book.ready:
            yield from book.told()
    yield book.tally()


def _line(book: PieceLedger, line: bytes) -> None:
    record = loaded(line) if line.strip() else {}
    if record is None:
        book.defect("no valid JSON; the line may be cut")
        return
    kind = str(record.get("type"))
    if not record or kind in _OF_NO_COPY:
        book.ignored += 1
    elif kind not in _OUTCOMES:
        book.defect("a record is of no kind that this version reads")
    else:
        _told(book, kind, Fields(record))


def _told(book: PieceLedger, kind: str, fields: Fields) -> None:
    """One record of a copy or a batch of them."""
    name, book.stamp = fields.text("id")[:_LIMIT], _stamp(fields.value)
    addresses = _addresses(fields)
    if not addresses:
        book.defect("a record names no recipient that can be read")
        return
    outcome, reply = _answer(kind, Fields(fields.mapping("response")))
    recipients = []
    for text in addresses:
        address, written = book.address(text)
        recipients.append(
            Recipient(address, Role.ENVELOPE, outcome, written, reply=reply, stamp=book.stamp, start=book.start, end=book.end)
        )
    refused = kind == "Rejection"
    seen = _observation(book, fields, kind, tuple(recipients))
    place = f"{book.span.evidence}/{book.span.member}/{book.start}"
    key = f"reject/{place}" if refused else f"queue/{name}" if name else f"record/{place}"
    ids = (f"queue:kumomta/{name}",) if name and not refused else ()
    book.ready.append(Fragment(key, replaced(seen, ids=ids), refused or kind in _OPENS, refused or kind in _CLOSES))
    if fields.wrong:
        book.defect(f"fields of an unexpected form, read as far as possible: {', '.join(sorted(fields.wrong))}")
    if not book.stamp:
        book.defect("the time of a record cannot be read")


def _addresses(fields: Fields) -> list[str]:
    """The recipient, or those of a batch."""
    found = fields.value.get("recipient")
    texts = found if isinstance(found, list) else [found]
    known = [one for one in texts[:_MOST] if isinstance(one, str) and 0 < len(one) <= _LIMIT]
    if len(known) < len(texts):
        fields.wrong.add("recipient")
    return known


def _answer(kind: str, response: Fields) -> tuple[Outcome, str]:
    """What became of a copy, and the server's words; a refusal in answer to the end of DATA comes after the content."""
    outcome = _OUTCOMES[kind]
    code = response.label("code")
    reply = " ".join(filter(None, (code if code != "0" else "", response.text("content"))))[:_LIMIT]
    after_data = response.text("command").strip() == _END_OF_DATA and kind in {"Bounce", "TransientFailure"}
    return Outcome.REFUSED_AFTER_DATA if after_data else outcome, reply


def _observation(book: PieceLedger, fields: Fields, kind: str, recipients: tuple[Recipient, ...]) -> Observation:
    headers = {str(name).lower(): one for name, one in fields.mapping("headers").items()}
    named = _named(headers)
    sender = canonical(fields.text("sender")[:_LIMIT]).removeprefix("<>")
    authors = mailboxes(decode_words(_header(headers, "from")[:_LIMIT]))
    peer = Fields(fields.mapping("peer_address"))
    came = kind in _OPENS or kind == "Rejection"
    facts = [
        ("client" if came else "relay", " ".join(filter(None, (peer.text("name"), peer.text("addr"))))),
        ("origin", fields.text("reception_protocol").lower() if came else ""),
        ("bounce", fields.label("bounce_classification") if kind == "Bounce" else ""),
        ("handed_over", "true" if kind == "XferOut" else ""),
    ]
    submitted = came and fields.text("reception_protocol").upper() == "HTTP"  # the injection API, which asks who is there
    return Observation(
        book.here(), _NAME, "reject" if kind == "Rejection" else "queue", Route.SMTP,
        Direction.SUBMITTED if submitted else Direction.UNKNOWN, fields.text("nodeid")[:255],
        message_id=canonical_message_id(_header(headers, "message-id")[:_LIMIT]),
        sender=authors[0].address if authors else sender, envelope_sender=sender, subject=decode_words(_header(headers, "subject")),
        size=_size(fields), stamp=book.stamp, recipients=(*recipients, *named), header_known=_is_whole(headers, named),
        facts=tuple(sorted((name, value[:_LIMIT]) for name, value in facts if value)),
    )  # fmt: skip


def _size(fields: Fields) -> int:
    size = fields.count("size")
    return -1 if size is None else size


def _header(headers: Mapping[str, Any], name: str) -> str:
    """The value of a logged header, the first of several; "" if there is none."""
    found = headers.get(name)
    first = found[0] if isinstance(found, list) and found else found
    return first if isinstance(first, str) else ""


def _named(headers: Mapping[str, Any]) -> tuple[Recipient, ...]:
    """Whom To and Cc name, where the operator had them logged."""
    return tuple(
        Recipient(box.address, role, written="" if box.written.lower() == box.address else box.written, seen=role.value)
        for role in (Role.TO, Role.CC)
        for box in mailboxes(decode_words(_header(headers, role.value)))
    )


def _is_whole(headers: Mapping[str, Any], named: tuple[Recipient, ...]) -> bool:
    """Whether To and Cc are known completely. A missing Cc may only not have been logged."""
    lists = [headers.get("to"), headers.get("cc")]
    return all(isinstance(one, str) for one in lists) and sum(str(one).count("@") for one in lists) == len(named) > 0


def _stamp(record: Mapping[str, Any]) -> str:
    """`timestamp`: seconds since 1970, or ISO 8601; "" if it is neither."""
    found = record.get("timestamp")
    if isinstance(found, str):
        return stamp(found.encode("utf-8", "replace"))
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found < _YEAR_5138:
        return ""
    return (EPOCH + timedelta(seconds=found)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _assemble(fragments: Iterable[Fragment], clocks: Mapping[tuple[str, str], FileClock]) -> Iterator[Observation]:
    """Messages from records, which come by id, then file, then place; files may be of any order of time."""
    unknown = FileClock()
    for _, group in groupby(fragments, key=attrgetter("key")):
        pieces = sorted(group, key=lambda piece: (piece.observation.stamp, not piece.opens, piece.closes))
        first = pieces[0].observation
        one = joined(pieces, lambda place: clocks.get(place, unknown))
        facts = set(one.facts)
        if not any(piece.opens for piece in pieces):
            facts.add(("partial", "start"))
        if not any(piece.closes for piece in pieces):
            facts.add(("partial", "end"))
        known = any(piece.observation.header_known for piece in pieces)
        yield replaced(one, envelope_sender=first.envelope_sender, header_known=known, facts=tuple(sorted(facts)))


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether the first line is a record of KumoMTA's."""
    first = next((row for row in head_lines(head) if row.strip()), b"").removeprefix(b"\xef\xbb\xbf")
    record = loaded(first) if first.startswith(b"{") else None
    return record is not None and record.keys() >= _NEEDED and isinstance(record["type"], str) and record["type"] in _TYPES


PARSER = Parser(
    name=_NAME,
    title="KumoMTA log (JSON lines)",
    sniff=_sniff,
    read=_read,
    assemble=_assemble,
    shows=frozenset({"recipients", "outcome"}),
    divisible=True,
)
