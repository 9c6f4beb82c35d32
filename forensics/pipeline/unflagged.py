"""Content of messages without a finding, read because everything was asked for: kept in the case, counted in no report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from forensics.case import Case
from forensics.dates import zulu
from forensics.pipeline.second_pass import Content

__all__ = ["Unflagged", "store_unflagged"]

_READ = ("message_key", "sent_at", "content", "credentials", "personal_data", "unread")
_LEAKS = (
    "message_key", "sent_at", "family", "kind", "service", "rule", "preview", "severity", "confidence", "state", "part", "location",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unflagged:
    """How much was read of messages without a finding: messages, and distinct credentials and personal data in them."""

    messages: int = 0
    credentials: int = 0
    personal_data: int = 0


def store_unflagged(case: Case, connection: duckdb.DuckDBPyConnection, contents: Sequence[Content]) -> Unflagged:
    """Write tables `unflagged_content`, one row per record read, and `unflagged_leaks`; both are empty if nobody asked."""
    times = _times(connection) if contents else {}
    ordered = sorted(contents, key=lambda one: (one.message_key, one.has_body, len(one.leaks), len(one.unread)))
    case.write_rows("unflagged_content", [_read(one, times) for one in ordered], _READ)
    case.write_rows("unflagged_leaks", [row for one in ordered for row in _leaks(one, times)], _LEAKS)
    found: dict[str, set[str]] = {"credential": set(), "personal": set()}
    for one in ordered:
        for leak in one.leaks:
            found[leak.family].add(leak.fingerprint)
    return Unflagged(len({one.message_key for one in ordered}), len(found["credential"]), len(found["personal"]))


def _times(connection: duckdb.DuckDBPyConnection) -> Mapping[str, datetime | None]:
    rows = connection.execute("SELECT message_key, sent_at FROM messages").fetchall()
    return {key: at and at.astimezone(UTC) for key, at in rows}


def _read(one: Content, times: Mapping[str, datetime | None]) -> dict[str, object]:
    return {
        "message_key": one.message_key,
        "sent_at": zulu(times.get(one.message_key)),
        "content": ("partial" if one.unread else "full") if one.has_body else "none",
        "credentials": sum(leak.family == "credential" for leak in one.leaks),
        "personal_data": sum(leak.family == "personal" for leak in one.leaks),
        "unread": "; ".join(f"{item.part}: {item.reason}" for item in one.unread),
    }


def _leaks(one: Content, times: Mapping[str, datetime | None]) -> list[dict[str, object]]:
    at = zulu(times.get(one.message_key))
    return [
        {"message_key": one.message_key, "sent_at": at} | {name: getattr(leak, name) for name in _LEAKS[2:]} for leak in one.leaks
    ]
