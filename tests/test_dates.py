from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.dates import UNKNOWN_ZONE, FileClock, infer_clock, iso_time, mail_time, postfix_long_id_time, zulu


def utc(*fields: int) -> datetime:
    return datetime(*fields, tzinfo=UTC)  # type: ignore[misc, arg-type]


TEN = utc(2025, 9, 18, 10)
DAY_ONLY = UNKNOWN_ZONE + 12 * 3600


@pytest.mark.parametrize(
    ("text", "at", "slack"),
    [
        ("Thu, 18 Sep 2025 10:00:00 +0000", TEN, 0),
        ("Thu,18 Sep 2025 12:00:00 +0200", TEN, 0),
        ("18 Sep 2025 10:00 GMT", TEN, 0),
        ("Thu, 18 Sep 25 10:00:00 UT", TEN, 0),
        ("Thu, 18 Sep 125 10:00:00 +0000", TEN, 0),
        ("Thu, 18 Sep 2025 05:00:00 EST", TEN, 0),
        ("Thu, 18 Sep 2025 10:00:00 -0000", TEN, 0),
        ("Thu, 18 Sep 2025 12:00:00 +0200 (CEST)", TEN, 0),
        ("Thu, 18 Sep 2025 12:00:00 +0200 (" + "x" * 500 + ")", TEN, 0),
        ("Thu, 18 Sep 2025 12:00:00 +02:00", TEN, 0),
        ("Thu, 18 Sep 2025 12:00:00 GMT+0200", TEN, 0),
        ("18-Sep-2025 10:00:00 +0000", TEN, 0),
        ("Do, 18 Sep 2025 10:00:00 +0000", TEN, 0),
        ("Thu, 18 Sept 2025 10:00:00 +0000", TEN, 0),
        ("Thu, 18 September 2025 10:00:00 +0000", TEN, 0),
        ("2025-09-18T12:00:00+02:00", TEN, 0),
        ("2025-09-18 10:00:00 UTC", TEN, 0),
        ("Thu Sep 18 10:00:00 +0000 2025", TEN, 0),  # Gmail's Takeout
        ("Thu Sep 18 10:00:00 UTC 2025", TEN, 0),
        ("Thu Sep 18 10:00:00 2025", TEN, UNKNOWN_ZONE),
        ("Thu, 18 Sep 2025 10:00:00 +9900", TEN, UNKNOWN_ZONE),
        ("Thu, 18 Sep 2025 10:00:00 CEST", TEN, UNKNOWN_ZONE),
        ("Thu, 18 Sep 2025 10:00:00 A", TEN, UNKNOWN_ZONE),
        ("Thu, 18 Sep 2025 10:00:00", TEN, UNKNOWN_ZONE),
        ("2025-09-18T10:00:00", TEN, UNKNOWN_ZONE),
        ("Thu, 18 Sep 2025 24:00:00 +0000", utc(2025, 9, 19), 0),
        ("Thu, 18 Sep 2025 23:59:60 +0000", utc(2025, 9, 19), 0),
        ("Thu, 31 Dec 2026 23:30:00 -0100", utc(2027, 1, 1, 0, 30), 0),
        ("2025/09/18 12:00:00 +0200", TEN, 0),
        ("September 18, 2025 10:00 AM GMT", TEN, 0),
        ("13/09/2025 10:00 CEST", utc(2025, 9, 13, 10), UNKNOWN_ZONE),  # 13 is no month
        ("18 Sep 2025", utc(2025, 9, 18, 12), DAY_ONLY),
    ],
)
def test_times_of_mail(text: str, at: datetime, slack: int) -> None:
    assert mail_time(text) == ("date", at, slack)


@pytest.mark.parametrize(
    "text",
    [
        "", "10:00", "Thu", "2025", "Sep 2025", "18 Sep 10:00", "01/02/2025", "01/02/2025 10:00",
        "Wed, 31 Sep 2025 10:00:00 +0000", "Thu, 18 Sep 2025 24:00:01 +0000", "Thu, 18 Sep 2025 10:60:00 +0000",
        "Thu, 18 Sep 2025 10:00:61 +0000", "Thu, 18 Foo 2025 10:00:00 +0000", "2025-02-29T10:00:00Z", "x" * 100_000,
        "1 Jan 1 10:00", "\x00\ud800",
    ],
)  # fmt: skip
def test_what_is_no_time_stays_undetermined(text: str) -> None:
    assert mail_time(text) is None


def test_the_machines_zone_plays_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "September 18 2025 10:00 EDT"
    before = mail_time(text)
    monkeypatch.setenv("TZ", "EST5EDT")
    time.tzset()
    try:
        assert mail_time(text + " ") == before == ("date", utc(2025, 9, 18, 14), 0)
    finally:
        monkeypatch.undo()
        assert os.environ.get("TZ") != "EST5EDT"
        time.tzset()


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60) | st.from_regex(r"[0-9]{1,2}[ /-](Sep|09)[ /-]2025 [0-9:]{4,9} [A-Z+0-9-]{0,6}", fullmatch=True))
def test_no_text_raises_and_no_slack_hides(text: str) -> None:
    for reading in (mail_time(text), iso_time(text), FileClock().resolve(text)):
        if reading is not None:
            assert reading.at.utcoffset() == timedelta(0)
            assert reading.slack in {0, UNKNOWN_ZONE, DAY_ONLY, 12 * 3600}


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2099, 1, 1)),  # noqa: DTZ001  the zone is drawn apart
    st.integers(-56, 56),
)
def test_a_written_time_is_read_back(naive: datetime, quarters: int) -> None:
    naive = naive.replace(microsecond=0)
    zone = timezone(timedelta(minutes=15 * quarters))
    at = naive.replace(tzinfo=zone)
    for text in (at.strftime("%a, %d %b %Y %H:%M:%S %z"), at.isoformat(), at.strftime("%a %b %d %H:%M:%S %z %Y")):
        assert mail_time(text) == ("date", at.astimezone(UTC), 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-09-18T10:00:00.123456789Z", (utc(2025, 9, 18, 10, 0, 0, 123456), 0)),
        ("2025-09-18T10:00:00,5+0530", (utc(2025, 9, 18, 4, 30, 0, 500000), 0)),
        ("2025-09-18T10:00Z", (TEN, 0)),
        ("2025-09-18T10:00:00-15:00", (TEN, UNKNOWN_ZONE)),
        ("2025-09-18", None),
        ("20250918T100000Z", None),
        ("2025-13-18T10:00:00Z", None),
    ],
)
def test_iso_times(text: str, expected: tuple[datetime, int] | None) -> None:
    found = iso_time(text)
    assert (found and (found.at, found.slack)) == expected


def test_zulu_is_sorted_as_text_and_tells_microseconds_only_if_any() -> None:
    assert zulu(None) == ""
    assert zulu(TEN) == "2025-09-18T10:00:00Z"
    assert zulu(datetime(2025, 9, 18, 12, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))) == "2025-09-18T10:00:00.000005Z"
    assert zulu(utc(987, 1, 1)) == "0987-01-01T00:00:00Z"


def long_id(at: datetime) -> str:
    digits = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"

    def base52(value: int, width: int) -> str:
        text = ""
        while value or len(text) < width:
            value, rest = divmod(value, 52)
            text = digits[rest] + text
        return text

    return base52(int(at.timestamp()), 6) + base52(at.microsecond, 4) + "z3kD"


@pytest.mark.parametrize("at", [TEN, utc(2025, 12, 31, 23, 59, 59, 999999), utc(2003, 1, 1, 0, 0, 0, 51)])
def test_a_long_queue_id_tells_its_time(at: datetime) -> None:
    assert postfix_long_id_time(long_id(at)) == at


@pytest.mark.parametrize("text", ["", "3F2A1B4C5D", "z", "zzzzzzzzzzzzz", "4ABCDEFGHIz1", "4cP2wz5l5Wz", long_id(TEN)[:-3]])
def test_other_queue_ids_tell_none(text: str) -> None:
    assert postfix_long_id_time(text) is None


def pairs(*times: datetime, hours: float = 2, year: str = "-") -> list[tuple[str, datetime]]:
    """Stamps as a host `hours` east of UTC writes them, without a year, and the true times."""
    return [(year + (at + timedelta(hours=hours)).strftime("-%m-%dT%H:%M:%S"), at) for at in times]


def every_hour(start: datetime, count: int = 4) -> list[datetime]:
    return [start + timedelta(hours=i) for i in range(count)]


def test_three_ids_that_agree_give_year_and_zone() -> None:
    clock = infer_clock(pairs(*every_hour(TEN, 3)))
    assert clock.resolve("--09-18T14:30:00") == ("syslog", utc(2025, 9, 18, 12, 30), 0)
    assert clock.resolve("2025-09-18T14:30:00") == ("syslog", utc(2025, 9, 18, 12, 30), 0)
    assert clock.resolve("2025-09-18 14:30:00,123456789") == ("syslog", utc(2025, 9, 18, 12, 30, 0, 123456), 0)
    assert clock.resolve("2025-09-18T14:30:00Z") == ("syslog", utc(2025, 9, 18, 14, 30), 0)


@pytest.mark.parametrize(
    ("hours", "zone"), [(2, "UTC+02:00"), (0, "UTC"), (-3.5, "UTC-03:30"), (5.75, "UTC+05:45"), (14, "UTC+14:00")]
)
def test_a_clock_tells_its_zone_and_how_many_ids_agree(hours: float, zone: str) -> None:
    clock = infer_clock(pairs(*every_hour(TEN, 1_200), hours=hours))
    assert clock.basis == f"year and zone ({zone}) from the times inside its queue ids (1,200 agree)"


def test_a_clock_tells_every_zone_of_a_file() -> None:
    clock = infer_clock([*pairs(*every_hour(utc(2025, 10, 25, 20)), hours=2), *pairs(*every_hour(utc(2025, 10, 26, 2)), hours=1)])
    assert clock.basis == "year and zone (UTC+01:00, UTC+02:00) from the times inside its queue ids (8 agree)"


def test_two_ids_give_the_year_and_leave_the_zone_unknown() -> None:
    assert infer_clock(pairs(*every_hour(TEN, 2))).resolve("--09-18T14:30:00") == (
        "syslog",
        utc(2025, 9, 18, 14, 30),
        UNKNOWN_ZONE,
    )


def test_nothing_known_gives_no_year() -> None:
    assert FileClock().resolve("--09-18T14:30:00") is None
    assert FileClock().resolve("") is None
    assert FileClock().resolve("2025-09-18T14:30:00") == ("syslog", utc(2025, 9, 18, 14, 30), UNKNOWN_ZONE)
    assert infer_clock([]) == FileClock()


def test_a_file_that_crosses_new_year() -> None:
    clock = infer_clock(pairs(*every_hour(utc(2025, 12, 31, 18), 10), hours=0))
    assert clock.resolve("--12-30T12:00:00") == ("syslog", utc(2025, 12, 30, 12), 0)
    assert clock.resolve("--01-01T12:00:00") == ("syslog", utc(2026, 1, 1, 12), 0)


def test_ids_of_january_place_a_stamp_of_december_in_the_year_before() -> None:
    clock = infer_clock(pairs(*every_hour(utc(2026, 1, 1, 3)), hours=0))
    assert clock.resolve("--12-31T23:00:00") == ("syslog", utc(2025, 12, 31, 23), 0)


def test_a_zone_east_of_utc_at_new_year() -> None:
    clock = infer_clock(pairs(*every_hour(utc(2025, 12, 31, 22)), hours=9))  # the host writes 1 January
    assert clock.resolve("--01-01T08:00:00") == ("syslog", utc(2025, 12, 31, 23), 0)


def test_summer_time_ends_between_two_ids() -> None:
    summer = pairs(*every_hour(utc(2025, 10, 25, 20)), hours=2)
    winter = pairs(*every_hour(utc(2025, 10, 26, 2)), hours=1)
    clock = infer_clock(summer + winter)
    assert clock.resolve("--10-25T23:00:00") == ("syslog", utc(2025, 10, 25, 21), 0)
    assert clock.resolve("--10-26T05:00:00") == ("syslog", utc(2025, 10, 26, 4), 0)
    between = clock.resolve("--10-26T02:30:00")
    assert between is not None
    assert between.slack == 3600  # 00:30 or 01:30 UTC


def test_a_zone_known_in_winter_is_not_sure_in_summer() -> None:
    found = infer_clock(pairs(*every_hour(utc(2025, 1, 5)), hours=1)).resolve("2025-07-05T12:00:00")
    assert found == ("syslog", utc(2025, 7, 5, 11), 3600)


def test_contradicting_pairs_are_left_out() -> None:
    true = pairs(*every_hour(TEN, 4))
    one_of_another_year = pairs(utc(2019, 9, 18, 10))
    impossible = [("--03-01T00:00:00", TEN), ("no stamp", TEN), ("--02-30T00:00:00", TEN)]
    assert infer_clock(true + one_of_another_year + impossible) == infer_clock(true)


def test_the_users_word_wins() -> None:
    wrong = pairs(*every_hour(TEN, 4))
    clock = infer_clock(wrong, zone=timezone(timedelta(hours=-5)), year=2024)
    assert clock.resolve("--07-04T12:00:00") == ("syslog", utc(2024, 7, 4, 17), 0)
    assert clock.resolve("--01-04T12:00:00") == ("syslog", utc(2024, 1, 4, 17), 0)


def test_a_year_alone_leaves_the_zone_unknown() -> None:
    clock = infer_clock([], year=2024)
    assert clock.resolve("--02-29T12:00:00") == ("syslog", utc(2024, 2, 29, 12), UNKNOWN_ZONE)
    assert infer_clock([], zone=UTC).resolve("--02-28T12:00:00") is None
    assert infer_clock([], zone=UTC).resolve("2024-02-28T12:00:00") == ("syslog", utc(2024, 2, 28, 12), 0)
