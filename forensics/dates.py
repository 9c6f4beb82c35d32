"""Times: exact formats first, clocks hidden in queue ids, and the year and zone that a log does not write."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from itertools import pairwise

from dateutil import parser as lenient

from forensics.model import Reading

__all__ = ["UNKNOWN_ZONE", "FileClock", "infer_clock", "iso_time", "mail_time", "postfix_long_id_time", "zulu"]

UNKNOWN_ZONE = 14 * 3600  # seconds: no zone on Earth is further from UTC
_OLDEST = datetime(1995, 1, 1, tzinfo=UTC)
_AGREEING = 3  # ids that must agree before a zone is taken from them
_QUARTER = 900

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d:?\d\d(?::?\d\d)?|[+-]\d\d)?",
    re.IGNORECASE,
)
_STAMP = re.compile(r"(?:(\d{4})|-)-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?")
_MONTHS = {name: number for number, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)}
# RFC 5322 section 3.3 with its obsolete forms; comments are removed before
_MAIL = re.compile(
    r"(?:[A-Za-z]{3,9}\s*,?\s+)?(\d{1,2})\s+([A-Za-z]{3,9})\s+(\d{4}|\d{2})\s+"
    r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?\s*([+-]\d{4}|[A-Za-z]{1,5})?",
)
# RFC 5322 section 4.3; single letters were defined wrongly once and are unknown since
_ZONES = {
    "UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "EST": -18000, "EDT": -14400, "CST": -21600, "CDT": -18000,
    "MST": -25200, "MDT": -21600, "PST": -28800, "PDT": -25200,
}  # fmt: skip


def zulu(at: datetime | None) -> str:
    """`at` as ISO 8601 in UTC with "Z": seconds, and microseconds only where there are any; "" for None."""
    if at is None:
        return ""
    at = at.astimezone(UTC)
    text = at.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{at.microsecond:06d}Z" if at.microsecond else f"{text}Z"


@lru_cache(maxsize=4096)
def iso_time(text: str, clock: str = "iso") -> Reading | None:
    """An ISO 8601 time with any number of fractional digits, cut to microseconds.

    Without an offset the zone is unknown: the text is taken as UTC with a slack of 14 hours. None if it is no such time.
    """
    match = _ISO.fullmatch(text.strip())
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    naive = _naive(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micro)
    if naive is None:
        return None
    offset = _iso_offset(zone)
    if offset is None:
        return _shifted(clock, naive, 0, UNKNOWN_ZONE)
    return _shifted(clock, naive, offset, 0)


def _iso_offset(zone: str | None) -> int | None:
    if not zone:
        return None
    if zone in "Zz":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60
    return None if seconds > UNKNOWN_ZONE else (-seconds if zone[0] == "-" else seconds)


def _naive(  # noqa: PLR0917  the fields of a time
    year: int, month: int, day: int, hour: int, minute: int, second: int, micro: int = 0
) -> datetime | None:
    """A naive time; second 60 (a leap second) counts as the next second, anything else out of range is None."""
    try:
        whole = datetime(year, month, day, hour, minute, min(second, 59), micro)  # noqa: DTZ001  zone added by callers
        return whole + timedelta(seconds=1) if second == 60 else whole if second < 60 else None  # noqa: PLR2004
    except (ValueError, OverflowError):
        return None


def _shifted(clock: str, naive: datetime, offset: int, slack: int) -> Reading | None:
    try:
        return Reading(clock, (naive - timedelta(seconds=offset)).replace(tzinfo=UTC), slack)
    except OverflowError:
        return None


@lru_cache(maxsize=4096)
def mail_time(text: str, clock: str = "date") -> Reading | None:
    """The time of a Date or Received header: RFC 5322, its obsolete forms, ISO 8601, then dateutil as last resort.

    An unknown zone name, no zone, or an offset of more than 14 hours (`+9900` is met in the wild) leaves the local time
    with a slack of 14 hours. dateutil is asked only if year, month and day stand in the text, never for a partial date:
    it would fill the rest from today.
    """
    bare = re.sub(r"\([^()]*\)", " ", text).strip()
    match = _MAIL.fullmatch(bare)
    if not match:
        return iso_time(bare, clock) or _last_resort(bare, clock)
    day, month_name, year_text, hour, minute, second, zone = match.groups()
    month = _MONTHS.get(month_name[:3].lower())
    if month is None:
        return None
    year = int(year_text)
    if len(year_text) == 2:  # noqa: PLR2004  RFC 5322 section 4.3
        year += 2000 if year < 50 else 1900  # noqa: PLR2004
    naive = _naive(year, month, int(day), int(hour), int(minute), int(second or 0))
    if naive is None:
        return None
    offset = _mail_offset(zone)
    return _shifted(clock, naive, offset or 0, UNKNOWN_ZONE if offset is None else 0)


def _mail_offset(zone: str | None) -> int | None:
    if not zone or zone == "-0000":  # -0000: the time is UTC, the local zone is not told; RFC 5322 section 3.3
        return 0 if zone else None
    if zone[0] in "+-":
        seconds = int(zone[1:3]) * 3600 + int(zone[3:5]) * 60
        if seconds > UNKNOWN_ZONE:
            return None
        return -seconds if zone[0] == "-" else seconds
    return _ZONES.get(zone.upper())


def _last_resort(text: str, clock: str) -> Reading | None:
    if len(text) > 80 or not re.search(r"\b(?:19|20)\d\d\b", text):  # noqa: PLR2004
        return None
    try:
        first = lenient.parse(text, default=datetime(2001, 1, 1))  # noqa: DTZ001
        second = lenient.parse(text, default=datetime(2003, 2, 2))  # noqa: DTZ001
    except (ValueError, OverflowError, TypeError):
        return None
    if first.replace(tzinfo=None) != second.replace(tzinfo=None):  # a field was filled in: not in the text
        return None
    offset = first.utcoffset() if first.tzinfo else None
    if offset is None or abs(offset.total_seconds()) > UNKNOWN_ZONE:
        return _shifted(clock, first.replace(tzinfo=None), 0, UNKNOWN_ZONE)
    return _shifted(clock, first.replace(tzinfo=None), int(offset.total_seconds()), 0)


_BASE52 = {char: value for value, char in enumerate("0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz")}


def postfix_long_id_time(queue_id: str) -> datetime | None:
    """The arrival time in UTC that a long Postfix queue id holds (postfix `mail_queue.h`), None if it is no such id.

    The id is seconds (6 or more digits of base 52), four digits of microseconds, "z", then the inode in base 51. The
    last "z" parts them: microseconds may hold one too.
    """
    cut = queue_id.rfind("z")
    if cut < 10 or cut + 1 >= len(queue_id) or any(char not in _BASE52 for char in queue_id):  # noqa: PLR2004
        return None
    seconds = 0
    for char in queue_id[: cut - 4]:
        seconds = seconds * 52 + _BASE52[char]
    micro = 0
    for char in queue_id[cut - 4 : cut]:
        micro = micro * 52 + _BASE52[char]
    if micro >= 1_000_000 or seconds > 4_102_444_800:  # noqa: PLR2004  year 2100
        return None
    at = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micro)
    return at if at >= _OLDEST else None


@dataclass(frozen=True, slots=True)
class FileClock:
    """The year and zone of a file's stamps, and how they are known.

    `anchors`: local time and offset from UTC in seconds at the points where a zone is known, sorted; empty if no zone
    is known. `years`: (first, last) year of the file, None if unknown. `basis` is a sentence for the report.
    """

    anchors: tuple[tuple[datetime, int], ...] = ()
    around: tuple[datetime, datetime] | None = None  # first and last time known in this file, naive
    basis: str = "the log writes no year, and nothing in the evidence tells it"

    def resolve(self, stamp: str, clock: str = "syslog") -> Reading | None:
        """A stamp as UTC. Stamps: ISO 8601 with offset, without (`2025-09-17T16:03:12`), or without year too (`--09-17T...`).

        None where the year is unknown; slack of 14 hours where the zone is.
        """
        if not stamp:
            return None
        if stamp[0] != "-":
            exact = iso_time(stamp, clock)
            if exact is None or exact.slack == 0:
                return exact
        naive = self._dated(stamp)
        if naive is None:
            return None
        if not self.anchors:
            return _shifted(clock, naive, 0, UNKNOWN_ZONE)
        return _shifted(clock, naive, self._offset(naive), 0)

    def _dated(self, stamp: str) -> datetime | None:
        fields = _stamp_fields(stamp)
        if fields is None:
            return None
        year, rest = fields
        if year is not None:
            return _naive(year, *rest)
        if self.around is None:
            return None
        first, last = self.around
        candidates = [naive for y in range(first.year - 1, last.year + 2) if (naive := _naive(y, *rest)) is not None]
        return min(candidates, key=lambda naive: _distance(naive, first, last), default=None)

    def _offset(self, naive: datetime) -> int:
        index = bisect_left(self.anchors, (naive, -(10**9)))
        near = [self.anchors[i] for i in (index - 1, index) if 0 <= i < len(self.anchors)]
        return min(near, key=lambda anchor: abs(anchor[0] - naive))[1]


def _stamp_fields(stamp: str) -> tuple[int | None, tuple[int, int, int, int, int, int]] | None:
    match = _STAMP.fullmatch(stamp)
    if not match:
        return None
    year, *rest, fraction = match.groups()
    month, day, hour, minute, second = (int(field) for field in rest)
    micro = int((fraction or "0").ljust(6, "0"))
    return (int(year) if year else None), (month, day, hour, minute, second, micro)


def _distance(naive: datetime, first: datetime, last: datetime) -> timedelta:
    if naive < first:
        return first - naive
    return naive - last if naive > last else timedelta(0)


def infer_clock(
    pairs: Iterable[tuple[str, datetime]],
    *,
    zone: timezone | None = None,
    year: int | None = None,
    source: str = "the times inside its queue ids",
) -> FileClock:
    """The clock of one file from pairs of (stamp as written, UTC time of the same event from elsewhere).

    The difference is rounded to a quarter of an hour; a zone counts if at least three pairs agree on it. `zone` and
    `year` are the user's word, which wins over inference. Pairs that contradict (more than 16 hours apart in every
    year) are left out.
    """
    seen: list[tuple[datetime, int]] = []
    for stamp, at in pairs:
        fields = _stamp_fields(stamp)
        if fields is None:
            continue
        written, rest = fields
        years = [written] if written else [at.year - 1, at.year, at.year + 1]
        utc = at.astimezone(UTC).replace(tzinfo=None)
        near = [naive for y in years if (naive := _naive(y, *rest)) and abs(naive - utc) <= timedelta(hours=16)]
        if near:
            seen.append((near[0], round((near[0] - utc).total_seconds() / _QUARTER) * _QUARTER))
    seen.sort()
    counts = Counter(offset for _, offset in seen)
    agreed = {offset for offset, count in counts.items() if count >= _AGREEING}
    around = (seen[0][0], seen[-1][0]) if seen else None
    if year is not None:
        around = (datetime(year, 1, 1), datetime(year, 12, 31, 23, 59, 59))  # noqa: DTZ001
    if zone is not None:
        offset = int((zone.utcoffset(None) or timedelta(0)).total_seconds())
        middle = around[0] if around else datetime(2000, 1, 1)  # noqa: DTZ001
        return FileClock(
            ((middle, offset),), around, "year and zone as given by the user" if year else "zone as given by the user"
        )
    anchors = _thinned([pair for pair in seen if pair[1] in agreed])
    if anchors:
        return FileClock(anchors, around, f"year and zone from {source} ({sum(counts[o] for o in agreed)} agree)")
    if around:
        how = "year as given by the user" if year is not None else f"year from {source}"
        return FileClock((), around, f"{how}; zone unknown, taken as UTC give or take 14 hours")
    return FileClock()


def _thinned(anchors: list[tuple[datetime, int]]) -> tuple[tuple[datetime, int], ...]:
    """First and last anchor, and both sides of every change: all that `FileClock` needs to know."""
    if not anchors:
        return ()
    kept = {anchors[0], anchors[-1]}
    for before, after in pairwise(anchors):
        if before[1] != after[1]:
            kept |= {before, after}
    return tuple(sorted(kept))
