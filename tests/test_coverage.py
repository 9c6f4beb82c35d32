"""What the evidence can say at all, and the one conclusion drawn from it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tables import START, day, sent, tables

from forensics.coverage import Seen, Stretch, conclude, last_record, survey, usual_pause
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


def test_a_stream_that_one_server_alone_uses_is_that_servers() -> None:
    mails = [
        *hourly(-1, 11, stream="outbound"),
        sent(day(1), message_id="w", server="7", stream="outbound", kind="webhook:Delivery"),
    ]
    assert {one.scope for one in stretches(mails)} == {"7/outbound"}


def test_lost_lines_are_told_and_forbid_covered() -> None:
    mails = hourly(-1, 11, source="postfix", route=Route.SMTP, server="mx1")
    lost = Statement(PLACE, "postfix", "lost", scope="mx1", value=812)
    (one,) = stretches(mails, statements=[lost])
    assert one.status == "partial"
    assert "812 lines were lost" in one.note


def test_an_empty_answer_is_expired_and_no_proof_of_absence() -> None:
    found = stretches([], statements=[Statement(PLACE, "postmark", "empty", route=Route.API)])
    assert [one.status for one in found] == ["expired"]


def test_an_undated_record_is_told() -> None:
    mails = [*hourly(-1, 11), sent(None, message_id="u")]
    assert "1 records carry no time" in stretches(mails)[0].note


@pytest.mark.parametrize(("hours", "pause"), [([1] * 50, 6), ([20] * 50, 40), ([100] * 50, 72), ([1, 1], 72)])
def test_the_usual_pause_is_bounded(hours: list[int], pause: int) -> None:
    times = [START]
    for step in hours:
        times.append(times[-1] + timedelta(hours=step))
    assert usual_pause(times) == timedelta(hours=pause)


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
