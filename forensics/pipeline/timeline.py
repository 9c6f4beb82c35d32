"""The events of unexpected copies, in Timesketch's columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from forensics.case import NO_TIME
from forensics.dates import zulu
from forensics.model import EPOCH

__all__ = ["timeline_rows"]

_EVENTS = {
    "fetched": "Copy opened or clicked", "delivered": "Copy delivered", "refused_after_data": "Copy refused after its content was sent",
    "deferred": "Copy deferred", "accepted": "Copy accepted for delivery", "bounced": "Copy bounced", "rejected": "Copy rejected",
    "suppressed": "Copy suppressed by the provider", "sandboxed": "Copy kept in a sandbox", "": "Copy named in a header",
}  # fmt: skip
_UNDATED = "Copy without a known time"


def timeline_rows(copies: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `timeline.csv`, by time, message and recipient; a record without a time of its own stands at the message's.

    `copies` are records of unexpected copies: `utc` and `sent_at` aware or None. Where neither has a time the copy stands at
    the end, as Plaso writes it: "Not a time" at 1970-01-01, which Timesketch takes where it refuses an empty cell.
    """
    events = {tuple(event.items()): event for event in map(_event, copies)}
    return sorted(events.values(), key=_order)


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    at = row["utc"] or row["sent_at"]
    told = _EVENTS[row["outcome"]] if at else _UNDATED
    stands = at or EPOCH
    return {
        "datetime": zulu(stands), "timestamp": round(stands.timestamp() * 1_000_000), "timestamp_desc": told if at else NO_TIME,
        "message": f"{told}: {row['address']} ({row['verdict']})", "source": f"{row['source']}:{row['kind']}",
        "message_key": row["message_key"], "recipient": row["address"], "outcome": row["outcome"] or row["proof"],
    }  # fmt: skip


def _order(event: Mapping[str, Any]) -> tuple[Any, ...]:
    is_undated = event["timestamp_desc"] == NO_TIME
    return (
        is_undated,
        *(event[name] for name in ("timestamp", "message_key", "recipient", "timestamp_desc", "source", "outcome")),
    )
