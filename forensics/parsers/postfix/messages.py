"""The open messages of a span: what has been read of each, and how one becomes a fragment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from forensics.addresses import canonical
from forensics.model import Defect, Direction, Fragment, Observation, Reading, Recipient, Route, Span
from forensics.parsers.postfix.queue_ids import is_queue_id, time_in
from forensics.parsers.postfix.sessions import (
    BEFORE_ALL,
    Counts,
    Fact,
    Session,
    Taken,
    counts_in,
    facts_of,
    said,
    unnamed,
)
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
_observation, _fragment, _tuple = constructor(Observation), constructor(Fragment), tuple.__new__


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
    accepted: int = 0  # recipients of its session, as far as that has ended
    is_alone: bool = False  # in its session
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
    open: dict[bytes, Message]  # the queue's
    is_last_word: bool = True  # "sent" of this daemon means delivered, if it was not to this host
    session: Session | None = None  # what this process of smtpd serves


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
    addresses: dict[bytes, str] = field(default_factory=dict)  # plain recipients: `to=<...` to the canonical form
    senders: dict[bytes, str] = field(default_factory=dict)  # plain ones: `from=<...` to text
    sessions: dict[str, Session] = field(default_factory=dict)  # by their keys
    opened: int = 0
    ignored: int = 0
    ready: list[Record] = field(default_factory=list)

    def defect(self, reason: str) -> None:
        """The line at hand cannot be read, or not all of it."""
        self.ready.append(Defect(Span(self.evidence, self.member, self.start, self.end), "postfix", reason))

    def new(self, queue: Queue, queue_id: bytes) -> Message | None:
        """A message of an id that is not open; None, and the line is accounted for, if it is no id."""
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

    def begun(self, queue: Queue, queue_id: bytes, found: Message | None) -> Message | None:
        """The message that begins here: one that was `found` open under the same id has ended without a word."""
        if found is not None:
            if self.again:
                found.end = self.end
                return found
            self.let_go(queue, queue_id, closes=False)
        found = self.new(queue, queue_id)
        if found is not None:
            found.opens = not self.again
        return found

    def enter(self, queue: Queue, queue_id: bytes, message: Message, recipient: Recipient) -> None:
        """Add one recipient's record to an open message."""
        message.recipients.append(recipient)
        if len(message.recipients) >= PIECE_LIMIT:
            self.let_go(queue, queue_id, closes=False)

    def note_address(self, written: bytes, address: str) -> None:
        """Remember the canonical form of a plain recipient: most are met again."""
        if len(self.addresses) >= _ADDRESS_LIMIT:
            self.addresses.clear()
        self.addresses[written] = address

    def note_sender(self, written: bytes, sender: str) -> None:
        """Remember a plain sender."""
        if len(self.senders) >= _ADDRESS_LIMIT:
            self.senders.clear()
        self.senders[written] = sender

    def served(self, head: Head, process: str) -> Head:
        """The same head for one process. Where it speaks SMTP, that process' session; else, or if the process has no number, none."""
        host, session = head.queue.host, None
        if head.daemon == "smtpd" and process.isdecimal() and (not host or host > BEFORE_ALL):
            key = f"{BEFORE_ALL}{host}/{process}"
            session = self.sessions.get(key)
            if session is None:
                session = self.sessions[key] = Session(key, host, self.start, self.stamp)
        return replace(head, session=session) if session is not head.session else head

    def ended(self, queue: Queue, session: Session, text: bytes) -> None:
        """A session has ended, at the line at hand: `disconnect from ...`. What it says of messages goes to these.

        Where the session may have begun before the span, it goes as a piece, which `assemble` joins.
        """
        counts, taken = counts_in(text), session.taken
        if session.sure and len(taken) == counts.messages == 1 and taken[0].client == counts.client and taken[0].queue_id:
            self._tell(queue, taken[0], counts, counts.facts)  # so it is nearly always
        elif not session.sure:
            self._let_session_go(session, self.end, counts)
        elif taken and counts.messages:
            facts = said(taken, counts, queue.host)
            for one in taken[-counts.messages :] if facts else ():
                self._tell(queue, one, counts, facts)
        session.start, session.stamp, session.sure, session.taken = self.end, self.stamp, True, ()

    def _tell(self, queue: Queue, one: Taken, counts: Counts, facts: tuple[Fact, ...]) -> None:
        """Let a message know what the end of its session said; one that has left the queue by a piece without length."""
        message, start = queue.open.get(one.queue_id), one.start
        if message is not None and message.start == start:
            message.origin += facts  # whose names come last
            message.accepted, message.is_alone = counts.recipients, counts.messages == 1
            return
        name = one.queue_id.decode()
        key = f"{queue.host}/{name}" if time_in(one.queue_id) else f"{queue.host}/{queue.instance}/{name}"
        self.ready.append(_fragment(key, self._piece(one.stamp, start, start, queue.server, facts), False, False))

    def _let_session_go(self, session: Session, end: int, counts: Counts | None) -> None:
        piece = self._piece(session.stamp, session.start, end, session.host, facts_of(session.taken, counts))
        self.ready.append(_fragment(session.key, piece, session.sure, counts is not None))

    def let_sessions_go(self) -> None:
        """Let every session that has not ended go as a piece: where it goes on, nobody can tell here."""
        for session in self.sessions.values():
            if session.taken:
                self._let_session_go(session, session.start, None)
        self.sessions.clear()

    def _piece(self, stamp: str, start: int, end: int, server: str, facts: tuple[Fact, ...]) -> Observation:
        span = Span(self.evidence, self.member, start, end)
        return Observation(span, "postfix", "session", _SMTP, server=server, stamp=stamp, facts=facts)

    def let_go(self, queue: Queue, queue_id: bytes, *, closes: bool) -> None:
        """A message has ended (`closes`), or is let go as a piece."""
        message = queue.open.pop(queue_id)
        self.opened -= 1
        name = f"{queue.host}/{queue_id.decode()}"
        if message.at:
            # a long id is unique: its key leaves out the instance, for master.cf may give each service another `syslog_name`
            seen = self.seen(queue, message, "queue", (f"queue:{name}",))
        else:
            name = f"{queue.host}/{queue.instance}/{queue_id.decode()}"
            # a short id names a message only together with its time
            ids = (f"queue:{queue.host}/{queue_id.decode()}@{message.stamp}",) if message.opens else ()
            seen = self.seen(queue, message, "queue", ids)
        self.ready.append(_fragment(name, seen, message.opens, closes))

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
        recipients, facts, sender, at = message.recipients, message.origin, message.sender, message.at
        if len(recipients) > 1 and len({one.address for one in recipients}) < len(recipients):
            recipients = [one for _, one in strongest((0, one) for one in recipients)]
        if message.accepted:
            facts += unnamed(message.declared, message.accepted, recipients, is_alone=message.is_alone)
        if message.facts:
            facts = tuple(sorted({*facts, *message.facts}))
        if message.links:
            ids = tuple(dict.fromkeys((*ids, *message.links)))
        if sender:
            sender = canonical(sender)
        return _observation(
            _tuple(Span, (self.evidence, self.member, message.start, message.end)), "postfix", kind, _SMTP,
            _SUBMITTED if message.submitted else _UNSAID, queue.server, "", message.message_id, ids, sender, sender, "", "",
            message.size, (_tuple(Reading, ("queue_id", at, 0)),) if at else (), message.stamp, tuple(recipients), False,
            message.declared, (), False, facts,
        )  # fmt: skip


Act = Callable[[Book, Head, bytes, bytes, Message | None], None]
"""What a daemon of Postfix says of a message: for each kind of text behind the queue id one function; last comes the id's open message."""
