"""What the evidence can say at all: which part of the window each source, server and route accounts for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np

from forensics.dates import readable, zulu
from forensics.incident import Incident
from forensics.policy import Policy

__all__ = ["Conclusion", "Seen", "Stretch", "conclude", "last_record", "survey"]

# A silence counts as a gap if it is twice as long as this source's usual long pauses, at least and at most:
_SHORTEST, _LONGEST = timedelta(hours=6), timedelta(hours=72)
_QUIET = timedelta(hours=72)  # mail that went on for so long without a hit says that it stopped

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
       list(t.utc ORDER BY t.utc) FILTER (t.utc IS NOT NULL) AS times, count(*) FILTER (t.utc IS NULL) AS undated
FROM attributed a LEFT JOIN (SELECT obs, arg_min(utc, (slack, rank, utc)) AS utc FROM timed GROUP BY obs) t USING (obs)
GROUP BY a.source, a.route, a.server, a.stream ORDER BY ALL
"""

# A query is answered in full if the different messages in hand are as many as the source counted.
_TOTALS = """
SELECT source, scope, max(value) AS total FROM statements WHERE kind = 'total' GROUP BY ALL ORDER BY ALL
"""
_IN_HAND = "SELECT source, stream, count(DISTINCT message_id) AS rows FROM observed WHERE kind = 'search' GROUP BY ALL"
_LOST = (
    "SELECT source, scope, sum(value) AS lost, count(*) AS times FROM statements WHERE kind = 'lost' GROUP BY ALL ORDER BY ALL"
)
_EMPTY = "SELECT source, scope, route, count(*) AS answers FROM statements WHERE kind = 'empty' GROUP BY ALL ORDER BY ALL"

_MAILBOX = "stored copies carry no Bcc: they show what was in a mail, not who else received it"
_LOG = "nothing in such a log proves that it is complete"
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
class Scope:
    """Everything one source recorded of one server and stream."""

    source: str
    route: str
    scope: str
    shows: str
    records: int
    times: tuple[datetime, ...]
    undated: int
    complete: bool
    note: str


def survey(
    connection: duckdb.DuckDBPyConnection, shows: Mapping[str, frozenset[str]], incident: Incident, policy: Policy
) -> list[Stretch]:
    """Coverage of the window, from `observed`, `timed` and `statements`; `shows` maps a source to what it can show.

    A window without an end is surveyed up to the last dated record of any source.
    """
    window = policy.window_for(incident)
    scopes = list(_scopes(connection, shows))
    last = max((scope.times[-1] for scope in scopes if scope.times), default=None)
    first = min((scope.times[0] for scope in scopes if scope.times), default=None)
    bounded = (window.start or first, window.end or last)
    found = [stretch for scope in scopes for stretch in _stretches(scope, bounded)]
    found += _missing_servers(scopes, policy, bounded)
    found += _empty_answers(connection, shows, bounded)
    return sorted(found, key=lambda one: (one.route, one.source, one.scope, zulu(one.start), zulu(one.end), one.status))


def _scopes(connection: duckdb.DuckDBPyConnection, shows: Mapping[str, frozenset[str]]) -> Iterator[Scope]:
    totals = {(source, scope): total for source, scope, total in connection.execute(_TOTALS).fetchall()}
    in_hand = {(source, stream): rows for source, stream, rows in connection.execute(_IN_HAND).fetchall()}
    lost = {(source, scope): (count, times) for source, scope, count, times in connection.execute(_LOST).fetchall()}
    for source, route, server, stream, records, times, undated in connection.execute(_SCOPES).fetchall():
        scope = "/".join(part for part in (server, stream) if part)
        total = totals.get((source, stream), totals.get((source, ""), -1))
        complete = total >= 0 and in_hand.get((source, stream), 0) >= total
        note = _MAILBOX if route == "mailbox" else _PROVEN if complete else _LOG
        if total >= 0 and not complete:
            note = f"incomplete: the source counted {total} messages, {in_hand.get((source, stream), 0)} are in hand"
        if (gone := lost.get((source, server))) is not None:
            complete, note = False, f"the log says itself that {gone[0]} lines were lost ({gone[1]} times); {note}"
        if undated:
            note += f"; {undated} records carry no time and count as inside the window"
        able = "; ".join(sorted(shows.get(source, frozenset()))) if route != "mailbox" else "content; header"
        yield Scope(
            source, route, scope, able, records, tuple(one.astimezone(UTC) for one in times or ()), undated, complete, note
        )


def _stretches(scope: Scope, bounded: tuple[datetime | None, datetime | None]) -> Iterator[Stretch]:
    start, end = bounded
    status = "covered" if scope.complete and scope.route != "mailbox" else "partial"
    if not scope.times or start is None or end is None:
        note = scope.note if scope.times else f"no record carries a time; {scope.note}"
        yield Stretch(
            scope.source,
            scope.scope,
            scope.route,
            scope.shows,
            start,
            end,
            scope.records,
            status if scope.times else "partial",
            note,
        )
        return
    inside = scope.times[bisect_left(scope.times, start) : bisect_right(scope.times, end)]
    if not inside:
        note = f"records exist from {readable(scope.times[0])} to {readable(scope.times[-1])} only, none of them in the window"
        yield Stretch(scope.source, scope.scope, scope.route, scope.shows, start, end, 0, "gap", note)
        return
    # a record just outside the window shows that the source was running across its edge
    earlier = scope.times[: bisect_left(scope.times, start)][-1:]
    later = scope.times[bisect_right(scope.times, end) :][:1]
    points = [(at, True) for at in (*earlier, *inside, *later)]
    points = [*([] if earlier else [(start, False)]), *points, *([] if later else [(end, False)])]
    pause = usual_pause(scope.times)
    begun = start
    for (one, is_record), (following, is_next_record) in pairwise(points):
        between = is_record and is_next_record
        if following - one <= pause or (between and scope.complete):  # complete: nothing was there to record
            continue
        silence = max(one, start), min(following, end)
        if silence[0] > begun or (is_record and one >= start):
            yield _kept(scope, begun, silence[0], status)
        yield _gap(scope, *silence, f"no record for longer than this source's usual pauses ({_hours(pause)})")
        begun = silence[1]
    if begun < end:
        yield _kept(scope, begun, end, status)


def _kept(scope: Scope, start: datetime, end: datetime, status: str) -> Stretch:
    records = bisect_right(scope.times, end) - bisect_left(scope.times, start)
    return Stretch(scope.source, scope.scope, scope.route, scope.shows, start, end, records, status, scope.note)


def _gap(scope: Scope, start: datetime, end: datetime, note: str) -> Stretch:
    return Stretch(scope.source, scope.scope, scope.route, scope.shows, start, end, 0, "gap", note)


def _hours(pause: timedelta) -> str:
    return f"{pause.total_seconds() / 3600:.0f} hours"


def usual_pause(times: Sequence[datetime]) -> timedelta:
    """The longest silence that says nothing: twice the 99th percentile of the pauses, between 6 and 72 hours."""
    if len(times) < 10:  # noqa: PLR2004  too few to know a habit
        return _LONGEST
    seconds = np.diff(np.array([at.timestamp() for at in times]))
    usual = timedelta(seconds=2 * float(np.quantile(seconds, 0.99)))
    return min(max(usual, _SHORTEST), _LONGEST)


def _missing_servers(
    scopes: Sequence[Scope], policy: Policy, bounded: tuple[datetime | None, datetime | None]
) -> Iterator[Stretch]:
    known = {scope.scope for scope in scopes}
    for server in policy.servers:
        for stream in server.streams or ("",):
            name = "/".join(part for part in (server.server, stream) if part)
            if name not in known and not (stream == "" and any(one == name or one.startswith(name + "/") for one in known)):
                note = "the policy names it, and no record in the evidence comes from it"
                yield Stretch(server.provider, name, "api", "", *bounded, 0, "unknown", note)


def _empty_answers(
    connection: duckdb.DuckDBPyConnection, shows: Mapping[str, frozenset[str]], bounded: tuple[datetime | None, datetime | None]
) -> Iterator[Stretch]:
    for source, scope, route, answers in connection.execute(_EMPTY).fetchall():
        note = f"{answers} answer(s) of the provider held no row: retention has passed or nothing was asked; this is no proof of absence"
        yield Stretch(source, scope, route, "; ".join(sorted(shows.get(source, frozenset()))), *bounded, 0, "expired", note)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The one answer of a case, as the contract's word and as sentences."""

    word: str
    text: str
    ongoing: str
    ongoing_text: str
    coverage_text: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What the verdicts left, for the conclusion. Times in UTC, None is unknown."""

    confirmed: Sequence[datetime | None] = ()  # when each confirmed exposed message was sent
    probable: Sequence[datetime | None] = ()
    possible: int = 0
    traces: int = 0  # suppressions that show a sending to an indicator
    last_record: datetime | None = None  # of any source that can name recipients
    excuses: int = 0  # entries of the policy that name expected recipients
    elsewhere: int = 0  # messages that name an indicator, and that nothing shows to be ours; not among `possible`


def conclude(stretches: Sequence[Stretch], seen: Seen) -> Conclusion:
    """The conclusion from coverage and verdicts."""
    answering = [one for one in stretches if one.answers or one.status == "unknown"]
    full = bool(answering) and all(one.status == "covered" for one in answering)
    coverage = _coverage_text(answering, full=full)
    if seen.confirmed or seen.probable:
        ongoing, ongoing_text = _ongoing([*seen.confirmed, *seen.probable], seen.last_record)
        return Conclusion("exposure_shown", _exposure_text(seen, full=full), ongoing, ongoing_text, coverage)
    if seen.traces or (seen.possible and not any(one.answers and one.records for one in stretches)):
        text = (
            "Mail was sent the compromised way, but no record in the evidence names who received it: the extent cannot be told."
        )
        return Conclusion("compromised_extent_unknown", text, "unknown", "Whether it goes on cannot be told.", coverage)
    if seen.elsewhere:
        text = (
            f"{seen.elsewhere} message{'s' * (seen.elsewhere != 1)} to a collecting address, but nothing shows that they are ours "
            "(possible_messages.csv): name your own domains, or ask who sent them."
        )
        return Conclusion("cannot_tell", text, "unknown", "Whether mail is being copied cannot be told.", coverage)
    if full:
        text = "No message to a collecting address was seen, and the records account for all of the window."
        return Conclusion("none_seen_covered", text, "no", "No such copy was seen.", coverage)
    text = "No message to a collecting address was seen, but the records do not account for all of the window: it cannot be told."
    return Conclusion("cannot_tell", text, "unknown", "Whether mail is being copied cannot be told.", coverage)


def _exposure_text(seen: Seen, *, full: bool) -> str:
    confirmed, probable = len(seen.confirmed), len(seen.probable)
    total = confirmed + probable
    mails = f"{total:,} message{'s' * (total != 1)}"
    if not confirmed:
        text = f"{mails} probably went to a collecting address: the pattern says so, no indicator of an incident was met."
        if not seen.excuses:
            text += " No policy names the blind recipients that are expected (archive, CRM): these look alike, so check the recipients first."
    else:
        parts = f"{confirmed:,} confirmed" + (f", {probable:,} probable" if probable else "")
        text = f"{mails} went to somebody who should not have received {'it' if total == 1 else 'them'} ({parts})."
    return text if full else f"{text} There may be more: the evidence does not account for all of the window."


def _coverage_text(answering: Sequence[Stretch], *, full: bool) -> str:
    if not any(one.records for one in answering):
        return "No record in the evidence can say who received a copy."
    if full:
        return "Records that name recipients account for all of the window."
    told = []
    for status, words in (
        ("gap", "gap"),
        ("partial", "stretch without proof of completeness"),
        ("expired", "stretch past retention"),
    ):
        count = sum(one.status == status for one in answering)
        if count:
            told.append(f"{count} {words if count == 1 else words.replace('gap', 'gaps').replace('stretch', 'stretches')}")
    silent = sorted({one.scope for one in answering if one.status == "unknown"})
    if silent:
        told.append(f"no record at all of {', '.join(silent)}")
    return f"Records that name recipients do not account for all of the window: {', '.join(told)}."


def last_record(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """The latest exact time of any observation from a source that can name recipients, in UTC."""
    ((last,),) = connection.execute(
        "SELECT max(utc) FROM timed JOIN observed USING (obs) WHERE route IN ('api', 'smtp') AND slack = 0"
    ).fetchall()
    return last.astimezone(UTC) if last is not None else None


def _ongoing(exposed: Sequence[datetime | None], reach: datetime | None) -> tuple[str, str]:
    dated = [at for at in exposed if at is not None]
    if not dated or reach is None:
        return "unknown", "Whether it goes on cannot be told: times are missing."
    last = max(dated)
    if reach - last > _QUIET:
        return "no", f"The last exposed message left at {readable(last)}. Records reach on to {readable(reach)} without another."
    return (
        "yes",
        f"The last exposed message left at {readable(last)} and the records end at {readable(max(reach, last))}: nothing shows that it stopped.",
    )
