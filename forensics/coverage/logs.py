"""The files of each server's log: whether they meet, what is missing between them, and what proves that nothing is."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import duckdb

from forensics.coverage.rhythm import Habits
from forensics.coverage.rotation import Slot, absent, slot
from forensics.dates import FileClock, readable

__all__ = ["Hole", "Log", "Losses", "losses", "read_logs"]

Place = tuple[str, str]  # evidence id, member
Scope = tuple[str, str]  # source, server

_EDGE = 50  # records at each end of a file among which its first and last time are sought: a message may stay open for days
_FILES = f"""
SELECT source, server, evidence, member, count(*) AS pieces,
       min_by(stamp, start, {_EDGE}) FILTER (stamp != '') AS first,
       max_by(coalesce(nullif(recipients[-1].stamp, ''), stamp), "end", {_EDGE}) FILTER (stamp != '') AS last
FROM fragments WHERE route = 'smtp' GROUP BY source, server, evidence, member ORDER BY ALL
"""  # noqa: S608  our own number
# Messages that were opened in one file and go on in another; times are those of the last line here and the first line there
_CROSSING = """
WITH early AS (
  SELECT source, server, key, ids[1] AS id, evidence, member, coalesce(nullif(recipients[-1].stamp, ''), stamp) AS stamp
  FROM fragments WHERE route = 'smtp' AND kind = 'queue' AND opens AND NOT closes AND stamp != ''
), late AS (
  SELECT source, server, key, ids[1] AS id, evidence, member, stamp
  FROM fragments WHERE route = 'smtp' AND kind = 'queue' AND NOT opens AND stamp != ''
)
SELECT e.source, e.server, e.evidence, e.member, e.stamp, l.evidence, l.member, l.stamp
FROM early e JOIN late l ON e.source = l.source AND e.server = l.server AND e.key = l.key AND e.id IS NOT DISTINCT FROM l.id
WHERE (e.evidence, e.member) != (l.evidence, l.member) ORDER BY ALL
"""
# Messages whose first lines are in no file. One that the server made itself (a bounce, a forward) begins with its Message-ID.
_ORPHANS = """
SELECT o.source, o.server, list_filter(o.readings, lambda r: r.clock = 'queue_id')[1].utc AS begun, t.utc AS met
FROM observed o LEFT JOIN (SELECT obs, max(utc) AS utc FROM timed WHERE slack = 0 GROUP BY obs) t USING (obs)
WHERE o.route = 'smtp' AND o.message_id = '' AND list_contains(o.facts, {'name': 'partial', 'value': 'start'})
  AND NOT list_contains([fact.name for fact in o.facts], 'origin')
"""
_TALLIES = """
SELECT evidence, member, sum("rows") AS others FROM statements WHERE kind = 'tally' GROUP BY ALL
"""
_UNREADABLE = "SELECT evidence, member, count(*) FROM raw_defects GROUP BY ALL"
# The same notice may stand in several files; an instance of Postfix shares its host's logger
_LOST = """
SELECT DISTINCT split_part(scope, '/', 1) AS scope, value, utc, stamp FROM statements WHERE kind = 'lost' ORDER BY ALL
"""

_TIGHT = timedelta(minutes=5)  # a message whose lines lie further apart may have slept through missing ones
_IN_QUEUE = timedelta(
    days=5
)  # Postfix's maximal_queue_lifetime: a message met later was begun before the log, or lines are missing
_BORDER = 10  # records that the hours between two files hold on other days, to make a gap of a silence there
_RESTART = timedelta(minutes=2)
_TOLD = timedelta(hours=1)
_AGREE = re.compile(r" \(([\d,]{1,20}) agree\)$")


@dataclass(frozen=True, slots=True)
class Losses:
    """What a host's loggers say that they lost: how many lines at least and when, in UTC, None unknown."""

    notices: tuple[tuple[int, datetime | None], ...] = ()

    def within(self, start: datetime, end: datetime) -> Losses:
        """The notices of this time, give or take an hour: what was lost was lost before it was told; and those without a time."""
        near = [one for one in self.notices if one[1] is None or start - _TOLD <= one[1] <= end + _TOLD]
        return Losses(tuple(near))

    def told(self) -> str:
        """As part of a note; "" for none. A notice without a number counts only where no other has one."""
        if not self.notices:
            return ""
        numbers = [count for count, _ in self.notices if count > 1]
        times = [when for _, when in self.notices if when is not None]
        span = f", {readable(min(times))} to {readable(max(times))}" if len(times) == len(self.notices) else ""
        notices = f"{len(self.notices):,} notice{'s' * (len(self.notices) != 1)}{span}"
        return f"the log says itself that at least {sum(numbers) or len(self.notices):,} lines were lost ({notices})"


@dataclass(frozen=True, slots=True)
class Hole:
    """Time that no file of the log accounts for, in UTC."""

    start: datetime
    end: datetime
    note: str


@dataclass(frozen=True, slots=True)
class _File:
    """One file as far as it tells of one server; times in UTC, None where its clock is unknown or off by hours."""

    place: Place
    slot: Slot
    pieces: int
    first: datetime | None
    last: datetime | None
    clock: FileClock | None
    others: int  # lines that tell no fact of mail: connects, other programs
    unreadable: int


@dataclass(frozen=True, slots=True)
class Log:
    """All files of one log of one server, oldest first, with what was met at their borders."""

    files: tuple[_File, ...]
    crossing: Mapping[tuple[Place, Place], int]
    orphans: tuple[tuple[datetime | None, datetime | None], ...]  # begun, met
    mixed: bool = False  # logs of several folders, which name no host: they may be those of several machines

    @property
    def name(self) -> str:
        """What the live file is called, without its folder."""
        return self.files[0].slot.series.rpartition("/")[2]

    @property
    def first(self) -> datetime | None:
        """The first time of the oldest file."""
        return self.files[0].first

    @property
    def last(self) -> datetime | None:
        """The last time of any file."""
        return max((one.last for one in self.files if one.last), default=None)

    def holes(self, habits: Habits) -> Iterator[Hole]:
        """What is missing between the files, by their names and by the habits of the server."""
        log = [one.slot for one in self.files]
        for older, newer in pairwise(self.files):
            if older.last is None or newer.first is None or newer.first <= older.last:
                continue
            if self.joined(older, newer):
                continue
            names = absent(older.slot, newer.slot, log)
            pause = newer.first - older.last
            quiet = habits.improbable(older.last, newer.first, _BORDER) if pause >= _RESTART else None
            if names:
                note = f"{_listed(names)} missing between {older.slot.shown} and {newer.slot.shown}"
                yield Hole(older.last, newer.first, note + (f"; {quiet.told()}" if quiet else ""))
            elif quiet:
                yield Hole(
                    older.last, newer.first, f"{older.slot.shown} ends and {newer.slot.shown} does not go on: {quiet.told()}"
                )

    def _absent(self, files: Sequence[_File]) -> list[str]:
        log = [one.slot for one in self.files]
        names = [name for older, newer in pairwise(files) for name in absent(older.slot, newer.slot, log)]
        return [f"{_listed(names)} missing"] if names else []

    def joined(self, older: _File, newer: _File) -> bool:
        """Whether a message that was under way crosses the border."""
        return self.crossing.get((older.place, newer.place), 0) > 0

    def within(self, start: datetime, end: datetime) -> tuple[datetime, datetime] | None:
        """As much of this time as the log reaches; None if its times are not known or lie elsewhere."""
        if self.first is None or self.last is None:
            return None
        begun, until = max(self.first, start), min(self.last, end)
        return (begun, until) if begun < until else None

    def unknown(self) -> list[str]:
        """Why nothing can be said of how the files lie to each other; empty if it can."""
        found = []
        if self.mixed:
            found.append("files of several folders that name no host may be those of several machines")
        if len(self.files) < 2:  # noqa: PLR2004  a border needs two
            found.append(f"{self.files[0].slot.shown} is the only file, so that no rotation shows it to be whole")
        elif any(one.first is None or one.last is None for one in self.files):
            found += self._absent(self.files)
            found.append("the year or the zone of a file is not known")
        elif any(_first(one) > _first(other) for one, other in pairwise(self.files)):
            found.append("names and times of the files do not go in the same order")
        return found

    def doubts(self, start: datetime, end: datetime) -> list[str]:
        """Why the log is not shown to be complete from `start` to `end`; empty if it is."""
        found = self.unknown()
        if found:
            return found
        files = self._within(start, end)
        found += self._absent(files)
        apart = [f"{older.slot.shown} to {newer.slot.shown}" for older, newer in pairwise(files) if not self.joined(older, newer)]
        if apart:
            more = f" and {len(apart) - 1:,} more border{'s' * (len(apart) > 2)}" if len(apart) > 1 else ""  # noqa: PLR2004  plural
            found.append(f"no message crosses from {apart[0]}{more}")
        if len(files) == 1 and not any(self.joined(*border) for border in pairwise(self.files) if files[0] in border):
            found.append(f"no message crosses from {files[0].slot.shown} to its neighbours")
        unreadable = sum(one.unreadable for one in files)
        if unreadable:
            found.append(f"{unreadable:,} records could not be read")
        bare = [one.slot.shown for one in files if not one.others]
        if bare:
            found.append(f"{bare[0]} holds no line but those of messages, as an excerpt would")
        begun = self.files[0].first
        missing = sum(_is_missing(one, begun, start, end) for one in self.orphans) if begun else 0
        if missing:
            found.append(f"the first lines of {missing:,} message{'s' * (missing != 1)} are in no file")
        return found

    def proof(self, start: datetime, end: datetime) -> str:
        """What shows that the log is complete from `start` to `end`, where it has no `doubts`."""
        files = self._within(start, end)
        count = sum(self.crossing.get((older.place, newer.place), 0) for older, newer in pairwise(files))
        if len(files) < 2:  # noqa: PLR2004  a border needs two
            return f"rotation is unbroken: this time lies within {_named(files)}, which a message joins to its neighbour"
        crossing = "1 message crosses its border" if count == 1 else f"{count:,} messages cross their borders"
        return f"rotation is unbroken from {files[0].slot.shown} to {files[-1].slot.shown}: {crossing}"

    def clocks(self) -> str:
        """How year and zone of the files are known; "" where the log writes them itself."""
        found: dict[str, tuple[list[_File], int]] = {}
        for one in self.files:
            if one.clock is not None:
                agreeing = _AGREE.search(one.clock.basis)
                basis = one.clock.basis[: agreeing.start()] if agreeing else one.clock.basis
                files, count = found.get(basis, ([], 0))
                found[basis] = [*files, one], count + (int(agreeing[1].replace(",", "")) if agreeing else 0)
        told = []
        for basis, (files, count) in found.items():
            whose = f"{_named(files)}: " if len(files) < len(self.files) else ""
            told.append(whose + basis + (f" ({count:,} agree)" if count else ""))
        return "; ".join(told)

    def _within(self, start: datetime, end: datetime) -> tuple[_File, ...]:
        """The files that account for this time, from the last that begins before it to the first that ends behind it."""
        if any(one.first is None or one.last is None for one in self.files):
            return self.files
        begins, ends = [_first(one) for one in self.files], [one.last or end for one in self.files]
        return self.files[max(bisect_right(begins, start) - 1, 0) : bisect_left(ends, end) + 1]


def _first(one: _File) -> datetime:
    return one.first or datetime.max.replace(tzinfo=UTC)


def _is_missing(orphan: tuple[datetime | None, datetime | None], begun: datetime, start: datetime, end: datetime) -> bool:
    """Whether the first lines of a message ought to be in this part of a log that begins at `begun`."""
    at, met = orphan
    if at is not None:
        return begun < at and start <= at <= end
    return met is None or (begun + _IN_QUEUE < met and start <= met)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names) if len(names) <= 3 else f"{names[0]} to {names[-1]} ({len(names):,} files)"  # noqa: PLR2004  a glance
    return f"{shown} {'is' if len(names) == 1 else 'are'}"


def _named(files: Sequence[_File]) -> str:
    names = [one.slot.shown for one in files]
    return " and ".join(names) if len(names) < 3 else f"{len(names):,} files from {names[0]} to {names[-1]}"  # noqa: PLR2004  a glance


def losses(connection: duckdb.DuckDBPyConnection) -> dict[str, Losses]:
    """What loggers say that they lost, by host."""
    found: dict[str, list[tuple[int, datetime | None]]] = defaultdict(list)
    for scope, value, at, _ in connection.execute(_LOST).fetchall():
        found[scope].append((int(value), at and at.astimezone(UTC)))
    return {scope: Losses(tuple(notices)) for scope, notices in found.items()}


def read_logs(
    connection: duckdb.DuckDBPyConnection, clocks: Mapping[Place, FileClock], paths: Mapping[str, str]
) -> dict[Scope, list[Log]]:
    """The logs of each source and server, the largest first, from `fragments`, `observed`, `timed`, `statements` and `raw_defects`.

    `paths` names each evidence id; without names there are no logs.
    """
    if not paths:
        return {}
    tallies = {(evidence, member): int(others) for evidence, member, others in connection.execute(_TALLIES).fetchall()}
    unreadable = {(evidence, member): int(count) for evidence, member, count in connection.execute(_UNREADABLE).fetchall()}
    found: dict[Scope, dict[str, list[_File]]] = defaultdict(lambda: defaultdict(list))
    for source, server, evidence, member, pieces, first, last in connection.execute(_FILES).fetchall():
        place, path = (evidence, member), paths.get(evidence, evidence)
        its = slot(f"{path}/{member}" if member else path)
        times = [_exact(clocks, place, stamp) for stamp in first or ()], [_exact(clocks, place, stamp) for stamp in last or ()]
        known = all(times[0]) and all(times[1]) and bool(first)
        found[source, server][its.series].append(
            _File(
                place, its, pieces, min(filter(None, times[0]), default=None) if known else None,
                max(filter(None, times[1]), default=None) if known else None, clocks.get(place), tallies.get(place, 0), unreadable.get(place, 0),
            )
        )  # fmt: skip
    crossing, orphans = _crossing(connection, clocks), _orphans(connection)
    logs = {}
    for scope, by_name in found.items():
        folders = {series.rpartition("/")[0] for series in by_name}
        ordered = sorted(by_name.values(), key=lambda files: (-sum(one.pieces for one in files), files[0].slot.series))
        mixed = not scope[1] and len(folders) > 1
        logs[scope] = [Log(_in_order(files), crossing[scope], tuple(orphans[scope]), mixed) for files in ordered]
    return logs


def _exact(clocks: Mapping[Place, FileClock], place: Place, stamp: str) -> datetime | None:
    reading = clocks.get(place, FileClock()).resolve(stamp)
    return reading.at if reading is not None and not reading.slack else None


def _in_order(files: Sequence[_File]) -> tuple[_File, ...]:
    """Oldest first by what rotation named them; of two with one place in it (a copy, packed and not) the larger."""
    best: dict[tuple[object, ...], _File] = {}
    for one in sorted(files, key=lambda one: (one.pieces, one.slot.shown, one.place)):
        best[one.slot.number, one.slot.day, one.first if one.slot.day else None] = one
    return tuple(sorted(best.values(), key=lambda one: (one.slot.age, _first(one))))


def _crossing(
    connection: duckdb.DuckDBPyConnection, clocks: Mapping[Place, FileClock]
) -> dict[Scope, dict[tuple[Place, Place], int]]:
    found: dict[Scope, dict[tuple[Place, Place], int]] = defaultdict(lambda: defaultdict(int))
    for source, server, *here, last, evidence, member, first in connection.execute(_CROSSING).fetchall():
        older, newer = (here[0], here[1]), (evidence, member)
        gone, back = _exact(clocks, older, last), _exact(clocks, newer, first)
        if gone is not None and back is not None and timedelta(0) <= back - gone <= _TIGHT:
            found[source, server][older, newer] += 1
    return found


def _orphans(connection: duckdb.DuckDBPyConnection) -> dict[Scope, list[tuple[datetime | None, datetime | None]]]:
    found: dict[Scope, list[tuple[datetime | None, datetime | None]]] = defaultdict(list)
    for source, server, begun, met in connection.execute(_ORPHANS).fetchall():
        found[source, server].append((begun and begun.astimezone(UTC), met and met.astimezone(UTC)))
    return found
