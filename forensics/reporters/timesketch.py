"""The timeline for Timesketch as JSON lines: the rows of timeline.csv with tags and names of the Elastic Common Schema.

Timesketch demands `message`, `datetime` and `timestamp_desc`, takes `timestamp` in microseconds and refuses it where it differs from
`datetime`, and reads no row that has a field `_id` (https://timesketch.org/guides/user/import-from-json-csv/).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from forensics.case import NO_TIME, Case, aside
from forensics.model import EPOCH
from forensics.plugins import Reporter

__all__ = ["REPORTER", "events"]

_LONGEST = 32_000  # bytes of a field; from 32,766 on Lucene refuses a keyword
_SUCCESS, _FAILURE = frozenset({"delivered", "fetched"}), frozenset({"rejected", "bounced", "suppressed", "sandboxed"})
_SHOWN = frozenset({"to", "cc"})
_QUEUE_ID = re.compile(r"[^/@#\s]{1,255}/([0-9A-Za-z-]{5,40})(?:[@~][^@]*)?")
_SECOND = re.compile(r"~\d{1,9}")  # the end of a key that two different messages claim


def events(case: Case) -> Iterator[dict[str, Any]]:
    """The dated rows of timeline.csv in their order; then, as "Not a time", each copy of which neither record nor message has a time.

    Tags: `blind_copy` or `visible_copy`, the verdict, and `undated`. `email.bcc.address` holds the unexpected recipient, or
    `email.to.address` and `email.cc.address` where a header shows it; no other address is told.
    """
    copies = case.read("copies").to_dict("records")
    verdicts = {_copy(row): str(row["verdict"]) for row in copies}
    roles: dict[tuple[str, str], set[str]] = {}
    for row in copies:
        roles.setdefault(_copy(row), set()).add(str(row["role"]))
    for row in case.read("timeline").to_dict("records"):
        if row["timestamp_desc"] == NO_TIME:
            continue  # told below, with what its record knows of the copy
        copy = _copy(row)
        yield {**_stamped(int(row["timestamp"])), **_event(row, verdicts.get(copy, ""), roles.get(copy, set()))}
    for row in _undated(case, copies):
        told = {
            "timestamp_desc": NO_TIME,
            "message": f"Copy without a known time: {row['recipient']} ({row['verdict']})",
            "source": row["source"],
            "message_key": row["message_key"],
            "recipient": row["recipient"],
            "outcome": row["proof"],
        }
        one = {**_stamped(0), **_event(told, str(row["verdict"]), roles[_copy(row)])}
        yield {**one, "tag": [*one["tag"], "undated"]}


def _copy(row: Mapping[Any, Any]) -> tuple[str, str]:
    return str(row["message_key"]), str(row["recipient"])


def _undated(case: Case, copies: list[dict[Any, Any]]) -> list[dict[Any, Any]]:
    """Copies that have no time, each combination of what is told of it once."""
    frames = map(case.read, ("exposed_messages", "possible_messages", "not_delivered"))
    dated = {str(key) for frame in frames for key in frame["message_key"][frame["sent_at"].astype(str) != ""]}
    found = [row for row in copies if not str(row["outcome_at"]) and str(row["message_key"]) not in dated]
    unique = {(*_copy(row), str(row["source"]), str(row["proof"])): row for row in found}
    return [unique[key] for key in sorted(unique)]


def _stamped(timestamp: int) -> dict[str, Any]:
    at = EPOCH + timedelta(microseconds=timestamp)
    return {"datetime": at.isoformat(timespec="microseconds"), "timestamp": timestamp}


def _event(row: Mapping[Any, Any], verdict: str, roles: set[str]) -> dict[str, Any]:
    names = ("timestamp_desc", "message", "source", "message_key", "recipient", "outcome")
    told = {name: _fitting(str(row[name])) for name in names}
    shown = sorted(roles & _SHOWN)
    fields = [f"email.{role}.address" for role in shown] or ["email.bcc.address"]
    outcome = told["outcome"]
    return {
        **told,
        "tag": [one for one in ("visible_copy" if shown else "blind_copy", verdict) if one],
        "event.kind": "event",
        "event.category": ["email"],
        "event.action": outcome,
        "event.outcome": "success" if outcome in _SUCCESS else "failure" if outcome in _FAILURE else "unknown",
        "event.dataset": told["source"],
        **{field: [told["recipient"]] for field in fields},
        **_identity(str(row["message_key"])),
    }


def _identity(key: str) -> dict[str, str]:
    """The names that ECS has for a message's identity; a key made from a place in the evidence has none, nor one that two share."""
    queue = _QUEUE_ID.fullmatch(key)
    if queue:
        return {"email.local_id": queue[1]}
    is_message_id = "@" in key and not _SECOND.search(key, max(0, len(key) - 10))
    return {"email.message_id": _fitting(key)} if is_message_id else {}


def _fitting(text: str) -> str:
    """Text that an index takes as one keyword; what was cut is counted at its end."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= _LONGEST:
        return text
    return f"{raw[:_LONGEST].decode('utf-8', 'ignore')} … [{len(raw) - _LONGEST:,} more bytes]"


def write(case: Case, folder: Path) -> list[Path]:
    """`timeline.jsonl`, mode 0600: one event a line, ASCII with JSON escapes."""
    target = folder / "timeline.jsonl"
    with aside(target) as place, place.open("w", encoding="ascii", newline="\n") as stream:
        stream.writelines(json.dumps(event) + "\n" for event in events(case))
    return [target]


REPORTER = Reporter(
    "timesketch", "Timeline as JSON lines for Timesketch, with names of the Elastic Common Schema", write, default=False
)
