"""What the evidence can say at all, and the one conclusion drawn from it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import START, day, sent, tables

from forensics.coverage import Seen, Stretch, conclude, last_record, survey, usual_pause
from forensics.coverage.rhythm import Habits, micros, moment
from forensics.coverage.rotation import absent, slot
from forensics.incident import Incident
from forensics.model import Observation, Route, Span, Statement, Window
from forensics.policy import Policy, Server

WINDOW = Incident(window=Window(START, day(10)))
SHOWS = {"postmark": frozenset({"recipients", "outcome"}), "postfix": frozenset({"recipients"}), "mbox": frozenset({"content"})}
PLACE = Span("e" * 16, "", 0, 1)


def hourly(start: float, end: float, **more: object) -> list[Observation]:
    hours = int((end - start) * 24)
    return [sent(day(start) + timedelta(hours=n), to="b@b.example", message_id=f"m{start}-{n}", **more) for n in range(hours + 1)]  # type: ignore[arg-type]


def stretches(mails: list[Observation], policy: Policy = Policy(), statements: list[Statement] | None = None) -> list[Stretch]:  # noqa: B008  frozen
    return survey(tables(mails, policy, WINDOW, statements or []), SHOWS, WINDOW, policy)


def shape(found: list[Stretch]) -> list[tuple[str, float, float]]:
    def days(at: datetime | None) -> float:
        assert at is not None
        return round((at - START) / timedelta(days=1), 2)

    return [(one.status, days(one.start), days(one.end)) for one in found]


def total(value: int) -> Statement:
    return Statement(PLACE, "postmark", "total", route=Route.API, value=value, rows=1)


def test_rows_as_many_as_counted_cover_and_one_less_does_not() -> None:
    mails = hourly(-1, 11)
    assert shape(stretches(mails, statements=[total(len(mails))])) == [("covered", 0, 10)]
    short = stretches(mails, statements=[total(len(mails) + 1)])
    assert shape(short) == [("partial", 0, 10)]
    assert "incomplete" in short[0].note


def test_without_a_count_nothing_is_covered() -> None:
    assert shape(stretches(hourly(-1, 11))) == [("partial", 0, 10)]


def test_silence_is_a_gap_where_the_source_is_usually_busy_and_none_where_it_is_complete() -> None:
    mails = [*hourly(-1, 3), *hourly(5, 11)]
    assert shape(stretches(mails)) == [("partial", 0, 3), ("gap", 3, 5), ("partial", 5, 10)]
    assert shape(stretches(mails, statements=[total(len(mails))])) == [("covered", 0, 10)]


def test_the_windows_edges_are_gaps_where_records_begin_late_or_end_early() -> None:
    mails = hourly(2, 8)
    edges = [("gap", 0, 2), ("partial", 2, 8), ("gap", 8, 10)]
    assert shape(stretches(mails)) == edges
    assert [one[0] for one in shape(stretches(mails, statements=[total(len(mails))]))] == ["gap", "covered", "gap"]


def test_records_only_outside_the_window_are_a_gap_over_all_of_it() -> None:
    assert shape(stretches(hourly(-9, -5))) == [("gap", 0, 10)]


def test_a_mailbox_answers_nothing_about_copies() -> None:
    found = stretches(hourly(-1, 11, source="mbox", route=Route.MAILBOX))
    assert [one.answers for one in found] == [False]
    assert "no Bcc" in found[0].note


def test_what_the_policy_names_and_nobody_has_is_unknown() -> None:
    policy = Policy(
        servers=(Server("postmark", "1", ("outbound", "broadcast")), Server("postmark", "2"), Server("postmark", "3"))
    )
    mails = hourly(-1, 11, server="1", stream="outbound") + hourly(-1, 11, server="3", stream="x")
    unknown = {one.scope for one in stretches(mails, policy) if one.status == "unknown"}
    assert unknown == {"1/broadcast", "2"}


def test_a_mail_host_that_is_named_and_missing_is_unknown_on_its_own_route() -> None:
    policy = Policy(servers=(Server("postfix", "mx1"), Server("postfix", "mx2")))
    found = stretches(hourly(-1, 11, source="postfix", route=Route.SMTP, server="mx1"), policy)
    assert [(one.scope, one.route, one.status) for one in found] == [("mx1", "smtp", "partial"), ("mx2", "smtp", "unknown")]


def test_a_stream_that_one_server_alone_uses_is_that_servers() -> None:
    mails = [
        *hourly(-1, 11, stream="outbound"),
        sent(day(1), message_id="w", server="7", stream="outbound", kind="webhook:Delivery"),
    ]
    assert {one.scope for one in stretches(mails)} == {"7/outbound"}


def logged(mails: list[Observation], *statements: Statement) -> list[Stretch]:
    return stretches(mails, statements=list(statements))


def test_lost_lines_are_told_and_forbid_covered() -> None:
    mails = hourly(-1, 11, source="postfix", route=Route.SMTP, server="mx1")
    begun = Statement(PLACE, "postfix", "lost", scope="mx1", value=1, at=day(3))
    lost = Statement(PLACE, "postfix", "lost", scope="mx1", value=812, at=day(4))
    again = Statement(Span("f" * 16, "", 0, 1), "postfix", "lost", scope="mx1", value=812, at=day(4))
    other = Statement(PLACE, "postfix", "lost", scope="mx2", value=5)
    (one,) = logged(mails, begun, lost, again, other)
    assert one.status == "partial"
    told = "at least 812 lines were lost (2 notices, 2025-09-20 00:00 UTC to 2025-09-21 00:00 UTC)"
    assert one.note == f"the log says itself that {told}; nothing in it proves that it is complete"


def test_a_loss_of_another_host_says_nothing_and_that_of_an_instance_says_it_of_the_host() -> None:
    mails = hourly(-1, 11, source="postfix", route=Route.SMTP, server="mx1/postfix-out")
    assert "lost" not in logged(mails, Statement(PLACE, "postfix", "lost", scope="mx10", value=5))[0].note
    assert "at least 5 lines" in logged(mails, Statement(PLACE, "postfix", "lost", scope="mx1", value=5))[0].note
    assert "at least 1 lines" in logged(mails, Statement(PLACE, "exim", "lost", scope="mx1", value=1))[0].note


@pytest.mark.parametrize(("when", "told"), [(-0.1, False), (-0.01, True), (0, True), (10.04, True), (10.1, False), (None, True)])
def test_a_loss_at_another_time_says_nothing_of_the_window(when: float | None, told: bool) -> None:
    mails = hourly(-1, 11, source="postfix", route=Route.SMTP, server="mx1")
    lost = Statement(PLACE, "postfix", "lost", scope="mx1", value=7, at=None if when is None else day(when))
    assert ("at least 7 lines were lost" in logged(mails, lost)[0].note) == told


def test_the_edges_of_a_log_are_gaps_if_longer_than_any_pause_in_it() -> None:
    mails = hourly(2, 8, source="postfix", route=Route.SMTP, server="mx1")
    assert shape(logged(mails)) == [("gap", 0, 2), ("partial", 2, 8), ("gap", 8, 10)]
    assert logged(mails)[0].note == "the log begins at 2025-09-19 00:00 UTC, and has no pause of more than 60 minutes"
    office = [one for one in mails if one.readings[0].at.hour in range(8, 18)]
    assert shape(logged(office)) == [("gap", 0, 2.33), ("partial", 2.33, 7.71), ("gap", 7.71, 10)]


def test_an_empty_answer_is_expired_and_no_proof_of_absence() -> None:
    found = stretches([], statements=[Statement(PLACE, "postmark", "empty", route=Route.API)])
    assert [one.status for one in found] == ["expired"]


def test_an_undated_record_is_told() -> None:
    mails = [*hourly(-1, 11), sent(None, message_id="u")]
    assert "1 record carries no time" in stretches(mails)[0].note


@pytest.mark.parametrize(("hours", "pause"), [([1] * 50, 6), ([20] * 50, 40), ([100] * 50, 72), ([1, 1], 72)])
def test_the_usual_pause_is_bounded(hours: list[int], pause: int) -> None:
    assert usual_pause(np.cumsum([0, *hours]) * 3_600_000_000) == timedelta(hours=pause)


# --- silences -------------------------------------------------------------------------------------------------------------

MONDAY = datetime(2025, 9, 15, tzinfo=START.tzinfo)
HOUR = 3_600_000_000
Times = npt.NDArray[np.int64]


def drawn(per_hour: npt.NDArray[np.float64], seed: int) -> Times:
    """Records at random times from Monday on, so many in each hour on average."""
    rng = np.random.default_rng(seed)
    hours = np.repeat(np.arange(len(per_hour)), rng.poisson(per_hour))
    return np.sort(micros(MONDAY) + hours * HOUR + rng.integers(0, HOUR, len(hours)))


def weeks(count: int, zone: int = 0, *, office: bool = False) -> npt.NDArray[np.float64]:
    """The share of traffic in each hour in UTC: busy by day, five times less at weekends; in an office, only at work."""
    local = np.arange(count * 168) + zone
    weekday, hour = local // 24 % 7, local % 24
    if office:
        return np.where((weekday < 5) & (hour >= 8) & (hour < 18), 1.0, 0.0)
    return np.where(weekday < 5, 1.0, 0.2) * (0.05 + np.exp(-(((hour - 13) / 4) ** 2)))


def without(times: Times, start: datetime, hours: float) -> Times:
    end = start + timedelta(hours=hours)
    return times[(times < micros(start)) | (times >= micros(end))]


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([0.05, 0.5, 5.0, 50.0]),
    st.integers(1, 8),
    st.sampled_from([-8, 0, 2, 9]),
    st.booleans(),
)
def test_nights_weekends_and_chance_make_no_gap(seed: int, rate: float, count: int, zone: int, office: bool) -> None:
    assert Habits(drawn(rate * weeks(count, zone, office=office), seed)).silences() == []


def test_hourly_batches_make_no_gap() -> None:
    batch = np.concatenate([micros(MONDAY) + hour * HOUR + np.arange(60) * 1_000_000 for hour in range(4 * 168)])
    assert Habits(batch).silences() == []


@pytest.mark.property
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 3), st.integers(1, 3), st.sampled_from([2.0, 6.0, 20.0]))
def test_a_silence_at_a_busy_time_is_found(seed: int, week: int, weekday: int, hours: float) -> None:
    start = MONDAY + timedelta(weeks=week, days=weekday, hours=9)
    (found,) = Habits(without(drawn(40 * weeks(4), seed), start, hours)).silences()
    assert found.start <= start
    assert found.end >= start + timedelta(hours=hours)
    assert found.days >= 3
    assert found.median >= 20


@pytest.mark.parametrize(
    ("weekday", "hour", "length", "expected"),
    [
        (2, 9, 0.3, 1), (2, 9, 0.2, 0),  # under a quarter of an hour: a server that starts again
        (6, 9, 8, 1),  # a Sunday, by the other Sundays
        (2, 9, 72, 1),
    ],
)  # fmt: skip
def test_how_short_a_silence_may_be(weekday: int, hour: int, length: float, expected: int) -> None:
    steady = micros(MONDAY) + np.arange(0, 5 * 168 * 120) * (HOUR // 120)
    found = Habits(without(steady, MONDAY + timedelta(weeks=2, days=weekday, hours=hour), length)).silences()
    assert len(found) == expected


@pytest.mark.parametrize(("held", "expected"), [(20, 1), (19, 0)])
def test_how_much_the_same_hours_must_hold(held: int, expected: int) -> None:
    rows = [micros(MONDAY) + (week * 168 + 154) * HOUR + np.arange(held) * (HOUR // 20) for week in range(5) if week != 2]
    edges = [micros(MONDAY) + (week * 168 + hour) * HOUR - 1 for week in range(5) for hour in (154, 155)]
    times = np.sort(np.concatenate([*rows, np.array(edges)]))
    start = moment(edges[4])
    assert (Habits(times).improbable(start, start + timedelta(hours=1)) is not None) == bool(expected)


@pytest.mark.parametrize(("days", "expected"), [(3.9, 0), (4.1, 1)])
def test_with_little_to_compare_a_long_weekend_is_no_gap(days: float, expected: int) -> None:
    steady = micros(MONDAY) + np.arange(0, 9 * 24) * HOUR
    found = Habits(without(steady, MONDAY + timedelta(days=3), days * 24)).silences()
    assert len(found) == expected
    assert all("were to be expected at the log's mean rate" in one.told() for one in found)


def test_no_records_have_no_habits() -> None:
    assert Habits(np.zeros(0, np.int64)).silences() == []
    assert Habits(np.zeros(0, np.int64)).improbable(day(0), day(9)) is None


# --- names of rotated files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "series", "number", "written"),
    [
        ("mx1/mail.log", "mx1/mail.log", None, None),
        ("mx1/mail.log.1", "mx1/mail.log", 1, None),
        ("mx1/mail.log.12.gz", "mx1/mail.log", 12, None),
        ("maillog.0.bz2", "maillog", 0, None),
        ("mainlog.01", "mainlog", 1, None),
        ("mail.1.log", "mail.log", 1, None),
        ("mail.log-20250921", "mail.log", None, date(2025, 9, 21)),
        ("mail.log-20250921.gz", "mail.log", None, date(2025, 9, 21)),
        ("maillog.2025-09-21.xz", "maillog", None, date(2025, 9, 21)),
        ("maillog.20250921-031502.gz", "maillog", None, date(2025, 9, 21)),
        ("mail-20250921.log", "mail.log", None, date(2025, 9, 21)),
        ("mainlog-202509", "mainlog", None, date(2025, 9, 1)),
        ("mx1-20250921", "mx1", None, date(2025, 9, 21)),
        ("mainlog20250921", "mainlog", None, date(2025, 9, 21)),
        ("mail.log.20250931", "mail.log.20250931", None, None),  # no such day
        ("mail.log.1234", "mail.log.1234", None, None),
        ("case 20250921 mail", "case 20250921 mail", None, None),
        ("mail.log.gz", "mail.log", None, None),
        ("", "", None, None),
    ],
)
def test_a_files_place_in_its_log(path: str, series: str, number: int | None, written: date | None) -> None:
    found = slot(path)
    assert (found.series, found.number, found.day) == (series, number, written)


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        ("mail.log.3.gz mail.log.2.gz mail.log.1 mail.log", []),
        ("mail.log.4.gz mail.log.2.gz mail.log.1 mail.log", ["mail.log.3.gz"]),
        ("mail.log.5.gz mail.log.2.gz mail.log.1", ["mail.log.4.gz", "mail.log.3.gz"]),
        ("mail.log.2.gz mail.log", ["mail.log.1.gz"]),
        ("maillog.1.bz2 maillog.0.bz2 maillog", []),
        ("maillog.2.bz2 maillog.0.bz2 maillog", ["maillog.1.bz2"]),
        ("mainlog.12 mainlog.10", ["mainlog.11"]),
        ("mainlog.03 mainlog.01 mainlog", ["mainlog.02"]),
        ("m%d.log.3 m%d.log.1", ["m%d.log.2"]),
        ("m-20250914 m-20250915 m-20250916 m-20250918 m-20250919", ["m-20250917"]),
        ("m-20250914 m-20250915 m-20250916 m-20250917 m", []),
        ("m-20250817 m-20250824 m-20250831 m-20250907 m-20250921", ["m-20250914"]),
        ("m-20250914 m-20250916 m-20250917", []),  # too few to know how often it is rotated
        ("m-20250901 m-20250902 m-20250905 m-20250911 m-20250912 m-20250920", []),  # by size
        ("m-202411 m-202412 m-202501 m-202502 m-202504", ["m-202503"]),
        ("m.2025-09-14.gz m.2025-09-15.gz m.2025-09-16.gz m.2025-09-17.gz m.2025-09-19.gz", ["m.2025-09-18.gz"]),
    ],
)
def test_which_files_of_a_log_are_not_there(names: str, missing: list[str]) -> None:
    log = sorted((slot(name) for name in names.split()), key=lambda one: one.age)
    assert [one.shown for one in log] == names.split(), "oldest first"
    assert [name for one, other in pairwise(log) for name in absent(one, other, log)] == missing


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80), st.from_regex(r"[a-z%]{1,4}[.-]20[0-9]{6}([-T_][0-9]{2,6})?(\.gz)?", fullmatch=True))
def test_no_name_raises(name: str, dated: str) -> None:
    log = [slot(name), slot(dated), slot(f"{name}.3"), slot(f"{name}.1")]
    for one in log:
        for other in log:
            assert all("\0" not in missing or "\0" in name for missing in absent(one, other, log))


# --- the conclusion -------------------------------------------------------------------------------------------------------


def stretch(status: str, shows: str = "recipients", records: int = 10) -> Stretch:
    return Stretch("s", "x", "api", shows, START, day(10), records, status, "")


@pytest.mark.parametrize(
    ("found", "exposed", "possible", "traces", "word"),
    [
        ([stretch("covered")], 1, 0, 0, "exposure_shown"),
        ([], 1, 0, 0, "exposure_shown"),
        ([stretch("covered")], 0, 0, 0, "none_seen_covered"),
        ([stretch("covered")], 0, 5, 0, "none_seen_covered"),
        ([stretch("covered"), stretch("partial")], 0, 0, 0, "cannot_tell"),
        ([stretch("covered"), stretch("unknown", "")], 0, 0, 0, "cannot_tell"),
        ([stretch("covered"), stretch("partial", "content")], 0, 0, 0, "none_seen_covered"),
        ([stretch("partial", "content")], 0, 0, 0, "cannot_tell"),
        ([], 0, 0, 0, "cannot_tell"),
        ([stretch("covered")], 0, 0, 1, "compromised_extent_unknown"),
        ([stretch("partial", "content")], 0, 3, 0, "compromised_extent_unknown"),
    ],
)
def test_the_conclusion(found: list[Stretch], exposed: int, possible: int, traces: int, word: str) -> None:
    seen = Seen(probable=[day(1)] * exposed, possible=possible, traces=traces)
    assert conclude(found, seen).word == word


@pytest.mark.parametrize(("last", "word"), [(day(9), "yes"), (day(7.5), "yes"), (day(6), "no"), (None, "unknown")])
def test_whether_it_goes_on(last: datetime | None, word: str) -> None:
    assert conclude([stretch("partial")], Seen([last], last_record=day(10))).ongoing == word


def test_clean_is_no_word_of_ours() -> None:
    for found in ([], [stretch("covered")], [stretch("partial")]):
        conclusion = conclude(found, Seen())
        assert "clean" not in f"{conclusion.word} {conclusion.text} {conclusion.coverage_text}".lower()


def test_the_last_record_is_that_of_a_source_that_names_recipients() -> None:
    mails = [sent(day(1)), sent(day(9), source="mbox", route=Route.MAILBOX), sent(day(8), slack=50_400)]
    assert last_record(tables(mails)) == day(1)
    assert last_record(tables([])) is None


def test_behaviour_alone_is_told_as_such() -> None:
    alone = conclude([stretch("partial")], Seen(probable=[day(1)] * 2))
    assert "2 messages probably went" in alone.text
    assert "No policy names" in alone.text
    assert "No policy names" not in conclude([stretch("partial")], Seen(probable=[day(1)], excuses=1)).text
    both = conclude([stretch("partial")], Seen([day(1)], [day(1)]))
    assert "(1 confirmed, 1 probable)" in both.text
