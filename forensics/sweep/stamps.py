"""The nearest time before a place in any text: cheap, approximate, and unknown rather than guessed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from forensics.dates import FileClock, infer_clock, iso_time, mail_time, postfix_long_id_time
from forensics.model import Reading

__all__ = ["NO_STAMP", "Clock", "Stamp"]

_HEAD = 96  # bytes of a line in which its stamp begins
_REACH = 65_536  # bytes that are searched backwards where the line has no stamp
_HALF = 40  # bytes that a stamp may reach from its last colon, either way
_JOURNAL = b'_REALTIME_TIMESTAMP"'
_ABOUT = 1_024  # bytes: about one record
_NEXT = 4_096  # bytes that are searched forwards
_PAIRS = 4_096  # bytes at the start of a block from which its clock is taken
_NAMES = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_MONTH = rb"(?:" + b"|".join(_NAMES) + rb")"
_TIME = rb"[0-2]\d:[0-5]\d:[0-6]\d"
_STAMP = re.compile(
    rb"(?<![\w:.-])(?:"
    rb"(?P<iso>\d{4}-\d\d-\d\d[T ]" + _TIME + rb"(?:[.,]\d{1,12})?(?: ?(?:[Zz]\b|[+-]\d\d:?\d\d))?)"
    rb"|(?P<mail>\d{1,2} " + _MONTH + rb" \d{4} " + _TIME + rb"(?: [+-]\d{4}| [A-Z]{1,4}\b)?)"
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


class Clock:
    """Times of one stream, asked at growing places. A log without years is dated by its long queue ids or by `year`."""

    def __init__(self, year: int | None = None) -> None:
        self._year = year
        self._clock = infer_clock([], year=year)
        self._last = NO_STAMP
        self._asked = 0  # offset in the stream
        self._seen = 0  # offset in the stream up to which no later stamp is sought again

    def enter(self, data: bytes, low: int) -> None:
        """A new block of the stream: the queue ids at its start tell year and zone of what follows."""
        pairs = []
        for match in _OPENING.finditer(data, max(low - 1, 0), low + _PAIRS):
            at = postfix_long_id_time(match["id"].decode())
            if at is not None:
                pairs.append((_yearless(match["stamp"]), at))
        told = infer_clock(pairs)
        if told.anchors:
            self._clock = told

    def about(self, data: bytes, place: int, base: int) -> Stamp:
        """The stamp before `place`, or the one before it if that was sought less than a kilobyte ago."""
        return self._last if self._last.text and base + place < self._asked + _ABOUT else self.at(data, place, base)

    def at(self, data: bytes, place: int, base: int) -> Stamp:
        """The stamp nearest before `place` in `data`, whose first byte lies at `base`; the last one known if none is near.

        Before the first stamp of a stream it is the next one, if that is near: many a record ends with its time.
        """
        self._asked = base + place
        own = self.line(data, place)
        if own is not None:
            self._last = own
        else:
            found = _nearest(data, max(self._seen - base, place - _REACH, 0), place)
            self._last = _resolved(found, self._clock) if found else self._last
        self._seen = max(self._seen, base + place - _HEAD)  # a stamp may have been cut by `place`
        return self._last if self._last.text else self.first(data, place, len(data))

    def line(self, data: bytes, place: int) -> Stamp | None:
        """The stamp with which the line around `place` begins, if it does."""
        line = data.rfind(b"\n", max(place - _REACH, 0), place) + 1
        own = _STAMP.search(data, line, min(line + _HEAD, place)) if line else None
        return _resolved(own, self._clock) if own else None

    def first(self, data: bytes, low: int, high: int) -> Stamp:
        """The first stamp in a stretch of a few lines; without one, the last one known."""
        match = _STAMP.search(data, low, min(low + _NEXT, high))
        return _resolved(match, self._clock) if match else self._last


def _nearest(data: bytes, low: int, place: int) -> re.Match[bytes] | None:
    """The last stamp in a stretch, sought backwards from colon to colon: far faster than reading all of it."""
    journal = data.rfind(_JOURNAL, low, place)
    at = place
    while (at := data.rfind(b":", max(low, journal), at)) >= 0:
        if data[at - 3 : at - 2] != b":":
            continue
        if found := list(_STAMP.finditer(data, max(at - _HALF, 0), min(at + _HALF, place))):
            return found[-1]
    return _STAMP.search(data, journal, min(journal + _HEAD, place)) if journal >= 0 else None


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
