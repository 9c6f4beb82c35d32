"""What the evidence can say at all: which part of the window each source, server and route accounts for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from forensics.coverage.logs import Hole, Log, Losses, losses, read_logs
from forensics.coverage.rhythm import Habits, micros, moment
from forensics.dates import FileClock, readable, zulu
from forensics.incident import Incident
from forensics.policy import Policy

__all__ = ["Stretch", "survey", "usual_pause"]

# A silence counts as a gap if it is twice as long as this source's usual long pauses, at least and at most:
_SHORTEST, _LONGEST = timedelta(hours=6), timedelta(hours=72)
_INSTANT = timedelta(microseconds=1)
_FEW = 10  # records; fewer show no habit

_SCOPES = """
WITH attributed AS (
  SELECT o.source, o.route, o.stream, o.obs,
         coalesce(nullif(o.server, ''), only_server.server, '') AS server
  FROM observed o LEFT JOIN (
    SELECT source, stream, min(server) AS server FROM observed WHERE server != '' AND route = 'api'
    GROUP BY ALL HAVING count(DISTINCT server) = 1
  ) only_server ON o.route = 'api' AND only_server.source = o.source AND only_server.stream = o.stream
)
SELECT a.source, a.route, a.server, a.stream, count(*) AS records,
       list(epoch_us(t.utc) ORDER BY t.utc) FILTER (t.utc IS NOT NULL) AS times, count(*) FILTER (t.utc IS NULL) AS undated
FROM attributed a LEFT JOIN (SELECT obs, arg_min(utc, (slack, rank, utc)) AS utc FROM timed GROUP BY obs) t USING (obs)
GROUP BY a.source, a.route, a.server, a.stream ORDER BY ALL
"""

# A query is answered in full if the different messages in hand are as many as the source counted.
_TOTALS = """
SELECT source, scope, max(value) AS total FROM statements WHERE kind = 'total' GROUP BY ALL ORDER BY ALL
"""
_IN_HAND = "SELECT source, stream, count(DISTINCT message_id) AS rows FROM observed WHERE kind = 'search' GROUP BY ALL"
_EMPTY = "SELECT source, scope, route, count(*) AS answers FROM statements WHERE kind = 'empty' GROUP BY ALL ORDER BY ALL"

_MAILBOX = "stored copies carry no Bcc: they show what was in a mail, not who else received it"
_UNPROVEN = "nothing in it proves that it is complete"
_PROVEN = "the source's own count of messages equals the messages in hand, between the first and the last of them"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the window and what one source has of it; times in UTC, None is open."""

    source: str
    scope: str
    route: str
    shows: str
    start: datetime | None
    end: datetime | None
    records: int
    status: str  # covered, gap, partial, expired, unknown
    note: str

    def row(self) -> dict[str, Any]:
        """The stretch as a row of `coverage.csv`."""
        facts = asdict(self)
        return {
            **{key: value for key, value in facts.items() if key not in {"start", "end"}},
            "from": zulu(self.start),
            "to": zulu(self.end),
        }

    @property
    def answers(self) -> bool:
        """Whether such a source can say who received a copy."""
        return "recipients" in self.shows


@dataclass(frozen=True, slots=True)
class _Scope:
    """Everything one source recorded of one server and stream."""

    source: str
    route: str
    server: str
    stream: str
    shows: str
    records: int
    habits: Habits  # its dated records
    undated: int
    total: int  # messages that the source counted, -1 unknown
    in_hand: int
    lost: Losses
    logs: Sequence[Log]

    @property
    def name(self) -> str:
        """As `coverage.csv` shows it."""
        return "/".join(part for part in (self.server, self.stream) if part)

    @property
    def times(self) -> npt.NDArray[np.int64]:
        """When it has records: microseconds since 1970 in UTC, sorted."""
        return self.habits.times

    def count(self, start: datetime, end: datetime) -> int:
        """How many records lie from `start` to `end`, both inclusive."""
        return int(np.searchsorted(self.times, micros(end), "right") - np.searchsorted(self.times, micros(start), "left"))

    def stretch(self, start: datetime | None, end: datetime | None, status: str, note: str, records: int = 0) -> Stretch:
        """A row of it."""
        return Stretch(self.source, self.name, self.route, self.shows, start, end, records, status, note)


def survey(
    connection: duckdb.DuckDBPyConnection,
    shows: Mapping[str, frozenset[str]],
    incident: Incident,
    policy: Policy,
    clocks: Mapping[tuple[str, str], FileClock] | None = None,
    paths: Mapping[str, str] | None = None,
) -> list[Stretch]:
    """Coverage of the window, from `observed`, `timed` and `statements`; `shows` maps a source to what it can show.

    A window without an end is surveyed up to the last dated record of any source. `paths` names each evidence id and `clocks`
    tells how year and zone of each file are known: with these the files of logs are surveyed too, from `fragments` and
    `raw_defects`. Without, no log is ever shown to be complete.
    """
    window = policy.window_for(incident)
    scopes = list(_scopes(connection, shows, read_logs(connection, clocks or {}, paths or {})))
    last = max((moment(scope.times[-1]) for scope in scopes if len(scope.times)), default=None)
    first = min((moment(scope.times[0]) for scope in scopes if len(scope.times)), default=None)
    bounded = (window.start or first, window.end or last)
    found = [stretch for scope in scopes for stretch in _stretches(scope, bounded)]
    found += _missing_servers(scopes, policy, bounded)
    found += _empty_answers(connection, shows, bounded)
    found += _unnamed_servers(found, policy, bounded)
    return sorted(found, key=lambda one: (one.route, one.source, one.scope, zulu(one.start), zulu(one.end), one.status))


def _scopes(
    connection: duckdb.DuckDBPyConnection, shows: Mapping[str, frozenset[str]], logs: Mapping[tuple[str, str], Sequence[Log]]
) -> Iterator[_Scope]:
    totals = {(source, scope): total for source, scope, total in connection.execute(_TOTALS).fetchall()}
    in_hand = {(source, stream): rows for source, stream, rows in connection.execute(_IN_HAND).fetchall()}
    lost = losses(connection)
    found = connection.sql(_SCOPES).to_arrow_table()
    for number, row in enumerate(found.drop_columns("times").to_pylist()):
        source, route, server, stream = row["source"], row["route"], row["server"], row["stream"]
        times = found["times"][number].values
        yield _Scope(
            source, route, server, stream,
            "; ".join(sorted(shows.get(source, frozenset()))) if route != "mailbox" else "content; header",
            row["records"], Habits(times.to_numpy() if times is not None else np.zeros(0, np.int64)), row["undated"],
            totals.get((source, stream), totals.get((source, ""), -1)), in_hand.get((source, stream), 0),
            lost.get(server.partition("/")[0], Losses()) if route == "smtp" else Losses(), logs.get((source, server), ()) if route == "smtp" else (),
        )  # fmt: skip


def _stretches(scope: _Scope, bounded: tuple[datetime | None, datetime | None]) -> Iterator[Stretch]:
    start, end = bounded
    undated = f"{scope.undated} records carry no time and count as inside the window" if scope.undated else ""
    if not len(scope.times) or start is None or end is None:
        known = "no record carries a time" if not len(scope.times) else ""
        yield scope.stretch(start, end, "partial", _joined(known, *_log_notes(scope), undated), scope.records)
        return
    if not scope.count(start, end):
        reach = f"{readable(moment(scope.times[0]))} to {readable(moment(scope.times[-1]))}"
        yield scope.stretch(start, end, "gap", f"records exist from {reach} only, none of them in the window")
        return
    holes = _united(_log_holes(scope, start, end) if scope.route == "smtp" else _pauses(scope, start, end), start, end)
    begun, first, last = start, moment(scope.times[0]), moment(scope.times[-1])
    is_broken = any(hole.start >= first and hole.end <= last for hole in holes)
    for hole in (*holes, None):
        until = hole.start if hole else end
        if until > begun or (hole and scope.count(begun, until)):
            yield from _kept(scope, begun, until, is_broken, undated)
        if hole:
            yield scope.stretch(hole.start, hole.end, "gap", hole.note, scope.count(hole.start + _INSTANT, hole.end - _INSTANT))
            begun = hole.end


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _united(holes: Iterable[Hole], start: datetime, end: datetime) -> list[Hole]:
    """Holes within the window, in order of time; those that overlap as one."""
    found: list[Hole] = []
    for hole in sorted(holes, key=lambda one: (one.start, one.end, one.note)):
        inside = Hole(max(hole.start, start), min(hole.end, end), hole.note)
        if inside.start >= inside.end:
            continue
        if found and inside.start < found[-1].end:
            before = found.pop()
            notes = dict.fromkeys((before.note, inside.note))
            inside = Hole(before.start, max(before.end, inside.end), _joined(*notes))
        found.append(inside)
    return found


# --- sources that answer queries, and mailboxes ---------------------------------------------------------------------------


def _is_counted(scope: _Scope) -> bool:
    """Whether the source counted its messages, and all of them are in hand."""
    return 0 <= scope.total <= scope.in_hand and scope.route == "api"


def _pauses(scope: _Scope, start: datetime, end: datetime) -> Iterator[Hole]:
    """Silences of more than the usual pause. Where all is in hand, none between two records: there was nothing to record."""
    low, high = np.searchsorted(scope.times, micros(start), "left"), np.searchsorted(scope.times, micros(end), "right")
    # a record just outside the window shows that the source was running across its edge
    inside = [moment(at) for at in scope.times[max(low - 1, 0) : high + 1]]
    points = [*([] if low else [start]), *inside, *([] if high < len(scope.times) else [end])]
    pause = usual_pause(scope.times)
    for number, (one, following) in enumerate(pairwise(points)):
        is_edge = (number == 0 and not low) or (number == len(points) - 2 and high == len(scope.times))
        if following - one > pause and (is_edge or not _is_counted(scope)):
            yield Hole(one, following, f"no record for longer than this source's usual pauses ({_hours(pause)})")


def _hours(pause: timedelta) -> str:
    hours = pause.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours >= 2 else f"{hours * 60:.0f} minutes"  # noqa: PLR2004  hours


def usual_pause(times: npt.NDArray[np.int64]) -> timedelta:
    """The longest silence that says nothing: twice the 99th percentile of the pauses, between 6 and 72 hours.

    `times` in microseconds, sorted.
    """
    if len(times) < _FEW:
        return _LONGEST
    usual = timedelta(microseconds=2 * float(np.quantile(np.diff(times), 0.99)))
    return min(max(usual, _SHORTEST), _LONGEST)


# --- logs ------------------------------------------------------------------------------------------------------------------


def _log_holes(scope: _Scope, start: datetime, end: datetime) -> Iterator[Hole]:
    """What is missing between the files of the largest log, and other silences that are improbable."""
    missing = list(scope.logs[0].holes(scope.habits)) if scope.logs else []
    yield from missing
    for silence in scope.habits.silences():
        if not any(silence.start < hole.end and hole.start < silence.end for hole in missing):
            yield Hole(silence.start, silence.end, silence.told())
    yield from _edges(scope, start, end)


def _edges(scope: _Scope, start: datetime, end: datetime) -> Iterator[Hole]:
    """The window before a log's first record and behind its last, if that is longer than any pause in it, or improbable."""
    first, last = moment(scope.times[0]), moment(scope.times[-1])
    longest = timedelta(microseconds=int(np.diff(scope.times).max())) if len(scope.times) >= _FEW else _LONGEST
    for one, other, what in (
        (start, first, f"the log begins at {readable(first)}"),
        (last, end, f"the log ends at {readable(last)}"),
    ):
        quiet = scope.habits.improbable(one, other) if one < other else None
        if quiet:
            yield Hole(one, other, f"{what}: {quiet.told()}")
        elif other - one > longest:
            yield Hole(one, other, f"{what}, and has no pause of more than {_hours(longest)}")


def _kept(scope: _Scope, start: datetime, end: datetime, is_broken: bool, undated: str) -> Iterator[Stretch]:
    """The rows of a part of the window without a hole; `is_broken`: there are holes elsewhere between the records."""
    if scope.route == "mailbox":
        yield scope.stretch(start, end, "partial", _joined(_MAILBOX, undated), scope.count(start, end))
        return
    if scope.route != "smtp":
        status, note = ("covered", _PROVEN) if _is_counted(scope) else ("partial", _UNPROVEN)
        if scope.total >= 0 and not _is_counted(scope):
            note = f"incomplete: the source counted {scope.total} messages, {scope.in_hand} are in hand"
        yield scope.stretch(start, end, status, _joined(note, undated), scope.count(start, end))
        return
    lost = scope.lost.within(start, end).notices
    whole = None if is_broken or lost or scope.undated else _whole(scope, start, end)
    if whole is None or whole.first is None or whole.last is None:
        yield scope.stretch(
            start, end, "partial", _joined(*_log_notes(scope, start, end, is_broken=is_broken), undated), scope.count(start, end)
        )
        return
    first, last = max(whole.first, start), min(whole.last, end)
    if start < first:
        yield scope.stretch(start, first, "partial", f"the log begins at {readable(first)}", scope.count(start, first))
    yield scope.stretch(first, last, "covered", _joined(whole.proof(first, last), whole.clocks()), scope.count(first, last))
    if last < end:
        yield scope.stretch(last, end, "partial", f"the log ends at {readable(last)}", scope.count(last, end))


def _whole(scope: _Scope, start: datetime, end: datetime) -> Log | None:
    """The log that is shown to be complete as far as it reaches into this time; all of that name are, for machines may share theirs."""
    sound = [log for log in scope.logs if (within := log.within(start, end)) and not log.doubts(*within)]
    for log in sound:
        if all(other in sound for other in scope.logs if other.name == log.name):
            return log
    return None


def _log_notes(
    scope: _Scope, start: datetime | None = None, end: datetime | None = None, *, is_broken: bool = False
) -> Iterator[str]:
    """What is to be said of a log that is not shown to be complete, and how its times are known."""
    if scope.route != "smtp":
        yield _MAILBOX if scope.route == "mailbox" else _UNPROVEN
        return
    lost = scope.lost.within(start, end) if start and end else scope.lost
    yield lost.told()
    if not scope.logs:
        yield _UNPROVEN
        return
    log = scope.logs[0]
    doubts = _doubts(log, start, end)
    if not doubts:
        others = [_doubts(other, start, end) for other in scope.logs[1:] if other.name == log.name]
        doubts = next(([f"of another log of the name {log.name}: {', '.join(one)}"] for one in others if one), [])
    if is_broken:
        doubts.append("there are gaps in it")
    if doubts:
        yield f"not shown to be complete: {', '.join(doubts)}"
    yield log.clocks()


def _doubts(log: Log, start: datetime | None, end: datetime | None) -> list[str]:
    within = log.within(start, end) if start and end else None
    return log.doubts(*within) if within else log.unknown()


def _missing_servers(
    scopes: Sequence[_Scope], policy: Policy, bounded: tuple[datetime | None, datetime | None]
) -> Iterator[Stretch]:
    known, routes = {scope.name for scope in scopes}, {scope.source: scope.route for scope in scopes}
    for server in policy.servers:
        for stream in server.streams or ("",):
            name = "/".join(part for part in (server.server, stream) if part)
            if name not in known and not (stream == "" and any(one == name or one.startswith(name + "/") for one in known)):
                note = "the policy names it, and no record in the evidence comes from it"
                yield Stretch(server.provider, name, routes.get(server.provider, "api"), "", *bounded, 0, "unknown", note)


def _empty_answers(
    connection: duckdb.DuckDBPyConnection, shows: Mapping[str, frozenset[str]], bounded: tuple[datetime | None, datetime | None]
) -> Iterator[Stretch]:
    for source, scope, route, answers in connection.execute(_EMPTY).fetchall():
        note = f"{answers} answer(s) of the provider held no row: retention has passed or nothing was asked; this is no proof of absence"
        yield Stretch(source, scope, route, "; ".join(sorted(shows.get(source, frozenset()))), *bounded, 0, "expired", note)


def _unnamed_servers(
    found: Sequence[Stretch], policy: Policy, bounded: tuple[datetime | None, datetime | None]
) -> Iterator[Stretch]:
    """Where mail servers' logs account for all of the window, and nobody has said which servers there are: the others."""
    answering = [one for one in found if one.answers]
    if answering and not policy.servers and all(one.status == "covered" and one.route == "smtp" for one in answering):
        note = "no policy names the servers ([[servers]]): a mail server's log says nothing of mail that went through a provider's API or another host"
        yield Stretch("", "servers that no policy names", "api", "", *bounded, 0, "unknown", note)
