"""The open messages of a span: what has been read of each, and how one becomes a fragment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from forensics.addresses import canonical
from forensics.model import Direction, Fragment, Observation, Outcome, Reading, Recipient, Role, Route, Span
from forensics.parsers.sendmail.fields import Controllers, bare, clock_in
from forensics.records import constructor
from forensics.syslog import Addresses, Ledger, decoded, strongest

__all__ = ["QUEUED", "Book", "Fact", "Message", "finished"]

OPEN_LIMIT = 100_000  # messages held open; beyond it all are let go as pieces, which `assembly` joins again
PIECE_LIMIT = 2_000  # recipients held for one message
QUEUED = (b"queued", b"quarantined")
_WAITS = ("", *(word.decode() for word in QUEUED))
# members of an enumeration take their time to look up
_SMTP, _SUBMITTED, _UNSAID, _ACCEPTED = Route.SMTP, Direction.SUBMITTED, Direction.UNKNOWN, Outcome.ACCEPTED
_ENVELOPE = Role.ENVELOPE
_FINAL = (Outcome.DELIVERED, Outcome.BOUNCED)
_record, _observation, _fragment = constructor(Recipient), constructor(Observation), constructor(Fragment)
Fact = tuple[str, str]


@dataclass(slots=True, eq=False)
class Message:
    """What has been read so far of one message; offsets in bytes, `stamp` as `syslog.stamp` gives it."""

    start: int
    stamp: str
    end: int
    at: datetime  # the time in its queue id
    process: int  # that made its queue id
    opens: bool = False
    closes: bool = False
    message_id: str = ""
    sender: str = ""  # as written
    submitted: bool = False
    size: int = -1
    declared: int = -1
    recipients: list[Recipient] = field(default_factory=list)
    facts: set[Fact] = field(default_factory=set)
    links: list[str] = field(default_factory=list)  # the same message under other queue ids of this host


def finished(recipients: Iterable[Recipient]) -> int:
    """How many recipients have left this queue: delivered, bounced, or handed on to a server of the same host."""
    return len({
        one.address for one in recipients if one.outcome in _FINAL or (one.outcome is _ACCEPTED and one.reply not in _WAITS)
    })  # fmt: skip


def _last_words(recipients: list[Recipient]) -> list[Recipient]:
    """One record for each recipient, in the order in which they were first named: many may stand in one line."""
    named = dict.fromkeys((one.role, one.address, one.original) for one in recipients)
    if len(named) == len(recipients):
        return recipients
    kept = {(one.role, one.address, one.original): one for _, one in strongest((0, one) for one in recipients)}
    return [kept[name] for name in named]


@dataclass(slots=True, eq=False)
class Book(Ledger):
    """One span while it is being read, with its open messages."""

    again: bool = False  # the line says "message repeated": it begins and ends nothing
    open: dict[tuple[str, bytes], Message] = field(default_factory=dict)  # by host and queue id
    addresses: Addresses = field(default_factory=Addresses)
    controllers: Controllers = field(default_factory=Controllers)

    def message(self, host: str, queue_id: bytes) -> Message | None:
        """The open message of this id, new if there is none; None if it is no id."""
        found = self.open.get((host, queue_id))
        if found is None:
            clock = clock_in(queue_id)
            if clock is None:
                return None
            if len(self.open) >= OPEN_LIMIT:
                self.let_all_go()
            found = self.open[host, queue_id] = Message(self.start, self.stamp, self.end, *clock)
        found.end = self.end
        return found

    def recipient(self, role: Role, outcome: Outcome, item: bytes, original: str = "", reply: bytes = b"") -> Recipient:
        """The record of one address as written in a list, of the line at hand."""
        address, written = self.addresses[item], ""
        if not address:
            text = decoded(bare(item))
            address = canonical(text)
            written = "" if text.lower() == address else text
        before = "" if original == address else original
        return _record(address, role, outcome, written, before, decoded(reply), None, self.stamp, self.start, self.end, "")

    def plain_recipients(self, addresses: list[str], outcome: Outcome, original: str, reply: bytes) -> list[Recipient]:
        """Records of canonical addresses that were written in common form, of the line at hand."""
        said, stamp, start, end = decoded(reply), self.stamp, self.start, self.end
        return [
            _record(one, _ENVELOPE, outcome, "", "" if original == one else original, said, None, stamp, start, end, "")
            for one in addresses
        ]

    def enter(self, host: str, queue_id: bytes, message: Message, found: list[Recipient]) -> None:
        """Add records of recipients to an open message; it is let go when it has left the queue, or holds many."""
        recipients = message.recipients
        recipients += found
        count = len(recipients)
        if count >= PIECE_LIMIT or (0 < message.declared <= count and finished(recipients) >= message.declared):
            self.let_go(host, queue_id)

    def let_go(self, host: str, queue_id: bytes) -> None:
        """Give what is known of a message as a piece. Its key is the process that made its id: see `payloads.session`."""
        message = self.open.pop((host, queue_id))
        recipients = message.recipients
        if len(recipients) > 1:
            recipients = _last_words(recipients)
        ids: tuple[str, ...] = (f"queue:{host}/{queue_id.decode()}",)
        if message.links:
            ids = tuple(dict.fromkeys((*ids, *message.links)))
        sender = canonical(message.sender)
        seen = _observation(
            Span(self.span.evidence, self.span.member, message.start, message.end), "sendmail", "queue", _SMTP,
            _SUBMITTED if message.submitted else _UNSAID, host, "", message.message_id, ids, sender, sender, "", "",
            message.size, (Reading("queue_id", message.at),), message.stamp, tuple(recipients), False, message.declared,
            (), False, tuple(sorted(message.facts)),
        )  # fmt: skip
        self.ready.append(_fragment(f"{host}/{message.process}", seen, message.opens, message.closes))

    def let_all_go(self) -> None:
        """Let every open message go as a piece."""
        for host, queue_id in tuple(self.open):
            self.let_go(host, queue_id)
