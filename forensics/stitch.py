"""Observations to messages: whatever shares an identity is one message, unless it plainly is not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["stitch"]

_FAR_APART = timedelta(days=1)

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

# A place in the evidence: what comes first by it does so in every run, which an observation's number does not promise
_PLACE = '{"evidence": evidence, "member": member, "start": start, "end": "end", "source": source, "kind": kind, "stamp": stamp}'

_SUSPECTS = f"""
WITH together AS (
  SELECT root, obs, sender, subject_hash, {_PLACE} AS place FROM observed JOIN merged USING (obs) WHERE subject_hash != '' AND sender != ''
)
SELECT c.root, c.obs, c.sender, c.subject_hash, t.utc
FROM together c LEFT JOIN (SELECT obs, arg_min(utc, (slack, rank, utc)) AS utc FROM timed SEMI JOIN merged USING (obs) GROUP BY obs) t USING (obs)
WHERE root IN (SELECT root FROM together GROUP BY root HAVING min(subject_hash) != max(subject_hash))
ORDER BY c.root, t.utc NULLS LAST, c.place, c.obs
"""  # noqa: S608  constants of this module

# The name of a message: Postmark's own id, else the Message-ID seen most, else host and queue id, else its first place.
_NAMED = f"""
CREATE OR REPLACE TEMP TABLE named AS
WITH grouped AS (SELECT o.*, m.msg, m.part FROM observed o JOIN merged m USING (obs)),
seen AS (SELECT msg, message_id, count(*) AS seen FROM grouped WHERE message_id != '' GROUP BY ALL),
best AS (SELECT msg, arg_min(message_id, (NOT suffix(message_id, '@mtasv.net'), -seen, message_id)) AS id FROM seen GROUP BY msg),
queues AS (
  SELECT msg, min(substr(identity, 7)) AS id FROM (SELECT msg, unnest(ids) AS identity FROM grouped) WHERE starts_with(identity, 'queue:') GROUP BY msg
),
places AS (SELECT msg, part, min({_PLACE}) AS place FROM grouped GROUP BY ALL)
SELECT msg, part, place, coalesce(best.id, queues.id, place.evidence || '#' || place.start) AS name
FROM places LEFT JOIN best USING (msg) LEFT JOIN queues USING (msg)
UNION ALL
SELECT obs, 0, {_PLACE},
       CASE WHEN message_id != '' THEN message_id
            ELSE coalesce(substr(list_min(list_filter(ids, lambda one: starts_with(one, 'queue:'))), 7), evidence || '#' || start) END
FROM observed ANTI JOIN merged USING (obs)
"""  # noqa: S608  constants of this module

# Messages of one name are numbered; a forged name that looks numbered already is numbered once more
_KEYED = """
CREATE OR REPLACE TEMP TABLE {after} AS
WITH numbered AS (
  SELECT msg, row_number() OVER (PARTITION BY name ORDER BY part, place, msg) AS ordinal
  FROM {before} WHERE name IN (SELECT name FROM {before} GROUP BY name HAVING count(*) > 1)
)
SELECT msg, part, place, CASE WHEN coalesce(ordinal, 1) = 1 THEN name ELSE name || '~' || ordinal END AS name
FROM {before} LEFT JOIN numbered USING (msg)
"""

_JOINED = """
CREATE OR REPLACE TEMP TABLE joined AS SELECT obs, coalesce(msg, obs) AS msg FROM observed LEFT JOIN merged USING (obs)
"""
_LINKS = """
CREATE OR REPLACE TEMP VIEW links AS
SELECT o.obs, o.evidence, o.member, o.start, o."end", o.source, o.kind, k.message_key, j.msg
FROM joined j JOIN keys k USING (msg) JOIN observed o USING (obs)
"""


def stitch(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `timed` (every clock), `merged`, `joined` (obs -> msg) and `keys` (msg -> message_key) from `observed`; `links` shows them together.

    In `observed`, `obs` is any number that each observation has for itself; a message that has several of them is called
    by the least. Observations that share a Message-ID, a provider's id or a queue id are one message. A Message-ID alone does
    not hold two mails together that differ in subject and also in sender or by more than a day: ids are forged and
    repeated. The message keys do not depend on the order of rows.
    """
    ranks = " ".join(f"WHEN '{clock}' THEN {rank}" for rank, clock in enumerate(_CLOCKS))
    connection.execute(_TIMED.format(ranks=ranks))
    _merge(connection)
    connection.execute(_JOINED)
    connection.execute(_NAMED)
    before, after = "named", "keyed"
    while connection.execute(f"SELECT 1 FROM {before} GROUP BY name HAVING count(*) > 1 LIMIT 1").fetchall():  # noqa: S608  our own names
        connection.execute(_KEYED.format(before=before, after=after))
        before, after = after, before
    connection.execute(f"CREATE OR REPLACE TEMP TABLE keys AS SELECT msg, name AS message_key FROM {before}")  # noqa: S608  our own names
    for table in ("named", "keyed"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    connection.execute(_LINKS)


def _merge(connection: duckdb.DuckDBPyConnection) -> None:
    """Table `merged`: observations that share an identity with others (obs, msg, part, root); all others are messages of their own."""
    edges = connection.execute(_EDGES).fetchnumpy()
    far, near = (np.asarray(edges[name], np.int64) for name in ("obs", "least"))
    known, dense = np.unique(np.concatenate((far, near)), return_inverse=True)
    ends = np.arange(len(far), dtype=np.int64)
    roots = known[components(len(known), dense, np.concatenate((ends, ends)))]
    frame = pd.DataFrame({"obs": known, "msg": roots, "part": np.zeros(len(known), np.int64), "root": roots})
    _register(connection, "merged", frame)
    suspects = connection.sql(_SUSPECTS).to_arrow_table().to_pandas()
    parts = {obs: part for _, component in suspects.groupby("root", sort=False) for obs, part in _apart(component)}
    if any(parts.values()):
        frame["part"] = frame["obs"].map(parts).fillna(0).astype(np.int64)
        frame["msg"] = frame.groupby(["root", "part"])["obs"].transform("min")
        _register(connection, "merged", frame)


def _register(connection: duckdb.DuckDBPyConnection, name: str, frame: pd.DataFrame) -> None:
    connection.register("incoming", frame)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM incoming")  # noqa: S608  names are ours
    connection.unregister("incoming")


def components(total: int, obs: npt.NDArray[np.int64], code: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The smallest observation reachable from each of `total` observations over shared identity codes.

    Labels spread both ways until nothing changes; halving each path keeps long chains of hops short.
    """
    labels = np.arange(total, dtype=np.int64)
    if not len(obs):
        return labels
    codes = int(code.max()) + 1
    while True:
        least = np.full(codes, total, np.int64)
        np.minimum.at(least, code, labels[obs])
        spread = labels.copy()
        np.minimum.at(spread, obs, least[code])
        spread = spread[spread]
        if np.array_equal(spread, labels):
            return labels
        labels = spread


def _apart(component: pd.DataFrame) -> Iterable[tuple[int, int]]:
    """Part numbers for observations of one component that carry different mails, earliest mail first (part 0).

    Those without subject or sender (events, queue lines), which cannot be told apart and stay with the first mail, are not among them.
    """
    mails: list[tuple[str, str, pd.Timestamp | None]] = []
    for row in component.to_dict("records"):
        mail = (str(row["sender"]), str(row["subject_hash"]), None if pd.isna(row["utc"]) else pd.Timestamp(row["utc"]))
        part = next((number for number, known in enumerate(mails) if _same_mail(known, mail)), len(mails))
        if part == len(mails):
            mails.append(mail)
        yield int(row["obs"]), part


def _same_mail(one: tuple[str, str, pd.Timestamp | None], other: tuple[str, str, pd.Timestamp | None]) -> bool:
    if one[1] == other[1]:
        return True
    near = one[2] is None or other[2] is None or abs(one[2] - other[2]) <= _FAR_APART
    return one[0] == other[0] and near
