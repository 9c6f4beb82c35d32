"""The figures of a case that drafts are made of: aggregates of exposed mail, with `possible` in numbers of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from forensics.case import Case
from forensics.decisions import decisions, standing
from forensics.severity import Severity
from forensics.tallies import Headcount, tally

__all__ = ["Figures", "figures_of", "span"]

_CATEGORIES = {"staff": "Own staff", "customer": "Customers", "other": "Other correspondents, and people named in the mail"}


@dataclass(frozen=True, slots=True)
class Figures:
    """A case in numbers. Everything but `possible` speaks of exposed mail only; times are ISO 8601 in UTC, "" for unknown."""

    summary: Mapping[str, Any]
    exposed: int
    at_most: int
    possible: int
    first: str
    last: str
    undated: int
    without_content: int
    partly_examined: int
    with_attachments: int
    persons: Headcount
    categories: tuple[tuple[str, Headcount], ...]  # in words
    residency: tuple[tuple[str, Headcount], ...]  # by hints; "contradictory" and "unknown" last
    severity: Severity
    data: tuple[tuple[str, int, int], ...]  # kind, places, messages
    credentials: tuple[tuple[str, int, int], ...]  # kind, how many, how many of them that work until somebody changes them
    rotated: int  # of the credentials, by decisions on record
    copies: int  # unexpected ones, counted by message and recipient
    blind_copies: int  # of them, those whose recipient stands in no field that readers see
    domains: tuple[str, ...]  # of unexpected recipients, possible ones left out
    indicators: tuple[str, ...]  # of the incident, that were met
    coverage: tuple[tuple[str, str, str, str, str, str], ...]  # source, scope, route, from, to, status
    files: tuple[tuple[str, int], ...]  # SHA-256 of evidence that proves copies, records in it

    def said(self, section: str, name: str = "") -> str:
        """A value of the summary as text, "" where it is missing."""
        value = self.summary.get(section, "")
        if name:
            value = value.get(name, "") if isinstance(value, Mapping) else ""
        return "" if value is None else str(value)

    def count(self, section: str, name: str) -> int:
        """A count of the summary, 0 where it is missing."""
        value = self.summary.get(section, {}).get(name, 0)
        return value if isinstance(value, int) else 0


def span(low: int, high: int) -> str:
    """A number that is known to lie between two."""
    return f"about {high:,}" if low == high else f"{low:,} to {high:,}"


def figures_of(case: Case) -> Figures:
    """All figures, from the tables of the contract, what `tallies` counts, and the decisions on record."""
    summary = case.summary
    exposed, copies = case.read("exposed_messages"), _strong(case.read("copies"))
    personal, credentials, blamed = (
        _strong(case.read(name)) for name in ("personal_data", "credentials", "unexpected_recipients")
    )
    sent = sorted(str(at) for at in exposed["sent_at"] if at)
    counted = tally(case)
    coverage = case.read("coverage")[["source", "scope", "route", "from", "to", "status"]]
    return Figures(
        summary=summary,
        exposed=len(exposed),
        at_most=max(len(exposed), summary.get("counts", {}).get("exposed_at_most", 0)),
        possible=len(case.read("possible_messages")),
        first=sent[0] if sent else "",
        last=sent[-1] if sent else "",
        undated=len(exposed) - len(sent),
        without_content=int((exposed["content"] == "none").sum()),
        partly_examined=int((exposed["content"] == "partial").sum()),
        with_attachments=int((exposed["attachments"] != "").sum()),
        persons=Headcount.of(counted.persons),
        categories=tuple((_CATEGORIES.get(name, name), one) for name, one in counted.by_category().items()),
        residency=tuple(counted.by_residency().items()),
        severity=counted.severity,
        data=_data(personal),
        credentials=_credentials(credentials),
        rotated=_rotated(case, credentials),
        copies=int(blamed["messages"].sum()),
        blind_copies=int(blamed["blind"].sum()),
        domains=tuple(sorted({str(one) for one in blamed["domain"] if one})),
        indicators=tuple(sorted({str(one) for one in blamed["indicator"] if one})),
        coverage=tuple(tuple(map(str, row)) for row in coverage.itertuples(index=False, name=None)),  # type: ignore[misc]  # six columns
        files=tuple(sorted(Counter(str(one) for one in copies["sha256"] if one).items(), key=lambda one: (-one[1], one[0]))),
    )


def _strong(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the rows that only possible messages gave: over-notification is a harm too."""
    return frame[frame["verdict"].astype(str) != "possible"]


def _data(frame: pd.DataFrame) -> tuple[tuple[str, int, int], ...]:
    messages = frame.groupby("kind")["message_key"].nunique()
    places = frame["kind"].value_counts()
    return tuple((str(kind), int(places[kind]), int(messages[kind])) for kind in sorted(messages.index))


def _credentials(frame: pd.DataFrame) -> tuple[tuple[str, int, int], ...]:
    live = Counter(str(kind) for kind, state in zip(frame["kind"], frame["state"], strict=True) if state == "live_until_rotated")
    return tuple((kind, count, live[kind]) for kind, count in sorted(Counter(map(str, frame["kind"])).items()))


def _rotated(case: Case, frame: pd.DataFrame) -> int:
    known = {str(one) for one in frame["credential_id"]}
    return sum(
        about == "credential" and name in known and any(one.mark == "rotated" for one in ones)
        for (about, name), ones in standing(decisions(case)).items()
    )
