"""What the tables say of each external recipient that may be blind, counted: the figures behind a finding."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import duckdb

from forensics.detectors.blind_copy.unit import COVERED_SHARE, MIN_MESSAGES, MIN_THREADS, Unit

__all__ = ["addresses_of", "company", "passing", "predecessors", "units_inside"]

OPEN_ADDRESSES = (
    5  # of a domain that we wrote to; where no message went to two of them, they have no more in common than a provider
)
CROWD = 50  # recipients; a mailing to more says nothing of who stands beside whom
STANDING_SHARE, STANDING_MESSAGES = 0.5, 20  # what goes along with most mail of its senders is no addressee of it

# All addresses of a domain that is a stranger count together; of a domain that is known, or open to anybody, each by itself. A unit
# has the number of the first of its addresses
_UNITS = """
CREATE OR REPLACE TEMP TABLE units AS
WITH each AS (SELECT aid, min(sent_at) AS first_use, bool_or(visible) AS visible FROM copied WHERE judged AND NOT trace_only GROUP BY aid),
met AS (SELECT registrable, min(first_use) AS first_use, bool_or(visible) AS visible FROM each JOIN addresses USING (aid) GROUP BY registrable),
wrote AS (SELECT DISTINCT registrable FROM addresses SEMI JOIN (SELECT sid AS aid FROM messages) USING (aid)),
large AS (SELECT registrable FROM addresses WHERE NOT own GROUP BY registrable HAVING count(*) >= $many),
open AS (
  SELECT registrable FROM copied c JOIN (SELECT aid, registrable FROM addresses SEMI JOIN large USING (registrable)) a USING (aid)
  WHERE c.judged AND NOT c.trace_only AND (c.visible OR c.sent_at < $start::TIMESTAMPTZ)
  GROUP BY registrable HAVING count(DISTINCT aid) >= $many AND count(DISTINCT msg) = count(*)
),
domains AS (
  SELECT registrable, list_contains($shared, registrable) OR o.registrable IS NOT NULL AS shared,
         visible OR w.registrable IS NOT NULL OR coalesce(first_use < $start::TIMESTAMPTZ, false) AS known
  FROM met LEFT JOIN wrote w USING (registrable) LEFT JOIN open o USING (registrable)
),
firms AS (
  SELECT f.registrable, f.first_aid, coalesce(known AND NOT shared, false) AS related,
         f.registrable = '' OR coalesce(shared, false) OR coalesce(known, true) AS apart
  FROM (SELECT registrable, min(aid) AS first_aid FROM addresses GROUP BY registrable) f LEFT JOIN domains USING (registrable)
)
SELECT aid, address, domain, own, indicator, related, CASE WHEN apart THEN address ELSE registrable END AS unit, CASE WHEN apart THEN aid ELSE first_aid END::BIGINT AS uid
FROM addresses JOIN firms USING (registrable)
"""

# To whom a message openly went, else to whom at all: equal sets of addresses are one thread, as far as logs tell. Of a smaller
# number DuckDB's hash has 32 bits only, and sums of those are equal by chance
_PARTIES = """
CREATE OR REPLACE TEMP TABLE parties AS
SELECT msg, coalesce(sum(hash(aid::BIGINT)) FILTER (visible), sum(hash(aid::BIGINT))) AS parties
FROM copied WHERE judged AND NOT trace_only GROUP BY msg
"""

_CANDIDATES = """
CREATE OR REPLACE TEMP TABLE candidates AS
SELECT u.uid, c.msg, any_value(c.sid) AS sid, any_value(p.parties) AS parties, min(c.sent_at) AS sent_at, bool_or(c.blind = 'yes') AS blind,
       bool_and(c.alias) AS alias, count(*) AS addresses
FROM copied c JOIN units u USING (aid) JOIN parties p USING (msg)
WHERE c.judged AND c.in_window AND NOT u.own AND u.indicator = '' AND c.entry IS NULL AND NOT c.trace_only AND c.blind != 'no'
GROUP BY u.uid, c.msg
"""

# How much of each sender's mail a unit received, in all the evidence; only units of several addresses can have a message twice
_SHARES = """
CREATE OR REPLACE TEMP TABLE shares AS
WITH several AS (SELECT uid FROM units GROUP BY uid HAVING count(*) > 1)
SELECT u.uid, c.sid, CASE WHEN any_value(s.uid) IS NULL THEN count(*) ELSE count(DISTINCT CASE WHEN s.uid IS NOT NULL THEN c.msg END) END AS messages,
       min(c.sent_at) AS first_at, max(c.sent_at) AS last_at
FROM copied c JOIN units u USING (aid) LEFT JOIN several s USING (uid) WHERE c.judged AND NOT c.trace_only GROUP BY ALL
"""

# A sender's mail in order of time: how much of it lies between two moments is a difference of two numbers
_TIMELINE = """
CREATE OR REPLACE TEMP TABLE timeline AS
SELECT sid, sent_at, row_number() OVER (PARTITION BY sid ORDER BY sent_at, msg) AS n FROM messages
WHERE judged AND sent_at IS NOT NULL AND (list_contains(routes, 'api') OR list_contains(routes, 'smtp'))
"""

_FEATURES = """
CREATE OR REPLACE TEMP TABLE features AS
WITH inside AS (
  SELECT uid, count(*) AS messages, count(DISTINCT parties) AS threads, count(DISTINCT sid) AS senders,
         count(*) FILTER (blind) AS known_blind, bool_and(alias) AS alias_only,
         min(sent_at) AS first_inside, max(sent_at) AS last_inside
  FROM candidates GROUP BY uid
),
ever AS (
  SELECT uid, min(sent_at) AS first_use, bool_or(visible) AS ever_visible
  FROM copied JOIN units USING (aid) WHERE judged AND NOT trace_only GROUP BY uid
),
wrote AS (SELECT DISTINCT uid FROM (SELECT DISTINCT sid FROM messages) m JOIN units u ON u.aid = m.sid),
each AS (SELECT uid, sid, count(*) AS n FROM candidates GROUP BY ALL),
main AS (
  SELECT uid, max(n) AS main, coalesce(sum(n) FILTER (sid >= 0), 0)::BIGINT AS signed, coalesce(max(n) FILTER (sid >= 0), 0) AS signed_main FROM each GROUP BY uid
),
bounds AS (SELECT uid, sid, first_inside, last_inside FROM inside JOIN each USING (uid)),
compared AS (
  SELECT b.uid, sum(coalesce(CASE WHEN $start::TIMESTAMPTZ IS NULL THEN f.n ELSE s.n END, 0))::BIGINT AS before,
         sum(coalesce(l.n, 0) - coalesce(f.n, 0))::BIGINT AS during,
         coalesce(sum(coalesce(l.n, 0) - coalesce(f.n, 0)) FILTER (b.sid >= 0), 0)::BIGINT AS signed_during,
         sum(CASE WHEN $start::TIMESTAMPTZ IS NULL THEN 0 ELSE coalesce(f.n, 0) - coalesce(s.n, 0) END)::BIGINT AS ahead
  FROM bounds b
  ASOF LEFT JOIN timeline f ON f.sid = b.sid AND f.sent_at < b.first_inside
  ASOF LEFT JOIN timeline l ON l.sid = b.sid AND l.sent_at <= b.last_inside
  ASOF LEFT JOIN (SELECT sid, sent_at, n FROM timeline) s ON s.sid = b.sid AND s.sent_at < coalesce($start::TIMESTAMPTZ, b.first_inside)
  GROUP BY b.uid
)
SELECT i.uid, n.unit, n.domain, n.related, messages, threads, senders, main, signed, signed_main, coalesce(signed_during, 0) AS signed_during, known_blind, alias_only, first_inside, last_inside, first_use,
       coalesce(ever_visible, false) AS ever_visible, w.uid IS NOT NULL AS wrote,
       coalesce(before, 0) AS before, coalesce(during, 0) AS during, coalesce(ahead, 0) AS ahead,
       coalesce((SELECT min(sent_at) < $start::TIMESTAMPTZ FROM timeline), false) AS reaches_back
FROM inside i JOIN (SELECT uid, any_value(unit) AS unit, min(domain) AS domain, any_value(related) AS related FROM units GROUP BY uid) n USING (uid) LEFT JOIN ever USING (uid) LEFT JOIN wrote w USING (uid)
LEFT JOIN compared USING (uid) JOIN main USING (uid)
"""

# Nothing but blind copies connects a stranger with us, and not before the window
_SUSPECTS = """
CREATE OR REPLACE TEMP TABLE suspects AS
SELECT uid, messages >= $messages AND during > 0 AND messages >= $share * during AS covers FROM features
WHERE NOT (coalesce(first_use < $start::TIMESTAMPTZ, false) OR alias_only OR ever_visible OR wrote)
"""

# Of the others no figure could tell anything: nobody knows whether they were blind, and they are few or not alone
_TELLING = """
CREATE OR REPLACE TEMP TABLE telling AS
SELECT * FROM features
WHERE known_blind > 0 OR (uid IN (SELECT uid FROM suspects) AND (messages >= $least OR (messages > 1 AND messages >= $covered * during)))
"""

# What goes along with most mail of a sender, as long as it is there and whoever else is addressed, is no addressee of that mail
_STANDING = """
CREATE OR REPLACE TEMP TABLE standing AS
WITH spans AS (SELECT * FROM shares WHERE messages >= $messages),
counted AS (
  SELECT s.uid, s.sid, s.messages, coalesce(l.n, 0) - coalesce(f.n, 0) AS sent
  FROM spans s
  ASOF LEFT JOIN timeline f ON f.sid = s.sid AND f.sent_at < s.first_at
  ASOF LEFT JOIN timeline l ON l.sid = s.sid AND l.sent_at <= s.last_at
),
frequent AS (SELECT uid, sid FROM counted WHERE messages >= $share * sent),
whole AS (
  SELECT s.uid FROM shares s JOIN (SELECT sid, count(*) AS sent FROM messages WHERE judged GROUP BY sid) m USING (sid)
  GROUP BY s.uid HAVING sum(s.messages) >= $messages AND sum(s.messages) >= $share * sum(m.sent)
  UNION SELECT uid FROM suspects WHERE covers
),
likely AS (SELECT uid, sid FROM frequent UNION SELECT s.uid, s.sid FROM shares s SEMI JOIN whole USING (uid)),
various AS (
  SELECT u.uid, c.sid FROM copied c JOIN units u USING (aid) SEMI JOIN likely l ON l.uid = u.uid AND l.sid = c.sid JOIN parties p USING (msg)
  GROUP BY ALL HAVING count(DISTINCT p.parties) >= $various
)
SELECT uid, sid FROM various UNION SELECT s.uid, s.sid FROM shares s SEMI JOIN whole USING (uid)
"""

_ADDRESSEES = """
CREATE OR REPLACE TEMP TABLE addressees AS
SELECT m.msg, m.sid, m.sent_at, m.receivers, coalesce(b.others, 0) AS others, coalesce(b.company, 0) AS company
FROM messages m LEFT JOIN (
  SELECT c.msg, count(*) AS others, sum(hash(u.uid)) AS company FROM copied c JOIN units u USING (aid) ANTI JOIN standing s ON s.uid = u.uid AND s.sid = c.sid
  WHERE NOT c.trace_only AND c.entry IS NULL GROUP BY c.msg
) b USING (msg)
WHERE m.judged AND NOT m.attempt
"""

# Who stands beside a suspect: `others` addressees of its message without itself, and the units most often among them
_COMPANY = """
WITH all_strangers AS (SELECT * FROM candidates SEMI JOIN suspects USING (uid)),
strangers AS (SELECT c.msg, count(*) FILTER (s.uid IS NULL) AS units FROM all_strangers c LEFT JOIN standing s ON s.uid = c.uid AND s.sid = c.sid GROUP BY c.msg),
mine AS (SELECT * FROM all_strangers SEMI JOIN telling USING (uid)),
counted AS (
  SELECT m.uid, m.msg, m.sid, m.sent_at, m.parties, a.others - CASE WHEN s.uid IS NULL THEN m.addresses ELSE 0 END AS others,
         a.company - CASE WHEN s.uid IS NULL THEN m.addresses * hash(m.uid)::HUGEINT ELSE 0 END AS company,
         a.receivers > m.addresses AS together, t.units <= (s.uid IS NULL)::INT AS sole
  FROM mine m JOIN addressees a USING (msg) JOIN strangers t USING (msg) LEFT JOIN standing s ON s.uid = m.uid AND s.sid = m.sid
),
beside AS (
  SELECT m.uid, m.msg, o.uid AS other, o.own, c.aid
  FROM mine m JOIN messages w USING (msg) JOIN copied c USING (msg) JOIN units o ON o.aid = c.aid AND o.uid != m.uid
  ANTI JOIN standing s ON s.uid = o.uid AND s.sid = m.sid
  WHERE w.receivers <= $crowd AND NOT c.trace_only AND c.entry IS NULL
),
partners AS (SELECT uid, count(DISTINCT other) FILTER (NOT own) AS partners, count(DISTINCT aid) AS people FROM beside GROUP BY uid),
most AS (SELECT uid, max(n) AS most FROM (SELECT uid, other, count(DISTINCT msg) AS n FROM beside WHERE NOT own GROUP BY ALL) GROUP BY uid),
usual AS (
  SELECT sid, count(DISTINCT company) AS sets, count(DISTINCT company) FILTER (others >= 2) AS several_sets FROM addressees GROUP BY sid
),
lone AS (
  SELECT u.uid, count(DISTINCT c.msg) AS alone FROM copied c JOIN units u USING (aid) SEMI JOIN telling USING (uid) JOIN messages m USING (msg)
  WHERE c.judged AND c.in_window AND NOT c.trace_only AND NOT c.visible AND m.receivers <= 1 GROUP BY u.uid
),
habit AS (
  SELECT uid, sum(u.sets)::BIGINT AS sets, sum(u.several_sets)::BIGINT AS several_sets
  FROM (SELECT DISTINCT uid, sid FROM counted) JOIN usual u USING (sid) GROUP BY uid
)
SELECT c.uid, count(*) FILTER (c.others >= 1) AS accompanied, count(*) FILTER (c.sole) AS sole, coalesce(avg(c.others), 0) AS crowd, coalesce(any_value(p.partners), 0) AS partners,
       coalesce(any_value(p.people), 0) AS people, coalesce(any_value(t.most), 0) AS most,
       coalesce(any_value(l.alone), 0) AS alone, list_sort(list(DISTINCT c.sid)) AS sids,
       count(*) FILTER (c.together) AS together, count(DISTINCT c.company) AS groups, any_value(h.sets) AS sets, any_value(h.several_sets) AS several_sets
FROM counted c LEFT JOIN partners p USING (uid) LEFT JOIN most t USING (uid) LEFT JOIN habit h USING (uid) LEFT JOIN lone l USING (uid)
GROUP BY c.uid ORDER BY c.uid
"""


def units_inside(connection: duckdb.DuckDBPyConnection, start: datetime | None, shared: Iterable[str]) -> list[dict[str, Any]]:
    """Every unit with a copy in the window that may be blind and that nothing excuses: what was counted of it, in order of names.

    A unit is a registrable domain, or one address where the domain is known from other mail (`related`) or is one of the
    `shared` ones, where anybody can have a mailbox. `before` counts its senders' mail before the window (before its first copy, where
    the window has no start), `during` theirs between its first and its last copy. Left out are units of which nothing can be told: perhaps
    blind, perhaps not, and on few messages.
    """
    connection.execute(_UNITS, {"start": start, "shared": sorted(shared), "many": OPEN_ADDRESSES})
    for statement in (_PARTIES, _CANDIDATES, _SHARES, _TIMELINE):
        connection.execute(statement)
    connection.execute(_FEATURES, {"start": start})
    connection.execute(_SUSPECTS, {"start": start, "messages": STANDING_MESSAGES, "share": STANDING_SHARE})
    connection.execute(_TELLING, {"least": MIN_MESSAGES, "covered": COVERED_SHARE})
    return _rows(connection, "SELECT * FROM telling ORDER BY unit")


def company(connection: duckdb.DuckDBPyConnection) -> dict[int, dict[str, Any]]:
    """Who stood beside each stranger of these units in its messages, and how that compares with the rest of the same senders' mail.

    What always went along with most mail of its senders is company of nobody, and so is a stranger that does so since it came.
    """
    connection.execute(_STANDING, {"messages": STANDING_MESSAGES, "share": STANDING_SHARE, "various": MIN_THREADS})
    connection.execute(_ADDRESSEES)
    return {row["uid"]: row for row in _rows(connection, _COMPANY, {"crowd": CROWD})}


def _rows(connection: duckdb.DuckDBPyConnection, query: str, bounds: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    cursor = connection.execute(query, bounds or {})
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


# Who received most of the same senders' earlier mail, and stood on none of a unit's messages while it ended: an archive that moved, say.
# Each sender turned from the one to the other between two moments; `gap` is their mail in between that went to neither
_PREDECESSORS = """
WITH mine AS (SELECT sid, msg, sent_at FROM candidates WHERE uid = $uid),
ours AS (SELECT sid, min(sent_at) AS first_at FROM mine GROUP BY sid),
each AS (
  SELECT u.uid, c.sid, c.msg, min(c.sent_at) AS sent_at, bool_or(c.visible) AS visible, bool_or(n.msg IS NOT NULL) AS met
  FROM copied c JOIN units u USING (aid) SEMI JOIN ours USING (sid) LEFT JOIN mine n USING (msg)
  WHERE c.judged AND NOT c.trace_only AND NOT u.own AND u.uid != $uid AND c.entry IS NULL AND u.indicator = '' GROUP BY ALL
),
others AS (
  SELECT uid, count(*) FILTER (sent_at < $first) AS earlier, count(*) FILTER (sent_at BETWEEN $first AND $until) AS meanwhile, count(*) FILTER (met) AS met,
         min(sent_at) AS begun, max(sent_at) AS last, bool_or(visible) AS visible
  FROM each GROUP BY uid
),
ended AS (
  SELECT * FROM others
  WHERE NOT visible AND begun < $settled AND earlier >= greatest($share * $sent, $least) AND met <= $met * $messages
    AND (meanwhile + $messages) / $during >= $kept * earlier / $sent
    AND -$messages * log2(greatest(1 - earlier / $sent, 0.02)) >= $chance
    AND last BETWEEN $first - to_days($days) AND $first + to_days($days)
),
turned AS (
  SELECT e.uid, e.sid, least(max(e.sent_at), any_value(o.first_at)) AS low, greatest(max(e.sent_at), any_value(o.first_at)) AS high
  FROM each e SEMI JOIN ended USING (uid) JOIN ours o USING (sid) GROUP BY e.uid, e.sid
),
between_both AS (
  SELECT t.uid, 1 AS n FROM turned t JOIN timeline l ON l.sid = t.sid AND l.sent_at > t.low AND l.sent_at < t.high
  UNION ALL SELECT t.uid, -1 FROM turned t JOIN each e ON e.uid = t.uid AND e.sid = t.sid AND e.sent_at > t.low AND e.sent_at < t.high
  UNION ALL SELECT t.uid, -1 FROM turned t JOIN mine m ON m.sid = t.sid AND m.sent_at > t.low AND m.sent_at < t.high
),
gaps AS (SELECT uid, sum(n) AS gap FROM between_both GROUP BY uid)
SELECT greatest(coalesce(g.gap, 0), 0)::BIGINT AS gap, n.unit, o.earlier
FROM ended o JOIN (SELECT uid, any_value(unit) AS unit FROM units GROUP BY uid) n USING (uid) LEFT JOIN gaps g USING (uid)
ORDER BY gap, earlier DESC, n.unit
"""
HANDOVER = 10  # days: servers move one after another
SETTLED = timedelta(30)  # where the window has no start, what began so long before it ended is no passing guest
SUCCEEDED_SHARE = 0.5  # of the earlier mail
KEPT_SHARE = 0.5  # of that part, since: some mail goes another way and was never in either's reach
MET_SHARE = 0.02  # of the messages; one that took another's place never stood beside it
BY_CHANCE = 10  # bits: how unlikely it is that they never met


def predecessors(connection: duckdb.DuckDBPyConnection, unit: Unit, start: datetime | None) -> list[tuple[int, str, int]]:
    """Blind recipients of the same senders whose mail ended when this unit's began: messages between that went to neither, name, and how many earlier messages it had.

    Both never went along with the same message, and together they went along with half as much as the earlier one had before, at least. It
    was there before the window: of two strangers that came inside it, one excuses nothing of the other.
    """
    first, sent = unit.first_inside, unit.before + unit.ahead
    if first is None or not sent or not unit.during:
        return []
    bounds = {
        "uid": unit.uid, "first": first, "until": unit.last_inside, "sent": sent, "during": unit.during, "share": SUCCEEDED_SHARE, "kept": KEPT_SHARE, "met": MET_SHARE,
        "chance": BY_CHANCE, "days": HANDOVER, "least": REGULAR, "messages": unit.messages, "settled": start or first - SETTLED,
    }  # fmt: skip
    return [(row["gap"], row["unit"], row["earlier"]) for row in _rows(connection, _PREDECESSORS, bounds)]


# Blind recipients that came and soon went, before the window: a habit of the sender
_PASSING = """
WITH used AS (
  SELECT u.uid, c.sid, c.msg, c.blind FROM copied c JOIN units u USING (aid)
  WHERE c.judged AND NOT c.trace_only AND c.sent_at < $start AND NOT u.own AND u.indicator = '' AND c.entry IS NULL
),
rare AS (SELECT uid FROM used GROUP BY uid HAVING count(DISTINCT msg) < $regular AND bool_and(blind = 'yes')),
passed AS (SELECT sid, count(DISTINCT msg) AS passed FROM used SEMI JOIN rare USING (uid) GROUP BY sid)
SELECT t.sid, count(*) FILTER (t.sent_at < $start) AS sent, coalesce(any_value(p.passed), 0) AS passed, count(*) FILTER (t.sent_at >= $start) AS inside
FROM timeline t LEFT JOIN passed p USING (sid) GROUP BY t.sid
"""
REGULAR = 5  # messages


def passing(connection: duckdb.DuckDBPyConnection, start: datetime) -> dict[int, tuple[int, int, int]]:
    """For each sender: messages before the window, those among them with a blind recipient that soon went, and messages inside."""
    rows = _rows(connection, _PASSING, {"start": start, "regular": REGULAR})
    return {row["sid"]: (row["sent"], row["passed"], row["inside"]) for row in rows}


_ADDRESSES = """
SELECT u.uid, u.address, count(*) AS messages
FROM units u SEMI JOIN telling t ON t.uid = u.uid JOIN copied c USING (aid)
WHERE NOT u.own AND u.indicator = '' AND c.judged AND c.in_window AND c.entry IS NULL AND NOT c.trace_only AND c.blind != 'no'
GROUP BY ALL ORDER BY u.uid, u.address
"""


def addresses_of(connection: duckdb.DuckDBPyConnection) -> dict[int, dict[str, int]]:
    """The addresses of each unit that received such copies, sorted, with how many."""
    found: dict[int, dict[str, int]] = {}
    for uid, address, messages in connection.execute(_ADDRESSES).fetchall():
        found.setdefault(uid, {})[address] = messages
    return found
