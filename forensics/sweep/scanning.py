"""One pass over a stream in overlapping blocks: each hit counts once, wherever a block ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from forensics.sweep.needles import AHEAD, BACK, Hit, Needles
from forensics.sweep.recipients import Fields, Found, domains_in, is_flat, logged, logged_at
from forensics.sweep.sightings import Sighting
from forensics.sweep.stamps import NO_STAMP, Clock, Stamp

__all__ = ["BLOCK", "Stream", "scan"]

BLOCK = 1 << 19
_STEP = timedelta(minutes=1)
_NAMES = 100_000  # different domains of one stream that are kept apart
_MEMORY = 50_000  # recipients as written that are put by before they are counted


class _Block(NamedTuple):
    """Bytes at offset `base` of a stream, of which those from `low` to `high` are this block's own."""

    data: bytes
    base: int
    low: int
    high: int


@dataclass(slots=True)
class Stream:
    """What was found in one stream: by (indicator, form), and by domain of a recipient as written, lower case."""

    size: int = 0
    hits: dict[tuple[str, str], Sighting] = field(default_factory=dict)
    domains: dict[str, Sighting] = field(default_factory=dict)
    dropped: int = 0  # recipients at domains beyond the number that is kept apart
    first: Stamp = NO_STAMP
    last: Stamp = NO_STAMP


def scan(blocks: Iterable[bytes], needles: Needles, *, year: int | None = None, size: int = BLOCK) -> Stream:
    """Search a stream once, in bounded memory. The size of the blocks changes nothing but the accuracy of last times."""
    scanner = _Scanner(needles, year)
    for block in _overlapping(blocks, size):
        scanner.read(block)
    scanner.settle()
    return scanner.stream


def _overlapping(blocks: Iterable[bytes], size: int) -> Iterator[_Block]:
    """Blocks with what precedes and follows them; their own part ends before a line end where there is one.

    A line end is put before the first line, so that it begins as all others do.
    """
    held, base, low, fresh = [b"\n"], -1, 0, 0
    for block in blocks:
        held.append(block)
        fresh += len(block)
        if fresh < max(size, 2 * AHEAD):
            continue
        data, fresh = b"".join(held), 0
        limit = len(data) - AHEAD
        high = data.rfind(b"\n", low + 1, limit)
        high = high if high > low else limit
        yield _Block(data, base, low, high)
        keep = max(high - BACK, 0)
        held, base, low = [data[keep:]], base + keep, high - keep
    data = b"".join(held)
    yield _Block(data, base, low, len(data))


def _follow(earlier: Stamp, later: Stamp) -> bool:
    """Whether time goes on from one stamp to the next; programs that log side by side may be out of step a little."""
    if earlier.at is None or later.at is None:
        return not earlier.text
    return earlier.at <= later.at + _STEP


class _Scanner:
    """The state of one pass."""

    def __init__(self, needles: Needles, year: int | None) -> None:
        self.stream = Stream()
        self._needles, self._clock, self._fields = needles, Clock(year), Fields()
        self._tally: Counter[bytes] = Counter()
        self._lasts: dict[bytes, Stamp] = {}

    def read(self, block: _Block) -> None:
        """Take one block in."""
        lowered, flat = block.data.lower(), is_flat(block.data)
        self._clock.enter(block.data, block.low)
        hits = [hit for hit in self._needles.search(block.data, lowered, flat=flat) if block.low <= hit.start < block.high]
        elsewhere = self._fields.found(block.data, (block.low, block.high, block.base), flat=flat)
        first = self._clock.first(block.data, block.low, block.high)
        self._take(hits, elsewhere, block)
        last = self._clock.at(block.data, block.high, block.base)
        self._take_logged(block, lowered, first, last)
        if first.text and not self.stream.first.text:
            self.stream.first = first
        self.stream.last, self.stream.size = last, block.base + block.high

    def _take(self, hits: list[Hit], found: list[Found], block: _Block) -> None:
        """Hits and single recipients in order of place: the clock goes forward only."""
        merged: list[tuple[int, tuple[str, str] | None, bytes]] = [(at, (name, form), b"") for at, name, form in hits]
        merged += [(at, None, domain) for at, domain in found]
        for at, key, domain in sorted(merged, key=lambda one: one[0]):
            if key is None:
                stamp = self._clock.about(block.data, at, block.base)
                self._count(domain.decode("utf-8", "replace").lower(), stamp, stamp)
            else:
                sighting = self.stream.hits.setdefault(key, Sighting())
                stamp = self._clock.at(block.data, at, block.base)
                sighting.add(stamp, stamp)
                sighting.noted(block.base + at)

    def _take_logged(self, block: _Block, lowered: bytes, first: Stamp, last: Stamp) -> None:
        """Recipients of log lines: counted by the block. Only where one is new, or time runs backwards, each is dated."""
        tokens = logged(lowered, block.low, block.high)
        ordered = _follow(self.stream.last, first) and _follow(first, last) and first.at is not None
        met = dict.fromkeys(tokens, last)
        apart = met.keys() - self._lasts.keys() if ordered else met.keys()
        if apart:
            for at, token in logged_at(lowered, block.low, block.high):
                if token in apart:
                    stamp = self._clock.line(block.data, at) or first
                    for name in domains_in(token):
                        self._count(name, stamp, stamp)
        if ordered:
            self._tally.update([token for token in tokens if token not in apart] if apart else tokens)
            self._lasts.update(met)
        if len(self._lasts) > _MEMORY:
            self.settle()

    def settle(self) -> None:
        """Count what was put by: recipients that had been dated once and came again later."""
        for token, count in self._tally.items():
            for name in domains_in(token):
                self._count(name, self._lasts[token], self._lasts[token], count)
        self._tally.clear()
        self._lasts.clear()

    def _count(self, name: str, first: Stamp, last: Stamp, count: int = 1) -> None:
        sighting = self.stream.domains.get(name)
        if sighting is None:
            if len(self.stream.domains) >= _NAMES:
                self.stream.dropped += count
                return
            sighting = self.stream.domains[name] = Sighting()
        sighting.add(first, last, count)
