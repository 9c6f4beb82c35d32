"""The year and zone that a log does not write, found from events whose time is known."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

from forensics.dates.moments import iso_moment, iso_time, moment, naive_time, named
from forensics.model import Reading

__all__ = ["FileClock", "infer_clock"]

_AGREEING = 3  # ids that must agree before a zone is taken from them
_QUARTER = 900
_SEASON = timedelta(days=31)  # a zone known at one time is trusted for so long before and after it
_APART = timedelta(days=180)  # pairs further from all others belong to another story
_EXACT_STAMP = re.compile(r"(?:[0-9]{4}|-)-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?")
_DAYS_KEPT = 4096
_STAMPS_KEPT = 1024
_AGES = 10**9  # seconds: more than any offset
_Day = tuple[str, timedelta, int]  # date with year, offset from UTC, slack in seconds
_STAMP = re.compile(r"(?:(\d{4})|-)-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?")


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
        return named(clock, moment(naive, *self._offset(naive)) if self.anchors else moment(naive, None))

    def _dated(self, stamp: str) -> datetime | None:
        fields = _stamp_fields(stamp)
        if fields is None or self.around is None:
            return None
        _, rest = fields
        first, last = self.around
        candidates = [naive for y in range(first.year - 1, last.year + 2) if (naive := naive_time(y, *rest)) is not None]
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
    read = iso_moment(text)
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
        near = [naive for y in years if (naive := naive_time(y, *rest)) and abs(naive - utc) <= timedelta(hours=16)]
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
        zones = ", ".join(f"UTC{timezone(timedelta(seconds=one)).tzname(None).removeprefix('UTC')}" for one in sorted(agreed))
        return FileClock(anchors, around, f"year and zone ({zones}) from {source} ({sum(counts[o] for o in agreed):,} agree)")
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
