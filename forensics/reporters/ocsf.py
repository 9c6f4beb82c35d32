"""Exposed messages as OCSF events of class Email Activity (4009): the event's `to` is the envelope, `email` is the header.

Version 1.6.0 of the Open Cybersecurity Schema Framework is the first in which an event has an envelope of its own
(https://schema.ocsf.io/1.6.0/classes/email_activity). A blind recipient is whoever stands in `to` and not in `email`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from forensics.case import Case, aside
from forensics.legible import cut
from forensics.model import EPOCH
from forensics.plugins import Reporter

__all__ = ["REPORTER", "VERSION", "events"]

VERSION = "1.6.0"
_CLASS, _SEND = 4009, 1
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]{1,256}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,10}"
)  # the schema's `email_t`
_SEVERITY = {"confirmed": (4, "High"), "probable": (3, "Medium")}
_CAME = frozenset({"delivered", "fetched"})
_LONGEST = 8_000  # characters of a text
_KEPT = (
    "message_key",
    "in_window",
    "verdict",
    "proof",
    "content",
    "credentials",
    "personal_data",
    "reasons",
    "sources",
    "evidence",
)


def events(case: Case) -> Iterator[dict[str, Any]]:
    """One event for each row of exposed_messages.csv, in its order; what is only `possible` is no event.

    `to` holds the unexpected recipients, for these are all of the envelope that the case tells; `time` is 0 where the message has
    none, and `unmapped.time_known` says which. An address that the schema refuses stands in `unmapped.other_addresses`. Senders,
    addressees and redacted subjects are personal data, as they are in the table.
    """
    version = str((case.summary.get("run") or {}).get("version", ""))
    for row in case.read("exposed_messages").to_dict("records"):
        yield _event({str(name): str(value) for name, value in row.items()}, version)


def _event(row: Mapping[str, str], version: str) -> dict[str, Any]:
    blind, refused = _addresses(row["unexpected_recipients"])
    time = _milliseconds(row["sent_at"])
    severity = _SEVERITY.get(row["verdict"], (0, "Unknown"))
    came = row["proof"] in _CAME
    header, others = _header(row)
    return {
        "activity_id": _SEND, "activity_name": "Send", "category_uid": 4, "category_name": "Network Activity", "class_uid": _CLASS,
        "class_name": "Email Activity", "type_uid": _CLASS * 100 + _SEND, "type_name": "Email Activity: Send",
        "severity_id": severity[0], "severity": severity[1], "time": time or 0, "direction_id": 2, "direction": "Outbound",
        "status_id": 1 if came else 0, "status": "Success" if came else "Unknown", "status_detail": row["proof"],
        "message": cut(f"Unexpected copy, {row['verdict']}: {row['unexpected_recipients']}", _LONGEST),
        **({"to": blind} if blind else {}),
        "email": header,
        "metadata": {
            "version": VERSION, "product": {"name": "forensics", **({"version": version} if version else {})},
            "log_name": "exposed_messages", **({"original_time": row["sent_at"]} if time is not None else {}),
        },
        "unmapped": {
            **{name: cut(row[name], _LONGEST) for name in _KEPT}, "time_known": "no" if time is None else "yes",
            **({"other_addresses": [*refused, *others]} if refused or others else {}),
        },
    }  # fmt: skip


def _header(row: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The object `email`, and addresses that it cannot hold. The schema wants a sender or an addressee in it: a message may have neither."""
    sender, others = _addresses(row["sender"])
    found: dict[str, Any] = {"from": sender[0]} if sender else {}
    for name in ("to", "cc"):
        listed, refused = _addresses(row[name])
        others += refused
        if listed:
            found[name] = listed
    if row["subject"]:
        found["subject"] = cut(row["subject"], _LONGEST)
    return {**found, "message_uid": cut(row["message_key"], _LONGEST)}, others


def _addresses(cell: str) -> tuple[list[str], list[str]]:
    """The members of a list cell that are addresses by the schema, and those that are not."""
    listed = [one for one in cell.split("; ") if one]
    fit = [one for one in listed if _ADDRESS.fullmatch(one)]
    return fit, [cut(one, _LONGEST) for one in listed if not _ADDRESS.fullmatch(one)]


def _milliseconds(text: str) -> int | None:
    """A time of the contract as milliseconds since 1970; None where there is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if at.tzinfo is None else round((at - EPOCH).total_seconds() * 1_000)


def write(case: Case, folder: Path) -> list[Path]:
    """`email_activity.ocsf.jsonl`, mode 0600, whole or not at all: one event a line, ASCII with JSON escapes."""
    target = folder / "email_activity.ocsf.jsonl"
    with aside(target) as place, place.open("w", encoding="ascii", newline="\n") as stream:
        stream.writelines(json.dumps(event) + "\n" for event in events(case))
    return [target]


REPORTER = Reporter("ocsf", "Exposed messages as events of the Open Cybersecurity Schema Framework", write, default=False)
