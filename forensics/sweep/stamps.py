"""The nearest time before a place in any text: cheap, approximate, and unknown rather than guessed."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from forensics.dates import FileClock, infer_clock, iso_time, mail_time, postfix_long_id_time
from forensics.model import Reading
from forensics.sweep.memory import octets, places

__all__ = ["NO_STAMP", "Clock", "Stamp"]

_HEAD = 96  # bytes of a line in which its stamp begins
_REACH = 65_536  # bytes that are searched backwards where the line has no stamp
_HALF = 40  # bytes that a stamp may reach from its last colon, either way
_JOURNAL = b'_REALTIME_TIMESTAMP"'
_ABOUT = 1_024  # bytes: about one record
_NEXT = 4_096  # bytes that are searched forwards
_PAIRS = 4_096  # bytes at the start of a block from which its clock is taken
_ENOUGH = 16  # lines that tell it
_TOLD = 4 << 20  # bytes for which it is taken once
_NAMES = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_MONTH = rb"(?:" + b"|".join(_NAMES) + rb")"
_TIME = rb"[0-2]\d:[0-5]\d:[0-6]\d"
_MINUTES = re.compile(rb":[0-5]\d:")
_ISO = rb"(?P<iso>\d{4}-\d\d-\d\d[T ]" + _TIME + rb"(?:[.,]\d{1,12})?(?: ?(?:[Zz]\b|[+-]\d\d:?\d\d))?)"
_ISO_STAMP, _ISO_COLON = re.compile(rb"(?<![\w:.-])" + _ISO), 16  # bytes from its start to its second colon
_STAMP = re.compile(
    rb"(?<![\w:.-])(?:" + _ISO + rb"|(?P<mail>\d{1,2} " + _MONTH + rb" \d{4} " + _TIME + rb"(?: [+-]\d{4}| [A-Z]{1,4}\b)?)"
    rb"|(?P<asctime>" + _MONTH + rb" [ 0-3]?\d " + _TIME + rb" \d{4}\b)"
    rb"|(?P<syslog>" + _MONTH + rb" [ 0-3]?\d " + _TIME + rb")"
    rb"|(?P<micro>1\d{15}(?=\"))"  # the journal's microseconds
    rb"|(?P<tai>@4[0-9a-f]{23})"
    rb")"
)
_OPENING = re.compile(
    rb"\n(?P<stamp>" + _MONTH + rb" [ 0-3]\d " + _TIME + rb") [^\n:]{1,128}: (?P<id>[0-9A-Za-z]{12,20}): (?:client=|uid=|from=<)"
)
_TAI_EPOCH = (1 << 62) + 10


class Stamp(NamedTuple):
    """A time as written, and in UTC with its slack in seconds where it can be known; `at` None: year unknown."""

    text: str = ""
    at: datetime | None = None
    slack: int = 0


NO_STAMP = Stamp()


class _Index(NamedTuple):
    """Where the second colon of a time of day may stand in a block, and whether entries of the journal are in it."""

    colons: list[int]
    journal: bool


class Clock:
    """Times of one stream, asked at growing places. A log without years is dated by its long queue ids or by `year`."""

    def __init__(self, year: int | None = None) -> None:
        self._year = year
        self._clock = infer_clock([], year=year)
        self._last = NO_STAMP
        self._asked = 0  # offset in the stream
        self._seen = 0  # offset in the stream up to which no later stamp is sought again
        self._told_until = -1  # offset in the stream up to which the clock is as good as told
        self._budget = _TOLD  # bytes that are still searched for what tells it
        self._indexed, self._found = b"", _Index([], journal=False)

    def enter(self, data: bytes, low: int, base: int) -> None:
        """A new block of the stream: the queue ids at its start tell year and zone of what follows, for some megabytes."""
        if base + low < self._told_until:
            return
        told = infer_clock(_pairs(data, max(low - 1, 0), low + _PAIRS))
        if not told.anchors and not self._clock.anchors and self._budget > 0:  # nobody has told anything yet: look further
            self._budget -= len(data)
            told = infer_clock(_pairs(data, max(low - 1, 0), len(data)))
        if told.anchors:
            self._clock = told
            self._told_until = base + low + _TOLD

    def about(self, data: bytes, asked: Sequence[int], base: int) -> list[Stamp]:
        """For each of the ascending places the stamp before it, or the one before that if it was sought less than a kilobyte ago."""
        stamps = []
        until = self._asked + _ABOUT - base if self._last.text else -1
        stamp = self._last
        for place in asked:
            if place >= until:
                stamp = self.at(data, place, base)
                until = place + _ABOUT if self._last.text else -1
            stamps.append(stamp)
        return stamps

    def at(self, data: bytes, place: int, base: int) -> Stamp:
        """The stamp nearest before `place` in `data`, whose first byte lies at `base`; the last one known if none is near.

        Before the first stamp of a stream it is the next one, if that is near: many a record ends with its time.
        """
        self._asked = base + place
        own = self.line(data, place)
        if own is not None:
            self._last = own
        else:
            found = self._nearest(data, max(self._seen - base, place - _REACH, 0), place)
            self._last = _resolved(found, self._clock) if found else self._last
        self._seen = max(self._seen, base + place - _HEAD)  # a stamp may have been cut by `place`
        return self._last if self._last.text else self.first(data, place, len(data))

    def line(self, data: bytes, place: int) -> Stamp | None:
        """The stamp with which the line around `place` begins, if it does."""
        line = data.rfind(b"\n", max(place - _REACH, 0), place) + 1
        own = _STAMP.search(data, line, min(line + _HEAD, place)) if line and self._may_hold(data, line, place) else None
        return _resolved(own, self._clock) if own else None

    def _may_hold(self, data: bytes, line: int, place: int) -> bool:
        """Whether a time may stand in the head of a line: asked of every line, so that most are not searched."""
        stop = min(line + _HEAD, place)
        if _MINUTES.search(data, line, stop) or data.startswith(b"@4", line):
            return True
        return self._index(data).journal and data.find(_JOURNAL, line, stop) >= 0

    def _nearest(self, data: bytes, low: int, place: int) -> re.Match[bytes] | None:
        """The last stamp in a stretch, sought backwards from time to time of day: far faster than reading all of it."""
        index = self._index(data)
        colons = index.colons
        journal = data.rfind(_JOURNAL, low, place) if index.journal else -1
        number = bisect_left(colons, place)
        while number and colons[number - 1] >= max(low, journal):
            number -= 1
            at = colons[number]
            if at >= _ISO_COLON and (iso := _ISO_STAMP.match(data, at - _ISO_COLON, min(at + _HALF, place))):
                return iso
            if found := list(_STAMP.finditer(data, max(at - _HALF, 0), min(at + _HALF, place))):
                return found[-1]
        return _STAMP.search(data, journal, min(journal + _HEAD, place)) if journal >= 0 else None

    def _index(self, data: bytes) -> _Index:
        if self._indexed is not data:
            self._indexed = data
            colon = octets(data) == ord(":")
            found = np.flatnonzero(colon[3:] & colon[:-3]) + 3 if len(data) > _HALF else np.zeros(0, np.intp)
            self._found = _Index(found.tolist(), bool(places(octets(data), _JOURNAL)))
        return self._found

    def first(self, data: bytes, low: int, high: int) -> Stamp:
        """The first stamp in a stretch of a few lines; without one, the last one known."""
        match = _STAMP.search(data, low, min(low + _NEXT, high))
        return _resolved(match, self._clock) if match else self._last


def _pairs(data: bytes, low: int, high: int) -> list[tuple[str, datetime]]:
    """Local stamps, and the times in the long queue ids beside them; some are enough."""
    pairs = []
    for match in _OPENING.finditer(data, low, high):
        at = postfix_long_id_time(match["id"].decode())
        if at is not None:
            pairs.append((_yearless(match["stamp"]), at))
        if len(pairs) == _ENOUGH:
            break
    return pairs


def _resolved(match: re.Match[bytes], clock: FileClock) -> Stamp:
    kind, text = match.lastgroup or "", match.group().decode("ascii", "replace")
    if kind == "syslog":
        reading = clock.resolve(_yearless(match.group()))
    elif kind == "iso":
        reading = clock.resolve(text.replace(" ", "T", 1).replace(" ", "")) or _fixed("iso", text)
    else:
        reading = _fixed(kind, text)
    return Stamp(text, reading.at, reading.slack) if reading else Stamp(text)


@lru_cache(maxsize=4096)
def _fixed(kind: str, text: str) -> Reading | None:
    if kind == "iso":
        return iso_time(text)
    if kind == "micro":
        return Reading(kind, datetime.fromtimestamp(int(text) // 1_000_000, UTC))
    if kind == "tai":
        seconds = int(text[1:17], 16) - _TAI_EPOCH
        return Reading(kind, datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)) if 0 < seconds < 1 << 32 else None
    return mail_time(text)


def _yearless(stamp: bytes) -> str:
    """`Sep  7 10:00:02` as `dates.FileClock` reads it."""
    month, day, time = stamp.split()
    return f"--{_NAMES.index(month) + 1:02d}-{int(day):02d}T{time.decode()}"
