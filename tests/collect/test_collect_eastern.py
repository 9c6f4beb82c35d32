"""Eastern wall-clock time: nothing falls out of an interval, whatever the clock does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.collect.eastern import day_of, moment, start_of, wall_clock_from, wall_clock_to

EASTERN = ZoneInfo("America/New_York")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "since", "until"),
    [
        ("2025-09-17T00:00:00", "2025-09-16T20:00:00", "2025-09-16T20:00:00"),
        ("2025-12-17T00:00:00", "2025-12-16T19:00:00", "2025-12-16T19:00:00"),
        ("2025-09-17T00:00:00.000001", "2025-09-16T20:00:00", "2025-09-16T20:00:01"),
        # the clock goes from 01:59:59 EDT to 01:00:00 EST at 06:00 UTC
        ("2025-11-02T04:59:59", "2025-11-02T00:59:59", "2025-11-02T00:59:59"),
        ("2025-11-02T05:00:00", "2025-11-02T00:00:00", "2025-11-02T01:00:00"),
        ("2025-11-02T05:30:00", "2025-11-02T00:30:00", "2025-11-02T01:30:00"),
        ("2025-11-02T06:30:00", "2025-11-02T01:30:00", "2025-11-02T02:30:00"),
        ("2025-11-02T06:59:59", "2025-11-02T01:59:59", "2025-11-02T02:59:59"),
        ("2025-11-02T07:00:00", "2025-11-02T02:00:00", "2025-11-02T02:00:00"),
        # and leaves out 02:00 to 03:00 at 07:00 UTC in March
        ("2026-03-08T06:59:59", "2026-03-08T01:59:59", "2026-03-08T01:59:59"),
        ("2026-03-08T07:00:00", "2026-03-08T03:00:00", "2026-03-08T03:00:00"),
    ],
)
def test_wall_clock(at: str, since: str, until: str) -> None:
    assert wall_clock_from(utc(at)) == since
    assert wall_clock_to(utc(at)) == until


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.integers(0, 9_000 * 86_400), st.sampled_from([0, 1]))
def test_an_interval_never_shrinks_and_grows_by_hours_at_most(seconds: int, fold: int) -> None:
    at = datetime(2010, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    for beside in (at, at.replace(month=11, day=1 + at.day % 7, hour=at.hour % 9)):  # half of the tries where the clock turns
        early = datetime.fromisoformat(wall_clock_from(beside)).replace(tzinfo=EASTERN, fold=fold)
        late = datetime.fromisoformat(wall_clock_to(beside)).replace(tzinfo=EASTERN, fold=fold)
        assert early <= beside <= late
        assert late - early <= timedelta(hours=3, seconds=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-09-17T10:03:12.8054242-04:00", "2025-09-17T14:03:12.805424"),
        ("2025-09-17T14:03:12Z", "2025-09-17T14:03:12"),
        ("2025-09-17T10:03:12", "2025-09-17T14:03:12"),  # without an offset: Eastern
        ("2025-11-02T01:30:00", "2025-11-02T06:30:00"),  # and the later one of two
    ],
)
def test_moment(text: str, expected: str) -> None:
    assert moment(text) == utc(expected)


@pytest.mark.parametrize(
    "text", ["", "yesterday", None, 7, [], "9999-12-31T23:59:59", "0001-01-01T00:00:00", "2025-13-01T00:00:00Z"]
)
def test_what_is_no_time_is_none_and_never_an_error(text: object) -> None:
    assert moment(text) is None or isinstance(moment(text), datetime)


@pytest.mark.parametrize(
    ("at", "day"), [("2025-09-17T03:59:59", date(2025, 9, 16)), ("2025-09-17T04:00:00", date(2025, 9, 17)),
                    ("2025-12-17T04:59:59", date(2025, 12, 16)), ("2025-12-17T05:00:00", date(2025, 12, 17))]
)  # fmt: skip
def test_days_are_eastern(at: str, day: date) -> None:
    assert day_of(utc(at)) == day
    assert start_of(day) <= utc(at) < start_of(day + timedelta(days=1))
