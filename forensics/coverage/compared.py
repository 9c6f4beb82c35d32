"""Sources held against each other: messages that one names and that another, which ought to have them by route, lacks.

Asked is only what may hide a copy: which messages are in the evidence, and not in the source that would name their recipients. A
source ought to have a message where the message itself says so, or where its like always went that way:

- The provider's own events (webhooks, lists of bounces) name server and stream: an export of these has the message.
- An id that the provider alone gives (`@mtasv.net`) says that the message went through it. Which server's export should have it
  follows from the mail of the same sender in the same source: if that is in one export, the rest is missed there; else all that
  can be said is that no export at hand has it.
- Anything else has no route written on it. Mail of one sender, one form of Message-ID, and to outsiders or not, is missed in a
  log only for as long as all of it is missing in one stretch, before and behind which nearly all of it is there: who uses
  another server now and then, or for good, makes no such stretch.

Only the time counts that both sources reach, less the difference of their clocks; received mail, mail that nobody dates exactly, and mail
without an id to join by are left out.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from forensics.coverage.rhythm import micros
from forensics.dates import readable
from forensics.model import Window

__all__ = ["Group", "Hour", "Lack", "compare"]

_LISTINGS = ("search", "details", "dump")  # answers of a provider that list what it sent, message by message
_EVENTS = ("bounce", "open", "click")  # and those that list what became of it, as webhooks do
_OWN_IDS = {"postmark": "mtasv.net"}  # providers that give a message an id at a domain of their own: model.Observation
_LEAST_RUN = 5  # messages; fewer in a row may have gone another way
_MOSTLY = 0.95  # of the like that is in the log on both sides of a stretch without it
_OWN_MOSTLY = 0.9  # the same where the provider is certain and only its server is not
_SKEW = (timedelta(minutes=5), timedelta(hours=24))  # what the clocks of two sources may differ by, at least and at most
_UNKNOWN_SKEW = timedelta(hours=1)  # where no message is in both
_BESIDE = timedelta(minutes=10)  # a record without an id may be a message of this time
_EVENT_DELAY = timedelta(hours=12)  # an event may come so long after its message

# Lanes of one source that belong together, and which lane (`attribute` made them) is in which group
_FORMED = f"""
CREATE OR REPLACE TEMP TABLE formed AS
SELECT *, CASE WHEN route != 'api' THEN '' WHEN kind IN {_LISTINGS} THEN 'export'
               WHEN starts_with(kind, 'webhook:') OR kind IN {_EVENTS} THEN 'events' ELSE '' END AS form
FROM lanes WHERE kind NOT IN ('inbound', 'reject')
"""  # noqa: S608  our own words
_GROUPS = """
CREATE OR REPLACE TEMP TABLE groups AS
SELECT row_number() OVER (ORDER BY source, route, server, stream, form)::INTEGER AS gid, * FROM (SELECT DISTINCT source, route, server, stream, form FROM formed)
"""
_NAMED_BY = """
CREATE OR REPLACE TEMP TABLE named_by AS
SELECT j.msg, g.gid, min(t.utc) AS utc
FROM attributed JOIN (SELECT lane, gid FROM formed JOIN groups USING (source, route, server, stream, form)) g USING (lane) JOIN joined j USING (obs)
LEFT JOIN (SELECT obs, min(utc) AS utc FROM timed WHERE slack = 0 AND clock NOT IN ('archive', 'from_line') GROUP BY obs) t USING (obs)
GROUP BY ALL
"""

# Messages that can be looked for elsewhere; what makes them alike is a kind (kid)
_CANDIDATES = """
CREATE OR REPLACE TEMP TABLE candidates AS
WITH outside AS (SELECT DISTINCT c.msg FROM copied c JOIN addresses a USING (aid) WHERE NOT a.own),
seen AS (
  SELECT n.msg, n.gid, n.utc, m.sid, lower(split_part(split_part(m.message_key, '@', -1), '~', 1)) AS host, x.msg IS NOT NULL AS outside
  FROM named_by n JOIN messages m USING (msg) LEFT JOIN outside x ON x.msg = n.msg
  WHERE m.judged AND NOT m.attempt AND n.utc IS NOT NULL AND contains(m.message_key, '@')
)
SELECT s.msg, s.gid, s.utc, k.kid, o.provider
FROM seen s JOIN (SELECT *, row_number() OVER () AS kid FROM (SELECT DISTINCT gid, sid, host, outside FROM seen)) k USING (gid, sid, host, outside)
LEFT JOIN own_ids o ON o.domain = s.host
"""
# Which of them which source has that would name their recipients
_MET = """
CREATE OR REPLACE TEMP TABLE met AS
SELECT c.msg, c.gid, c.kid, h.gid AS held_by, abs(epoch(c.utc) - epoch(n.utc)) AS skew
FROM candidates c JOIN named_by n USING (msg) JOIN holders h ON h.gid = n.gid WHERE n.gid != c.gid
"""
# The time in which a holder can be held against another source
_REACH = """
CREATE OR REPLACE TEMP TABLE reach AS
SELECT h.gid AS held_by, b.gid,
       h.first + to_seconds(greatest(coalesce(s.skew, $unknown), CASE WHEN b.form = 'events' THEN $late ELSE 0 END)) AS first,
       h.last - to_seconds(coalesce(s.skew, $unknown)) AS last, (h.source, h.server, h.stream) = (b.source, b.server, b.stream) AS same
FROM holders h JOIN groups b ON b.gid != h.gid
LEFT JOIN (SELECT held_by, gid, least(greatest(quantile_cont(skew, 0.99), $least), $most) AS skew FROM met GROUP BY ALL) s ON s.held_by = h.gid AND s.gid = b.gid
WHERE (h.source, h.route, h.server, h.stream) != (b.source, b.route, b.server, b.stream) OR (h.form = 'export' AND b.form = 'events')
"""
# Only kinds of which a holder has some, or whose server and stream are the holder's own, can be missed there
_SEQUENCE = """
CREATE OR REPLACE TEMP TABLE sequence AS
WITH wanted AS (
  SELECT DISTINCT held_by, gid, kid FROM met
  UNION SELECT r.held_by, c.gid, c.kid FROM reach r JOIN candidates c USING (gid) WHERE r.same
),
holding AS (
  SELECT m.gid, m.msg, list(DISTINCT m.held_by) AS held_by, list(DISTINCT h.source) AS sources FROM met m JOIN holders h ON h.gid = m.held_by GROUP BY ALL
),
known AS (
  SELECT r.held_by, c.gid, c.kid, c.msg, c.utc, c.provider, coalesce(list_contains(e.held_by, r.held_by), false) AS is_met,
         CASE WHEN c.provider IS NULL THEN e.msg IS NOT NULL ELSE coalesce(list_contains(e.sources, c.provider), false) END AS elsewhere
  FROM candidates c JOIN wanted w USING (gid, kid) JOIN reach r ON r.gid = c.gid AND r.held_by = w.held_by AND c.utc BETWEEN r.first AND r.last
  JOIN holders h ON h.gid = r.held_by LEFT JOIN holding e ON e.gid = c.gid AND e.msg = c.msg
  WHERE (c.provider IS NULL OR c.provider = h.source) AND {inside}
),
short AS (SELECT DISTINCT held_by, gid, kid FROM known WHERE NOT is_met AND NOT elsewhere)
SELECT k.*, count(*) FILTER (is_met) OVER (PARTITION BY held_by, gid, kid ORDER BY k.utc, m.message_key) AS run
FROM known k SEMI JOIN short USING (held_by, gid, kid) JOIN messages m USING (msg) WHERE is_met OR NOT elsewhere
"""
# Stretches of like messages that are all missing; `bounded`: some are there before and behind
_RUNS = """
CREATE OR REPLACE TEMP TABLE runs AS
WITH kinds AS (SELECT held_by, gid, kid, count(*) FILTER (is_met) AS met, count(*) FILTER (NOT is_met) AS lacking FROM sequence GROUP BY ALL)
SELECT s.held_by, s.gid, s.kid, s.run, count(*) AS length, any_value(k.met) AS met, any_value(k.lacking) AS lacking, s.run > 0 AND s.run < any_value(k.met) AS bounded
FROM sequence s JOIN kinds k USING (held_by, gid, kid) WHERE NOT s.is_met GROUP BY s.held_by, s.gid, s.kid, s.run
"""
_LACKING = """
CREATE OR REPLACE TEMP TABLE lacking AS
WITH longest AS (
  SELECT held_by, gid, kid, any_value(met) AS met, any_value(lacking) AS lacking, coalesce(max(length) FILTER (bounded), 0) AS longest FROM runs GROUP BY ALL
),
judged AS (
  SELECT l.*, met / greatest(met + lacking - longest, 1) AS share, r.same FROM longest l JOIN reach r USING (held_by, gid)
)
SELECT s.held_by, s.gid, s.msg, s.utc, s.provider
FROM sequence s JOIN judged j USING (held_by, gid, kid) JOIN runs r USING (held_by, gid, kid, run)
WHERE NOT s.is_met AND (
  j.same OR (s.provider IS NOT NULL AND j.share >= $own_mostly)
  OR (s.provider IS NULL AND r.bounded AND r.length >= $least_run AND j.met / (j.met + j.lacking - r.length) >= $mostly)
)
"""
# Mail that went through a provider, of which no record of the provider is there, and which no single export can be blamed for
_NOWHERE = """
CREATE OR REPLACE TEMP TABLE nowhere AS
SELECT NULL::INTEGER AS held_by, c.gid, c.msg, c.utc, c.provider
FROM candidates c JOIN groups g USING (gid)
WHERE c.provider IS NOT NULL AND g.source != c.provider AND {inside} AND c.msg NOT IN (SELECT msg FROM lacking WHERE provider IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM named_by n JOIN groups h ON h.gid = n.gid WHERE n.msg = c.msg AND h.source = c.provider)
  AND EXISTS (SELECT 1 FROM reach r JOIN holders h ON h.gid = r.held_by WHERE h.source = c.provider AND r.gid = c.gid AND c.utc BETWEEN r.first AND r.last)
"""
_HOURS = """
SELECT held_by, gid, coalesce(provider, '') AS provider, date_trunc('hour', utc) AS hour, count(DISTINCT msg) AS messages, min(utc) AS first, max(utc) AS last
FROM (SELECT * FROM lacking UNION ALL SELECT * FROM nowhere) GROUP BY ALL ORDER BY ALL
"""
_NAMELESS = """
SELECT n.gid, list(epoch_us(n.utc) ORDER BY n.utc) FROM named_by n JOIN holders h ON h.gid = n.gid JOIN messages m USING (msg)
WHERE n.utc IS NOT NULL AND NOT contains(m.message_key, '@') GROUP BY n.gid
"""


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """Records of one source that belong together; `form` is "export", "events" or "" (a log, an archive)."""

    source: str
    route: str
    server: str
    stream: str
    form: str

    @property
    def lane(self) -> tuple[str, str, str, str]:
        """Source, route, server and stream: where in coverage it belongs."""
        return self.source, self.route, self.server, self.stream

    @property
    def told(self) -> str:
        """As a sentence names it."""
        scope = "/".join(part for part in (self.server, self.stream) if part)
        what = "archive" if self.route == "mailbox" else {"export": "export", "events": "event list"}.get(self.form, "log")
        return f"the {self.source} {what}" + (f" of {scope}" if scope else "")


@dataclass(frozen=True, slots=True)
class Hour:
    """Messages of one hour that a source lacks: how many, the first and the last; times in UTC."""

    messages: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Lack:
    """What one source names and another lacks, hour by hour; `holder` None: no record of `provider` that is there has it."""

    holder: Group | None
    named_by: Group
    hours: tuple[Hour, ...]
    provider: str = ""

    @property
    def messages(self) -> int:
        """How many messages are lacking."""
        return sum(one.messages for one in self.hours)

    @property
    def first(self) -> datetime:
        """The time of the first of them, by the source that names it."""
        return min(one.first for one in self.hours)

    @property
    def last(self) -> datetime:
        """The time of the last of them."""
        return max(one.last for one in self.hours)

    def sentence(self) -> str:
        """The whole finding in a sentence: who has how many messages, who lacks them, from when to when."""
        mails = f"{self.messages:,} message{'s' * (self.messages != 1)}"
        when = (
            f"at {readable(self.first)}" if self.first == self.last else f"from {readable(self.first)} to {readable(self.last)}"
        )
        if self.holder is None:
            return f"{_capital(self.named_by.told)} has {mails} that went through {self.provider} ({when}), and no {self.provider} record in the evidence has them."
        return f"{_capital(self.named_by.told)} has {mails} that {self.lacking} lacks, {when}."

    @property
    def lacking(self) -> str:
        """Who lacks them, as the sentence on who has them goes on."""
        if self.holder is None:
            return f"every {self.provider} record"
        return f"its {self.holder.form}" if self.holder.lane == self.named_by.lane else self.holder.told


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def compare(connection: duckdb.DuckDBPyConnection, shows: Mapping[str, frozenset[str]], window: Window) -> list[Lack]:
    """What sources that show recipients lack and others have, within the window, sorted.

    Works on `lanes` and `attributed`, and on what `stitch` and `lay_out` made. Removes the tables that it makes.
    """
    try:
        connection.execute(_FORMED)
        connection.execute(_GROUPS)
        groups = _groups(connection)
        if len(groups) < 2 or not (_OWN_IDS.keys() & {one.source for one in groups.values()} or _is_shared(connection)):  # noqa: PLR2004  a comparison
            return []
        connection.execute(_NAMED_BY)
        if not _holders(connection, groups, shows):
            return []
        return _lacks(connection, groups, window)
    finally:
        for name in (
            "formed",
            "groups",
            "named_by",
            "holders",
            "own_ids",
            "candidates",
            "met",
            "reach",
            "sequence",
            "runs",
            "lacking",
            "nowhere",
        ):
            connection.execute(f"DROP TABLE IF EXISTS {name}")


def _is_shared(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether any message has more than one record at all."""
    return bool(connection.execute("SELECT 1 FROM merged LIMIT 1").fetchall())


def _groups(connection: duckdb.DuckDBPyConnection) -> dict[int, Group]:
    return {gid: Group(*rest) for gid, *rest in connection.execute("SELECT * FROM groups ORDER BY gid").fetchall()}


def _holders(connection: duckdb.DuckDBPyConnection, groups: Mapping[int, Group], shows: Mapping[str, frozenset[str]]) -> bool:
    """Table `holders`: who would name recipients, and from when to when. Events count where there is no export of their stream."""
    exported = {(one.source, one.server, one.stream) for one in groups.values() if one.form == "export"}
    holding = [
        gid
        for gid, one in groups.items()
        if one.route != "mailbox"
        and "recipients" in shows.get(one.source, frozenset())
        and (one.form != "events" or (one.source, one.server, one.stream) not in exported)
    ]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE holders AS SELECT g.*, n.first, n.last FROM groups g "
        "JOIN (SELECT gid, min(utc) AS first, max(utc) AS last FROM named_by WHERE utc IS NOT NULL GROUP BY gid) n USING (gid) WHERE list_contains($holding, gid)",
        {"holding": holding},
    )
    return bool(holding)


def _lacks(connection: duckdb.DuckDBPyConnection, groups: Mapping[int, Group], window: Window) -> list[Lack]:
    connection.execute("CREATE OR REPLACE TEMP TABLE own_ids (provider VARCHAR, domain VARCHAR)")
    connection.executemany("INSERT INTO own_ids VALUES (?, ?)", list(_OWN_IDS.items()))
    inside = _inside(window)
    connection.execute(_CANDIDATES)
    connection.execute(_MET)
    least, most = (edge.total_seconds() for edge in _SKEW)
    connection.execute(
        _REACH,
        {"unknown": _UNKNOWN_SKEW.total_seconds(), "late": _EVENT_DELAY.total_seconds(), "least": least, "most": most},
    )
    connection.execute(_SEQUENCE.format(inside=inside))
    connection.execute(_RUNS)
    connection.execute(_LACKING, {"own_mostly": _OWN_MOSTLY, "least_run": _LEAST_RUN, "mostly": _MOSTLY})
    connection.execute(_NOWHERE.format(inside=inside))
    nameless = dict(connection.execute(_NAMELESS).fetchall())
    hours: dict[tuple[Group | None, Group, str], list[Hour]] = defaultdict(list)
    for held_by, gid, provider, _, messages, first, last in connection.execute(_HOURS).fetchall():
        one = Hour(messages, first.astimezone(UTC), last.astimezone(UTC))
        if not _may_be(nameless.get(held_by, ()), one):
            holder = groups[held_by] if held_by is not None else None
            hours[holder, groups[gid], "" if holder else provider].append(one)
    found = [Lack(holder, other, tuple(listed), provider) for (holder, other, provider), listed in hours.items()]
    return _sorted(found)


def _may_be(nameless: Sequence[int], hour: Hour) -> bool:
    """Whether as many records without an id lie about there: they may be the messages that seem to be missing."""
    low = bisect_left(nameless, micros(hour.first - _BESIDE))
    return bisect_right(nameless, micros(hour.last + _BESIDE)) - low >= hour.messages


def _sorted(found: Iterable[Lack]) -> list[Lack]:
    return sorted(found, key=lambda one: (one.holder is None, one.holder or one.named_by, one.named_by, one.provider))


def _inside(window: Window) -> str:
    tests = ["true"]
    if window.start is not None:
        tests.append(f"c.utc >= TIMESTAMPTZ '{window.start.isoformat()}'")
    if window.end is not None:
        tests.append(f"c.utc < TIMESTAMPTZ '{window.end.isoformat()}'")
    return " AND ".join(tests)
