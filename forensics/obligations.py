"""Which laws ask for which notification, from when and until when: dated facts read from TOML, and the arithmetic of their clocks."""

from __future__ import annotations

import calendar
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from forensics.dates import iso_time, zulu

__all__ = [
    "CAUTION", "CAUTION_OF_ROW", "COLUMNS", "Clock", "Count", "Obligation", "ObligationError", "due", "load_obligations", "rows", "status",
]  # fmt: skip

CAUTION = (
    "Dated facts for a decision, not legal advice: whether a law applies, and what it asks for today, is for counsel to say."
)
CAUTION_OF_ROW = "A dated fact, not legal advice."
COLUMNS = (
    "id", "jurisdiction", "instrument", "who", "trigger", "threshold", "counted", "low", "high", "unknown", "status", "clock", "clock_start",
    "started_at", "due_at", "content", "source", "checked_on", "confidence", "note",
)  # fmt: skip
_UNITS = ("hours", "calendar_days", "business_days", "months")
_BOUNDS = ("at least", "more than")
_CONFIDENCE = ("primary", "secondary", "unverified")
_STARTS = (
    "aware_at",
    "discovered_at",
)  # what a policy's [case] may hold; any other start is an event that the case does not know
_TEXTS = (
    "id",
    "jurisdiction",
    "instrument",
    "who",
    "trigger",
    "content",
    "source",
    "checked_on",
    "confidence",
    "note",
    "role",
    "no_due",
)
_NEEDED = ("id", "jurisdiction", "instrument", "who", "trigger", "source", "checked_on", "confidence")
_DAY = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_ONLY_DAY = len("2026-11-23")
_WORKDAYS = 5


class ObligationError(ValueError):
    """A file of obligations that cannot be used; the message lists every problem with file, obligation, key and remedy."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How long, in what, from what. `start` is `aware_at`, `discovered_at`, `due:ID` (another one's end), or an event in words."""

    length: int
    unit: str
    start: str

    def __str__(self) -> str:
        """As people say it: `72 hours`."""
        word = self.unit.replace("_", " ")
        return f"{self.length} {word.removesuffix('s') if self.length == 1 else word}"


@dataclass(frozen=True, slots=True)
class Obligation:
    """One dated fact: who must tell whom, from which number on, how soon. No clock: the source states none, or states it two ways."""

    id: str
    jurisdiction: str
    instrument: str
    who: str
    trigger: str
    source: str
    checked_on: str
    confidence: str
    content: str = ""
    note: str = ""
    role: str = ""  # "controller" or "processor"; "" for either
    no_due: str = ""  # why no due time is given
    number: int = 1  # 0: it does not depend on a number of persons
    bound: str = "at least"
    place: str = ""  # residents of it only: ISO 3166-1, for a state ISO 3166-2
    elements: tuple[str, ...] = ()  # kinds of personal data that count, and "credentials"; empty: all
    clock: Clock | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """Persons that a case counts, from low to high. `unknown`: those of `high` whose residence nothing hints at."""

    low: int
    high: int
    unknown: int = 0
    complete: bool = False  # all exposed content was read, and the window is covered: nobody can be missing
    by_hints: bool = False  # persons were taken for residents by a hint


def load_obligations(*more: Path) -> tuple[Obligation, ...]:
    """The obligations that come with the tool, and those of further files; one of the same id replaces ours.

    Raises ObligationError, which lists everything wrong in all of the files.
    """
    shipped = _shipped()
    problems: list[str] = []
    found = {one.id: one for one in shipped}
    for path in more:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{path}: cannot be read: {type(error).__name__}")
            continue
        read, wrong = _parsed(text, path.name)
        problems += wrong
        found |= {one.id: one for one in read}
    if problems:
        raise ObligationError("\n".join(problems))
    return tuple(found.values())


@lru_cache(maxsize=1)
def _shipped() -> tuple[Obligation, ...]:
    text = resources.files("forensics").joinpath("obligations.toml").read_text(encoding="utf-8")
    read, wrong = _parsed(text, "obligations.toml")
    if wrong:
        raise ObligationError("\n".join(wrong))
    return read


def _parsed(text: str, source: str) -> tuple[tuple[Obligation, ...], list[str]]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return (), [f"{source}: not valid TOML: {error}"]
    listed = data.get("obligation", [])
    if set(data) - {"obligation"} or not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        return (), [f"{source}: holds [[obligation]] tables and nothing else"]
    found: list[Obligation] = []
    problems: list[str] = []
    for number, table in enumerate(listed, 1):
        where = f"{source}: obligation {number} ({table.get('id', 'without id')!s:.40})"
        wrong = list(_problems(table))
        problems += [f"{where}: {one}" for one in wrong]
        if not wrong:
            found += _expanded(table)
    ids = [one.id for one in found]
    problems += [f"{source}: the id {one!r} stands twice" for one in sorted({one for one in ids if ids.count(one) > 1})]
    problems += [
        f"{source}: {one.id}: the clock runs from {one.clock.start!r}, and no obligation above it has that id"
        for place, one in enumerate(found)
        if one.clock and one.clock.start.startswith("due:") and one.clock.start.removeprefix("due:") not in ids[:place]
    ]
    return tuple(found), problems


def _problems(table: Mapping[str, Any]) -> Iterable[str]:
    known = {*_TEXTS, "threshold", "elements", "place", "places", "clock"}
    yield from (f"unknown key {key!r}; known are {', '.join(sorted(known))}" for key in sorted(set(table) - known))
    yield from (f"{key} must be a text" for key in _TEXTS if not isinstance(table.get(key, ""), str))
    yield from (f"{key} is missing: every fact needs it" for key in _NEEDED if not table.get(key))
    if isinstance(table.get("id"), str) and not _ID.fullmatch(table["id"]):
        yield "id must be lower-case letters, digits and hyphens"
    if isinstance(table.get("checked_on"), str) and table["checked_on"] and not _DAY.fullmatch(table["checked_on"]):
        yield "checked_on must be a day or a month: 2026-11-05 or 2026-11"
    for key, allowed in (("confidence", _CONFIDENCE), ("role", ("", "controller", "processor"))):
        if key in table and table[key] not in allowed:
            yield f"{key} = {table[key]!r}: must be one of {', '.join(filter(None, allowed))}"
    for key in ("elements", "places"):
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            yield f'{key} must be a list of texts, such as ["US-CA"]'
    if not isinstance(table.get("place", ""), str) or ("place" in table and "places" in table):
        yield "place must be one text, and not stand beside places"
    yield from _threshold_problems(table.get("threshold", {}))
    yield from _clock_problems(table.get("clock"), table)


def _threshold_problems(threshold: object) -> Iterable[str]:
    if not isinstance(threshold, Mapping) or set(threshold) - {"number", "bound"}:
        yield 'threshold must be { number = 500, bound = "at least" }'
        return
    number = threshold.get("number", 1)
    if type(number) is not int or number < 0:
        yield f"threshold number = {number!r}: must be a whole number, 0 or more"
    if threshold.get("bound", _BOUNDS[0]) not in _BOUNDS:
        yield f"threshold bound = {threshold['bound']!r}: must be {' or '.join(_BOUNDS)}"


def _clock_problems(clock: object, table: Mapping[str, Any]) -> Iterable[str]:
    if clock is None:
        if not table.get("no_due"):
            yield 'has neither a clock nor no_due = "why there is no due time"'
        return
    if not isinstance(clock, Mapping) or set(clock) != {"length", "unit", "start"}:
        yield 'clock must be { length = 72, unit = "hours", start = "aware_at" }'
        return
    if type(clock["length"]) is not int or not 0 < clock["length"] <= 10_000:  # noqa: PLR2004  longer than any law's
        yield f"clock length = {clock['length']!r}: must be a whole number, 1 or more"
    if clock["unit"] not in _UNITS:
        yield f"clock unit = {clock['unit']!r}: must be one of {', '.join(_UNITS)}"
    if not isinstance(clock["start"], str) or not clock["start"].strip():
        yield f"clock start must be {', '.join(_STARTS)}, due:ID, or an event in words"


def _expanded(table: Mapping[str, Any]) -> list[Obligation]:
    """One obligation, or one for each of its `places`."""
    threshold, clock = table.get("threshold", {}), table.get("clock")
    one = Obligation(
        **{key: table[key] for key in _TEXTS if key in table},
        number=threshold.get("number", 1),
        bound=threshold.get("bound", _BOUNDS[0]),
        place=table.get("place", ""),
        elements=tuple(table.get("elements", ())),
        clock=Clock(clock["length"], clock["unit"], clock["start"]) if clock else None,
    )
    return [
        replace(one, id=f"{one.id}-{place.lower()}", jurisdiction=place, place=place) for place in table.get("places", ())
    ] or [one]


def due(clock: Clock, start: datetime) -> datetime | None:
    """When the clock runs out, in UTC; None where that lies past the calendar's end.

    Hours are hours. Calendar days keep the time of day in UTC, as do months (31 January and a month is the last of February).
    Business days are Monday to Friday in UTC, without any holiday; the first one counted is the first after the start.
    """
    at = start.astimezone(UTC)
    try:
        if clock.unit == "hours":
            return at + timedelta(hours=clock.length)
        if clock.unit == "calendar_days":
            return at + timedelta(days=clock.length)
        if clock.unit == "months":
            years, month = divmod(at.month - 1 + clock.length, 12)
            year, month = at.year + years, month + 1
            return at.replace(year=year, month=month, day=min(at.day, calendar.monthrange(year, month)[1]))
        left = clock.length
        while left:
            at += timedelta(days=1)
            left -= at.isoweekday() <= _WORKDAYS
    except (OverflowError, ValueError):
        return None
    return at


def status(one: Obligation, count: Count, role: str = "") -> str:
    """`threshold met` (`, by hints`), `below`, `below so far`, `cannot tell`; `other role`: it binds the other of controller and processor.

    It is about the number only. Where none counts (0), and where the law applies at all, a case cannot tell.
    """
    if one.role and role and role != one.role:
        return "other role"
    if not one.number:
        return "cannot tell"
    least = one.number + (one.bound == "more than")
    if count.low >= least:
        return "threshold met, by hints" if count.by_hints else "threshold met"
    if count.high >= least:
        return "cannot tell"
    return "below" if count.complete else "below so far"


def rows(obligations: Sequence[Obligation], counts: Mapping[str, Count], case: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row for each obligation with COLUMNS, all text. `counts` by id; `case` holds role, aware_at, discovered_at as ISO 8601."""
    ends: dict[str, datetime] = {}
    found = []
    for one in obligations:
        count = counts[one.id]
        started, end, remarks = _times(one, case, ends)
        if end is not None:
            ends[one.id] = end
        notes = [*remarks, one.note, _counting(one, count)]
        found.append({
            "id": one.id, "jurisdiction": one.jurisdiction, "instrument": one.instrument, "who": one.who, "trigger": one.trigger,
            "threshold": _threshold(one), "counted": _counted(one), "low": str(count.low), "high": str(count.high),
            "unknown": str(count.unknown) if one.place else "", "status": status(one, count, str(case.get("role", ""))),
            "clock": str(one.clock) if one.clock else "", "clock_start": one.clock.start if one.clock else "",
            "started_at": zulu(started), "due_at": zulu(end), "content": one.content, "source": one.source, "checked_on": one.checked_on,
            "confidence": one.confidence, "note": " ".join(filter(None, [*notes, CAUTION_OF_ROW])),
        })  # fmt: skip
    return found


def _threshold(one: Obligation) -> str:
    if not one.number:
        return "no number of persons"
    whom = f"residents of {one.place}" if one.place else "persons"
    return f"any number of {whom}" if (one.number, one.bound) == (1, "at least") else f"{one.bound} {one.number:,} {whom}"


def _counted(one: Obligation) -> str:
    what = ", ".join(one.elements).replace("_", " ")
    return f"persons taking part in mail with {what}" if what else "persons in or named by exposed mail"


def _counting(one: Obligation, count: Count) -> str:
    """What the numbers of this row cannot say."""
    said = []
    if one.elements and count.high:
        said.append("Whose data they are is not told apart: the high number takes everybody in those messages.")
    if one.place and count.unknown:
        said.append(f"Nothing hints at the residence of {count.unknown} of them; hints are no residences.")
    if one.number and not count.complete and count.low < one.number + (one.bound == "more than"):
        said.append("Evidence that was not read, or is missing, may add persons.")
    return " ".join(said)


def _times(
    one: Obligation, case: Mapping[str, Any], ends: Mapping[str, datetime]
) -> tuple[datetime | None, datetime | None, list[str]]:
    """Start and end of the clock, where the case knows the start, and what must be said about them."""
    if one.clock is None:
        return None, None, [f"No due time: {one.no_due}"]
    named = one.clock.start
    if named.startswith("due:"):
        start = ends.get(named.removeprefix("due:"))
        remarks = [
            f"Counted from the last moment of {named.removeprefix('due:')}; it runs from the actual notification, if that is earlier."
        ]
        if start is None:
            return None, None, [f"No due time: {named.removeprefix('due:')} has none."]
    elif named in _STARTS:
        start, remarks = _start(named, str(case.get(named, "")))
        if start is None:
            return None, None, remarks
    else:
        return None, None, [f"No due time: it runs from {named}, which the case does not know."]
    end = due(one.clock, start)
    if end is None:
        return start, None, ["No due time: it lies past the end of the calendar."]
    if one.clock.unit == "business_days":
        remarks.append("Business days are Monday to Friday in UTC, without a calendar of holidays.")
    return start, end, [*remarks, one.no_due]


def _start(named: str, text: str) -> tuple[datetime | None, list[str]]:
    """The moment that a policy states, and what was assumed to read it."""
    text = text.strip()
    if not text:
        return None, [f"No due time: set {named} in [case] of the policy."]
    only_day = len(text) == _ONLY_DAY
    reading = iso_time(f"{text}T00:00:00Z" if only_day else text)
    if reading is None:
        return None, [f"No due time: {named} is no ISO 8601 time, such as 2025-09-26T14:00:00Z."]
    if only_day:
        return reading.at, [f"{named} has no time of day: counted from 00:00 UTC of that day."]
    return reading.at, [f"{named} has no time zone: taken as UTC."] if reading.slack else []
