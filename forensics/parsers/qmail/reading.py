"""Reading a span, and reading on where spans and files end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from forensics.dates import FileClock
from forensics.model import Fragment, Observation, Span, Statement
from forensics.parsers.qmail import queue as queues
from forensics.parsers.qmail.lines import WORDS, Event, Place, logged, parsed
from forensics.parsers.qmail.queue import Book, Queue, event_in, seen
from forensics.plugins import Record, Source
from forensics.records import replaced
from forensics.syslog import Cut, envelope, joined, line_runs, lost_messages

__all__ = ["assemble", "read"]

_LONGEST_WORD = max(map(len, WORDS))


@dataclass(slots=True, eq=False)
class _Blocks:
    """The blocks of a member, and whether and how they have ended: a last line without end may be cut."""

    blocks: Iterator[bytes]
    last: bytes = b""
    ended: bool = False

    def __iter__(self) -> Iterator[bytes]:
        for block in self.blocks:
            self.last = block[-1:] or self.last
            yield block
        self.ended = True


def read(source: Source) -> Iterator[Record]:
    """Fragments, defects and losses of one span, and a tally of its lines."""
    span = source.span
    book, total = Book(span.evidence, span.member), 0
    blocks = _Blocks(source.blocks(max(span.start - 1, 0)))
    for offset, run in line_runs(blocks, span.start, span.end):
        total += len(run)
        book.cut = blocks.ended and blocks.last != b"\n"
        end = offset - 1
        for line in run:
            book.start, end = end + 1, end + 1 + len(line)
            book.end = end
            _line(book, line)
        yield from book.ready
        book.ready.clear()
    book.let_all_go()
    for queue in book.queues.values():
        book.end_count(queue)
    yield from book.ready
    yield Statement(span, "qmail", "tally", value=total, rows=book.ignored)


def _line(book: Book, line: bytes) -> None:
    if isinstance(line, Cut):
        book.end = book.start + line.length
        book.defect("a line is longer than any line of a log")
        return
    found = logged(line)
    if found is None:
        _odd(book, line)
        return
    time, host, text = found
    if not text.startswith(WORDS):
        if 0 < len(text) < _LONGEST_WORD and any(word.startswith(text) for word in WORDS):
            book.defect("a qmail line ends within its first words")
        else:
            book.ignored += 1
        return
    event = parsed(text, (book.start, book.end, time))
    if event is None or (book.cut and event.kind != "result"):  # a number or an address may go on
        book.defect("a qmail line cannot be read; it may be cut")
    else:
        book.enter(host, event)


def _odd(book: Book, line: bytes) -> None:
    """A line of another program, or one whose time or host cannot be read."""
    found = envelope(line)
    lost = lost_messages(found.program, found.payload) if found else 0
    if found and lost:
        span = Span(book.evidence, book.member, book.start, book.end)
        book.ready.append(Statement(span, "qmail", "lost", scope=found.host, value=lost, stamp=found.stamp))
    elif found is None and any(word in line[:512] for word in WORDS[:6]):
        book.defect("host or time of a qmail line cannot be read; the line may be cut")
    else:
        book.ignored += 1


# --- assembling ----------------------------------------------------------------------------------------------------------


def assemble(fragments: Iterable[Fragment], clocks: Mapping[Place, FileClock]) -> Iterator[Observation]:
    """Messages from the fragments of each host, which come in order of file and place: the log is read on where spans end."""
    unknown = FileClock()

    def clock_of(place: Place) -> FileClock:
        return clocks.get(place, unknown)

    for host, group in groupby(fragments, key=attrgetter("key")):
        queue = Queue(host)
        for fragment in group:
            one = fragment.observation
            if one.kind == "queue":
                number = one.ids[0].rpartition("@")[0].removeprefix("queue:").rpartition("/")[2]
                yield from _message(queue, queue.drop(number), clock_of)
                yield _finished([fragment], clock_of)
            else:
                yield from _read_on(queue, event_in(one), clock_of)
        for number in tuple(queue.open):
            yield from _message(queue, queue.drop(number), clock_of)


def _read_on(queue: Queue, event: Event, clock_of: Callable[[Place], FileClock]) -> Iterator[Observation]:
    if event.kind in {"restart", "count"}:
        if event.kind == "restart" and int(event.delivery) <= queue.last:
            queue.flights.clear()
        queue.last = int(event.delivery)
    elif event.kind == "result":
        if not queue.land(event, clock_of):
            yield from _message(queue, [event], clock_of)
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
    yield _finished(pieces, clock_of)


def _finished(pieces: list[Fragment], clock_of: Callable[[Place], FileClock]) -> Observation:
    one = joined(pieces, clock_of)
    first, size = pieces[0].observation, max(piece.observation.size for piece in pieces)
    more = set()
    if not pieces[0].opens:
        more.add(("partial", "start"))
    if not pieces[-1].closes:
        more.add(("partial", "end"))
    if not one.recipients and (not pieces[-1].closes or not pieces[0].opens):
        more.add(("recipients_unknown", "true"))
    return replaced(one, ids=first.ids, size=size, facts=tuple(sorted({*one.facts, *more})))
