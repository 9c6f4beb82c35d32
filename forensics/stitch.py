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

# A stable number for each observation: the order of evidence handed in, of workers and of cuts must not matter.
_NUMBERED = """
CREATE OR REPLACE TEMP TABLE observed AS
SELECT row_number() OVER (
         ORDER BY evidence, member, start, "end", source, kind, key, message_id, sender, server, stream, size, stamp) - 1 AS obs, *
FROM observations
"""

# One row for each identity of each observation. A Message-ID and a queue id live in different name spaces.
_IDENTITIES = """
SELECT obs, dense_rank() OVER (ORDER BY identity) - 1 AS code FROM (
  SELECT obs, 'mid:' || message_id AS identity FROM observed WHERE message_id != ''
  UNION ALL
  SELECT obs, unnest(ids) FROM observed
) ORDER BY obs
"""

# The clocks of a message, most trusted first: who wrote it, and how exactly.
_CLOCKS = (
    "received_at", "queue_id", "received_last", "message_delivery", "received_first", "syslog", "client_submit", "date", "from_line", "archive",
)  # fmt: skip

_TIMED = """
CREATE OR REPLACE TEMP TABLE timed AS
SELECT obs, reading.clock AS clock, reading.utc AS utc, reading.slack AS slack,
       CASE reading.clock {ranks} ELSE 99 END AS rank
FROM (SELECT obs, unnest(readings) AS reading FROM observed)
"""

_SUSPECTS = """
SELECT o.component, o.obs, o.sender, o.subject_hash, t.utc
FROM (SELECT observed.*, component FROM observed JOIN components USING (obs)) o
LEFT JOIN (SELECT obs, arg_min(utc, (slack, rank, utc)) AS utc FROM timed GROUP BY obs) t USING (obs)
WHERE component IN (
  SELECT component FROM observed JOIN components USING (obs)
  WHERE subject_hash != '' AND sender != ''
  GROUP BY component HAVING count(DISTINCT subject_hash) > 1
)
ORDER BY component, t.utc NULLS LAST, o.obs
"""

# The name of a message: Postmark's own id, else the Message-ID seen most, else host and queue id, else its first place.
_NAMED = """
CREATE OR REPLACE TEMP TABLE named AS
WITH grouped AS (SELECT o.*, g.component, g.part FROM observed o JOIN groups g USING (obs)),
ids AS (
  SELECT component, part, message_id, count(*) AS seen FROM grouped WHERE message_id != '' GROUP BY ALL
),
best AS (
  SELECT component, part, arg_min(message_id, (NOT suffix(message_id, '@mtasv.net'), -seen, message_id)) AS id FROM ids GROUP BY ALL
),
queues AS (
  SELECT component, part, min(substr(identity, 7)) AS id
  FROM (SELECT component, part, unnest(ids) AS identity FROM grouped) WHERE starts_with(identity, 'queue:') GROUP BY ALL
),
places AS (
  SELECT component, part, arg_min(evidence || '#' || start, obs) AS id, min(obs) AS first FROM grouped GROUP BY ALL
)
SELECT component, part, first, coalesce(best.id, queues.id, places.id) AS name
FROM places LEFT JOIN best USING (component, part) LEFT JOIN queues USING (component, part)
"""

_LINKS = """
CREATE OR REPLACE TABLE links AS
WITH keyed AS (
  SELECT component, part, name, row_number() OVER (PARTITION BY name ORDER BY part, first) AS ordinal FROM named
)
SELECT o.obs, o.evidence, o.member, o.start, o."end", o.source, o.kind,
       CASE WHEN ordinal = 1 THEN name ELSE name || '~' || ordinal END AS message_key
FROM observed o JOIN groups g USING (obs) JOIN keyed USING (component, part)
ORDER BY obs
"""


def stitch(connection: duckdb.DuckDBPyConnection) -> None:
    """Make tables `observed` (numbered), `timed` (every clock) and `links` (observation -> message_key) from `observations`.

    Observations that share a Message-ID, a provider's id or a queue id are one message. A Message-ID alone does not hold
    two mails together that differ in subject and also in sender or by more than a day: ids are forged and repeated.
    The result does not depend on the order of rows.
    """
    connection.execute(_NUMBERED)
    ranks = " ".join(f"WHEN '{clock}' THEN {rank}" for rank, clock in enumerate(_CLOCKS))
    connection.execute(_TIMED.format(ranks=ranks))
    ((total,),) = connection.execute("SELECT count(*) FROM observed").fetchall()
    pairs = connection.execute(_IDENTITIES).fetchnumpy()
    labels = components(total, np.asarray(pairs["obs"], np.int64), np.asarray(pairs["code"], np.int64))
    _register(connection, "components", pd.DataFrame({"obs": np.arange(total, dtype=np.int64), "component": labels}))
    suspects = connection.sql(_SUSPECTS).to_arrow_table().to_pandas()
    parts = np.zeros(total, np.int64)
    for _, component in suspects.groupby("component", sort=True):
        for obs, part in _apart(component):
            parts[obs] = part
    _register(connection, "groups", pd.DataFrame({"obs": np.arange(total, dtype=np.int64), "component": labels, "part": parts}))
    connection.execute(_NAMED)
    connection.execute(_LINKS)


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

    Rows without subject or sender (events, queue lines) cannot be told apart and stay with the first mail.
    """
    mails: list[tuple[str, str, pd.Timestamp | None]] = []
    for row in component.to_dict("records"):
        if not row["subject_hash"] or not row["sender"]:
            continue
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
