"""Reading a span, and reading on where spans and files end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from forensics.dates import FileClock
from forensics.model import Fragment, Observation, Span
from forensics.parsers.qmail import queue as queues
from forensics.parsers.qmail.lines import WORDS, Event, Fact, Place, logged, parsed
from forensics.parsers.qmail.queue import Book, Queue, event_in, seen
from forensics.parsers.qmail.servers import by_server
from forensics.plugins import Record, Source
from forensics.records import replaced
from forensics.syslog import envelope, joined

__all__ = ["assemble", "read"]

_LONGEST_WORD = max(map(len, WORDS))
# facts of messages in logs that name no host
_UNSURE = ("server_unnamed", "joined across files that may be of two servers")
_APART = ("server_unnamed", "the rest may lie in another of the logs without a host")


@dataclass(slots=True, eq=False)
class _Ending:
    """A log of which it is noted where its member ends, once that is known: a last line without end may be cut."""

    source: Source
    end: int = -1

    @property
    def span(self) -> Span:
        """The part of the member whose lines are wanted."""
        return self.source.span

    def blocks(self, start: int | None = None) -> Iterator[bytes]:
        """Decoded bytes from `start` to the end of the member."""
        at = self.span.start if start is None else start
        for block in self.source.blocks(at):
            at += len(block)
            yield block
        self.end = at


def read(source: Source) -> Iterator[Record]:
    """Fragments, defects and losses of one span, and a tally of its lines."""
    book, log = Book(source.span, "qmail"), _Ending(source)
    for line in book.lines(log):
        _line(book, line, may_go_on=book.end == log.end)
        if book.ready:
            yield from book.told()
    book.let_all_go()
    for queue in book.queues.values():
        book.end_count(queue)
    yield from book.told()
    yield book.tally()


def _line(book: Book, line: bytes, *, may_go_on: bool) -> None:
    found = logged(line)
    if found is None:
        other = envelope(line)
        cut = other is None and any(word in line[:512] for word in WORDS[:6])
        book.odd(other, "host or time of a qmail line cannot be read; the line may be cut" if cut else "")
        return
    time, host, text = found
    if not text.startswith(WORDS):
        if 0 < len(text) < _LONGEST_WORD and any(word.startswith(text) for word in WORDS):
            book.defect("a qmail line ends within its first words")
        else:
            book.ignored += 1
        return
    event = parsed(text, (book.start, book.end, time))
    if event is None or (may_go_on and event.kind != "result"):  # a number or an address may go on
        book.defect("a qmail line cannot be read; it may be cut")
    else:
        book.enter(host, event)


# --- assembling ----------------------------------------------------------------------------------------------------------


def assemble(fragments: Iterable[Fragment], clocks: Mapping[Place, FileClock]) -> Iterator[Observation]:
    """Messages from the fragments of each host, which come in order of file and place: the log is read on where spans end."""
    unknown = FileClock()

    def clock_of(place: Place) -> FileClock:
        return clocks.get(place, unknown)

    for host, group in groupby(fragments, key=attrgetter("key")):
        for queue, fragment in by_server(host, group, clock_of):
            if fragment is None:
                for number in tuple(queue.open):
                    yield from _message(queue, queue.drop(number), clock_of)
            elif fragment.observation.kind == "queue":
                number = fragment.observation.ids[0].rpartition("@")[0].removeprefix("queue:").rpartition("/")[2]
                yield from _message(queue, queue.drop(number), clock_of)
                yield _finished(queue, [fragment], clock_of)
            else:
                yield from _read_on(queue, event_in(fragment.observation), clock_of)


def _read_on(queue: Queue, event: Event, clock_of: Callable[[Place], FileClock]) -> Iterator[Observation]:
    if event.kind in {"restart", "count"}:
        if event.kind == "restart" and int(event.delivery) <= queue.last:
            queue.flights.clear()
        queue.last = int(event.delivery)
    elif event.kind == "result":
        begun = queue.flights.get(event.delivery)
        if not queue.land(event, clock_of):
            yield from _message(queue, [event], clock_of)
        elif begun and _eras(queue, [begun, event]) > 1:
            begun.facts += (_UNSURE,)
    else:
        yield from _message(queue, queue.take(event), clock_of)
        if queue.held > queues.EVENT_LIMIT:
            yield from _message(queue, queue.drop(next(iter(queue.open))), clock_of)


def _message(queue: Queue, events: list[Event], clock_of: Callable[[Place], FileClock]) -> Iterator[Observation]:
    """The message that these lines tell of; a result whose delivery began before the first file is one without recipients."""
    if not events:
        return
    pieces = []
    for _, lines in groupby(events, key=attrgetter("place")):
        held = list(lines)
        if held[0].kind == "result":
            held[0].recipient = None
        pieces.append(Fragment(queue.host, seen(queue.host, held), opens=held[0].kind == "new", closes=held[-1].kind == "end"))
    yield _finished(queue, pieces, clock_of, {_UNSURE} if _eras(queue, events) > 1 else set())


def _eras(queue: Queue, events: Iterable[Event]) -> int:
    """Over how many parts of a log these lines are spread, of which it is not sure that one server wrote them."""
    return len({queue.eras.get(one.place, 0) for one in events})


def _finished(
    queue: Queue, pieces: list[Fragment], clock_of: Callable[[Place], FileClock], more: Iterable[Fact] = ()
) -> Observation:
    one = joined(pieces, clock_of)
    first, size = pieces[0].observation, max(piece.observation.size for piece in pieces)
    more = set(more)
    if not queue.is_alone and not (pieces[0].opens and pieces[-1].closes):
        more.add(_APART)
    if not pieces[0].opens:
        more.add(("partial", "start"))
    if not pieces[-1].closes:
        more.add(("partial", "end"))
    if not one.recipients and (not pieces[-1].closes or not pieces[0].opens):
        more.add(("recipients_unknown", "true"))
    return replaced(one, ids=first.ids, size=size, facts=tuple(sorted({*one.facts, *more})))
