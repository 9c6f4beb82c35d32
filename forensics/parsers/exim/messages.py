"""The open messages of a span: what has been read of each, and how one becomes a fragment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from operator import attrgetter

from forensics.addresses import canonical
from forensics.model import Defect, Direction, Fragment, Observation, Outcome, Reading, Recipient, Role, Route, Span
from forensics.parsers.exim.queue_ids import time_in
from forensics.plugins import Record
from forensics.records import constructor
from forensics.syslog import strongest

__all__ = ["PIECE_LIMIT", "Act", "Book", "Message", "Queue"]

OPEN_LIMIT = 100_000  # messages held open; beyond it all are let go as pieces, which `assembly` joins again
PIECE_LIMIT = 2_000  # recipients' records held for one message, and names of a list
_ADDRESS_LIMIT = 16_384  # addresses remembered
# members of an enumeration take their time to look up
_SMTP, _SUBMITTED, _UNSAID = Route.SMTP, Direction.SUBMITTED, Direction.UNKNOWN
_observation, _fragment, _record = constructor(Observation), constructor(Fragment), constructor(Recipient)
_ENVELOPE, _ACCEPTED, _DELIVERED = Role.ENVELOPE, Outcome.ACCEPTED, Outcome.DELIVERED
Fact = tuple[str, str]
Named = tuple[str, str]  # a recipient in canonical form, and as written where it differs in more than case


@dataclass(slots=True, eq=False)
class Message:
    """What has been read so far of one message; offsets in bytes, `stamp` as `dates.FileClock.resolve` reads it."""

    queue: Queue
    queue_id: bytes  # "" for an attempt that became no message
    start: int
    stamp: str
    end: int
    at: datetime | None = None  # the time in its id
    opens: bool = False
    message_id: str = ""
    sender: str = ""  # as written
    submitted: bool = False
    size: int = -1
    declared: int = -1
    named: tuple[Named, ...] = ()  # by the list of its arrival
    listed: tuple[str, int, int] = ("", 0, 0)  # stamp and place of that list
    recipients: list[Recipient] = field(default_factory=list)
    facts: tuple[Fact, ...] = ()  # in no order


@dataclass(slots=True, eq=False)
class Queue:
    """The messages of one host by their ids; a log that Exim writes itself does not name the host."""

    host: str
    open: dict[bytes, Message] = field(default_factory=dict)

    def name(self, queue_id: bytes) -> str:
        """Host and id; the program stands for a host that has no name."""
        return f"{self.host or 'exim'}/{queue_id.decode()}"


@dataclass(slots=True, eq=False)
class Book:
    """One span while it is being read: its open messages, the line at hand, and what is ready to go."""

    evidence: str
    member: str
    start: int = 0
    end: int = 0
    stamp: str = ""
    queues: dict[str, Queue] = field(default_factory=dict)
    addresses: dict[bytes, str] = field(default_factory=dict)  # plain ones: as written to canonical
    opened: int = 0
    ignored: int = 0
    ready: list[Record] = field(default_factory=list)

    def defect(self, reason: str) -> None:
        """The line at hand cannot be read, or not all of it."""
        self.ready.append(Defect(Span(self.evidence, self.member, self.start, self.end), "exim", reason))

    def queue(self, host: str) -> Queue:
        """The queue of a host, new if it was not met."""
        found = self.queues.get(host)
        if found is None:
            found = self.queues[host] = Queue(host)
        return found

    def message(self, queue: Queue, queue_id: bytes) -> Message:
        """The open message of this id, new if there is none."""
        found = queue.open.get(queue_id)
        if found is not None:
            found.end = max(found.end, self.end)
            if self.start < found.start:  # of an entry in pieces, the first lies before what was read meanwhile
                found.start, found.stamp = self.start, self.stamp
            return found
        if self.opened >= OPEN_LIMIT:
            self.let_all_go()
        found = queue.open[queue_id] = Message(queue, queue_id, self.start, self.stamp, self.end, time_in(queue_id))
        self.opened += 1
        return found

    def enter(self, message: Message, recipient: Recipient) -> None:
        """Add one recipient's record to an open message."""
        message.recipients.append(recipient)
        if len(message.recipients) >= PIECE_LIMIT:
            self.let_go(message, closes=False)

    def note_address(self, written: bytes, address: str) -> str:
        """Remember the canonical form of a plain address: most are met again."""
        if len(self.addresses) >= _ADDRESS_LIMIT:
            self.addresses.clear()
        self.addresses[written] = address
        return address

    def let_go(self, message: Message, *, closes: bool) -> None:
        """A message has ended (`closes`), or is let go as a piece."""
        del message.queue.open[message.queue_id]
        self.opened -= 1
        name = message.queue.name(message.queue_id)
        self.ready.append(_fragment(name, self.seen(message, "queue", (f"queue:{name}",)), message.opens, closes))

    def let_alone(self, message: Message, text: bytes) -> None:
        """An attempt without an id goes by its words: mainlog and rejectlog tell it in the same ones."""
        words = blake2b(text, digest_size=12, key=message.stamp.encode()[:64]).hexdigest()
        self.ready.append(_fragment(f"reject/{message.queue.host}/{words}", self.seen(message, "reject", ()), True, True))

    def let_all_go(self) -> None:
        """Let every open message go as a piece."""
        for queue in self.queues.values():
            for message in tuple(queue.open.values()):
                self.let_go(message, closes=False)

    def seen(self, message: Message, kind: str, ids: tuple[str, ...]) -> Observation:
        """What the span says of one message."""
        recipients, facts, sender = message.recipients, message.facts, message.sender
        if message.named:
            recipients = [*_only_named(message), *recipients]
            if message.recipients and message.recipients[0].start < message.listed[1]:  # a cutthrough, or a log out of order
                recipients.sort(key=attrgetter("start"))
        if len(recipients) > 1 and len({(one.address, one.original) for one in recipients}) < len(recipients):
            recipients = [one for _, one in strongest((0, one) for one in recipients)]
        if len(facts) > 1:
            facts = tuple(sorted({*facts}))
        sender = canonical(sender) if sender else ""
        return _observation(
            Span(self.evidence, self.member, message.start, message.end), "exim", kind, _SMTP,
            _SUBMITTED if message.submitted else _UNSAID, message.queue.host, "", message.message_id, ids, sender, sender, "", "",
            message.size, (Reading("queue_id", message.at),) if message.at else (), message.stamp, tuple(recipients), False,
            message.declared, (), False, facts,
        )  # fmt: skip


def _only_named(message: Message) -> list[Recipient]:
    """Recipients of the arrival's list of whom no later line tells more."""
    stamp, start, end = message.listed
    told = {one.address for one in message.recipients if not one.original and (one.start > start or one.outcome is _DELIVERED)}
    return [
        _record(address, _ENVELOPE, _ACCEPTED, written, "", "", None, stamp, start, end, "")
        for address, written in message.named
        if address not in told
    ]


Act = Callable[[Book, Message, bytes], None]
