"""Obligations: every clock to the hour, every file error named, and no due time where sources disagree."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.obligations import (
    CAUTION_OF_ROW,
    COLUMNS,
    Clock,
    Count,
    Obligation,
    ObligationError,
    due,
    load_obligations,
    rows,
    status,
)

_FACT = {
    "id": "x-1",
    "jurisdiction": "XX",
    "instrument": "Act",
    "who": "authority",
    "trigger": "breach",
    "source": "Act, section 1",
    "checked_on": "2026-11-05",
    "confidence": "primary",
}
_LINES = "\n".join(f'{key} = "{value}"' for key, value in _FACT.items())
_CLOCK = 'clock = { length = 72, unit = "hours", start = "aware_at" }'


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _obligation(**changes: object) -> Obligation:
    return Obligation(**{**_FACT, **changes})  # type: ignore[arg-type]  # words of the test


def _file(folder: Path, text: str, name: str = "own.toml") -> Path:
    place = folder / name
    place.write_text(text, encoding="utf-8")
    return place


@pytest.mark.parametrize(
    ("length", "unit", "start", "end"),
    [
        (72, "hours", "2025-09-26T14:00:00+00:00", "2025-09-29T14:00:00+00:00"),
        (72, "hours", "2024-02-27T23:30:00+00:00", "2024-03-01T23:30:00+00:00"),  # leap year
        (72, "hours", "2025-02-27T23:30:00+00:00", "2025-03-02T23:30:00+00:00"),
        (72, "hours", "2025-12-30T08:00:01+00:00", "2026-01-02T08:00:01+00:00"),
        # summer time ends in Berlin in between: hours are hours
        (72, "hours", "2025-10-25T12:00:00+02:00", "2025-10-28T11:00:00+01:00"),
        (24, "hours", "2025-03-29T12:00:00+01:00", "2025-03-30T13:00:00+02:00"),
        (30, "calendar_days", "2024-01-31T10:00:00+00:00", "2024-03-01T10:00:00+00:00"),
        (30, "calendar_days", "2025-01-31T10:00:00+00:00", "2025-03-02T10:00:00+00:00"),
        (60, "calendar_days", "2025-11-15T00:00:00+00:00", "2026-01-14T00:00:00+00:00"),
        (1, "months", "2024-01-31T10:00:00+00:00", "2024-02-29T10:00:00+00:00"),
        (1, "months", "2025-01-31T10:00:00+00:00", "2025-02-28T10:00:00+00:00"),
        (1, "months", "2025-12-31T10:00:00+00:00", "2026-01-31T10:00:00+00:00"),
        (1, "months", "2025-04-30T10:00:00+00:00", "2025-05-30T10:00:00+00:00"),
        (12, "months", "2024-02-29T10:00:00+00:00", "2025-02-28T10:00:00+00:00"),
        (4, "business_days", "2025-09-22T10:00:00+00:00", "2025-09-26T10:00:00+00:00"),  # Monday to Friday
        (4, "business_days", "2025-09-24T10:00:00+00:00", "2025-09-30T10:00:00+00:00"),  # over a weekend
        (1, "business_days", "2025-09-26T23:59:59+00:00", "2025-09-29T23:59:59+00:00"),  # Friday to Monday
        (1, "business_days", "2025-09-27T10:00:00+00:00", "2025-09-29T10:00:00+00:00"),  # Saturday to Monday
        (1, "business_days", "2025-09-28T10:00:00+00:00", "2025-09-29T10:00:00+00:00"),
    ],
)
def test_a_clock_runs_out_to_the_second(length: int, unit: str, start: str, end: str) -> None:
    assert due(Clock(length, unit, "aware_at"), datetime.fromisoformat(start)) == _at(end)


@pytest.mark.parametrize("unit", ["hours", "calendar_days", "business_days", "months"])
def test_past_the_end_of_the_calendar_there_is_no_due_time(unit: str) -> None:
    assert due(Clock(10_000, unit, "aware_at"), datetime(9999, 12, 31, tzinfo=UTC)) is None


@pytest.mark.property
@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)),  # noqa: DTZ001  hypothesis wants naive bounds
    st.integers(-14, 14),
    st.integers(1, 200),
    st.sampled_from(["hours", "calendar_days", "business_days", "months"]),
)
@settings(max_examples=100)
def test_a_due_time_is_the_same_moment_whatever_zone_its_start_was_written_in(
    naive: datetime, zone: int, length: int, unit: str
) -> None:
    start = naive.replace(tzinfo=UTC)
    clock = Clock(length, unit, "aware_at")
    end = due(clock, start)
    assert end is not None
    assert end.utcoffset() == timedelta(0)
    assert end > start
    assert due(clock, start.astimezone(timezone(timedelta(hours=zone)))) == end
    if unit == "business_days":
        assert end.isoweekday() < 6
        assert timedelta(days=length) <= end - start <= timedelta(days=length * 7 // 5 + 3)


@pytest.mark.parametrize(
    ("number", "bound", "count", "word"),
    [
        (500, "at least", Count(500, 500, complete=True), "threshold met"),
        (500, "more than", Count(500, 500, complete=True), "below"),
        (500, "more than", Count(501, 501, complete=True), "threshold met"),
        (500, "at least", Count(499, 500, complete=True), "cannot tell"),
        (500, "more than", Count(499, 500, complete=True), "below"),
        (500, "at least", Count(1, 499, complete=True), "below"),
        (500, "at least", Count(1, 499), "below so far"),
        (500, "at least", Count(500, 600, by_hints=True), "threshold met, by hints"),
        (1, "at least", Count(0, 0, complete=True), "below"),
        (1, "at least", Count(0, 3), "cannot tell"),
        (0, "at least", Count(900, 900, complete=True), "cannot tell"),
        (0, "at least", Count(0, 0, complete=True), "cannot tell"),
    ],
)
def test_a_threshold_is_met_below_or_open(number: int, bound: str, count: Count, word: str) -> None:
    assert status(_obligation(number=number, bound=bound), count) == word


@pytest.mark.parametrize(("bound", "role", "other"), [("controller", "processor", True), ("controller", "controller", False), ("controller", "", False), ("", "processor", False)])  # fmt: skip
def test_an_obligation_of_the_other_role_says_so(bound: str, role: str, other: bool) -> None:
    assert (status(_obligation(role=bound), Count(5, 5), role) == "other role") == other


@pytest.mark.parametrize(
    ("text", "due_at", "said"),
    [
        ("2025-09-26T14:00:00Z", "2025-09-29T14:00:00Z", ""),
        ("2025-09-26T16:00:00+02:00", "2025-09-29T14:00:00Z", ""),
        ("2025-09-26", "2025-09-29T00:00:00Z", "no time of day"),
        ("2025-09-26T14:00:00", "2025-09-29T14:00:00Z", "taken as UTC"),
        ("", "", "set aware_at in [case] of the policy"),
        ("on Friday", "", "is no ISO 8601 time"),
        ("2025-02-30", "", "is no ISO 8601 time"),
        ("x" * 5_000, "", "is no ISO 8601 time"),
    ],
)
def test_a_start_is_read_or_the_row_says_why_not(text: str, due_at: str, said: str) -> None:
    one = _obligation(clock=Clock(72, "hours", "aware_at"))
    (row,) = rows([one], {"x-1": Count(1, 1)}, {"aware_at": text})
    assert row["due_at"] == due_at
    assert said in row["note"]
    assert tuple(row) == COLUMNS


def test_a_clock_that_hangs_on_another_runs_from_its_end_and_one_on_an_unknown_event_has_no_end() -> None:
    first = _obligation(clock=Clock(72, "hours", "aware_at"))
    second = _obligation(id="x-2", clock=Clock(1, "months", "due:x-1"))
    third = _obligation(id="x-3", clock=Clock(4, "business_days", "the moment in which materiality was determined"))
    counts = dict.fromkeys(("x-1", "x-2", "x-3"), Count(1, 1))
    found = rows([first, second, third], counts, {"aware_at": "2025-01-28T10:00:00Z"})
    assert [row["due_at"] for row in found] == ["2025-01-31T10:00:00Z", "2025-02-28T10:00:00Z", ""]
    assert "which the case does not know" in found[2]["note"]
    assert [row["due_at"] for row in rows([first, second, third], counts, {})] == ["", "", ""]


def test_what_comes_with_the_tool_is_sound_and_gives_no_due_time_where_sources_disagree() -> None:
    known = load_obligations()
    facts = {"aware_at": "2025-09-26T14:00:00Z", "discovered_at": "2025-09-26T11:20:00Z"}
    found = {row["id"]: row for row in rows(known, {one.id: Count(1, 10, 3) for one in known}, facts)}
    due_at = {name: found[name]["due_at"] for name in ("gdpr-33", "uk-pecr", "nis2-final", "us-ca-consumers", "us-hipaa-hhs")}
    assert due_at == {
        "gdpr-33": "2025-09-29T14:00:00Z",
        "uk-pecr": "2025-09-27T14:00:00Z",
        "nis2-final": "2025-10-29T14:00:00Z",
        "us-ca-consumers": "2025-10-26T11:20:00Z",
        "us-hipaa-hhs": "2025-11-25T11:20:00Z",
    }
    for name in ("dora-intermediate", "dora-final", "us-ca-attorney-general", "us-sec-8k", "gdpr-34", "us-regulator-us-ny"):
        assert (found[name]["due_at"], "No due time" in found[name]["note"]) == ("", True)
    assert all(row["note"].endswith(CAUTION_OF_ROW) and row["source"] and row["checked_on"] for row in found.values())
    assert {"250", "500", "1,000"} <= {word for row in found.values() for word in row["threshold"].split()}
    assert sum(one.id.startswith("us-regulator-us-") for one in known) == 31


def test_a_file_of_ones_own_adds_facts_and_replaces_those_of_the_same_id(tmp_path: Path) -> None:
    own = _LINES.replace("x-1", "gdpr-33")
    listed = load_obligations(_file(tmp_path, f"[[obligation]]\n{_LINES}\n{_CLOCK}\n[[obligation]]\n{own}\n{_CLOCK}\n"))
    by_id = {one.id: one for one in listed}
    assert by_id["x-1"].clock == Clock(72, "hours", "aware_at")
    assert by_id["gdpr-33"].instrument == "Act"
    assert len(listed) == len(load_obligations()) + 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not toml", "not valid TOML"),
        ("[[duty]]", "and nothing else"),
        ("obligation = 3", "and nothing else"),
        ("obligation = [3]", "and nothing else"),
        (_LINES + "\n" + _CLOCK, "and nothing else"),
        (f"[[obligation]]\n{_CLOCK}", "instrument is missing"),
        (f"[[obligation]]\n{_LINES}", "neither a clock nor no_due"),
        (f"[[obligation]]\n{_LINES}\n{_CLOCK}\ncolour = 1", "unknown key 'colour'"),
        (f"[[obligation]]\n{_LINES}\n{_CLOCK.replace('hours', 'weeks')}", "must be one of hours, calendar_days"),
        (f"[[obligation]]\n{_LINES}\n{_CLOCK.replace('72', '0')}", "1 or more"),
        (f"[[obligation]]\n{_LINES}\n{_CLOCK.replace('72', '1.5')}", "1 or more"),
        (f"[[obligation]]\n{_LINES}\nclock = 72", "clock must be"),
        (f"[[obligation]]\n{_LINES}\n{_CLOCK.replace('aware_at', 'due:y-1')}", "no obligation above it has that id"),
        (f"[[obligation]]\n{_LINES}\n{_CLOCK}\nthreshold = {{ number = -1 }}", "0 or more"),
        (f'[[obligation]]\n{_LINES}\n{_CLOCK}\nthreshold = {{ bound = "over" }}', "must be at least or more than"),
        (f"[[obligation]]\n{_LINES}\n{_CLOCK}\nthreshold = 500", "threshold must be"),
        (f'[[obligation]]\n{_LINES}\n{_CLOCK}\nplaces = "US-CA"', "must be a list of texts"),
        (f'[[obligation]]\n{_LINES}\n{_CLOCK}\nplace = "US"\nplaces = ["US-CA"]', "place must be one text"),
        (f"[[obligation]]\n{_LINES.replace('primary', 'sure')}\n{_CLOCK}", "must be one of primary, secondary, unverified"),
        (f"[[obligation]]\n{_LINES.replace('2026-11-05', 'last week')}\n{_CLOCK}", "must be a day or a month"),
        (f"[[obligation]]\n{_LINES.replace('x-1', 'X 1')}\n{_CLOCK}", "lower-case letters"),
        (f"[[obligation]]\n{_LINES}\n{_CLOCK}\n[[obligation]]\n{_LINES}\n{_CLOCK}", "'x-1' stands twice"),
        (f"[[obligation]]\n{_LINES.replace(chr(34) + 'XX' + chr(34), '7')}\n{_CLOCK}", "jurisdiction must be a text"),
    ],
)
def test_a_wrong_file_is_refused_with_place_and_remedy(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ObligationError, match=said) as caught:
        load_obligations(_file(tmp_path, text))
    assert "own.toml" in str(caught.value)


def test_all_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    one, two = _file(tmp_path, "not toml", "one.toml"), _file(tmp_path, f"[[obligation]]\n{_LINES}\ncolour = 1", "two.toml")
    with pytest.raises(ObligationError) as caught:
        load_obligations(one, two, tmp_path / "none.toml")
    told = str(caught.value)
    assert all(word in told for word in ("one.toml", "unknown key 'colour'", "neither a clock", "none.toml: cannot be read"))


def test_every_cell_fits_a_csv(tmp_path: Path) -> None:
    known = load_obligations()
    found = rows(known, {one.id: Count(0, 0) for one in known}, {})
    with (tmp_path / "x.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.DictWriter(stream, COLUMNS).writerows(found)
    assert not [cell for row in found for cell in row.values() if cell.startswith(("=", "+", "-", "@")) or not cell.isprintable()]
