"""Facts for a notification: aggregates only, no personal data."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from forensics.case import Case, write_file
from forensics.plugins import Reporter

__all__ = ["REPORTER", "facts"]

_LIMITS = (
    "Figures are counts of what the evidence shows; people are told apart by mail address alone, so their number is approximate. "
    "These are facts for a decision, not legal advice."
)


def facts(case: Case) -> dict[str, Any]:
    """What authorities ask for (GDPR Art. 33(3) and alike) as far as mail evidence tells it; `possible` stands apart.

    Addresses of affected people are not in it; those of the incident's public indicators are.
    """
    summary = case.summary
    exposed, possible = case.read("exposed_messages"), case.read("possible_messages")
    people, personal, credentials, blamed = (
        _of_exposed(case.read(name)) for name in ("people", "personal_data", "credentials", "unexpected_recipients")
    )
    sent = [at for at in exposed["sent_at"] if at]
    return {
        "schema_version": 1,
        "incident": {"name": summary["incident"]["name"], "title": summary["incident"]["title"]},
        "case": summary["case"],
        "window": summary["window"],
        "conclusion": summary["conclusion"],
        "ongoing": summary["ongoing"],
        "nature": {
            "breach_of": ["confidentiality"],
            "method": "blind copies of outgoing mail to addresses outside the organisation",
            "collecting_domains": sorted({str(domain) for domain in blamed["domain"]}),
            "indicators_met": sorted({str(one) for one in blamed["indicator"] if one}),
        },
        "first_exposed": min(sent, default=""),
        "last_exposed": max(sent, default=""),
        "messages": {
            "exposed": len(exposed),
            "confirmed": summary["verdicts"]["confirmed"],
            "probable": summary["verdicts"]["probable"],
            "by_proof": {name: count for name, count in summary["proofs"].items() if name not in {"attempted", "inferred"}},
            "content_not_available": int((exposed["content"] == "none").sum()),
            "content_partly_examined": int((exposed["content"] == "partial").sum()),
            "with_attachments": int((exposed["attachments"] != "").sum()),
            "not_delivered": summary["counts"]["not_delivered"],
        },
        "possible_messages_not_counted_above": len(possible),
        "people": _people(people),
        "records_by_kind": _counted(personal, "kind"),
        "credentials_by_kind": _counted(credentials, "kind"),
        "coverage": summary["coverage_text"],
        "evidence_files": summary["counts"]["evidence_files"],
        "defects": summary["counts"]["defects"],
        "limits": _LIMITS,
    }


def _of_exposed(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the rows that only possible messages gave: over-notification is a harm too."""
    return frame[frame["verdict"] != "possible"]


def _people(people: pd.DataFrame) -> dict[str, Any]:
    return {
        "approximate_number": len(people),
        "merge_rule": "one mail address is one person",
        "by_relation": _counted(people, "relation"),
        "by_residency_hint": _counted(people[people["residency_hint"] != ""], "residency_hint"),
        "residency_unknown": int((people["residency_hint"] == "").sum()),
    }


def _counted(frame: pd.DataFrame, column: str) -> dict[str, int]:
    return dict(sorted(Counter(str(value) for value in frame[column]).items()))


def write(case: Case, folder: Path) -> list[Path]:
    """`notification.json`, schema version 1."""
    target = folder / "notification.json"
    write_file(target, json.dumps(facts(case), indent=2, ensure_ascii=False) + "\n")
    return [target]


REPORTER = Reporter("notification", "Aggregate facts for a notification, without personal data", write)
