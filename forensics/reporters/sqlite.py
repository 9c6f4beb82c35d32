"""The tables of the case as one SQLite file, for browsing with datasette and for questions in SQL.

Open it so that nothing is written beside it: `datasette serve --immutable case.sqlite`, or `file:case.sqlite?immutable=1`
(https://www.sqlite.org/uri.html).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from forensics.case import CONTRACT, SCHEMA_VERSION, Case, aside, beside, stamp_of
from forensics.csvform import csv_sha256, rows_of
from forensics.legible import legible, shown
from forensics.plugins import Reporter

__all__ = ["REPORTER", "VIEWS"]

_APPLICATION = 0x666F7265  # "fore": tells `file` and people whose file it is
_WHOLE = 1 << 40  # characters: no cell is cut here
_INTEGERS = frozenset({
    "rank", "messages", "delivered", "bounced", "blind", "senders", "start", "end", "records", "timestamp",
    "credentials", "personal_data", "seq", "bytes",
})  # fmt: skip
_REALS = frozenset({"score"})
_KEYS = {
    "exposed_messages": "message_key", "possible_messages": "message_key", "not_delivered": "message_key",
    "unexpected_recipients": "address", "credentials": "credential_id", "people": "person", "person_groups": "person",
}  # fmt: skip
_INDEXES = {
    "copies": ("message_key", "recipient"), "credential_occurrences": ("credential_id", "message_key"),
    "personal_data": ("message_key", "kind"), "timeline": ("message_key", "recipient", "timestamp"),
    "exposed_messages": ("sent_at",), "people": ("domain",),
}  # fmt: skip

# The usual questions. What is only possible has views of its own: nobody adds it up by mistake.
VIEWS: Mapping[str, str] = {
    "rotation_list": """
        SELECT credential_id, severity, kind, service, preview, state, rotate, reference, messages, first_exposed, last_exposed, verdict
        FROM credentials WHERE verdict <> 'possible' AND state = 'live_until_rotated' ORDER BY rowid""",
    "sign_ins_to_review": """
        SELECT credential_id, severity, kind, service, preview, state, rotate, messages, first_exposed, last_exposed, verdict
        FROM credentials WHERE verdict <> 'possible' AND state <> 'live_until_rotated' ORDER BY rowid""",
    "rotation_places": """
        SELECT c.credential_id, c.severity, c.kind, c.service, o.message_key, o.sent_at, o.part, o.location
        FROM credentials c JOIN credential_occurrences o USING (credential_id)
        WHERE o.verdict <> 'possible' ORDER BY c.rowid, o.rowid""",
    "people_by_data_kind": """
        SELECT k.value AS data_kind, p.relation, count(*) AS people
        FROM people p, json_each('[' || replace(json_quote(p.data_kinds), '; ', '","') || ']') k
        WHERE p.verdict <> 'possible' AND k.value <> '' GROUP BY 1, 2 ORDER BY 1, 2""",
    "persons_with_data_kind": """
        SELECT k.value AS data_kind, p.person, p.relation, p.messages, p.residency_hint, p.verdict
        FROM people p, json_each('[' || replace(json_quote(p.data_kinds), '; ', '","') || ']') k
        WHERE p.verdict <> 'possible' AND k.value <> '' ORDER BY 1, 2""",
    "collecting_recipients": """
        SELECT rank, address, domain, verdict, messages, delivered, blind, first_seen, last_seen, reasons
        FROM unexpected_recipients WHERE verdict <> 'possible' ORDER BY rank""",
    "exposed_by_day": """
        SELECT substr(sent_at, 1, 10) AS day, verdict, count(*) AS messages
        FROM exposed_messages GROUP BY 1, 2 ORDER BY 1, 2""",
    "exposed_without_content": """
        SELECT message_key, sent_at, verdict, proof, sender, content FROM exposed_messages WHERE content <> 'full' ORDER BY rowid""",
    "coverage_shortfalls": """
        SELECT source, scope, route, "from", "to", records, status, note FROM coverage WHERE status <> 'covered' ORDER BY rowid""",
    "possible_recipients": """
        SELECT rank, address, domain, messages, delivered, first_seen, last_seen, reasons
        FROM unexpected_recipients WHERE verdict = 'possible' ORDER BY rank""",
    "possible_credentials": """
        SELECT credential_id, severity, kind, service, preview, state, messages, first_exposed, last_exposed
        FROM credentials WHERE verdict = 'possible' ORDER BY rowid""",
}  # fmt: skip


def write(case: Case, folder: Path) -> list[Path]:
    """`case.sqlite`, mode 0600, whole or not at all; the same tables give the same bytes with the same release of SQLite.

    Text is as in the case, but for characters that steer a terminal or that nobody sees, which are written `[U+202E]`.
    """
    target = folder / "case.sqlite"
    with aside(target) as place, closing(sqlite3.connect(place, isolation_level=None)) as connection:
        for pragma in ("page_size = 4096", "journal_mode = OFF", "synchronous = OFF", "encoding = 'UTF-8'"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        hashes = _fill(connection, case)
        _describe(connection, case.summary, hashes)
        for name, question in VIEWS.items():
            connection.execute(f'CREATE VIEW "{name}" AS {" ".join(question.split())}')
        connection.execute("COMMIT")
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("VACUUM")
    return [target]


def _fill(connection: sqlite3.Connection, case: Case) -> dict[str, str]:
    """Every table of the contract, and those beside them that the case has. Hashes of the CSV files by their names."""
    hashes = {}
    for name in CONTRACT:
        frame = case.read(name)
        hashes[f"{name}.csv"] = csv_sha256(frame, stamp_of(case, name))
        _add(connection, name, frame)
    for name, frame in beside(case).items():
        hashes[f"{name}.csv"] = csv_sha256(legible(frame), stamp_of(case, name))
        _add(connection, name, frame)
    return hashes


def _add(connection: sqlite3.Connection, name: str, frame: pd.DataFrame) -> None:
    columns = [str(column) for column in frame.columns]
    rows = [tuple(map(_cell, row)) for row in rows_of(frame)]
    key = _KEYS.get(name, "")
    at = columns.index(key) if key in columns else -1
    is_key = at >= 0 and len({row[at] for row in rows}) == len(rows)
    typed = [f'"{column}" {_kind(column)}{" PRIMARY KEY" if is_key and column == key else ""} NOT NULL' for column in columns]
    connection.execute(f'CREATE TABLE "{name}" ({", ".join(typed)})')
    marks = ", ".join("?" * len(columns))
    connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)  # noqa: S608  names are the contract's
    indexed = [*_INDEXES.get(name, ()), *([] if is_key or at < 0 else [key])]
    for column in indexed:
        connection.execute(f'CREATE INDEX "{name}_{column}" ON "{name}" ("{column}")')


def _kind(column: str) -> str:
    """A column's type. Where a count may be unknown it is '', which SQLite keeps as it is in a column of integers."""
    return "INTEGER" if column in _INTEGERS else "REAL" if column in _REALS else "TEXT"


def _cell(value: object) -> object:
    if isinstance(value, int | float):
        return "" if value != value else value  # noqa: PLR0124  NaN is the one value unequal to itself
    return shown("" if value is None else str(value), _WHOLE)


def _describe(connection: sqlite3.Connection, summary: Mapping[str, Any], hashes: Mapping[str, str]) -> None:
    """`metadata`: which case this is, the end of its custody log, and the hash of each table's CSV file."""
    run, window = summary.get("run") or {}, summary.get("window") or {}
    told: Iterable[tuple[str, object]] = (
        ("schema_version", SCHEMA_VERSION),
        ("forensics_version", run.get("version", "")),
        ("incident", (summary.get("incident") or {}).get("name", "")),
        ("case_number", (summary.get("case") or {}).get("number", "")),
        ("conclusion", summary.get("conclusion", "")),
        ("conclusion_text", summary.get("conclusion_text", "")),
        ("coverage_text", summary.get("coverage_text", "")),
        ("window_start", window.get("start") or ""),
        ("window_end", window.get("end") or ""),
        ("custody_head", run.get("custody_head", "")),
        *((f"sha256 {name}", digest) for name, digest in hashes.items()),
    )
    connection.execute('CREATE TABLE metadata ("name" TEXT PRIMARY KEY NOT NULL, "value" TEXT NOT NULL) WITHOUT ROWID')
    connection.executemany("INSERT INTO metadata VALUES (?, ?)", [(name, _cell(str(value))) for name, value in told])


REPORTER = Reporter("sqlite", "Every table as one SQLite file, with views for the usual questions", write, default=False)
