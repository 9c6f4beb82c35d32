"""Observations of an invented organisation, as many as wanted, as the tables of a case hold them once evidence has been read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from forensics.columns import OBSERVATIONS

__all__ = ["observed_view", "write_observations"]

_MESSAGES_OF = (20, 32)  # so many messages have so many observations
_CHUNK = 100_000  # messages written at a time: it bounds the memory of writing

# Names of customers' domains: four syllables, so that few are neighbours by chance
_SYLLABLES = [
    "ba", "be", "bo", "da", "de", "do", "fa", "fi", "fo", "ga", "go", "gu", "ha", "he", "hu", "ka", "ke", "ko", "la", "le", "lo", "ma", "me", "mo",
    "na", "ne", "no", "pa", "pe", "po", "ra", "re", "ro", "sa", "se", "so", "ta", "te", "to", "va", "vi", "wo", "za", "zu",
]  # fmt: skip
_CUSTOMERS = f"""
CREATE TEMP TABLE customers AS
SELECT i AS number, array_to_string([{_SYLLABLES}[(1 + (hash(i) >> n) % {len(_SYLLABLES)})::BIGINT] for n in [0, 12, 24, 36]], '') || '.example' AS domain
FROM range(greatest(100, $total::BIGINT // 20) // 4) t(i)
"""

# A message: its kind by number (see `_RECORDS`), its time somewhere in 200 days around the start of the incident, its parties with few that
# are frequent and many that are rare. One mail in 500 repeats the Message-ID of an earlier one. The indicator is in mail of the
# API's five busiest senders, another collector in the mail of one sender, and an archive has always had the mail of another.
_MAILS = """
CREATE OR REPLACE TEMP TABLE mails AS
WITH drawn AS (
  SELECT i, (i % 20)::INTEGER AS kind, TIMESTAMPTZ '2025-05-01 00:00:00Z' + to_seconds((i * 17280000.0 / $total)::BIGINT) AS moment,
         hash(i * 8 + $seed) % 1000003 / 1000003.0 AS a, hash(i * 8 + 1 + $seed) % 1000003 / 1000003.0 AS b, hash(i * 8 + 2 + $seed) % 1000003 / 1000003.0 AS c,
         hash(i * 8 + 3 + $seed) % 1000003 / 1000003.0 AS d, hash(i * 8 + 4 + $seed) % 1000 AS luck,
         md5((i + $seed)::VARCHAR) AS code, greatest(100, $total // 20) AS people, greatest(30, $total // 2000) AS staff
  FROM range($first::BIGINT, $last::BIGINT) t(i)
), named AS (
  SELECT *, (d * d * staff)::BIGINT AS who, (pow(a, 2.5) * people)::BIGINT AS p1, (pow(b, 2.5) * people)::BIGINT AS p2, (pow(c, 2.5) * people)::BIGINT AS p3
  FROM drawn
)
SELECT i, kind, moment, code, luck, c, who, 'staff' || who || '@acme.example' AS sender,
       'person' || p1 || '@' || c1.domain AS first,
       CASE WHEN luck < 300 THEN 'staff' || (b * staff)::BIGINT || '@acme.example' ELSE 'person' || p2 || '@' || c2.domain END AS second,
       CASE WHEN moment >= TIMESTAMPTZ '2025-09-17 00:00:00Z' AND who < 5 AND kind < 9 AND luck < 900 THEN 'phan@giftshop.club'
            WHEN moment >= TIMESTAMPTZ '2025-09-17 00:00:00Z' AND who = 7 AND luck >= 300 THEN 'drop@quiet-harbour.example'
            WHEN who = 3 THEN 'archive@safe-vault.example'
            ELSE 'person' || p3 || '@' || c3.domain END AS third,
       third LIKE 'person%' AND luck >= 5 AS shown,
       CASE WHEN kind < 9 THEN concat_ws('-', code[1:8], code[9:12], code[13:16], code[17:20], code[21:32]) || '@mtasv.net'
            ELSE (i - CASE WHEN luck < 2 THEN least(i, 20000) ELSE 0 END) || '.' || kind || '@shop.acme.example' END AS id,
       'queue:relay' || i % 3 || '/' || upper(code[1:12]) AS queue, substr(md5(code || luck), 1, 16) AS subject
FROM named JOIN customers c1 ON c1.number = p1 % (people // 4) JOIN customers c2 ON c2.number = p2 % (people // 4)
JOIN customers c3 ON c3.number = p3 % (people // 4) ORDER BY i
"""

# A copy as a recipient's record tells it
_ONE = (
    "{{'address': {address}, 'role': '{role}', 'outcome': '{outcome}', 'written': '', 'original': '', 'reply': {reply}, 'utc': ({utc})::TIMESTAMPTZ, 'stamp': '', "
    "'start': ({start})::BIGINT, 'end': ({end})::BIGINT, 'seen': '{seen}'}}"
)


def _header(address: str, role: str) -> str:
    return _ONE.format(address=address, role=role, outcome="", reply="''", utc="NULL", start="-1", end="-1", seen=role)


def _taken(address: str, line: int) -> str:
    return _ONE.format(
        address=address, role="envelope", outcome="delivered", reply="'250 2.0.0 Ok: queued as ' || upper(code[5:15])",
        utc=f"moment + to_seconds({line})", start=f"i * 1000 + {line * 200}", end=f"i * 1000 + {line * 200 + 190}", seen="",
    )  # fmt: skip


def _accepted(address: str) -> str:
    return _ONE.format(
        address=address, role="envelope", outcome="accepted", reply="''", utc="NULL", start="-1", end="-1", seen=""
    )


_EVENT = _ONE.format(
    address="third",
    role="event",
    outcome="delivered",
    reply="'250 OK'",
    utc="moment + to_seconds(3)",
    start="-1",
    end="-1",
    seen="",
)
_NO_IDS = "[]::VARCHAR[]"
_NO_RECIPIENTS = f"list_filter([{_header('first', 'to')}], lambda one: false)"
_NAMED = f"[{_header('first', 'to')}, {_header('second', 'cc')}] || CASE WHEN shown THEN [{_header('third', 'cc')}] ELSE {_NO_RECIPIENTS} END"
_LISTED = f"{_NAMED} || [{_accepted('first')}, {_accepted('second')}, {_accepted('third')}]"
_QUEUED = f"[{_taken('first', 1)}, {_taken('second', 2)}, {_taken('third', 3)}]"
_ORIGIN = "[{'name': 'origin', 'value': 'smtpd'}]"
_TRACKED = "[{'name': 'status', 'value': 'Sent'}, {'name': 'track_opens', 'value': 'true'}]"


def _record(condition: str, file: int, source: str, kind: str, route: str, recipients: str, **other: str) -> str:
    columns = {
        "key": "''", "opens": "true", "closes": "true", "evidence": f"'{file:016x}'", "member": "''", "start": "i * 1000", '"end"': "i * 1000 + 990",
        "source": f"'{source}'", "kind": f"'{kind}'", "route": f"'{route}'", "direction": "'submitted'", "server": "''", "stream": "''",
        "message_id": "id", "ids": _NO_IDS, "sender": "sender", "envelope_sender": "''", "subject_hash": "''", "size": "-1",
        "readings": "[{'clock': 'received_at', 'utc': moment, 'slack': 0}]", "stamp": "''", "recipients": recipients, "header_known": "false", "declared": "-1",
        "attachments": "[]::VARCHAR[]", "has_body": "false", "facts": "[]::STRUCT(name VARCHAR, value VARCHAR)[]",
    } | other  # fmt: skip
    return f"SELECT {', '.join(f'{value} AS {name}' for name, value in columns.items())} FROM mails WHERE {condition}"


_LOG = {
    "server": "'relay' || i % 3", "envelope_sender": "sender", "size": "2000 + (c * 60000)::BIGINT", "facts": _ORIGIN, "declared": "3",
    "readings": "[{'clock': 'queue_id', 'utc': moment, 'slack': 0}, {'clock': 'syslog', 'utc': date_trunc('second', moment), 'slack': 0}]",
}  # fmt: skip
_API = {"server": "'7001'", "stream": "'outbound'", "subject_hash": "subject", "header_known": "true", "facts": _TRACKED}
_STORED = {
    "direction": "'unknown'", "subject_hash": "subject", "header_known": "true", "has_body": "true", "size": "2600 + (c * 60000)::BIGINT",
    "readings": "[{'clock': 'date', 'utc': date_trunc('second', moment), 'slack': 0}]",
}  # fmt: skip

# Which records exist of a message, by its kind: 32 of 20. Files of one room lie in one part.
_RECORDS = {
    "provider": [
        _record("kind < 9", 1, "postmark", "search", "api", _LISTED, **_API),
        _record("kind = 0", 2, "postmark", "details", "api", _LISTED, **_API),
        _record("kind < 4", 3, "postmark", "webhook:Delivery", "api", f"[{_EVENT}]", sender="''", stream="'outbound'"),
    ],
    "logs": [
        _record("kind BETWEEN 9 AND 15", 4, "postfix", "queue", "smtp", _QUEUED, ids="CASE WHEN kind = 9 THEN [queue, queue || '0'] ELSE [queue] END", **_LOG),
        _record("kind = 9", 5, "postfix", "queue", "smtp", _QUEUED, ids="[queue || '0']", **_LOG | {"message_id": "''"}),
        _record("kind = 18", 6, "exim", "queue", "smtp", _QUEUED, ids="[queue]", **_LOG | {"message_id": "''"}),
    ],
    "mailboxes": [
        _record("kind IN (0, 10, 11, 12)", 7, "mbox", "mail", "mailbox", _NAMED, **_STORED),
        # the caller's own Message-ID survived, the provider's id stands in a header of its own
        _record("kind = 1", 7, "mbox", "mail", "mailbox", _NAMED, ids="['mid:' || id]", **_STORED | {"message_id": "i || '.app@acme.example'"}),
        _record("kind = 1", 8, "mbox", "mail", "mailbox", _NAMED, ids="['mid:' || id]", **_STORED | {"message_id": "i || '.app@acme.example'"}),
        _record("kind IN (16, 17)", 9, "mbox", "mail", "mailbox", _NAMED, **_STORED | {"sender": "first"}),
        _record("kind = 19", 7, "mbox", "mail", "mailbox", _NAMED, **_STORED | {"message_id": "''"}),
    ],
}  # fmt: skip


def write_observations(folder: Path, count: int, seed: int) -> list[str]:
    """Write about `count` observations (a whole number of messages) as Parquet parts into `folder`; returns the parts in order.

    The same bytes for the same count and seed, in any number of threads; the records of one room lie in the order of their messages.
    """
    messages = count * _MESSAGES_OF[0] // _MESSAGES_OF[1]
    folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET threads = 1")
    connection.execute(_CUSTOMERS, {"total": messages})
    parts = []
    for first in range(0, messages, _CHUNK):
        last = min(first + _CHUNK, messages)
        connection.execute(_MAILS, {"first": first, "last": last, "total": messages, "seed": seed})
        for room, records in _RECORDS.items():
            target = folder / f"{room}-{first // _CHUNK:05}.parquet"
            with pq.ParquetWriter(target, OBSERVATIONS, compression="zstd", compression_level=1) as writer:
                for batch in _batches(connection, " UNION ALL ".join(records)):
                    writer.write_batch(batch)
            parts.append(str(target))
    connection.close()
    return parts


def observed_view(connection: duckdb.DuckDBPyConnection, parts: list[str]) -> None:
    """View `observed` over these parts, each observation with a number of its own, as a case has it."""
    listed = ", ".join(f"'{part}'" for part in parts)
    connection.execute(
        f"CREATE TEMP VIEW observed AS SELECT file_index::BIGINT * 1099511627776 + file_row_number AS obs, * FROM read_parquet([{listed}])"
    )


def _batches(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.RecordBatch]:
    for batch in connection.sql(query).to_arrow_reader(50_000):
        yield from pa.Table.from_batches([batch]).cast(OBSERVATIONS).to_batches()
