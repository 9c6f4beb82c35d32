"""The open messages of a span: what has been read of each, and how one becomes a fragment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from forensics.addresses import canonical
from forensics.model import Defect, Direction, Fragment, Observation, Reading, Recipient, Route, Span
from forensics.parsers.postfix.queue_ids import is_queue_id, time_in
from forensics.plugins import Record
from forensics.records import constructor
from forensics.syslog import strongest

__all__ = ["Act", "Book", "Head", "Message", "Queue"]

OPEN_LIMIT = 100_000  # messages held open; beyond it all are let go as pieces, which `assembly` joins again
PIECE_LIMIT = 2_000  # delivery lines held for one message
_ADDRESS_LIMIT = 16_384  # addresses remembered
_NO_IDS = frozenset((b"NOQUEUE", b"warning", b"fatal", b"error", b"panic", b"statistics", b"info"))
# members of an enumeration take their time to look up
_SMTP, _SUBMITTED, _UNSAID = Route.SMTP, Direction.SUBMITTED, Direction.UNKNOWN
_observation, _fragment = constructor(Observation), constructor(Fragment)
Fact = tuple[str, str]


@dataclass(slots=True, eq=False)
class Message:
    """What has been read so far of one message; offsets in bytes, `stamp` as `syslog.stamp` gives it."""

    start: int
    stamp: str
    end: int
    at: datetime | None = None  # the time in a long queue id
    opens: bool = False
    message_id: str = ""
    sender: str = ""  # as written
    submitted: bool = False
    size: int = -1
    declared: int = -1
    recipients: list[Recipient] = field(default_factory=list)
    origin: tuple[Fact, ...] = ()  # how it came in: sorted
    facts: tuple[Fact, ...] = ()  # further ones, in no order
    links: tuple[str, ...] = ()  # queue ids of hops before and after, on the same host

    def came(self, origin: tuple[Fact, ...]) -> None:
        """Note how it came in; `origin` is sorted."""
        if self.origin:
            self.facts += origin
        else:
            self.origin = origin

    def link(self, host: str, queue_id: bytes, fact: str) -> None:
        """Note its id at the hop before or after. Short ids are re-used: a fact for people, not an identity."""
        if is_queue_id(queue_id):
            name = f"{host}/{queue_id.decode()}"
            if time_in(queue_id):
                self.links += (f"queue:{name}",)
            else:
                self.facts += ((fact, name),)


@dataclass(slots=True, eq=False)
class Queue:
    """The queue of one instance of Postfix on one host, and its open messages by queue id."""

    host: str
    instance: str
    server: str  # the logging host; with the instance where that has a name of its own
    open: dict[bytes, Message] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Head:
    """What a line's host and program decide: which texts are facts (by their first four bytes), and of which queue."""

    actions: Mapping[bytes, Act]
    daemon: str
    queue: Queue
    is_last_word: bool = True  # "sent" of this daemon means delivered, if it was not to this host


@dataclass(slots=True, eq=False)
class Book:
    """One span while it is being read: its open messages, the line at hand, and what is ready to go."""

    evidence: str
    member: str
    start: int = 0
    end: int = 0
    stamp: str = ""
    again: bool = False  # the line says "message repeated": it begins nothing
    queues: dict[tuple[str, str], Queue] = field(default_factory=dict)
    addresses: dict[bytes, str] = field(default_factory=dict)  # plain ones: as written to canonical
    opened: int = 0
    ignored: int = 0
    ready: list[Record] = field(default_factory=list)

    def defect(self, reason: str) -> None:
        """The line at hand cannot be read, or not all of it."""
        self.ready.append(Defect(Span(self.evidence, self.member, self.start, self.end), "postfix", reason))

    def message(self, queue: Queue, queue_id: bytes) -> Message | None:
        """The open message of this id, new if there is none; None, and the line is accounted for, if it is no id."""
        found = queue.open.get(queue_id)
        if found is not None:
            found.end = self.end
            return found
        at = time_in(queue_id)
        if at is None and not is_queue_id(queue_id):
            if queue_id in _NO_IDS or b" " in queue_id:
                self.ignored += 1
            else:
                self.defect("the queue id of a Postfix line cannot be read")
            return None
        if self.opened >= OPEN_LIMIT:
            self.let_all_go()
        found = queue.open[queue_id] = Message(self.start, self.stamp, self.end, at)
        self.opened += 1
        return found

    def begun(self, queue: Queue, queue_id: bytes) -> Message | None:
        """The message that begins here: an older one of the same id has ended without a word."""
        if self.again:
            return self.message(queue, queue_id)
        if queue_id in queue.open:
            self.let_go(queue, queue_id, closes=False)
        found = self.message(queue, queue_id)
        if found is not None:
            found.opens = True
        return found

    def enter(self, queue: Queue, queue_id: bytes, message: Message, recipient: Recipient) -> None:
        """Add one recipient's record to an open message."""
        message.recipients.append(recipient)
        if len(message.recipients) >= PIECE_LIMIT:
            self.let_go(queue, queue_id, closes=False)

    def note_address(self, written: bytes, address: str) -> str:
        """Remember the canonical form of a plain address: most are met again."""
        if len(self.addresses) >= _ADDRESS_LIMIT:
            self.addresses.clear()
        self.addresses[written] = address
        return address

    def let_go(self, queue: Queue, queue_id: bytes, *, closes: bool) -> None:
        """A message has ended (`closes`), or is let go as a piece."""
        message = queue.open.pop(queue_id)
        self.opened -= 1
        name = f"{queue.host}/{queue_id.decode()}"
        # a long id is unique: its key leaves out the instance, for master.cf may give each service another `syslog_name`
        key = name if message.at else f"{queue.host}/{queue.instance}/{queue_id.decode()}"
        ids = (f"queue:{name}",) if message.at else ()
        self.ready.append(_fragment(key, self.seen(queue, message, "queue", ids), message.opens, closes))

    def let_alone(self, queue: Queue, message: Message, kind: str) -> None:
        """A record that has no queue id goes by its place."""
        key = f"{kind}/{self.evidence}/{self.member}/{self.start}"
        self.ready.append(_fragment(key, self.seen(queue, message, kind, ()), True, True))

    def let_all_go(self) -> None:
        """Let every open message go as a piece."""
        for queue in self.queues.values():
            for queue_id in tuple(queue.open):
                self.let_go(queue, queue_id, closes=False)

    def seen(self, queue: Queue, message: Message, kind: str, ids: tuple[str, ...]) -> Observation:
        """What the span says of one message."""
        recipients, facts, sender = message.recipients, message.origin, message.sender
        if len(recipients) > 1 and len({(one.address, one.original) for one in recipients}) < len(recipients):
            recipients = [one for _, one in strongest((0, one) for one in recipients)]
        if message.facts:
            facts = tuple(sorted({*facts, *message.facts}))
        if message.links:
            ids = tuple(dict.fromkeys((*ids, *message.links)))
        sender = canonical(sender) if sender else ""
        return _observation(
            Span(self.evidence, self.member, message.start, message.end), "postfix", kind, _SMTP,
            _SUBMITTED if message.submitted else _UNSAID, queue.server, "", message.message_id, ids, sender, sender, "", "",
            message.size, (Reading("queue_id", message.at),) if message.at else (), message.stamp, tuple(recipients), False,
            message.declared, (), False, facts,
        )  # fmt: skip


Act = Callable[[Book, Head, bytes, bytes], None]
