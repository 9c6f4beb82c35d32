"""The queue of each host: open messages and deliveries under way, and how they go out as fragments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from forensics.dates import FileClock
from forensics.model import Direction, Fragment, Observation, Outcome, Route, Span
from forensics.parsers.qmail.lines import Event, Fact, Place
from forensics.records import constructor, replaced
from forensics.syslog import PieceLedger, strongest

__all__ = ["EVENT_LIMIT", "Book", "Queue", "event_in", "seen"]

EVENT_LIMIT = 200_000  # lines held of open messages; beyond it all are let go one by one
# how long after its delivery began a result may come in another file: clocks are put back in autumn, programs may hang
_EARLIEST, _LATEST = timedelta(hours=-1), timedelta(days=1)
_observation = constructor(Observation)


@dataclass(slots=True, eq=False)
class Queue:
    """The queue of one host: lines of its open messages by number, and the deliveries under way by theirs."""

    host: str
    open: dict[str, list[Event]] = field(default_factory=dict)
    flights: dict[str, Event] = field(default_factory=dict)
    last: int = 0  # the delivery that began last
    counted: Event | None = None
    held: int = 0
    # of a server without a name: its files, with a number that grows where it is not sure that one goes on with those before
    eras: dict[Place, int] = field(default_factory=dict)
    is_alone: bool = True  # no other server without a name is known

    def drop(self, number: str) -> list[Event]:
        """The lines of a message that goes; what is under way of it will not be told any more."""
        events = self.open.pop(number, [])
        self.held -= len(events)
        for one in events:
            if self.flights.get(one.delivery) is one:
                del self.flights[one.delivery]
        return events

    def take(self, event: Event) -> list[Event]:
        """Enter a line that names a message: the lines of the message that it ends, or of an older one of its number."""
        gone = self.drop(event.number) if event.kind == "new" else []
        self.open.setdefault(event.number, []).append(event)
        self.held += 1
        if (
            event.kind == "start"
            and event.recipient is not None
            and event.recipient.outcome is Outcome.ACCEPTED
            and not event.recipient.reply
        ):
            self.flights[event.delivery] = event
        return self.drop(event.number) if event.kind == "end" else gone

    def land(self, event: Event, clock: Callable[[Place], FileClock] | None = None) -> bool:
        """Give a result to its delivery; False if that is not known."""
        begun = self.flights.get(event.delivery)
        if begun is None or begun.recipient is None or event.recipient is None:
            return False
        result, time, at = event.recipient, event.stamp, None
        if event.place != begun.place and clock is not None:
            reading, before = clock(event.place).resolve(event.stamp), clock(begun.place).resolve(begun.stamp)
            if reading and before and not _EARLIEST <= reading.at - before.at <= _LATEST:
                return False
            time, at = (event.stamp, None) if reading is None else ("", reading.at)
        del self.flights[event.delivery]
        begun.recipient = replaced(begun.recipient, outcome=result.outcome, reply=result.reply, stamp=time, at=at)
        begun.facts += event.facts
        return True


@dataclass(slots=True, eq=False)
class Book(PieceLedger):
    """One span while it is being read: the queues of all hosts."""

    queues: dict[str, Queue] = field(default_factory=dict)

    def enter(self, host: str, event: Event) -> None:
        """Take the line at hand in, and let go what it ends."""
        event.place = self.span[:2]
        queue = self.queues.get(host)
        if queue is None:
            queue = self.queues[host] = Queue(host)
        if event.kind == "result":
            if not queue.land(event):
                self.let_lines_go(queue, [event])
            return
        if event.kind == "start":
            self._count(queue, event)
        gone = queue.take(event)
        if gone and gone[0].kind == "new" and gone[-1].kind == "end":
            self.ready.append(Fragment(host, seen(host, gone)))
        else:
            self.let_lines_go(queue, gone)
        if queue.held > EVENT_LIMIT:
            self.let_all_go()

    def _count(self, queue: Queue, event: Event) -> None:
        """Delivery numbers grow; one that does not is the first of another daemon, and nothing of the last one's ends any more."""
        delivery = int(event.delivery)
        if queue.counted is None or delivery <= queue.last:
            self.end_count(queue)
            queue.flights.clear()
            self.let_lines_go(queue, [_mark("restart", event)])
        queue.last, queue.counted = delivery, event

    def end_count(self, queue: Queue) -> None:
        """Note how far the deliveries of a daemon were counted."""
        if queue.counted is not None:
            self.let_lines_go(queue, [_mark("count", queue.counted)])

    def let_lines_go(self, queue: Queue, events: list[Event]) -> None:
        """Lines go out one by one."""
        for one in events:
            self.ready.append(Fragment(queue.host, _piece(queue.host, one), opens=one.kind == "new", closes=one.kind == "end"))

    def let_all_go(self) -> None:
        """Let the lines of every open message go."""
        for queue in self.queues.values():
            for number in tuple(queue.open):
                self.let_lines_go(queue, queue.drop(number))


def _mark(kind: str, event: Event) -> Event:
    return Event(kind, event.start, event.start, event.stamp, delivery=event.delivery, place=event.place)


# --- from lines to fragments ---------------------------------------------------------------------------------------------


def _piece(host: str, one: Event) -> Observation:
    """One line as an observation, from which `_event` makes the line again."""
    facts = (*one.facts, ("#delivery", one.delivery), ("#number", one.number))
    recipients = (one.recipient,) if one.recipient else ()
    span = Span(*one.place, one.start, one.end)
    return Observation(
        span, "qmail", one.kind, Route.SMTP, server=host, sender=one.sender, envelope_sender=one.sender, size=one.size,
        stamp=one.stamp, recipients=recipients, facts=tuple(sorted(facts)),
    )  # fmt: skip


def event_in(piece: Observation) -> Event:
    """The line of which `Book.let_lines_go` made this piece."""
    facts = dict(piece.facts)
    rest = tuple(one for one in piece.facts if one[0][0] != "#")
    recipient = piece.recipients[0] if piece.recipients else None
    return Event(
        piece.kind, piece.span.start, piece.span.end, piece.stamp, facts.get("#number", ""), facts.get("#delivery", ""),
        piece.sender, piece.size, recipient, rest, piece.span[:2],
    )  # fmt: skip


def seen(host: str, events: list[Event]) -> Observation:
    """What the lines of one file say of one message."""
    recipients, facts, sender, size = [], set[Fact](), "", -1
    for one in events:
        if one.recipient is not None:
            recipients.append(one.recipient)
        facts.update(one.facts)
        if one.kind == "info":
            sender, size = sender or one.sender, max(size, one.size)
    if len(recipients) > 1:
        recipients = [one for _, one in strongest((0, one) for one in recipients)]
    first = events[0]
    number = first.number or f"delivery-{first.delivery}"
    name = f"{host}/{number}" if host else number
    return _observation(
        Span(*first.place, first.start, events[-1].end), "qmail", "queue", Route.SMTP, Direction.UNKNOWN, host, "", "",
        (f"queue:{name}@{first.stamp}",), sender, sender, "", "", size, (), first.stamp, tuple(recipients), False, -1, (), False,
        tuple(sorted(facts)),
    )  # fmt: skip
