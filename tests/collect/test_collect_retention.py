"""What has been deleted: told from the plan, from the counts, and from what is in hand; never guessed away."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from forensics.collect.retention import daily_counts, expired_days, expired_until, notice


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 9, day, hour, tzinfo=UTC)


def gone(*days: int) -> list[tuple[date, int]]:
    return [(date(2026, 9, day), 5) for day in days]


MIDNIGHT = 4  # of an Eastern summer day, in UTC


@pytest.mark.parametrize(
    ("edge", "oldest", "lost", "expected"),
    [
        # inside retention
        (at(1), at(10), gone(), None),
        (at(1), None, gone(), None),
        (at(1), None, None, None),
        # the plan says so
        (at(12), at(12, 13), gone(5, 6, 7), at(12)),
        (at(12), None, gone(), at(12)),
        (at(12), None, None, at(12)),
        (at(30), None, gone(), at(20)),  # all of it: no later than the interval's end
        (at(12), at(11, 20), None, at(11, 20)),  # no later than what is in hand
        # the counts say so, whatever the plan
        (at(1), at(10), gone(5, 6), at(7, MIDNIGHT)),
        (at(1), None, gone(5), at(6, MIDNIGHT)),
        (at(1), None, gone(19, 20), at(20)),
        # mail from well before the edge shows that the plan keeps more: the counts decide
        (at(15), at(6), gone(), None),
        (at(15), at(8), gone(5, 6), at(7, MIDNIGHT)),
        (at(15), at(6), None, at(6)),  # without counts nobody knows
        # the day of the first message itself is never called gone
        (at(1), at(5, 13), gone(), None),
    ],
)
def test_expired_until(
    edge: datetime, oldest: datetime | None, lost: list[tuple[date, int]] | None, expected: datetime | None
) -> None:
    assert expired_until((at(5), at(20)), edge, oldest, lost) == expected


@pytest.mark.parametrize(
    ("answer", "counts"),
    [
        ({"Days": []}, {}), ({"Days": [{"Date": "2026-09-05", "Sent": 7}]}, {date(2026, 9, 5): 7}),
        ({"Days": [{"Date": "2026-09-05T00:00:00-04:00", "Sent": "7"}]}, {date(2026, 9, 5): 7}),
        ({"Days": [{"Date": "2026-09-05"}]}, {date(2026, 9, 5): 0}),
        ({}, None), ({"Days": {}}, None), ({"Days": [7]}, None), ({"Days": [{"Sent": 7}]}, None),
        ({"Days": [{"Date": "yesterday", "Sent": 7}]}, None), ({"Days": [{"Date": "2026-09-05", "Sent": []}]}, None),
    ],
)  # fmt: skip
def test_daily_counts(answer: dict[str, Any], counts: dict[date, int] | None) -> None:
    assert daily_counts(answer) == counts


@pytest.mark.parametrize(
    ("times", "days"),
    [
        ([], [5, 7]), ([None], [5, 7]), ([at(8)], [5, 7]), ([at(7)], [5]), ([at(7, 3)], [5]),  # 03:00 UTC is still the 6th
        ([at(5), at(9)], []), ([at(9), None, at(6)], [5]),
    ],
)  # fmt: skip
def test_days_with_mail_sent_and_none_in_hand(times: list[datetime | None], days: list[int]) -> None:
    counts = {date(2026, 9, 5): 5, date(2026, 9, 6): 0, date(2026, 9, 7): 5}
    assert expired_days(counts, times, at(1)) == gone(*days)


@pytest.mark.parametrize(
    ("start", "days"),
    [
        (at(5, 4), [5, 7]),  # Eastern midnight in summer
        (at(5, 4) + timedelta(seconds=1), [7]), (at(7, 3), [7]), (at(7, 12), []),
    ],
)  # fmt: skip
def test_a_day_of_which_only_the_end_was_asked_for_tells_nothing(start: datetime, days: list[int]) -> None:
    counts = {date(2026, 9, 5): 5, date(2026, 9, 7): 5}
    assert expired_days(counts, [], start) == gone(*days)


@pytest.mark.parametrize(
    ("days", "words"),
    [(45, ""), (26, ""), (25, "this interval before 2026-09-05 12:00 UTC has"), (20, "before 2026-09-10 12:00 UTC"), (10, "all of this interval has")],
)  # fmt: skip
def test_the_notice(days: int, words: str) -> None:
    start = at(5) if days != 25 else at(5) - timedelta(seconds=1)
    said = notice(start, at(20), at(30), days)
    assert words in said
    assert bool(said) is bool(words)
