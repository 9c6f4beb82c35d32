"""Times: exact formats first, clocks hidden in queue ids, and the year and zone that a log does not write."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from itertools import pairwise

from dateutil import parser as lenient

from forensics.model import Reading

__all__ = ["UNKNOWN_ZONE", "FileClock", "infer_clock", "iso_time", "mail_time", "postfix_long_id_time", "readable", "zulu"]

UNKNOWN_ZONE = 14 * 3600  # seconds: no zone on Earth is further from UTC
_LONGEST = 256  # characters of a date's text
_COMMENT = re.compile(r"\([^()]*+\)")
_Moment = tuple[datetime, int]  # UTC, slack in seconds
_OLDEST = datetime(1995, 1, 1, tzinfo=UTC)
_AGREEING = 3  # ids that must agree before a zone is taken from them
_QUARTER = 900
_SEASON = timedelta(days=31)  # a zone known at one time is trusted for so long before and after it
_APART = timedelta(days=180)  # pairs further from all others belong to another story

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,30}))?)?\s*(Z|[+-]\d\d:?\d\d(?::?\d\d)?|[+-]\d\d)?",
    re.IGNORECASE,
)
# the same, as nearly every source writes it; from 14 hours on, the other one asks whether to believe the offset
_EXACT_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,12})?(?:Z|[+-](?:0[0-9]|1[0-3]):?[0-5][0-9])"
)
_EXACT_STAMP = re.compile(r"(?:[0-9]{4}|-)-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?")
_DAYS_KEPT = 4096
_STAMPS_KEPT = 1024
_AGES = 10**9  # seconds: more than any offset
_Day = tuple[str, timedelta, int]  # date with year, offset from UTC, slack in seconds
_STAMP = re.compile(r"(?:(\d{4})|-)-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?")
_MONTH_NAMES = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTHS = {name[:length]: number for number, name in enumerate(_MONTH_NAMES, 1) for length in range(3, len(name) + 1)}
_TIME = r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?"
_ZONE = r"(?:(?:GMT|UTC)?([+-]\d\d:?\d\d)(?:\s+[A-Za-z]{1,5})?|([A-Za-z]{1,5}))"
# RFC 5322 section 3.3 with its obsolete forms, IMAP's hyphens, and a weekday in any language; comments are removed before
_MAIL = re.compile(
    rf"(?:[^\W\d_]{{1,12}}\.?\s*,?\s*)?(\d{{1,2}})[\s-]+([A-Za-z]{{3,9}})\.?[\s-]+(\d{{2,4}})\s+{_TIME}\s*{_ZONE}?",
)
# the same, as nearly every mail writes it: the day, the time of day, the zone
_EXACT = re.compile(
    r"\s*+(?:[A-Z][a-z]{2}, )?+([0-9]{1,2} [A-Z][a-z]{2} [0-9]{4}) ([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]) ([+-][0-9]{4})"
    r"(?: \([A-Za-z]{1,5}\))?+\s*+\Z"
)
_EXACT_ASCTIME = re.compile(
    r"(?:[A-Z][a-z]{2} )?+([A-Z][a-z]{2}) ([ 0-9][0-9]) ([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]) ([0-9]{4})\s*+\Z"
)
# asctime, as in a From_ line: the zone is seldom written, and some writers put it before the year
_ASCTIME = re.compile(
    rf"(?:[A-Za-z]{{3,9}},?\s+)?([A-Za-z]{{3,9}})\s+(\d{{1,2}}),?\s+{_TIME}\s+(?:{_ZONE}\s+)?(\d{{4}})(?:\s+{_ZONE})?",
)
# RFC 5322 section 4.3; single letters were defined wrongly once and are unknown since
_ZONES = {
    "UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "EST": -18000, "EDT": -14400, "CST": -21600, "CDT": -18000,
    "MST": -25200, "MDT": -21600, "PST": -28800, "PDT": -25200,
}  # fmt: skip


def zulu(at: datetime | None) -> str:
    """`at` as ISO 8601 in UTC with "Z": seconds, and microseconds only where there are any; "" for None."""
    return "" if at is None else at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def iso_time(text: str, clock: str = "iso") -> Reading | None:
    """An ISO 8601 time with any number of fractional digits, cut to microseconds.

    Without an offset the zone is unknown: the text is taken as UTC with a slack of 14 hours. None if it is no such time.
    """
    return _named(clock, _iso(text)) if len(text) <= _LONGEST else None


def _named(clock: str, moment: _Moment | None) -> Reading | None:
    return None if moment is None else Reading(clock, *moment)


def _iso(text: str) -> _Moment | None:
    if _EXACT_ISO.fullmatch(text):
        try:
            return datetime.fromisoformat(text).astimezone(UTC), 0
        except (ValueError, OverflowError):
            pass  # second 60, 24:00 and the like: below
    return _other_iso(text)


@lru_cache(maxsize=4096)
def _other_iso(text: str) -> _Moment | None:
    match = _ISO.fullmatch(text.strip())
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    naive = _naive(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micro)
    return _moment(naive, _iso_offset(zone))


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
    """A naive time; second 60 (a leap second) is the next second, 24:00:00 the next midnight; else out of range is None."""
    try:
        if second < 60 and hour < 24:  # noqa: PLR2004  seconds of a minute, hours of a day
            return datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001  zone added by callers
        if second == 60:  # noqa: PLR2004
            return datetime(year, month, day, hour, minute, 59, micro) + timedelta(seconds=1)  # noqa: DTZ001
        if (hour, minute, second, micro) == (24, 0, 0, 0):  # ISO 8601:2004
            return datetime(year, month, day) + timedelta(days=1)  # noqa: DTZ001
    except (ValueError, OverflowError):
        pass  # no such day or hour: not a time
    return None


def _moment(naive: datetime | None, offset: int | None, slack: int = 0) -> _Moment | None:
    """Local time and offset in seconds as UTC with slack; an unknown offset (None) counts as 0, give or take 14 hours."""
    if naive is None:
        return None
    try:
        at = naive.replace(tzinfo=UTC)
        return (at - timedelta(seconds=offset) if offset else at), slack + (UNKNOWN_ZONE if offset is None else 0)
    except OverflowError:
        return None


def mail_time(text: str, clock: str = "date") -> Reading | None:
    """The time of a Date or Received header or a From_ line: RFC 5322, its obsolete forms, asctime, ISO 8601, then dateutil.

    An unknown zone name, no zone, or an offset of more than 14 hours (`+9900` is met in the wild) leaves the local time
    with a slack of 14 hours. dateutil is asked last, only if year, month and day stand in the text, never for a partial or
    ambiguous date (`01/02/2025`): it would fill the rest from today. A day without a time is its noon, with 12 hours more
    slack. None: no such time. The machine's own zone plays no part.
    """
    exact = _EXACT.match(text)
    if exact:
        day, hour, minute, second, zone = exact.groups()
        midnight = _midnight(day, zone)
        if midnight is not None:
            return Reading(clock, midnight + timedelta(0, int(hour) * 3600 + int(minute) * 60 + int(second)))
    written = _EXACT_ASCTIME.match(text)
    if written:
        name, number, hour, minute, second, year = written.groups()
        midnight = _midnight(f"{int(number)} {name} {year}", "+0000")
        if midnight is not None:
            return Reading(clock, midnight + timedelta(0, int(hour) * 3600 + int(minute) * 60 + int(second)), UNKNOWN_ZONE)
    if len(text) > _LONGEST:  # a comment of any length may follow
        text = text[:_LONGEST].rpartition("(")[0]
    return _named(clock, _mail(text))


@lru_cache(maxsize=_DAYS_KEPT)
def _midnight(day: str, zone: str) -> datetime | None:
    """When a day such as "17 Sep 2025" began in a zone such as "+0200", in UTC; None where there is no such day or zone.

    None too at both ends of the calendar, where a time of that day may not be representable.
    """
    number, name, year = day.split(" ")
    month, offset = _MONTHS.get(name.lower()), _mail_offset(zone)
    if month is None or offset is None or not 1 < int(year) < 9999:  # noqa: PLR2004  the calendar's last year
        return None
    try:
        return datetime(int(year), month, int(number), tzinfo=UTC) - timedelta(seconds=offset)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _mail(text: str) -> _Moment | None:
    bare = (_COMMENT.sub(" ", text) if "(" in text else text).strip()
    match = _MAIL.fullmatch(bare)
    if match:
        day, month_name, year_text, hour, minute, second, digits, zone = match.groups()
    else:
        match = _ASCTIME.fullmatch(bare)
        if not match:
            return _iso(bare) or _last_resort(bare)
        month_name, day, hour, minute, second, digits, zone, year_text, digits_behind, zone_behind = match.groups()
        digits, zone = digits or digits_behind, zone or zone_behind
    month = _MONTHS.get(month_name.lower()) or (9 if month_name.lower() == "sept" else None)
    if month is None:
        return None
    naive = _naive(_full_year(year_text), month, int(day), int(hour), int(minute), int(second or 0))
    return _moment(naive, _mail_offset(digits or zone))


def _full_year(text: str) -> int:
    """RFC 5322 section 4.3: two digits below 50 are of this century; three digits count from 1900."""
    year = int(text)
    if len(text) == 3:  # noqa: PLR2004  digits
        return year + 1900
    return year if len(text) > 2 else year + (2000 if year < 50 else 1900)  # noqa: PLR2004  digits; pivot year


@lru_cache(maxsize=512)
def _mail_offset(zone: str | None) -> int | None:
    if not zone or zone == "-0000":  # -0000: the time is UTC, the local zone is not told; RFC 5322 section 3.3
        return 0 if zone else None
    return _iso_offset(zone) if zone[0] in "+-" else _ZONES.get(zone.upper())


def _last_resort(text: str) -> _Moment | None:
    if len(text) > 80 or not re.search(r"\b(?:19|20)\d\d\b", text):  # noqa: PLR2004  characters
        return None
    read = [_by_dateutil(text, *how) for how in ((2001, 1, False), (2003, 2, False), (2001, 1, True))]
    moments = [one for one in read if one is not None]
    if len(moments) < len(read) or len({(naive.date(), offset) for naive, offset in moments}) > 1:
        return None  # a field was filled in: not in the text; or day and month may be exchanged
    (naive, offset), (other, _), _ = moments
    if naive.hour != other.hour:
        return _moment(naive.replace(hour=12, minute=0, second=0, microsecond=0), offset, 12 * 3600)
    return _moment(naive, offset)


def _by_dateutil(text: str, year: int, other: int, dayfirst: bool) -> tuple[datetime, int | None] | None:
    """Local time and offset as dateutil reads them, with missing fields from `year` and `other`."""
    offsets: list[int | None] = []

    def note(name: str | None, offset: int | None) -> None:  # keeps dateutil from asking the machine's zone
        offsets.append(_ZONES.get((name or "").upper()) if offset is None else offset)

    filling = datetime(year, other, other, 5 * other)  # noqa: DTZ001  dateutil adds no zone to it
    try:
        naive = lenient.parse(text, default=filling, tzinfos=note, dayfirst=dayfirst).replace(tzinfo=None)
    except Exception:  # noqa: BLE001  dateutil raises many kinds on hostile text (ValueError, OverflowError, TypeError, ...)
        return None
    offset = offsets[-1] if offsets else None
    return naive, offset if offset is None or abs(offset) <= UNKNOWN_ZONE else None


def readable(at: datetime | None) -> str:
    """`at` for a sentence: to the minute, in UTC; "an unknown time" for None."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if at is not None else "an unknown time"


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
    around: tuple[datetime, datetime] | None = None  # naive
    basis: str = "the log writes no year, and nothing in the evidence tells it"
    # what holds for every stamp of a day, by its text; None where it changes within the day. Remembered, not part of the value
    _days: dict[str, _Day | None] = field(default_factory=dict, init=False, repr=False, compare=False)
    _resolved: dict[tuple[str, str], Reading | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def resolve(self, stamp: str, clock: str = "syslog") -> Reading | None:
        """A stamp as UTC. Stamps: ISO 8601 with offset, without (`2025-09-17T16:03:12`), or without year too (`--09-17T...`).

        None where the year is unknown; slack of 14 hours where the zone is. What was asked last is remembered: the records of a
        message, and of those beside it, share their second.
        """
        asked = (stamp, clock)
        if asked in self._resolved:
            return self._resolved[asked]
        if len(self._resolved) >= _STAMPS_KEPT:
            self._resolved.clear()
        found = self._resolved[asked] = self._resolve(stamp, clock)
        return found

    def _resolve(self, stamp: str, clock: str) -> Reading | None:
        if _EXACT_STAMP.fullmatch(stamp):
            day, _, time = stamp.partition("T")
            known = self._days[day] if day in self._days else self._learn(day)
            if known is not None:
                date, offset, slack = known
                return Reading(clock, datetime.fromisoformat(f"{date}T{time}+00:00") - offset, slack)
        if not stamp:
            return None
        if stamp[0] == "-":
            return self._placed(self._dated(stamp), clock)
        exact = iso_time(stamp, clock)
        return exact if exact is None or exact.slack == 0 else self._placed(exact.at.replace(tzinfo=None), clock)

    def local(self, stamp: str) -> datetime | None:
        """A stamp as it was in its own zone, naive; None where the year is unknown."""
        return self._dated(stamp) if stamp[:1] == "-" else _naive_iso(stamp[:19])

    def _learn(self, day: str) -> _Day | None:
        """What all stamps of a day share, found from both its ends; None if they differ.

        It holds between them too: the year that is nearest, and the anchor that is nearest of the same two, change at most
        once as time goes on. An anchor within the day would be a third, which does no harm if its zone is that of the others.
        """
        if len(self._days) >= _DAYS_KEPT:
            self._days.clear()
        known, ends = None, []
        for time in ("00:00:00", "23:59:59.999999"):
            naive = self._dated(f"{day}T{time}") if day[0] == "-" else _naive_iso(f"{day}T{time}")
            ends.append((naive, self._placed(naive, "")))
        (first, start), (last, end) = ends
        if first and last and start and end and first.date() == last.date():
            offset = first.replace(tzinfo=UTC) - start.at
            before, behind = (bisect_left(self.anchors, (edge, -_AGES)) for edge in (first, last))
            near = {offset for _, offset in self.anchors[max(before - 1, 0) : behind + 1]}
            if (before == behind or len(near) == 1) and start.slack == end.slack and last.replace(tzinfo=UTC) - end.at == offset:
                known = first.date().isoformat(), offset, start.slack
        self._days[day] = known
        return known

    def _placed(self, naive: datetime | None, clock: str) -> Reading | None:
        if naive is None:
            return None
        return _named(clock, _moment(naive, *self._offset(naive)) if self.anchors else _moment(naive, None))

    def _dated(self, stamp: str) -> datetime | None:
        fields = _stamp_fields(stamp)
        if fields is None or self.around is None:
            return None
        _, rest = fields
        first, last = self.around
        candidates = [naive for y in range(first.year - 1, last.year + 2) if (naive := _naive(y, *rest)) is not None]
        return min(candidates, key=lambda naive: _distance(naive, first, last), default=None)

    def _offset(self, naive: datetime) -> tuple[int, int]:
        """Offset and slack in seconds. Near no anchor (a month), or between two that differ, summer time may have changed."""
        index = bisect_left(self.anchors, (naive, -_AGES))
        near = [self.anchors[i] for i in (index - 1, index) if 0 <= i < len(self.anchors)]
        at, offset = min(near, key=lambda anchor: abs(anchor[0] - naive))
        others = {abs(other - offset) for _, other in near} - {0}
        if others:
            return offset, max(others)
        return offset, 3600 if len(near) == 1 and abs(at - naive) > _SEASON else 0


def _naive_iso(text: str) -> datetime | None:
    read = _iso(text)
    return read and read[0].replace(tzinfo=None)


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
    year, or half a year and more away from the pairs that agree) are left out.
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
    seen = _together(sorted(seen))
    counts = Counter(offset for _, offset in seen)
    agreed = {offset for offset, count in counts.items() if count >= _AGREEING}
    around = (seen[0][0], seen[-1][0]) if seen else None
    if year is not None:
        around = (datetime(year, 1, 1), datetime(year, 12, 31, 23, 59, 59))  # noqa: DTZ001
    if zone is not None:
        offset = int((zone.utcoffset(None) or timedelta(0)).total_seconds())
        ends = ((datetime.min, offset), (datetime.max, offset))  # noqa: DTZ901  naive as all anchors; the user's word holds always
        return FileClock(ends, around, "year and zone as given by the user" if year else "zone as given by the user")
    anchors = _thinned([pair for pair in seen if pair[1] in agreed])
    if anchors:
        return FileClock(anchors, around, f"year and zone from {source} ({sum(counts[o] for o in agreed)} agree)")
    if around:
        how = "year as given by the user" if year is not None else f"year from {source}"
        return FileClock((), around, f"{how}; zone unknown, taken as UTC give or take 14 hours")
    return FileClock()


def _together(seen: list[tuple[datetime, int]]) -> list[tuple[datetime, int]]:
    """Pairs in order of time without those groups, half a year apart from the others, that are too small to be believed."""
    groups: list[list[tuple[datetime, int]]] = []
    for pair in seen:
        if groups and pair[0] - groups[-1][-1][0] <= _APART:
            groups[-1].append(pair)
        else:
            groups.append([pair])
    believed = [group for group in groups if len(group) >= _AGREEING]
    return [pair for group in believed or groups for pair in group]


def _thinned(anchors: list[tuple[datetime, int]]) -> tuple[tuple[datetime, int], ...]:
    """First and last anchor, and both sides of every change: all that `FileClock` needs to know."""
    if not anchors:
        return ()
    kept = {anchors[0], anchors[-1]}
    for before, after in pairwise(anchors):
        if before[1] != after[1]:
            kept |= {before, after}
    return tuple(sorted(kept))
