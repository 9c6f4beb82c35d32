"""The report that people read: one HTML page, without script or network, from conclusion to glossary."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from forensics.case import beside, stamp_of
from forensics.csvform import csv_sha256
from forensics.decisions import Decision, decisions, standing
from forensics.legible import cut, legible, shown
from forensics.plugins import Reporter
from forensics.reporters.html import outline
from forensics.reporters.html.charts import coverage_chart, timeline_chart
from forensics.reporters.html.rows import (
    MOMENT,
    Row,
    Table,
    apart,
    counted,
    groups,
    kinds,
    messages_table,
    persons_table,
    places,
    sized,
    table,
)
from forensics.reporters.html.sifting import CHOICES, ORDERS, sift_credentials, sift_messages, sift_people
from forensics.tallies import tally

if TYPE_CHECKING:
    import pandas as pd

    from forensics.case import Case

__all__ = ["REPORTER", "Readable", "page", "shown", "write"]


class Readable(Protocol):
    """What the page needs of a case: its summary, and the tables of the contract by name."""

    @property
    def summary(self) -> Mapping[str, Any]:
        """The case as `summary.json` tells it."""
        ...

    def read(self, table: str) -> pd.DataFrame:
        """One table of the contract, columns in order, times ISO 8601 in UTC, "" for what is empty."""
        ...


def _finalize(value: object) -> object:
    """What each expression of the template passes through, so that no place can forget `shown`."""
    return value if isinstance(value, Markup) else shown(str(value))


def _moment(text: str) -> str:
    """A time of the contract without its letters, `2025-09-17 08:03:11`; "" for text that is no such time."""
    found = MOMENT.fullmatch(text)
    return f"{found[1]} {found[2]}" if found else ""


def _count(value: object) -> str:
    """A number with separators; anything else as it is."""
    text = str(value)
    return f"{int(text):,}" if text.isascii() and text.isdigit() and len(text) < 19 else text  # noqa: PLR2004  as far as 64 bits go


def _words(text: object) -> str:
    """A word of the contract as people write it."""
    return str(text).replace("_", " ")


def _plural(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _listed(text: str, most: int = 5, limit: int = 300) -> dict[str, Any]:
    """The members of a list cell, the first `most` of them, each cut to `limit`, and how many were left out."""
    members = [one for one in text.split("; ") if one]
    return {"items": [cut(one, limit) for one in members[:most]], "more": max(0, len(members) - most)}


_TABLES = (
    "exposed_messages", "possible_messages", "not_delivered", "copies", "unexpected_recipients", "credentials",
    "credential_occurrences", "personal_data", "people", "coverage", "defects", "timeline",
)  # fmt: skip

# A summary written by an older or a failed run may lack parts: what is not there is shown as not known, never guessed.
_BLANK_SUMMARY: dict[str, Any] = {
    "incident": {"name": "", "title": "", "references": [], "indicators": {}, "precautions": []},
    "window": {"start": None, "end": None, "basis": ""},
    "conclusion": "cannot_tell", "conclusion_text": "", "ongoing": "unknown", "ongoing_text": "", "coverage_text": "", "coverage_remarks": [],
    "counts": dict.fromkeys(("evidence_files", "evidence_bytes", "observations", "messages", "judged_messages"), ""),
    "verdicts": {}, "proofs": {}, "detection_limits": [], "excused": [], "defects": {"total": 0, "by_reason": []},
    "unread": {"messages_without_content": 0, "messages_partial": 0, "parts": []},
    "own_domains": {"domains": [], "basis": ""}, "clocks": [], "next_steps": [], "case": {"number": "", "custodian": "", "contact": ""},
}  # fmt: skip


def _completed(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The summary with every part that the page names; given values win over blanks, None counts as not given."""
    whole = deepcopy(_BLANK_SUMMARY)
    for key, value in summary.items():
        blank = whole.get(key)
        if isinstance(blank, dict) and isinstance(value, Mapping):
            blank.update({name: one for name, one in value.items() if one is not None})
        elif value is not None:
            whole[key] = value
    return whole


_SAID = 160  # characters of a reason in a badge; the table of decisions has all of it


def _badges(decided: Sequence[Decision]) -> dict[tuple[str, str], list[Row]]:
    """What stands beside a credential, recipient, message or person that somebody decided on."""
    words = {"reviewed": "reviewed", "rejected": "rejected", "notify": "to be notified", "do_not_notify": "not to be notified"}
    found: dict[tuple[str, str], list[Row]] = {}
    for subject, ones in standing(decided).items():
        for one in ones:
            if one.mark == "rotated":
                text = f"rotated {one.since:.10}" if one.since else f"rotated, recorded {one.at:.10}"
            elif one.mark:
                text = words[one.mark] + (f": {cut(one.reason, _SAID)}" if one.reason else "")
            else:
                text = f"see remark {one.seq}"
            found.setdefault(subject, []).append({"text": text, "tone": "covered" if one.mark == "rotated" else "other"})
    return found


def page(case: Readable, decided: Sequence[Decision] = ()) -> str:
    """The whole report as HTML text; the same case gives the same bytes. Raises KeyError where a contract column is missing."""
    summary = _completed(case.summary)
    frames = {name: case.read(name) for name in _TABLES}
    others = beside(case)
    more = {name: legible(frame) for name, frame in others.items()}
    exposed, possible = frames["exposed_messages"], frames["possible_messages"]
    recipients, possible_recipients = apart(frames["unexpected_recipients"])
    credentials, possible_credentials = apart(frames["credentials"])
    people, possible_people = apart(frames["people"])
    personal, possible_personal = apart(frames["personal_data"])
    coverage = frames["coverage"]
    strong = table(credentials, "credentials", 200, "most urgent first", sift_credentials("credentials"))
    weak = table(possible_credentials, "credentials", 100, "most urgent first", sift_credentials("possible-credentials"))
    listed = messages_table(exposed, "exposed_messages", 200, sift_messages("exposed"))
    listed_possible = messages_table(possible, "possible_messages", 100, sift_messages("possible"))
    listed_people = groups(people, 100, sift_people)
    if "attachments" in others:  # a case of an older version knows no sizes
        sized((listed, listed_possible), others["attachments"])
    return _template().render(
        summary=summary,
        exposed=listed,
        possible=listed_possible,
        not_delivered=messages_table(frames["not_delivered"], "not_delivered", 100, sift_messages("not-delivered")),
        outlines=outline.of_messages(exposed) if listed.more else [],
        possible_outlines=outline.of_messages(possible) if listed_possible.more else [],
        credential_outlines=outline.of_credentials(credentials, frames["credential_occurrences"]) if strong.more else [],
        people_outlines=outline.of_people(people) if any(one["table"].more for one in listed_people) else [],
        recipients=table(recipients, "unexpected_recipients", 50),
        possible_recipients=table(possible_recipients, "unexpected_recipients", 100),
        **_review(others, frames["credentials"].head(0)),
        credentials=strong,
        possible_credentials=weak,
        places=places(frames["credential_occurrences"], [*strong.rows, *weak.rows]),
        people=listed_people,
        people_total=len(people),
        possible_people=persons_table(possible_people, 100, sift_people("possible-people")),
        residency=counted(people["residency_hint"]),
        kinds=kinds(personal),
        possible_kinds=kinds(possible_personal),
        proofs=dict(counted(exposed["proof"])),
        verdicts=dict(counted(exposed["verdict"])),
        without_content=int((exposed["content"].astype(str) == "none").sum()),
        partly_read=int((exposed["content"].astype(str) == "partial").sum()),
        outside_window=int((exposed["in_window"].astype(str) == "no").sum()),
        coverage=table(coverage, "coverage", 100),
        shortfalls=table(coverage[coverage["status"].astype(str) != "covered"], "coverage", 100),
        coverage_chart=coverage_chart(coverage, summary["window"]),
        timeline_chart=timeline_chart(exposed, possible, summary["window"]),
        defects=table(frames["defects"], "defects", 50),
        decided=list(reversed(decided[-200:])),
        decided_total=len(decided),
        marked=_badges(decided),
        notification=tally(case).outline(),
        totals={name: len(frame) for name, frame in (frames | more).items()},
        hashes={f"{name}.csv": csv_sha256(frame, stamp_of(case, name)) for name, frame in (frames | more).items()},
        choices=CHOICES,
        orders=ORDERS,
    )


def _review(others: Mapping[str, pd.DataFrame], none: pd.DataFrame) -> dict[str, Table]:
    """Tables that follow from the contract's, what stands on possible messages apart; without rows in a case of an older version."""
    found: dict[str, Table] = {}
    for name in ("sign_ins", "locked_attachments", "precautions"):
        frame = others.get(name, none)
        strong, weak = apart(frame) if "verdict" in frame else (frame, frame.head(0))
        found |= {name: table(strong, name, 100), f"possible_{name}": table(weak, name, 50)}
    return found


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("forensics.reporters", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(moment=_moment, count=_count, words=_words, listed=_listed, plural=_plural)
    return environment.get_template("report.html.j2")


def write(case: Case, folder: Path) -> list[Path]:
    """Write `report.html`, mode 0600, whole or not at all, into the folder, made if need be. Raises OSError if it cannot."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "report.html"
    aside = folder / "report.html.new"
    with open(aside, "w", encoding="utf-8", newline="\n", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
        stream.write(page(case, decisions(case)))
    aside.replace(path)
    return [path]


REPORTER = Reporter("html", "One self-contained page for people: conclusion, coverage, what to do, and the proof", write)
