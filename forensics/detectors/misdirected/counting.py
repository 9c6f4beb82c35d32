"""Who stood beside whom before: the counts behind each outsider of a message that openly went to several of them.

The tables are read in the order of time. What came after a message is counted apart from what its sender could know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["CROWD", "USUAL", "named", "outsiders_in_company"]

CROWD = 30  # recipients; a mailing to more says nothing of who belongs together, and its pairs would be many
USUAL = 3  # messages from which on somebody is a usual recipient
_COMMON, _BOXES = 2, 8  # companies and mailboxes; a local part at more of them (info, office) likens nobody to anybody
_SHORTEST, _SAME_FIRM = 3, 4  # characters of a local part that can be likened: elsewhere, and within one company
_LONGEST = 64  # octets of a local part, RFC 5321 section 4.5.3.1.1
_FIRM = 200  # addresses of a company among which a slip of the finger is looked for

# Addresses of one company count together too, where only that company has mailboxes at its domain
_PEOPLE = """
CREATE OR REPLACE TEMP TABLE people AS
WITH named AS (
  SELECT aid, address, own, indicator, address[:-2 - length(domain)] AS local_part,
         CASE WHEN own OR registrable = '' OR list_contains($shared, registrable) THEN address ELSE registrable END AS firm
  FROM addresses
),
common AS (SELECT local_part FROM named WHERE NOT own GROUP BY local_part HAVING count(DISTINCT firm) > $common OR count(*) > $boxes)
SELECT aid, own, indicator, n.local_part, dense_rank() OVER (ORDER BY firm) AS firm, length(n.local_part) BETWEEN $shortest AND $longest AND c.local_part IS NULL AS telling
FROM named n LEFT JOIN common c USING (local_part)
"""

# All mail whose time is known, sent or received, in one order that is the same in every run
_ORDERED = """
CREATE OR REPLACE TEMP TABLE ordered AS
SELECT msg, sid, judged AND in_window AS asked, floor(epoch(sent_at) / 86400)::INTEGER AS day,
       CASE WHEN subject_hash = '' THEN NULL ELSE hash(subject_hash) END AS subject, row_number() OVER (ORDER BY sent_at, message_key)::INTEGER AS turn
FROM messages WHERE sent_at IS NOT NULL AND NOT attempt AND receivers <= $crowd
"""

# Whoever wrote or received a message; a copy known to be hidden makes nobody belong anywhere
_PARTIES = """
CREATE OR REPLACE TEMP TABLE parties AS
SELECT msg, turn, day, subject, aid, firm, own, bool_or(wrote) AS wrote, bool_or(shown) AS shown, bool_or(excused) AS excused
FROM (
  SELECT msg, o.turn, o.day, o.subject, c.aid, false AS wrote, c.visible AS shown, c.entry IS NOT NULL AS excused
  FROM ordered o JOIN copied c USING (msg) WHERE NOT c.trace_only AND c.blind != 'yes'
  UNION ALL SELECT msg, turn, day, subject, sid, true, false, false FROM ordered WHERE sid >= 0
) JOIN people USING (aid) WHERE indicator = '' GROUP BY ALL
"""

# Messages of which one of several outsiders can be the odd one
_ASKED = """
CREATE OR REPLACE TEMP TABLE asked AS
SELECT msg, turn, day, sid, outsiders FROM ordered JOIN (
  SELECT msg, count(*) AS outsiders FROM parties WHERE shown AND NOT own AND NOT wrote GROUP BY msg HAVING count(*) >= 2
) USING (msg) WHERE asked AND sid >= 0
"""

# How often each two of them had to do with one another before, on which day last, and how often under the same subject; how often later
# under another one: who was put in by mistake stays in a thread when all are answered, so that its own thread speaks for nobody
_PAIRS = """
CREATE OR REPLACE TEMP TABLE pairs AS
WITH wanted AS (
  SELECT DISTINCT p.aid AS a, q.aid AS b FROM parties p SEMI JOIN asked USING (msg) JOIN parties q ON q.msg = p.msg AND p.aid < q.aid
  WHERE NOT (p.own AND q.own)
),
beside AS (
  SELECT p.msg, p.turn, p.day, p.subject, p.aid AS a, q.aid AS b
  FROM parties p JOIN parties q ON q.msg = p.msg AND p.aid < q.aid SEMI JOIN wanted w ON w.a = p.aid AND w.b = q.aid
),
counted AS (
  SELECT msg, a, b, row_number() OVER before - 1 AS met, lag(day) OVER before AS last,
         CASE WHEN subject IS NULL THEN 0 ELSE row_number() OVER in_it - 1 END AS in_thread,
         CASE WHEN subject IS NULL THEN 0 ELSE count(subject) OVER (PARTITION BY a, b) - count(subject) OVER before - later_in_it END AS later,
         later_in_it
  FROM (
    SELECT *, CASE WHEN subject IS NULL THEN 0 ELSE count(*) OVER (PARTITION BY a, b, subject) - count(*) OVER (PARTITION BY a, b, subject ORDER BY turn) END AS later_in_it
    FROM beside
  ) WINDOW before AS (PARTITION BY a, b ORDER BY turn), in_it AS (PARTITION BY a, b, subject ORDER BY turn)
)
SELECT * FROM counted SEMI JOIN asked USING (msg)
"""

_FIRM_PAIRS = """
CREATE OR REPLACE TEMP TABLE firm_pairs AS
WITH firms AS (SELECT DISTINCT msg, turn, firm FROM parties WHERE NOT own),
wanted AS (SELECT DISTINCT p.firm AS a, q.firm AS b FROM firms p SEMI JOIN asked USING (msg) JOIN firms q ON q.msg = p.msg AND p.firm < q.firm)
SELECT p.firm AS a, q.firm AS b, min(p.turn) AS since
FROM firms p JOIN firms q ON q.msg = p.msg AND p.firm < q.firm SEMI JOIN wanted w ON w.a = p.firm AND w.b = q.firm GROUP BY ALL
"""

# How open somebody is: in how many earlier pairings of a writer, or of an outsider, with another outsider that one was new to it
_OPENNESS = """
CREATE OR REPLACE TEMP TABLE openness AS
WITH wanted AS (SELECT DISTINCT aid FROM parties SEMI JOIN asked USING (msg) WHERE wrote OR NOT own),
paired AS (
  SELECT w.aid, w.msg, w.turn, row_number() OVER (PARTITION BY w.aid, r.aid ORDER BY w.turn) = 1 AS fresh
  FROM parties w SEMI JOIN wanted USING (aid) JOIN parties r ON r.msg = w.msg AND r.aid != w.aid
  WHERE (w.wrote OR (w.shown AND NOT w.own)) AND r.shown AND NOT r.own AND NOT r.wrote
),
each AS (SELECT aid, msg, any_value(turn) AS turn, count(*) AS total, count(*) FILTER (fresh) AS fresh FROM paired GROUP BY aid, msg),
running AS (
  SELECT aid, msg, sum(total) OVER before - total AS total, sum(fresh) OVER before - fresh AS fresh
  FROM each WINDOW before AS (PARTITION BY aid ORDER BY turn ROWS UNBOUNDED PRECEDING)
)
SELECT aid, msg, total::BIGINT AS total, fresh::BIGINT AS fresh FROM running SEMI JOIN asked USING (msg)
"""

# Each outsider: how often anybody's mail went to it or came from it before, and how often that of this sender
_OUTSIDERS = """
CREATE OR REPLACE TEMP TABLE outsiders AS
WITH seen AS (
  SELECT msg, aid, row_number() OVER (PARTITION BY aid ORDER BY turn) - 1 AS seen
  FROM parties SEMI JOIN (SELECT aid FROM parties SEMI JOIN asked USING (msg) WHERE NOT own) USING (aid)
)
SELECT k.msg, k.turn, k.sid, p.aid, p.firm, p.excused, s.seen, coalesce(w.met, 0) AS met, coalesce(w.later, 0) AS later,
       coalesce(k.day - w.last, 0) AS days,
       coalesce(n.total, 0) AS paired, coalesce(n.fresh, 0) AS fresh
FROM asked k JOIN parties p USING (msg) JOIN seen s ON s.msg = p.msg AND s.aid = p.aid
LEFT JOIN openness n ON n.msg = p.msg AND n.aid = p.aid
LEFT JOIN pairs w ON w.msg = p.msg AND w.a = least(k.sid, p.aid) AND w.b = greatest(k.sid, p.aid)
WHERE p.shown AND NOT p.own AND NOT p.wrote
"""

# How often the same sender wrote to exactly the others without it, before and later; a sum of hashes stands for the set of them
_WITHOUT = """
CREATE OR REPLACE TEMP TABLE without AS
WITH sets AS (
  SELECT o.sid, o.msg, o.turn, sum(hash(p.aid)::HUGEINT) AS made FROM ordered o JOIN parties p USING (msg)
  WHERE o.sid >= 0 AND p.shown AND NOT p.own AND NOT p.wrote GROUP BY ALL
),
numbered AS (SELECT sid, made, turn, row_number() OVER (PARTITION BY sid, made ORDER BY turn) AS place, count(*) OVER (PARTITION BY sid, made) AS total FROM sets),
others AS (SELECT r.msg, r.aid, r.turn, r.sid, s.made - hash(r.aid)::HUGEINT AS made FROM outsiders r JOIN sets s USING (msg)),
every AS (SELECT DISTINCT sid, made, total FROM numbered)
SELECT r.msg, r.aid, coalesce(n.place, 0) AS before, coalesce(e.total, 0) - coalesce(n.place, 0) AS later
FROM others r LEFT JOIN every e USING (sid, made) ASOF LEFT JOIN numbered n ON n.sid = r.sid AND n.made = r.made AND n.turn < r.turn
"""

# Addresses that a hand takes for one another: the same name elsewhere, or one slip apart (no mere number) in one company
_TWINS = """
CREATE OR REPLACE TEMP TABLE twins AS
WITH odd AS (SELECT DISTINCT aid FROM outsiders),
outside AS (SELECT * FROM people WHERE NOT own AND indicator = ''),
small AS (SELECT firm FROM outside GROUP BY firm HAVING count(*) BETWEEN 2 AND $firm)
SELECT o.aid, x.aid AS other FROM outside o SEMI JOIN odd USING (aid) JOIN outside x ON x.local_part = o.local_part AND x.firm != o.firm WHERE o.telling
UNION ALL
SELECT o.aid, x.aid FROM outside o SEMI JOIN odd USING (aid) SEMI JOIN small USING (firm) JOIN outside x ON x.firm = o.firm AND x.aid != o.aid
WHERE abs(length(x.local_part) - length(o.local_part)) <= 1 AND least(length(x.local_part), length(o.local_part)) >= $same_firm
  AND greatest(length(x.local_part), length(o.local_part)) <= $longest AND damerau_levenshtein(x.local_part, o.local_part) <= 1
  AND regexp_replace(x.local_part, '[0-9]', '', 'g') != regexp_replace(o.local_part, '[0-9]', '', 'g')
"""

# Such a one that is no party of the message, but a usual one beside the others: `met` counts messages with sender or outsiders
_ABSENT = """
CREATE OR REPLACE TEMP TABLE absent AS
SELECT o.msg, o.aid, t.other, count(DISTINCT p.msg) AS met
FROM outsiders o JOIN twins t USING (aid) ANTI JOIN parties h ON h.msg = o.msg AND h.aid = t.other
JOIN parties p ON p.aid = t.other AND p.turn < o.turn
WHERE o.seen = 0 AND EXISTS (FROM parties q WHERE q.msg = p.msg AND q.aid = o.sid)
GROUP BY ALL HAVING count(DISTINCT p.msg) >= $usual
"""

_COMPANY = """
WITH beside AS (
  SELECT r.msg, r.aid, max(coalesce(p.met, 0)) AS beside, max(coalesce(p.later, 0)) AS later_beside, max(x.later) AS later_best, bool_or(r.firm = x.firm) AS same_firm, bool_or(coalesce(f.since < r.turn, false)) AS firms_met,
         max((x.fresh + 1) / (x.paired + 2)) AS mixing, max(x.met) AS best_met, arg_min(x.aid, (-x.met, x.aid)) AS best,
         arg_min(x.aid, (-x.met, x.aid)) FILTER (t.aid IS NOT NULL) AS twin, max(x.met) FILTER (t.aid IS NOT NULL) AS twin_met
  FROM outsiders r JOIN outsiders x ON x.msg = r.msg AND x.aid != r.aid
  LEFT JOIN pairs p ON p.msg = r.msg AND p.a = least(r.aid, x.aid) AND p.b = greatest(r.aid, x.aid)
  LEFT JOIN firm_pairs f ON f.a = least(r.firm, x.firm) AND f.b = greatest(r.firm, x.firm)
  LEFT JOIN twins t ON t.aid = r.aid AND t.other = x.aid
  GROUP BY ALL
),
threads AS (
  SELECT msg, aid, max(in_thread) AS in_thread, max(later_in_it) AS later_in_it
  FROM (SELECT msg, a AS aid, in_thread, later_in_it FROM pairs UNION ALL SELECT msg, b, in_thread, later_in_it FROM pairs) GROUP BY ALL
),
alive AS (SELECT msg, max(in_thread) AS thread, max(later_in_it) AS later_thread FROM pairs GROUP BY msg),
usual AS (SELECT msg, aid, arg_min(other, (-met, other)) AS other, max(met) AS met FROM absent GROUP BY ALL)
SELECT k.msg, o.aid, k.sid, n.best, coalesce(n.twin, -1) AS twin, coalesce(a.other, -1) AS usual,
       k.turn, k.outsiders, o.seen, o.met, o.days, o.excused, o.later, n.later_beside, n.later_best, n.beside, n.same_firm, n.firms_met, n.best_met, n.mixing, coalesce(w.total, 0) AS written, coalesce(w.fresh, 0) AS written_new,
       coalesce(n.twin_met, 0) AS twin_met, coalesce(a.met, 0) AS usual_met, coalesce(h.in_thread, 0) AS in_thread, coalesce(l.thread, 0) AS thread,
       coalesce(h.later_in_it, 0) AS later_in_it, coalesce(l.later_thread, 0) AS later_thread, u.before AS without, u.later AS later_without
FROM asked k JOIN outsiders o USING (msg) JOIN beside n ON n.msg = o.msg AND n.aid = o.aid
JOIN without u ON u.msg = o.msg AND u.aid = o.aid
LEFT JOIN threads h ON h.msg = o.msg AND h.aid = o.aid LEFT JOIN alive l ON l.msg = o.msg
LEFT JOIN openness w ON w.msg = o.msg AND w.aid = k.sid LEFT JOIN usual a ON a.msg = o.msg AND a.aid = o.aid
ORDER BY k.turn, o.aid
"""

_TEXTS = ("message_key", "address", "sender", "best", "twin", "usual")
_NAMED = """
SELECT m.message_key, r.address, s.address AS sender, b.address AS best, coalesce(t.address, '') AS twin, coalesce(u.address, '') AS usual
FROM incoming i JOIN messages m USING (msg) JOIN addresses r ON r.aid = i.aid JOIN addresses s ON s.aid = i.sid JOIN addresses b ON b.aid = i.best
LEFT JOIN addresses t ON t.aid = i.twin LEFT JOIN addresses u ON u.aid = i.usual ORDER BY i.turn, i.aid
"""


def outsiders_in_company(connection: duckdb.DuckDBPyConnection, shared: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
    """Columns, one row for each outsider that stands openly beside another one in mail of ours inside the window, in order of time.

    `shared` are domains where anybody can have a mailbox. Counts are of earlier messages: `seen` by anybody, `met` with the
    sender (the last of them `days` ago), `beside` with that one of the other outsiders with whom it is most, `in_thread` under the same
    subject with any party, `thread` the same of all parties, `without` from this sender to exactly the others. The columns `later…` count
    what followed: `later` with the sender, `later_beside` with one of the others, `later_best` of the sender with any of them, all under other
    subjects; `later_in_it` and `later_thread` under the same one; `later_without` as above. `best` is the other outsider whom the sender knows best, `twin` one
    whose address resembles it, `usual` one that does and is missing (-1: nobody); these, and `aid` and `sid`, are numbers of
    addresses, `turn` numbers messages. Undated mail has no place in the order and does not count.
    """
    bounds = {"shared": sorted(shared), "common": _COMMON, "boxes": _BOXES, "shortest": _SHORTEST, "longest": _LONGEST}
    connection.execute(_PEOPLE, bounds)
    connection.execute(_ORDERED, {"crowd": CROWD})
    for statement in (_PARTIES, _ASKED, _PAIRS, _FIRM_PAIRS, _OPENNESS, _OUTSIDERS, _WITHOUT):
        connection.execute(statement)
    connection.execute(_TWINS, {"firm": _FIRM, "same_firm": _SAME_FIRM, "longest": _LONGEST})
    connection.execute(_ABSENT, {"usual": USUAL})
    found = connection.execute(_COMPANY).fetchnumpy()
    for table in (
        "people",
        "ordered",
        "parties",
        "asked",
        "pairs",
        "firm_pairs",
        "openness",
        "outsiders",
        "without",
        "twins",
        "absent",
    ):
        connection.execute(f"DROP TABLE {table}")
    return {name: np.asarray(column) for name, column in found.items()}


def named(connection: duckdb.DuckDBPyConnection, columns: Mapping[str, npt.NDArray[Any]]) -> dict[str, list[Any]]:
    """The texts behind the numbers of some of these rows, in the same order: a few rows are shown, and texts are dear."""
    names = ("msg", "turn", "aid", "sid", "best", "twin", "usual")
    connection.register("incoming", pa.table({name: np.asarray(columns[name], np.int64) for name in names}))
    rows = connection.execute(_NAMED).fetchall()
    connection.unregister("incoming")
    return dict(zip(_TEXTS, map(list, zip(*rows, strict=True)), strict=True)) if rows else {name: [] for name in _TEXTS}
