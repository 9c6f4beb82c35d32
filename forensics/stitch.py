"""Observations to messages: whatever shares an identity is one message, unless it plainly is not."""

from __future__ import annotations

from array import array
from bisect import bisect_left

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from forensics.engine import as_written

__all__ = ["stitch"]

Numbers = npt.NDArray[np.int64]
_DAY = 86_400_000_000  # microseconds
_ROWS = 100_000  # of suspects that are looked at in one go

# Identities that several observations share, each as an edge from the least of them: most mail of a log shares none
_EDGES = """
WITH identities AS (
  SELECT obs, 'mid:' || message_id AS identity FROM observed WHERE message_id != ''
  UNION ALL
  SELECT obs, unnest(ids) AS identity FROM observed
),
shared AS (SELECT identity, min(obs) AS least FROM identities GROUP BY identity HAVING min(obs) != max(obs))
SELECT DISTINCT i.obs, s.least FROM identities i JOIN shared s USING (identity) WHERE i.obs != s.least
"""

# The clocks of a message, most trusted first: who wrote it, and how exactly.
_CLOCKS = (
    "received_at", "queue_id", "received_last", "message_delivery", "received_first", "syslog", "client_submit", "date", "from_line", "archive",
)  # fmt: skip

_TIMED = """
CREATE OR REPLACE TEMP VIEW timed AS
SELECT obs, server, reading.clock AS clock, reading.utc AS utc, reading.slack AS slack,
       CASE reading.clock {ranks} ELSE 99 END AS rank
FROM (SELECT obs, server, unnest(readings) AS reading FROM observed)
"""

# The last resort: a record without any id, and what it may be a record of. Equal sender, size, subject (as far as known) and recipients, and
# clocks that agree: `near` are those that lie so close together, before anybody asked for their recipients.
_NEAR = """
CREATE OR REPLACE TEMP TABLE near AS
WITH nameless AS (SELECT DISTINCT sender, size FROM observed WHERE message_id = '' AND len(ids) = 0 AND sender != '' AND size > 0),
alike AS (
  SELECT obs, sender, size, subject_hash, message_id = '' AND len(ids) = 0 AS nameless, {"evidence": evidence, "member": member} AS file
  FROM observed SEMI JOIN nameless USING (sender, size)
),
dated AS (
  SELECT obs, arg_min(utc - to_seconds(slack), (slack, rank, utc)) AS earliest, arg_min(utc + to_seconds(slack + 1), (slack, rank, utc)) AS latest
  FROM timed SEMI JOIN (SELECT obs FROM alike QUALIFY count(*) OVER (PARTITION BY sender, size) > 1) USING (obs) GROUP BY obs
)
SELECT *, max(latest) OVER earlier >= earliest OR min(earliest) OVER later <= latest AS close FROM alike JOIN dated USING (obs)
WINDOW earlier AS (PARTITION BY sender, size ORDER BY earliest, latest, obs ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
       later AS (PARTITION BY sender, size ORDER BY earliest, latest, obs ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
QUALIFY close
"""

# Groups that hang together by time; one is a message only if all its clocks agree, and if no file has a second record that could be meant
_ALIKE = """
CREATE OR REPLACE TEMP TABLE alike AS
WITH named AS (
  SELECT n.*, coalesce(m.msg, n.obs) AS msg, list_sort(list_distinct([r.address for r in o.recipients if r.role NOT IN ('trace', 'suppression')])) AS recipients
  FROM observed o JOIN near n USING (obs) LEFT JOIN merged m USING (obs)
),
begun AS (
  SELECT *, coalesce(earliest > max(latest) OVER (PARTITION BY sender, size, recipients ORDER BY earliest, latest, obs ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), true) AS first
  FROM named WHERE len(recipients) > 0
),
grouped AS (SELECT *, sum(first::INTEGER) OVER (PARTITION BY sender, size, recipients ORDER BY earliest, latest, obs) AS number FROM begun),
sure AS (
  SELECT sender, size, recipients, number, min(obs) AS least FROM grouped GROUP BY ALL
  HAVING count(*) > 1 AND max(earliest) <= min(latest) AND count(DISTINCT subject_hash) FILTER (subject_hash != '') <= 1
     AND count(*) FILTER (nameless) > 0 AND count(DISTINCT msg) FILTER (NOT nameless) <= 1
     AND count(DISTINCT file) FILTER (nameless) = count(*) FILTER (nameless)
     AND NOT list_has_any(coalesce(list(file) FILTER (nameless), []), coalesce(list(file) FILTER (NOT nameless), []))
)
SELECT g.obs, s.least, g.nameless FROM grouped g JOIN sure s USING (sender, size, recipients, number)
"""

# A place in the evidence: what comes first by it does so in every run, which an observation's number does not promise
_PLACE = '{"evidence": evidence, "member": member, "start": start, "end": "end", "source": source, "kind": kind, "stamp": stamp}'

# Mails with one identity and more than one subject, each with its most exact time: which of them are one message, `_apart` tells
_SUSPECTS = f"""
WITH together AS (
  SELECT m.msg AS root, obs, sender, subject_hash FROM observed JOIN merged m USING (obs) WHERE subject_hash != '' AND sender != ''
),
differing AS (
  SELECT t.* FROM together t SEMI JOIN (SELECT root FROM together GROUP BY root HAVING min(subject_hash) != max(subject_hash)) USING (root)
)
SELECT d.root, d.obs, d.sender, d.subject_hash, epoch_us(t.utc) AS at
FROM differing d JOIN (SELECT obs, {_PLACE} AS place FROM observed) p USING (obs)
LEFT JOIN (SELECT obs, arg_min(utc, (slack, rank, utc)) AS utc FROM timed SEMI JOIN differing USING (obs) GROUP BY obs) t USING (obs)
ORDER BY d.root, t.utc NULLS LAST, p.place, d.obs
"""  # noqa: S608  constants of this module

_SPLIT = """
UPDATE merged SET part = p.part, msg = p.msg FROM (
  SELECT m.obs, coalesce(a.part, 0) AS part, min(m.obs) OVER (PARTITION BY m.msg, coalesce(a.part, 0)) AS msg
  FROM merged m LEFT JOIN apart a USING (obs) SEMI JOIN (SELECT root FROM apart) r ON r.root = m.msg
) p WHERE merged.obs = p.obs
"""

# The name of a message: Postmark's own id, else the Message-ID seen most, else host and queue id, else its first place.
# Places are dear to compare, and few messages need them.
_QUEUE = "CASE WHEN len(ids) > 0 THEN substr(list_min(list_filter(ids, lambda one: starts_with(one, 'queue:'))), 7) END"
_KEYS = f"""
CREATE OR REPLACE TEMP TABLE labels AS
WITH told AS (
  SELECT m.msg, min(message_id) FILTER (message_id != '') AS least, max(message_id) AS most, min({_QUEUE}) AS queue
  FROM observed JOIN merged m USING (obs) GROUP BY m.msg
),
seen AS (
  SELECT m.msg, message_id, count(*) AS seen FROM observed JOIN merged m USING (obs)
  SEMI JOIN (SELECT msg FROM told WHERE least != most) t ON t.msg = m.msg WHERE message_id != '' GROUP BY ALL
),
best AS (SELECT msg, arg_min(message_id, (NOT suffix(message_id, '@mtasv.net'), -seen, message_id)) AS id FROM seen GROUP BY msg),
places AS (
  SELECT m.msg, min({_PLACE}) AS place FROM observed JOIN merged m USING (obs)
  SEMI JOIN (SELECT msg FROM told WHERE least IS NULL AND queue IS NULL) t ON t.msg = m.msg GROUP BY m.msg
)
SELECT msg, coalesce(best.id, told.least, told.queue, place.evidence || '#' || place.start) AS message_key
FROM told LEFT JOIN best USING (msg) LEFT JOIN places USING (msg)
UNION ALL
SELECT obs, CASE WHEN message_id != '' THEN message_id ELSE coalesce({_QUEUE}, evidence || '#' || start) END FROM observed ANTI JOIN merged USING (obs)
"""  # noqa: S608  constants of this module

# Messages of one name are numbered; a forged name that looks numbered already is numbered once more. Hashes of names find
# the few that may be repeated in a fraction of the memory.
_REPEATED = """
CREATE OR REPLACE TEMP TABLE repeated AS
WITH names AS (
  SELECT message_key FROM labels WHERE hash(message_key) IN (SELECT hash(message_key) FROM labels GROUP BY ALL HAVING count(*) > 1)
  GROUP BY message_key HAVING count(*) > 1
)
SELECT msg, message_key FROM labels SEMI JOIN names USING (message_key)
"""
_NUMBERED = f"""
UPDATE labels SET message_key = n.message_key || '~' || n.ordinal FROM (
  SELECT msg, message_key, row_number() OVER (PARTITION BY message_key ORDER BY part, place, msg) AS ordinal
  FROM repeated JOIN (
    SELECT j.msg, min({_PLACE}) AS place, coalesce(any_value(m.part), 0) AS part
    FROM observed JOIN joined j USING (obs) LEFT JOIN merged m USING (obs) SEMI JOIN repeated r ON r.msg = j.msg GROUP BY j.msg
  ) USING (msg)
) n WHERE labels.msg = n.msg AND n.ordinal > 1
"""  # noqa: S608  constants of this module

_JOINED = """
CREATE OR REPLACE TEMP TABLE joined AS SELECT obs, coalesce(msg, obs) AS msg FROM observed LEFT JOIN merged USING (obs)
"""
_LINKS = """
CREATE OR REPLACE TEMP VIEW links AS
SELECT o.obs, o.evidence, o.member, o.start, o."end", o.source, o.kind, k.message_key, j.msg, CASE WHEN a.obs IS NULL THEN 'identity' ELSE 'likeness' END AS basis
FROM joined j JOIN keys k USING (msg) JOIN observed o USING (obs) LEFT JOIN (SELECT obs FROM alike WHERE nameless) a ON a.obs = o.obs
"""


def stitch(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `timed` (every clock), `merged`, `joined` (obs -> msg) and `keys` (msg -> message_key) from `observed`; `links` shows them together.

    In `observed`, `obs` is any number that each observation has for itself; a message that has several of them is called
    by the least. Observations that share a Message-ID, a provider's id or a queue id are one message. A Message-ID alone does
    not hold two mails together that differ in subject and also in sender or by more than a day: ids are forged and
    repeated. A record without any id is joined, as a last resort, to records of other files with the same sender, size and recipients
    whose clocks agree with its own, if nothing else could be meant; `links` says so (`basis`: likeness, else identity).
    The message keys do not depend on the order of rows.
    """
    ranks = " ".join(f"WHEN '{clock}' THEN {rank}" for rank, clock in enumerate(_CLOCKS))
    connection.execute(_TIMED.format(ranks=ranks))
    _merge(connection)
    connection.execute(_JOINED)
    connection.execute(_KEYS)
    while connection.execute(_REPEATED) and connection.execute("SELECT 1 FROM repeated LIMIT 1").fetchall():
        connection.execute(_NUMBERED)
    connection.execute("DROP TABLE repeated")
    connection.execute("CREATE OR REPLACE TEMP VIEW keys AS SELECT msg, message_key FROM labels")
    connection.execute(_LINKS)


def _merge(connection: duckdb.DuckDBPyConnection) -> None:
    """Table `merged`: observations that share an identity with others (obs, msg, part); all others are messages of their own."""
    edges = connection.execute(_EDGES).fetchnumpy()
    far, near = (np.asarray(edges[name], np.int64) for name in ("obs", "least"))
    _register(connection, "merged", _joined_by(far, near))
    connection.execute(_NEAR)
    if connection.execute("SELECT 1 FROM near WHERE nameless LIMIT 1").fetchall():
        as_written(connection, _ALIKE)
    else:
        connection.execute("CREATE OR REPLACE TEMP TABLE alike (obs BIGINT, least BIGINT, nameless BOOLEAN)")
    connection.execute("DROP TABLE near")
    likened = connection.execute("SELECT obs, least FROM alike WHERE obs != least").fetchnumpy()
    if len(likened["obs"]):
        far, near = (
            np.concatenate((known, np.asarray(likened[name], np.int64))) for known, name in ((far, "obs"), (near, "least"))
        )
        _register(connection, "merged", _joined_by(far, near))
    apart = _apart(connection)
    if apart.num_rows:
        _register(connection, "apart", apart)
        connection.execute(_SPLIT)
        connection.execute("DROP TABLE apart")


def _joined_by(far: Numbers, near: Numbers) -> pa.Table:
    """Rows of `merged`: whatever these pairs of observations connect is one message, called by its least."""
    known, dense = np.unique(np.concatenate((far, near)), return_inverse=True)
    ends = np.arange(len(far), dtype=np.int64)
    roots = known[components(len(known), dense, np.concatenate((ends, ends)))]
    return pa.table({"obs": known, "msg": roots, "part": pa.repeat(pa.scalar(0, pa.int64()), len(known))})


def _register(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.register("incoming", table)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM incoming")  # noqa: S608  names are ours
    connection.unregister("incoming")


def _apart(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """Root, observation and part of each mail that shares an identity with others and is not the first of them."""
    found = {name: array("q") for name in ("root", "obs", "part")}
    mails, last = Mails(), None
    for batch in connection.sql(_SUSPECTS).to_arrow_reader(_ROWS):
        for root, obs, sender, subject, at in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if root != last:
                mails, last = Mails(), root
            part = mails.part(sender, subject, at)
            if part:
                for column, value in zip(found.values(), (root, obs, part), strict=True):
                    column.append(value)
    return pa.table({name: np.frombuffer(column, np.int64) for name, column in found.items()})


def components(total: int, obs: Numbers, code: Numbers) -> Numbers:
    """The smallest observation reachable from each of `total` observations over shared identity codes.

    Whole groups are hooked to the least group next to them until nothing changes, which halves their number: a chain of hops as long
    as somebody cares to forge takes no longer for it.
    """
    labels = np.arange(total, dtype=np.int64)
    if not len(obs):
        return labels
    codes = int(code.max()) + 1
    while True:
        least = np.full(codes, total, np.int64)
        np.minimum.at(least, code, labels[obs])
        hooked = labels.copy()
        np.minimum.at(hooked, labels[obs], least[code])
        while not np.array_equal(hooked, further := hooked[hooked]):
            hooked = further
        if np.array_equal(hooked, labels):
            return labels
        labels = hooked


class Mails:
    """The different mails among observations of one identity, in order of time; those without a time come last.

    Observations without subject or sender (events, queue lines), which cannot be told apart and stay with the first mail, are not
    among them. One id may be that of a million mails of a careless program: each is looked up, not compared with all.
    """

    def __init__(self) -> None:
        self._subjects: dict[str, int] = {}  # the first part with this subject
        self._senders: dict[str, tuple[list[float], list[int]]] = {}  # times, rising, and parts of each sender's mails
        self._count = 0

    def part(self, sender: str, subject: str, at: int | None) -> int:
        """The number of the mail that this is, the first one 0; `at` in microseconds since 1970.

        The first that has this subject, or this sender and a time no more than a day away: lists rewrite subjects. An unknown time is near all others.
        """
        times, parts = self._senders.setdefault(sender, ([], []))
        found = [self._subjects[subject]] if subject in self._subjects else []
        near = 0 if at is None else bisect_left(times, at - _DAY)
        if near < len(parts):
            found.append(parts[near])
        if found:
            return min(found)
        self._subjects[subject] = self._count
        times.append(float("inf") if at is None else at)
        parts.append(self._count)
        self._count += 1
        return self._count - 1
