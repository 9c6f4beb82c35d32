"""The summary of a case: conclusion and coverage first, then figures, then what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from forensics.coverage import Conclusion, Stretch
from forensics.dates import FileClock, zulu
from forensics.incident import Incident
from forensics.model import Window
from forensics.pipeline.answers import Asked, content_state
from forensics.pipeline.second_pass import Content
from forensics.pipeline.unflagged import Unflagged

__all__ = ["Told", "excused", "summarise"]

_EXCUSED = """
SELECT entry, count(*) AS copies, count(DISTINCT message_key) AS messages, min(sent_at) AS first_use, max(sent_at) AS last_use
FROM copies WHERE judged AND entry IS NOT NULL GROUP BY entry ORDER BY entry
"""

_CONTAIN = "Contain first: find what adds the copies (package, server rule, template) and stop it; a key that is mailed through a live host leaks again."
_PRESERVE = "Preserve before you change anything: keep the evidence as it is and export what providers hold before their retention deletes it."


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that the summary is made of."""

    asked: Asked
    tables: Mapping[str, Sequence[Mapping[str, Any]]]
    stretches: Sequence[Stretch]
    conclusion: Conclusion
    window: Window
    window_basis: str
    own_basis: str
    clocks: Mapping[tuple[str, str], FileClock]
    evidence_bytes: int
    read_items: int
    run: Mapping[str, Any]
    unflagged: Unflagged
    remarks: Sequence[str] = ()  # on indicators that were handed in
    limits: Sequence[str] = ()  # what the detectors could not have noticed
    coverage_remarks: Sequence[str] = ()  # what one source has and another lacks, and what collections say of themselves


def excused(connection: duckdb.DuckDBPyConnection, asked: Asked, window: Window) -> list[dict[str, Any]]:
    """What each policy entry excused; `review` where its first use lies inside the window."""
    rows = []
    for entry, copies, messages, first, last in connection.execute(_EXCUSED).fetchall():
        known = asked.policy.expected[entry]
        new = window.start is not None and first is not None and first >= window.start
        rows.append({
            "entry": known.entry, "reason": known.reason, "copies": copies, "messages": messages,
            "first_use": zulu(first), "last_use": zulu(last), "review": new,
        })  # fmt: skip
    return rows


def summarise(connection: duckdb.DuckDBPyConnection, told: Told) -> dict[str, Any]:
    """`summary.json`, schema version 1. All but `run` depends on evidence, incident, policy and version only."""
    incident, policy = told.asked.incident, told.asked.policy
    return {
        "schema_version": 1,
        "incident": {
            "name": incident.name,
            "title": incident.title,
            "references": list(incident.references),
            "indicators": {"addresses": sorted(incident.indicators.addresses), "domains": sorted(incident.indicators.domains)},
            "precautions": list(incident.precautions),
            "remarks": list(told.remarks),
        },
        "case": {
            "number": policy.case.number, "custodian": policy.case.custodian, "role": policy.case.role,
            "discovered_at": policy.case.discovered_at, "aware_at": policy.case.aware_at, "contact": policy.case.contact,
            "phase": policy.case.phase or "initial", "version": policy.case.version, "supersedes": policy.case.supersedes,
            "customers_named": bool(policy.customers), "severity": policy.severity.as_data(),
        },
        "window": {"start": zulu(told.window.start) or None, "end": zulu(told.window.end) or None, "basis": told.window_basis},
        "conclusion": told.conclusion.word,
        "conclusion_text": told.conclusion.text,
        "ongoing": told.conclusion.ongoing,
        "ongoing_text": told.conclusion.ongoing_text,
        "coverage": [one.row() for one in told.stretches],
        "coverage_text": told.conclusion.coverage_text,
        "coverage_remarks": list(told.coverage_remarks),
        "counts": _counts(connection, told),
        "verdicts": _verdicts(told.tables),
        "proofs": _proofs(told.tables),
        "detection_limits": list(told.limits),
        "excused": excused(connection, told.asked, told.window),
        "unread": _unread(told.tables, told.asked.contents),
        "defects": _defects(told.tables["defects"]),
        "own_domains": {"domains": list(policy.domains), "basis": told.own_basis},
        "clocks": [
            {"path": told.asked.path(*place), "basis": clock.basis}
            for place, clock in sorted(told.clocks.items(), key=lambda one: told.asked.path(*one[0]))
        ],
        "next_steps": _next_steps(told, incident),
        "run": dict(told.run),
    }  # fmt: skip


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    ((count,),) = connection.execute(query).fetchall()
    return int(count)


def _counts(connection: duckdb.DuckDBPyConnection, told: Told) -> dict[str, int]:
    tables = told.tables
    return {
        "evidence_files": len(told.asked.items),
        "evidence_files_read": told.read_items,
        "evidence_bytes": told.evidence_bytes,
        "observations": _one(connection, "SELECT count(*) FROM observed"),
        "messages": _one(connection, "SELECT count(*) FROM messages WHERE NOT attempt"),
        "refused_attempts": _one(connection, "SELECT count(*) FROM messages WHERE attempt"),
        "judged_messages": _one(connection, "SELECT count(*) FROM messages WHERE judged AND NOT attempt"),
        "judged_messages_in_window": _one(connection, "SELECT count(*) FROM messages WHERE judged AND in_window AND NOT attempt"),
        "cohort_messages": _one(connection, "SELECT count(*) FROM message_verdicts WHERE proof = 'inferred'"),
        **{
            name: len(tables[name])
            for name in ("exposed_messages", "possible_messages", "not_delivered", "unexpected_recipients")
        },
        # the most that can have gone out: what is shown, and all that went the compromised way without a record of its recipients
        "exposed_at_most": len(tables["exposed_messages"])
        + sum(row["proof"] == "inferred" for row in tables["possible_messages"]),
        "defects": len(tables["defects"]),
        **{name: sum(row["verdict"] != "possible" for row in tables[name]) for name in ("credentials", "people")},
        **{
            f"{name}_of_possible": sum(row["verdict"] == "possible" for row in tables[name]) for name in ("credentials", "people")
        },
        **_beside(tables),
    }


def _beside(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, int]:
    """Figures of the tables that follow from the contract's; rows of possible messages are counted apart."""
    counts = {}
    for name in ("sign_ins", "locked_attachments"):
        counts[name] = sum(row["verdict"] != "possible" for row in tables[name])
        counts[f"{name}_of_possible"] = len(tables[name]) - counts[name]
    return {
        **counts,
        "locked_attachments_taken_as_opened": sum(row["opened"] == "taken_as_opened" for row in tables["locked_attachments"]),
        "precautions": len(tables["precautions"]),
    }


def _verdicts(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, int]:
    counts = Counter(row["verdict"] for row in tables["exposed_messages"])
    return {"confirmed": counts["confirmed"], "probable": counts["probable"], "possible": len(tables["possible_messages"])}


def _proofs(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, int]:
    """Exposed messages by the strongest proof of an unexpected copy; what never left, and what is inferred, by message too."""
    counts = Counter(row["proof"] for row in tables["exposed_messages"])
    return {
        "fetched": counts["fetched"], "delivered": counts["delivered"], "accepted": counts["accepted"],
        "attempted": len(tables["not_delivered"]),
        "inferred": sum(row["proof"] == "inferred" for row in tables["possible_messages"]),
    }  # fmt: skip


def _unread(tables: Mapping[str, Sequence[Mapping[str, Any]]], contents: Sequence[Content]) -> dict[str, Any]:
    by_message: dict[str, list[Content]] = {}
    for one in contents:
        by_message.setdefault(one.message_key, []).append(one)
    exposed = tables["exposed_messages"]
    reasons: Counter[str] = Counter()
    for row in exposed:
        read = by_message.get(row["message_key"], [])
        if content_state(read) != "full":
            reasons.update({item.reason for one in read for item in one.unread})
    return {
        "messages_without_content": sum(row["content"] == "none" for row in exposed),
        "messages_partial": sum(row["content"] == "partial" for row in exposed),
        "parts": [
            {"reason": reason, "parts": count} for reason, count in sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
        ],
    }


def _defects(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    counts = Counter(row["reason"] for row in rows)
    listed = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return {"total": len(rows), "by_reason": [{"reason": reason, "count": count} for reason, count in listed]}


def _next_steps(told: Told, incident: Incident) -> list[str]:
    """In order: contain, preserve, rotate, review sign-ins, notify, close gaps. A key mailed through a live host leaks again."""
    tables = told.tables
    steps = list(incident.precautions[:2]) if incident.precautions else [_CONTAIN, _PRESERVE]
    credentials = [row for row in tables["credentials"] if row["verdict"] != "possible"]
    live = [row for row in credentials if row["state"] == "live_until_rotated"]
    gone = [row for row in credentials if row["state"] != "live_until_rotated"]
    people = sum(row["verdict"] != "possible" for row in tables["people"])
    if live:
        urgent = sum(row["severity"] in {"critical", "high"} for row in live)
        steps.append(
            f"Rotate {len(live)} credential(s) that still work until somebody changes them, {urgent} of them urgent: credentials.csv, in its order."
        )
    steps += incident.precautions[2:]
    if tables["precautions"]:
        steps.append(
            f"Revoke {len(tables['precautions'])} secret(s) that no mail shows and that were in reach where the attack ran (precautions.csv)."
        )
    if gone:
        steps.append(
            f"Review sign-ins for {len(gone)} code(s), link(s) or token(s) that expire by themselves: each could be used from the moment the copy arrived "
            "(sign_ins.csv: by service, account and time)."
        )
    if opened := sum(row["opened"] == "taken_as_opened" for row in tables["locked_attachments"]):
        steps.append(
            f"Take {opened} locked attachment(s) as opened: the password went the same way (locked_attachments.csv); ask the sender for what was in them."
        )
    if tables["exposed_messages"]:
        steps.append(
            f"Let counsel decide whom to notify: {people} people take part in or are named in exposed mail (people.csv); "
            "notification.json holds the figures without personal data."
        )
    if tables["possible_messages"]:
        steps.append(
            f"Have somebody who knows the correspondents look through {len(tables['possible_messages'])} possible message(s); they are not counted as exposed."
        )
    weak = [one for one in told.stretches if one.status != "covered" and one.route != "mailbox"]
    if weak:
        steps.append(
            f"Close what the evidence leaves open: {len(weak)} stretch(es) of the window are not proven complete (coverage.csv names source and time)."
        )
    if tables["defects"]:
        steps.append(f"Look at {len(tables['defects'])} record(s) or file(s) that could not be read (defects.csv).")
    if told.unflagged.messages:
        steps.append(
            f"Read on request, and in no count of this report: {told.unflagged.messages} message(s) without an unexpected recipient, with "
            f"{told.unflagged.credentials} credential(s) and {told.unflagged.personal_data} piece(s) of personal data in them "
            "(tables unflagged_content and unflagged_leaks of the case)."
        )
    return steps
