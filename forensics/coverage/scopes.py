"""What each source recorded of each server and stream: the lanes of coverage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from forensics.coverage.collected import Collected, Collection
from forensics.coverage.compared import Lack
from forensics.coverage.logs import Log, Losses, losses
from forensics.coverage.rhythm import Habits, micros
from forensics.dates import zulu

__all__ = ["Beside", "Lane", "Stretch", "attribute", "lanes"]

# Every observation with the server and stream that it belongs to: as it says itself, as its collection says, as the other records of
# its message say, or as the only server of that stream. Few lanes, many observations: these are numbered by what they say, and the rest
# is done with the numbers
_TOLD = """
SELECT o.obs, o.source, o.route, o.kind, coalesce(nullif(o.server, ''), t.server, '') AS server, coalesce(nullif(o.stream, ''), t.stream, '') AS stream
FROM observed o LEFT JOIN tracked t ON o.route = 'api' AND t.evidence = o.evidence
"""
_SAYINGS = f"""
CREATE OR REPLACE TEMP TABLE sayings AS
SELECT row_number() OVER (ORDER BY source, route, kind, server, stream)::INTEGER AS saying, *
FROM (SELECT DISTINCT source, route, kind, server, stream FROM ({_TOLD}))
"""  # noqa: S608  constants of this module
_SAID = f"""
CREATE OR REPLACE TEMP TABLE said AS SELECT obs, saying FROM ({_TOLD}) JOIN sayings USING (source, route, kind, server, stream)
"""  # noqa: S608  constants of this module
# The stream of records that name none, where all others of that message and source name the same
_LENT = """
CREATE OR REPLACE TEMP TABLE lent AS
WITH mute AS (
  SELECT obs, msg, source FROM said JOIN sayings USING (saying) JOIN joined USING (obs) WHERE route = 'api' AND stream = ''
),
spoken AS (
  SELECT j.msg, s.source, min(s.stream) AS stream FROM said JOIN sayings s USING (saying) JOIN joined j USING (obs)
  SEMI JOIN mute m ON m.msg = j.msg AND m.source = s.source
  WHERE s.route = 'api' AND s.stream != '' GROUP BY ALL HAVING count(DISTINCT s.stream) = 1
)
SELECT obs, stream AS lent FROM mute JOIN spoken USING (msg, source)
"""
_TURNED = """
CREATE OR REPLACE TEMP TABLE turned AS
WITH streamed AS (
  SELECT saying, lent, s.* EXCLUDE (saying, stream), CASE WHEN route = 'api' AND stream = '' THEN lent ELSE stream END AS stream
  FROM (SELECT DISTINCT saying, coalesce(lent, '') AS lent FROM said LEFT JOIN lent USING (obs)) JOIN sayings s USING (saying)
)
SELECT w.* REPLACE (coalesce(nullif(w.server, ''), only_server.server, '') AS server)
FROM streamed w LEFT JOIN (
  SELECT source, stream, min(server) AS server FROM streamed WHERE server != '' AND route = 'api' GROUP BY ALL HAVING count(DISTINCT server) = 1
) only_server ON w.route = 'api' AND only_server.source = w.source AND only_server.stream = w.stream
"""
_LANES = """
CREATE OR REPLACE TEMP TABLE lanes AS
SELECT row_number() OVER (ORDER BY source, route, kind, server, stream)::INTEGER AS lane, * FROM (SELECT DISTINCT source, route, kind, server, stream FROM turned)
"""
_ATTRIBUTED = """
CREATE OR REPLACE TEMP TABLE attributed AS
SELECT s.obs, lane FROM said s LEFT JOIN lent l USING (obs)
JOIN (SELECT saying, lent, lane FROM turned JOIN lanes USING (source, route, kind, server, stream)) t ON t.saying = s.saying AND t.lent = coalesce(l.lent, '')
"""
_SCOPES = """
SELECT l.source, l.route, l.server, l.stream, count(*) AS records,
       list(epoch_us(t.utc) ORDER BY t.utc) FILTER (t.utc IS NOT NULL) AS times, count(*) FILTER (t.utc IS NULL) AS undated
FROM attributed JOIN lanes l USING (lane) LEFT JOIN (SELECT obs, arg_min(utc, (slack, rank, utc)) AS utc FROM timed GROUP BY obs) t USING (obs)
GROUP BY l.source, l.route, l.server, l.stream ORDER BY ALL
"""

# A query is answered in full if the different messages in hand are as many as the source counted.
_TOTALS = """
SELECT s.source, coalesce(t.server, '') AS server, coalesce(nullif(s.scope, ''), t.stream, '') AS stream, max(value) AS total
FROM statements s LEFT JOIN tracked t USING (evidence) WHERE kind = 'total' GROUP BY ALL ORDER BY ALL
"""
_IN_HAND = """
SELECT l.source, l.server, l.stream, count(DISTINCT o.message_id) AS rows
FROM lanes l JOIN attributed USING (lane) JOIN observed o USING (obs) WHERE l.kind = 'search' AND o.kind = 'search' GROUP BY ALL
"""
# Of an interval that was asked for: messages that the search lists
_LISTED = """
SELECT count(DISTINCT o.message_id) FROM lanes l JOIN attributed USING (lane) JOIN observed o USING (obs) JOIN timed t USING (obs)
WHERE l.kind = 'search' AND o.kind = 'search' AND l.source = $source AND l.server = $server AND l.stream = $stream
  AND (t.slack > 0 OR (t.utc >= $start AND t.utc < $end))
"""
# Answers that name a page which follows them; of the other files of that source some may be such pages
_CUT = """
WITH files AS (
  SELECT source, evidence, member, bool_or(kind = 'cut') AS cut, max(scope) FILTER (kind = 'cut') AS scope
  FROM statements WHERE kind IN ('cut', 'tally') GROUP BY ALL
)
SELECT f.source, f.scope, count(*) AS pages, any_value(coalesce(e.ends, 0)) AS ends
FROM files f LEFT JOIN (SELECT source, count(*) AS ends FROM files WHERE NOT cut GROUP BY source) e USING (source)
WHERE f.cut GROUP BY ALL ORDER BY ALL
"""


_NOTHING_LOST = Losses()


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
class Lane:
    """Everything one source recorded of one server and stream."""

    source: str
    route: str
    server: str
    stream: str
    shows: str
    records: int
    habits: Habits  # its dated records
    undated: int = 0
    total: int = -1  # messages that the source counted, -1 unknown
    in_hand: int = 0
    lost: Losses = _NOTHING_LOST
    logs: Sequence[Log] = ()
    cut: str = ""  # that an answer names a page which is not there
    collected: tuple[Collected, ...] = ()
    listed: tuple[int, ...] = ()  # for each of `collected`: messages of its interval that the search lists
    lacks: tuple[Lack, ...] = ()

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


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known besides the records of a lane: what was asked for, and what other sources have that it lacks."""

    collections: Sequence[Collection] = ()
    lacks: Sequence[Lack] = ()


def attribute(connection: duckdb.DuckDBPyConnection, collections: Sequence[Collection]) -> None:
    """Make tables `lanes` (lane, source, route, kind, server, stream), `attributed` (obs, lane) and `tracked`."""
    connection.execute("CREATE OR REPLACE TEMP TABLE tracked (evidence VARCHAR, server VARCHAR, stream VARCHAR)")
    rows = {evidence: (evidence, *asked) for one in collections for evidence, asked in one.files.items()}
    if rows:
        connection.executemany("INSERT INTO tracked VALUES (?, ?, ?)", [rows[evidence] for evidence in sorted(rows)])
    for query in (_SAYINGS, _SAID, _LENT, _TURNED, _LANES, _ATTRIBUTED):
        connection.execute(query)
    connection.execute("DROP TABLE sayings; DROP TABLE said; DROP TABLE lent; DROP TABLE turned")


def lanes(
    connection: duckdb.DuckDBPyConnection,
    shows: Mapping[str, frozenset[str]],
    logs: Mapping[tuple[str, str], Sequence[Log]],
    beside: Beside,
) -> Iterator[Lane]:
    """What each source has of each server and stream, and those streams that were asked for and have nothing. Needs `attribute`."""
    counted = _counted(connection)
    lost, cuts = losses(connection), _cuts(connection)
    asked = _asked(beside.collections)
    found = connection.sql(_SCOPES).to_arrow_table()
    for number, row in enumerate(found.drop_columns("times").to_pylist()):
        source, route, server, stream = row["source"], row["route"], row["server"], row["stream"]
        times = found["times"][number].values
        total, in_hand = counted(source, server, stream)
        collected = asked.pop((source, server, stream), ())
        yield Lane(
            source, route, server, stream,
            _shown(shows, source) if route != "mailbox" else "content; header",
            row["records"], Habits(times.to_numpy() if times is not None else np.zeros(0, np.int64)), row["undated"], total, in_hand,
            lost.get(server.partition("/")[0], Losses()) if route == "smtp" else Losses(), logs.get((source, server), ()) if route == "smtp" else (),
            cuts.get((source, server)) or cuts.get((source, "")) or "", collected, tuple(_listed(connection, one) for one in collected),
            tuple(one for one in beside.lacks if one.holder and one.holder.lane == (source, route, server, stream)),
        )  # fmt: skip
    for (source, server, stream), collected in asked.items():
        none = Habits(np.zeros(0, np.int64))
        yield Lane(
            source, "api", server, stream, _shown(shows, source), 0, none, collected=collected, listed=(0,) * len(collected)
        )


def _shown(shows: Mapping[str, frozenset[str]], source: str) -> str:
    return "; ".join(sorted(shows.get(source, frozenset())))


def _asked(collections: Sequence[Collection]) -> dict[tuple[str, str, str], tuple[Collected, ...]]:
    found: dict[tuple[str, str, str], tuple[Collected, ...]] = {}
    for collection in collections:
        for one in collection.streams:
            key = (one.provider, one.server, one.stream)
            found[key] = (*found.get(key, ()), one)
    return found


def _listed(connection: duckdb.DuckDBPyConnection, one: Collected) -> int:
    ((count,),) = connection.execute(
        _LISTED, {"source": one.provider, "server": one.server, "stream": one.stream, "start": one.start, "end": one.end}
    ).fetchall()
    return int(count)


class _Counts:
    """How many messages a source counted, and how many are in hand: of a stream, else of all that one query asked for."""

    def __init__(self, totals: Mapping[tuple[str, str, str], int], in_hand: Mapping[tuple[str, str, str], int]) -> None:
        self.totals, self.in_hand = totals, in_hand

    def __call__(self, source: str, server: str, stream: str) -> tuple[int, int]:
        rows = self.in_hand.get((source, server, stream), 0)
        for key in ((source, server, stream), (source, "", stream)):
            if key in self.totals:
                return self.totals[key], rows
        whole = self.totals.get((source, "", ""), -1)
        return whole, sum(count for key, count in self.in_hand.items() if key[0] == source) if whole >= 0 else rows


def _counted(connection: duckdb.DuckDBPyConnection) -> _Counts:
    totals = {(source, server, stream): total for source, server, stream, total in connection.execute(_TOTALS).fetchall()}
    in_hand = {(source, server, stream): rows for source, server, stream, rows in connection.execute(_IN_HAND).fetchall()}
    return _Counts(totals, in_hand)


def _cuts(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    """By source and scope: that the export goes on, as far as that can be told."""
    found = {}
    for source, scope, pages, ends in connection.execute(_CUT).fetchall():
        if not ends:
            note = "the export continues on a page that is not here"
        else:
            verb = "names" if pages == 1 else "name"
            note = f"{pages} of its {pages + ends} files {verb} a page that follows: whether all pages are here is not shown"
        found[source, scope] = note
    return found
