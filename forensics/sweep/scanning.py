"""One pass over a stream in overlapping blocks: each hit counts once, wherever a block ends."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from forensics.sweep.blocks import WHOLE, Block, Part, character, narrowed, overlapping, wide_order
from forensics.sweep.memory import Octets, folded, keep_freed_memory, octets
from forensics.sweep.needles import Hit, Needles
from forensics.sweep.recipients import VALUE, Fields, Found, domains_in, logged, logged_at
from forensics.sweep.sightings import Sighting, merged
from forensics.sweep.stamps import NO_STAMP, Clock, Stamp

__all__ = ["ALL", "BLOCK", "Stream", "Wish", "scan", "together"]

Key = TypeVar("Key")
BLOCK = 1 << 20
_STEP = timedelta(minutes=1)
_NAMES = 100_000  # different domains of one stream that are kept apart
_MEMORY = 50_000  # recipients as written that are put by before they are counted


@dataclass(slots=True)
class Stream:
    """What was found in one stream: by (indicator, form), and by domain of a recipient as written, lower case."""

    size: int = 0
    hits: dict[tuple[str, str], Sighting] = field(default_factory=dict)
    domains: dict[str, Sighting] = field(default_factory=dict)
    dropped: int = 0  # recipients at domains beyond the number that is kept apart
    first: Stamp = NO_STAMP
    last: Stamp = NO_STAMP


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a stream: dates of logs without years in `year`, recipients too or indicators alone."""

    year: int | None = None
    recipients: bool = True


ALL = Wish()


def scan(blocks: Iterable[bytes], needles: Needles, wish: Wish = ALL, *, part: Part = WHOLE, size: int = BLOCK) -> Stream:
    """Search a stream, or a part of it, once, in bounded memory; `blocks` begin at `part.begin`.

    The size of the blocks changes nothing but the accuracy of last times.
    """
    keep_freed_memory()
    scanner = _Scanner(needles, wish, part)
    for block in overlapping(blocks, size, part):
        scanner.read(block)
    scanner.settle()
    return scanner.stream


def together(parts: Sequence[Stream]) -> Stream:
    """Parts of one stream, in order, as one."""
    if len(parts) == 1:
        return parts[0]
    return Stream(
        sum(one.size for one in parts),
        _merged([one.hits for one in parts]),
        _merged([one.domains for one in parts]),
        sum(one.dropped for one in parts),
        next((one.first for one in parts if one.first.text), NO_STAMP),
        parts[-1].last,
    )


def _merged(parts: Iterable[Mapping[Key, Sighting]]) -> dict[Key, Sighting]:
    found: dict[Key, list[Sighting]] = {}
    for part in parts:
        for key, one in part.items():
            found.setdefault(key, []).append(one)
    return {key: merged(listed) for key, listed in found.items()}


def _follow(earlier: Stamp, later: Stamp) -> bool:
    """Whether time goes on from one stamp to the next; programs that log side by side may be out of step a little."""
    if earlier.at is None or later.at is None:
        return not earlier.text
    return earlier.at <= later.at + _STEP


def _direction(stamps: Sequence[Stamp]) -> int:
    """1 where times never go back, -1 where they never go on, 0 where they do both or one is not known."""
    known = [one.at for one in stamps if one.at is not None]
    if len(known) < len(stamps):
        return 0
    ascending = sorted(known)
    return 1 if known == ascending else -1 if known[::-1] == ascending else 0


class _Scanner:
    """The state of one pass."""

    def __init__(self, needles: Needles, wish: Wish, part: Part) -> None:
        self.stream = Stream()
        self._needles, self._wish = needles, wish
        self._clock, self._fields = Clock(wish.year), Fields()
        self._tally: Counter[bytes] = Counter()
        self._lasts: dict[bytes, Stamp] = {}
        self._wide: str | None = part.wide if part.start else None  # not known before the first block
        self._begun = part.start == 0

    def read(self, block: Block) -> None:
        """Take one block in."""
        if self._wide is None:
            self._wide = wide_order(block.data[1:])
        alike = folded(octets(block.data))
        hits = [hit for hit in self._needles.search(block.data, alike) if block.low <= hit.start < block.high]
        self.stream.size += block.high - block.low - (block.base + block.low < 0)
        if not hits and not self._wish.recipients:
            return
        text = narrowed(block, self._wide) if self._wide else block
        self._clock.enter(text.data, text.low, text.base)
        if self._wish.recipients:
            self._read_recipients(text, folded(octets(text.data)) if self._wide else alike, hits, block.base)
        else:
            self._take(hits, [], text, block.base)

    def _read_recipients(self, block: Block, alike: Octets, hits: list[Hit], base: int) -> None:
        if not self._begun:  # a list that began before this part
            self._fields.found(block.data, alike, (max(block.low - VALUE, 0), block.low, block.base))
            self._begun = True
        elsewhere = self._fields.found(block.data, alike, (block.low, block.high, block.base))
        first = self._clock.first(block.data, block.low, block.high)
        self._take(hits, elsewhere, block, base)
        last = self._clock.at(block.data, block.high, block.base)
        self._take_logged(block, alike, first, last)
        if first.text and not self.stream.first.text:
            self.stream.first = first
        self.stream.last = last

    def _take(self, hits: list[Hit], found: list[Found], block: Block, base: int) -> None:
        """Hits and recipients' fields in order of place: the clock goes forward only. Hits are counted from `base`."""
        places = [one.start for one in found]
        stamps: list[Stamp] = []
        for hit in hits:
            at = character(base + hit.start) - block.base if self._wide else hit.start
            stamps += self._clock.about(block.data, places[len(stamps) : bisect_left(places, at)], block.base)
            stamp = self._clock.at(block.data, at, block.base)
            sighting = self.stream.hits.setdefault((hit.indicator, hit.form), Sighting())
            sighting.add(stamp, stamp)
            sighting.noted(base + hit.start)
        stamps += self._clock.about(block.data, places[len(stamps) :], block.base)
        self._take_fields([one.domain for one in found], stamps)

    def _take_fields(self, domains: list[bytes], stamps: list[Stamp]) -> None:
        """Recipients in fields: where times run one way, each domain's first and last are enough."""
        direction = _direction(stamps)
        if direction == 0:
            for domain, stamp in zip(domains, stamps, strict=True):
                self._count(domain.decode("utf-8", "replace").lower(), stamp, stamp)
            return
        lasts = dict(zip(domains, stamps, strict=True))
        firsts = dict(zip(reversed(domains), reversed(stamps), strict=True))
        for domain, count in Counter(domains).items():
            self._count(domain.decode("utf-8", "replace").lower(), firsts[domain], lasts[domain], count)

    def _take_logged(self, block: Block, alike: Octets, first: Stamp, last: Stamp) -> None:
        """Recipients of log lines: counted by the block. Only where one is new, or time runs backwards, each is dated."""
        tokens = logged(block.data, alike, block.low, block.high)
        ordered = _follow(self.stream.last, first) and _follow(first, last) and first.at is not None
        met = dict.fromkeys(tokens, last)
        apart = met.keys() - self._lasts.keys() if ordered else met.keys()
        if apart:
            for at, token in logged_at(block.data, alike, block.low, block.high):
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
