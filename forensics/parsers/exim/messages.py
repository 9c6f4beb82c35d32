"""The open messages of a span: what has been read of each, and how one becomes a fragment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from operator import attrgetter

from forensics.dates import postfix_long_id_time
from forensics.model import Defect, Direction, Fragment, Observation, Outcome, Reading, Recipient, Role, Route, Span
from forensics.parsers.exim.queue_ids import time_in
from forensics.parsers.exim.targets import CACHED, PLAIN_ADDRESS, Target
from forensics.plugins import Record
from forensics.records import constructor
from forensics.syslog import strongest

__all__ = ["FULL", "PIECE_LIMIT", "Act", "Book", "Fact", "Message", "Origin", "Queue", "hops"]

HOST_LIMIT = 4_096  # hosts remembered; beyond it all messages are let go
OPEN_LIMIT = 100_000  # messages held open; beyond it all are let go as pieces, which `assembly` joins again
FULL = 7_800  # bytes: Exim writes lines of 8 KiB, and leaves out the recipients for whom there is no room (unverified)
PIECE_LIMIT = 2_000  # recipients' records held for one message, and names of a list
_ADDRESS_LIMIT = 16_384  # addresses remembered, and targets
_new = tuple.__new__
# members of an enumeration take their time to look up
_SMTP, _SUBMITTED, _UNSAID = Route.SMTP, Direction.SUBMITTED, Direction.UNKNOWN
_observation, _fragment, _record = constructor(Observation), constructor(Fragment), constructor(Recipient)
_ENVELOPE, _ACCEPTED, _DELIVERED = Role.ENVELOPE, Outcome.ACCEPTED, Outcome.DELIVERED
Fact = tuple[str, str]
Origin = tuple[str, tuple[Fact, ...], bool]  # sender in canonical form, facts, whether our side submitted the message


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
    sender: str = ""  # in canonical form
    submitted: bool = False
    size: int = -1
    declared: int = -1
    named: Sequence[str] = ()  # by the list of its arrival, in canonical form
    spelled: Mapping[str, str] | None = None  # those of them that were written otherwise, by their canonical form
    listed: tuple[str, int, int] = ("", 0, 0)  # stamp and place of that list
    recipients: list[Recipient] = field(default_factory=list)
    facts: tuple[Fact, ...] = ()  # in no order
    header_known: bool = False


@dataclass(slots=True, eq=False)
class Queue:
    """The messages of one host by their ids; a log that Exim writes itself does not name the host."""

    host: str
    open: dict[bytes, Message] = field(default_factory=dict)


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
    targets: dict[bytes, Target] = field(default_factory=dict)  # of deliveries, by their words
    origins: dict[bytes, Origin] = field(default_factory=dict)  # by what stands before the size of an arrival
    ways: dict[bytes, str] = field(default_factory=dict)  # the next host, by the fields before its reply
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
            if len(self.queues) >= HOST_LIMIT:
                self.let_all_go()
                self.queues = {
                    name: queue for name, queue in self.queues.items() if not name
                }  # the one of Exim's own log may be in use
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
        return self.begin(queue, queue_id, time_in(queue_id))

    def begin(self, queue: Queue, queue_id: bytes, at: datetime | None) -> Message:
        """A new message with the time in its id."""
        if self.opened >= OPEN_LIMIT:
            self.let_all_go()
        self.opened += 1
        found = queue.open[queue_id] = Message(queue, queue_id, self.start, self.stamp, self.end, at)
        return found

    def enter(self, message: Message, recipient: Recipient) -> None:
        """Add one recipient's record to an open message."""
        message.recipients.append(recipient)
        if len(message.recipients) >= PIECE_LIMIT:
            self.let_go(message, closes=False)

    def address(self, written: bytes) -> str | None:
        """The canonical form of a plain address, which is remembered: most are met again. None for any other text."""
        found = self.addresses.get(written)
        if found is None and PLAIN_ADDRESS.fullmatch(written):
            if len(self.addresses) >= _ADDRESS_LIMIT:
                self.addresses.clear()
            found = self.addresses[written] = written.lower().decode()
        return found

    def note_target(self, words: bytes, target: Target) -> None:
        """Remember a target whose words decide all of it: they end with the original address, and quote nothing."""
        if words[-1:] != b">" or b'"' in words or b"> " in words or len(words) > CACHED or target.dropped or target.answered:
            return
        if words[:1] not in b"/|:" and not words.startswith(b"discarded "):
            if len(self.targets) >= _ADDRESS_LIMIT:
                self.targets.clear()
            self.targets[words] = target

    def let_go(self, message: Message, *, closes: bool) -> None:
        """A message has ended (`closes`), or is let go as a piece."""
        queue = message.queue
        del queue.open[message.queue_id]
        self.opened -= 1
        queue_id = message.queue_id.decode()
        name = f"{queue.host or 'exim'}/{queue_id}"
        ids: tuple[str, ...] = (f"queue:{name}",)
        if message.opens and closes:  # nothing is to come
            ids += tuple(hops(queue.host, queue_id, message.sender, message.facts))
        self.ready.append(_fragment(name, self.seen(message, "queue", ids), message.opens, closes))

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
        if not _are_all_delivered(message, recipients):
            recipients = _each_once(message)
        if len(facts) > 1:
            facts = tuple(sorted({*facts}))
        return _observation(
            _new(Span, (self.evidence, self.member, message.start, message.end)), "exim", kind, _SMTP,
            _SUBMITTED if message.submitted else _UNSAID, message.queue.host, "", message.message_id, ids, sender, sender, "", "",
            message.size, (_new(Reading, ("queue_id", message.at, 0)),) if message.at else (), message.stamp, tuple(recipients), message.header_known,
            message.declared, (), False, facts,
        )  # fmt: skip


def hops(server: str, queue_id: str, sender: str, facts: Iterable[Fact]) -> Iterator[str]:
    """What ties hops together: this id, and those that next hops told.

    Who names an id may lie, and does not name the logging host: an id of Exim counts together with the sender only, that of
    another program (Postfix's long form) only if it came from this host.
    """
    yield f"exim:{queue_id}/{sender}"
    for name, value in facts:
        if name == "handed_to":
            host, _, following = value.rpartition("/")
            if time_in(following.encode()):
                yield f"exim:{following}/{sender}"
            elif host == server and host and postfix_long_id_time(following):
                yield f"queue:{value}"


def _are_all_delivered(message: Message, recipients: list[Recipient]) -> bool:
    """Whether each recipient was delivered, once, behind the list of the arrival, which names no others."""
    told = [one.address for one in recipients if one.outcome is _DELIVERED and not one.original]
    if len(told) != len(recipients) or not told or recipients[0].start < message.listed[1]:
        return False
    if len(told) == 1:
        return not message.named or message.named == told
    each = set(told)
    return len(each) == len(told) and each.issuperset(message.named)


def _each_once(message: Message) -> list[Recipient]:
    """The records of recipients and of those that only the arrival's list names, one for each, in order."""
    recipients = message.recipients
    if message.named:
        recipients = [*_only_named(message), *recipients]
        if message.recipients and message.recipients[0].start < message.listed[1]:  # a cutthrough, or a log out of order
            recipients.sort(key=attrgetter("start"))
    if len(recipients) > 1 and len({(one.address, one.original) for one in recipients}) < len(recipients):
        recipients = [one for _, one in strongest((0, one) for one in recipients)]
    return recipients


def _only_named(message: Message) -> list[Recipient]:
    """Recipients of the arrival's list of whom no later line tells more."""
    stamp, start, end = message.listed
    later = [one for one in message.recipients if not one.original and (one.start > start or one.outcome is _DELIVERED)]
    told = {one.address for one in later}
    told.update(one.written.lower() for one in later if one.written)  # a bare local name: the delivery tells its domain
    if told.issuperset(message.named):
        return []
    spelled = message.spelled or {}
    return [
        _record(address, _ENVELOPE, _ACCEPTED, spelled.get(address, ""), "", "", None, stamp, start, end, "")
        for address in message.named
        if address not in told
    ]


Act = Callable[[Book, Message, bytes], None]
