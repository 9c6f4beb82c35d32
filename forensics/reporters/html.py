"""The report that people read: one HTML page, without script or network, from conclusion to glossary."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from forensics.case import CaseError
from forensics.decisions import Decision, decisions, standing
from forensics.legible import cut, shown
from forensics.plugins import Reporter
from forensics.tallies import tally

if TYPE_CHECKING:
    import pandas as pd

    from forensics.case import Case

__all__ = ["REPORTER", "Readable", "page", "shown", "write"]

Row = dict[str, Any]


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


_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}(?::\d{2})?)(?:\.\d{1,9})?Z")


def _moment(text: str) -> str:
    """A time of the contract without its letters, `2025-09-17 08:03:11`; "" for text that is no such time."""
    found = _MOMENT.fullmatch(text)
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


CELL = 300  # characters of one cell; the CSV has all of it


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a table that fit on the page, and how many there are in all."""

    rows: list[Row]
    total: int
    file: str

    @property
    def more(self) -> int:
        """Rows that only the CSV has."""
        return self.total - len(self.rows)


# Columns that `_listed` takes apart: cut before, they would be counted wrongly.
_LISTS = frozenset({
    "reasons", "to", "cc", "unexpected_recipients", "sources", "evidence", "attachments", "senders", "data_kinds", "roles", "look_for",
})  # fmt: skip


def _table(frame: pd.DataFrame, name: str, limit: int) -> Table:
    return Table([_cells(row) for row in frame.head(limit).to_dict("records")], len(frame), f"{name}.csv")


def _cells(row: Mapping[Hashable, Any]) -> Row:
    return {str(key): _text(value) if key in _LISTS else cut(_text(value), CELL) for key, value in row.items()}


def _text(value: object) -> str:
    """A cell as text; a missing value, which pandas has several of, is empty."""
    return "" if value is None or value != value or str(value) == "<NA>" else str(value)  # noqa: PLR0124  NaN is the one value unequal to itself


def _apart(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows that stand on exposed mail, and rows that stand on `possible` mail only: they are never mixed."""
    is_possible = frame["verdict"].astype(str) == "possible"
    return frame[~is_possible], frame[is_possible]


def _messages(frame: pd.DataFrame) -> pd.DataFrame:
    """Messages in reading order: confirmed first, then by time; undated ones last."""
    rank = frame["verdict"].astype(str).map({"confirmed": 0, "probable": 1, "possible": 2}).fillna(3)
    when = frame["sent_at"].astype(str)
    keyed = frame.assign(_rank=rank, _undated=when == "", _when=when, _key=frame["message_key"].astype(str))
    order = keyed.sort_values(["_rank", "_undated", "_when", "_key"], kind="stable").index
    return frame.loc[order]


def _places(frame: pd.DataFrame, credentials: Iterable[Row], most: int = 3) -> dict[str, dict[str, Any]]:
    """Where each of the listed credentials stands: its first places, and how many more there are."""
    found: dict[str, dict[str, Any]] = {str(one["credential_id"]): {"rows": [], "more": 0} for one in credentials}
    listed = frame[frame["credential_id"].astype(str).isin(list(found))]
    for row in listed.to_dict("records"):
        place = found[str(row["credential_id"])]
        if len(place["rows"]) < most:
            place["rows"].append(_cells(row))
        else:
            place["more"] += 1
    return found


def _kinds(frame: pd.DataFrame) -> list[Row]:
    """Personal data by kind: places and messages, the most frequent kind first."""
    pairs = list(zip(map(_text, frame["kind"]), map(_text, frame["message_key"]), strict=True))
    places, messages = Counter(kind for kind, _ in pairs), Counter(kind for kind, _ in set(pairs))
    ordered = sorted(places, key=lambda kind: (-messages[kind], kind))
    return [{"kind": cut(kind, CELL), "places": places[kind], "messages": messages[kind]} for kind in ordered[:40]]


_RELATIONS = {"own_staff": "Own staff", "correspondent": "Correspondents", "mentioned": "Mentioned in the content"}


def _groups(frame: pd.DataFrame, limit: int) -> list[dict[str, Any]]:
    """People by their relation to the organisation, each group a table of its own."""
    relation = frame["relation"].astype(str)
    named = [(title, frame[relation == word]) for word, title in _RELATIONS.items()]
    groups = [*named, ("Relation not known", frame[~relation.isin(list(_RELATIONS))])]
    return [{"title": title, "table": _table(rows, "people", limit)} for title, rows in groups if len(rows)]


def _tally(values: pd.Series[Any], most: int = 20) -> list[tuple[str, int]]:
    """Values with their counts, the most frequent first; an empty value counts too. What does not fit is one last row."""
    counted = Counter(map(_text, values))
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ordered[most:])
    return [(cut(value, CELL), count) for value, count in ordered[:most]] + ([("all others", rest)] if rest else [])


# ---- charts: geometry only, in percent of the width, so that a phone and a sheet of paper show the same picture -------

MOST_BARS = 120
LONGEST_CHART = timedelta(days=1100)  # a forged date must not flatten the picture
_STEPS = {1: "day", 7: "week", 28: "four weeks", 91: "quarter", 365: "year", 1 << 20: "age"}  # days of one bar
_KINDS = ("confirmed", "probable", "possible")
_STATUSES = ("unknown", "expired", "gap", "partial", "covered")  # painted in this order: what is proven lies on top


@dataclass(frozen=True, slots=True)
class Axis:
    """An interval of time in UTC that a chart spans."""

    start: datetime
    end: datetime

    def at(self, moment: datetime) -> float:
        """Place of a moment in percent of the width, 0 to 100."""
        share = (moment - self.start) / (self.end - self.start)
        return round(100 * min(1.0, max(0.0, share)), 3)

    def ticks(self) -> list[dict[str, Any]]:
        """Five dates to write below the chart, or as many as differ."""
        span = self.end - self.start
        marks = {(self.start + span * part / 4).date(): part for part in (0, 1, 2, 3, 4)}
        anchor = {0: "start", 4: "end"}
        return [{"x": 25 * part, "label": day.isoformat(), "anchor": anchor.get(part, "middle")} for day, part in marks.items()]


def _instant(text: object) -> datetime | None:
    """Aware UTC from a time of the contract; None for anything else, and for years in which there was no mail."""
    if not isinstance(text, str) or not _MOMENT.fullmatch(text):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if 1970 <= at.year < 2200 else None  # noqa: PLR2004  a forged year must not overflow a sum of dates


def _coverage_chart(frame: pd.DataFrame, window: Mapping[str, Any], *, most: int = 24) -> dict[str, Any] | None:
    """One lane per source, scope and route over the window; None where no interval of time is known to draw."""
    rows = [{str(key): _text(value) for key, value in row.items()} for row in frame.head(5_000).to_dict("records")]
    edges = [edge for row in rows for edge in (_instant(row["from"]), _instant(row["to"])) if edge]
    start = _instant(window["start"]) or min(edges, default=None)
    if start is None or not rows:
        return None
    last = _instant(window["end"]) or max(edges, default=start)
    axis = Axis(start, last if last > start else start + timedelta(days=1))
    lanes: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        lanes.setdefault((row["source"], row["scope"], row["route"]), []).append(row)
    drawn = [_lane(key, intervals, axis) for key, intervals in list(lanes.items())[:most]]
    return {"axis": axis, "lanes": drawn, "more": len(lanes) - len(drawn), "is_open": not window["end"]}


def _lane(key: tuple[str, str, str], intervals: list[Row], axis: Axis) -> dict[str, Any]:
    segments = [one for row in intervals for one in [_segment(row, axis)] if one]
    segments.sort(key=lambda one: (_STATUSES.index(one["status"]), one["x"]))
    seen = {one["status"] for one in segments}
    statuses = [status for status in reversed(_STATUSES) if status in seen]
    source, scope, route = (cut(part, CELL) for part in key)
    return {"source": source, "scope": scope, "route": route, "segments": segments[:400], "statuses": statuses}


def _segment(row: Row, axis: Axis) -> Row | None:
    """An interval as a bar; None where it lies outside the axis. An edge that is not known is the axis's own."""
    begin, end = _instant(row["from"]) or axis.start, _instant(row["to"]) or axis.end
    if end < axis.start or begin > axis.end:
        return None
    left, right = axis.at(begin), axis.at(end)
    status = row["status"] if row["status"] in _STATUSES else "unknown"
    left, width = min(left, 99.6), max(0.4, round(right - left, 3))
    place = {"x": left, "width": width, "middle": round(left + width / 2, 3)}
    return {**place, "status": status, "from": row["from"], "to": row["to"]}


def _timeline_chart(exposed: pd.DataFrame, possible: pd.DataFrame, window: Mapping[str, Any]) -> Row | None:
    """Messages per day, week or longer step; possible ones on a scale of their own. None where nothing has a date."""
    dated = [*_dated(exposed, ("confirmed", "probable")), *_dated(possible, ("possible", "possible"))]
    if not dated:
        return None
    edges = _instant(window["start"]), _instant(window["end"])
    first, last = _stretch([day for day, _ in dated], *edges)
    step = next(size for size in _STEPS if (last - first).days // size < MOST_BARS)
    steps = (last - first).days // step + 1
    counted = Counter(((day - first).days // step, kind) for day, kind in dated if first <= day <= last)
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    axis = Axis(start, start + timedelta(days=steps * step))
    top = max(counted[i, "confirmed"] + counted[i, "probable"] for i in range(steps))
    top_possible = max(counted[i, "possible"] for i in range(steps))
    left, right = axis.at(edges[0] or axis.start), axis.at(edges[1] or axis.end)
    kinds = Counter(kind for _, kind in dated)
    drawn_possible = sum(count for (_, kind), count in counted.items() if kind == "possible")
    return {
        "axis": axis,
        "step": _STEPS[step],
        "bars": [
            bar for i in range(steps) for bar in _stack(counted, i, ("confirmed", "probable"), 100 / steps, 120 / max(1, top))
        ],
        "outlines": [
            bar for i in range(steps) for bar in _stack(counted, i, ("possible",), 100 / steps, 44 / max(1, top_possible))
        ],
        "top": top,
        "top_possible": top_possible,
        "shade": {"x": left, "width": round(max(0.0, right - left), 3)},
        "rows": [
            {"day": (first + timedelta(days=i * step)).isoformat(), **{kind: counted[i, kind] for kind in _KINDS}}
            for i in range(steps)
            if any(counted[i, kind] for kind in _KINDS)
        ],
        "undated": len(exposed) - kinds["confirmed"] - kinds["probable"],
        "outside": kinds["confirmed"] + kinds["probable"] - (sum(counted.values()) - drawn_possible),
        "possible_left_out": len(possible) - drawn_possible,
    }


def _dated(frame: pd.DataFrame, kinds: tuple[str, str]) -> list[tuple[date, str]]:
    """Day of each message that has one, and its kind: the first one for `confirmed`, the second for all else."""
    moments = ((_instant(_text(sent)), _text(verdict)) for sent, verdict in zip(frame["sent_at"], frame["verdict"], strict=True))
    return [(at.date(), kinds[verdict != "confirmed"]) for at, verdict in moments if at]


def _stretch(days: list[date], start: datetime | None, end: datetime | None) -> tuple[date, date]:
    """First and last day of the chart: the window and the mail around it, but no day that is years away from both."""
    ordered = sorted(days)
    middle = start.date() if start else ordered[len(ordered) // 2]
    near = [day for day in ordered if abs(day - middle) <= LONGEST_CHART] or [ordered[len(ordered) // 2]]
    edges = [edge.date() for edge in (start, end) if edge]
    whole = near + [edge for edge in edges if abs(edge - near[0]) <= LONGEST_CHART]
    return min(whole), max(whole)


def _stack(counted: Counter[tuple[int, str]], index: int, kinds: tuple[str, ...], pitch: float, unit: float) -> list[Row]:
    """The bars of one step, one on the other: `x` and `width` in percent, `height` and `foot` in pixels above the base."""
    bars, foot = [], 0.0
    for kind in kinds:
        height = round(counted[index, kind] * unit, 2)
        if height:
            left, width = round((index + 0.12) * pitch, 3), round(0.76 * pitch, 3)
            bars.append({"x": left, "width": width, "foot": foot, "height": height, "kind": kind})
            foot = round(foot + height, 2)
    return bars


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
    exposed, possible = _messages(frames["exposed_messages"]), _messages(frames["possible_messages"])
    recipients, possible_recipients = _apart(frames["unexpected_recipients"])
    credentials, possible_credentials = _apart(frames["credentials"])
    people, possible_people = _apart(frames["people"])
    personal, possible_personal = _apart(frames["personal_data"])
    coverage = frames["coverage"]
    strong, weak = _table(credentials, "credentials", 200), _table(possible_credentials, "credentials", 100)
    return _template().render(
        summary=summary,
        exposed=_table(exposed, "exposed_messages", 200),
        possible=_table(possible, "possible_messages", 100),
        not_delivered=_table(_messages(frames["not_delivered"]), "not_delivered", 100),
        recipients=_table(recipients, "unexpected_recipients", 50),
        possible_recipients=_table(possible_recipients, "unexpected_recipients", 100),
        **_review(case),
        credentials=strong,
        possible_credentials=weak,
        places=_places(frames["credential_occurrences"], [*strong.rows, *weak.rows]),
        people=_groups(people, 100),
        people_total=len(people),
        possible_people=_table(possible_people, "people", 100),
        residency=_tally(people["residency_hint"]),
        kinds=_kinds(personal),
        possible_kinds=_kinds(possible_personal),
        proofs=dict(_tally(exposed["proof"])),
        verdicts=dict(_tally(exposed["verdict"])),
        without_content=int((exposed["content"].astype(str) == "none").sum()),
        partly_read=int((exposed["content"].astype(str) == "partial").sum()),
        outside_window=int((exposed["in_window"].astype(str) == "no").sum()),
        coverage=_table(coverage, "coverage", 100),
        shortfalls=_table(coverage[coverage["status"].astype(str) != "covered"], "coverage", 100),
        coverage_chart=_coverage_chart(coverage, summary["window"]),
        timeline_chart=_timeline_chart(exposed, possible, summary["window"]),
        defects=_table(frames["defects"], "defects", 50),
        decided=list(reversed(decided[-200:])),
        decided_total=len(decided),
        marked=_badges(decided),
        notification=tally(case).outline(),
        totals={name: len(frame) for name, frame in frames.items()},
    )


def _review(case: Readable) -> dict[str, Table]:
    """Tables that follow from the contract's, what stands on possible messages apart; without rows in a case of an older version."""
    found: dict[str, Table] = {}
    for name in ("sign_ins", "locked_attachments", "precautions"):
        try:
            frame = case.read(name)
        except (CaseError, KeyError, OSError):
            frame = case.read("credentials").head(0)
        strong, weak = _apart(frame) if "verdict" in frame else (frame, frame.head(0))
        found |= {name: _table(strong, name, 100), f"possible_{name}": _table(weak, name, 50)}
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
