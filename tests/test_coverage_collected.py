"""What was asked for and what came of it, servers that somebody names, and exports that go on elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import ACME, START, day, sent, tables

from forensics.coverage import Collected, Seen, Stretch, conclude, survey
from forensics.coverage.collected import Asked, overlaid
from forensics.incident import Incident
from forensics.model import Observation, Route, Span, Statement, Window
from forensics.policy import Policy, Server

WINDOW = Incident(window=Window(START, day(10)))
SHOWS = {"postmark": frozenset({"recipients"}), "m365_trace": frozenset({"recipients"})}
ASKED = Collected("postmark", "1", "outbound", START, day(10), day(11), 100, 100)


def at(text: str, number: int = 0) -> Span:
    return Span(text * 16, "", number, number + 1)


def shape(parts: Sequence[Asked]) -> list[tuple[str, float, float]]:
    return [(one.status, (one.start - START) / timedelta(days=1), (one.end - START) / timedelta(days=1)) for one in parts]


@pytest.mark.parametrize(
    ("told", "listed", "read_from", "expected"),
    [
        (ASKED, 100, None, [("covered", 0, 10)]),
        (ASKED, 99, None, [("partial", 0, 10)]),  # a page was lost since
        (replace(ASKED, total=0, rows=0), 0, None, [("covered", 0, 10)]),
        (replace(ASKED, total=101), 100, None, [("partial", 0, 10)]),
        (replace(ASKED, outside=3), 97, None, [("covered", 0, 10)]),
        (replace(ASKED, outside=3), 96, None, [("partial", 0, 10)]),
        (replace(ASKED, expired_until=day(4)), 100, None, [("expired", 0, 4), ("covered", 4, 10)]),
        (replace(ASKED, expired_until=day(10)), 0, None, [("expired", 0, 10)]),
        (replace(ASKED, expired_until=day(12)), 0, None, [("expired", 0, 10)]),
        (replace(ASKED, doubts=("1 answer is not as received",)), 100, None, [("partial", 0, 10)]),
        (replace(ASKED, doubts=("1 answer is not as received",)), 100, day(6), [("partial", 0, 10)]),
        (replace(ASKED, asides=("bounces: none came",)), 100, None, [("covered", 0, 10)]),
        # capped: the list goes from the newest to the oldest, and stopped on day 6
        (replace(ASKED, total=900, doubts=("the API shows 100 of 900 rows",)), 100, day(6), [("gap", 0, 6), ("partial", 6, 10)]),
        (replace(ASKED, total=900, expired_until=day(2), doubts=("x",)), 100, day(6), [("expired", 0, 2), ("gap", 2, 6), ("partial", 6, 10)]),
        (replace(ASKED, total=900, doubts=("x",)), 100, None, [("partial", 0, 10)]),
    ],
)  # fmt: skip
def test_an_interval_in_parts(
    told: Collected, listed: int, read_from: datetime | None, expected: list[tuple[str, float, float]]
) -> None:
    parts = list(told.parts(listed, read_from))
    assert shape(parts) == expected
    assert all(one.note for one in parts)


def test_the_notes_say_why() -> None:
    (part,) = replace(ASKED, total=101, doubts=("the list changed",), asides=("bounces: none came",)).parts(100)
    for words in ("the source counted 101 messages, 100 are in hand", "the list changed", "bounces: none came"):
        assert words in part.note
    (gone, _) = replace(ASKED, expired_until=day(4), expired_sent=1_234).parts(100)
    assert "1,234 messages are still counted by day" in gone.note
    assert "no proof of absence" in gone.note


STATUS = st.sampled_from(["covered", "partial", "gap", "expired"])
PARTS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9), STATUS), max_size=8)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(PARTS)
def test_overlaid_parts_tell_the_best_of_each_moment(listed: list[tuple[int, int, str]]) -> None:
    rank = ["covered", "partial", "gap", "expired"]
    parts = [Asked(day(begin), day(begin + length), status, status) for begin, length, status in listed]
    found = overlaid(parts)
    for moment in (day(n + 0.5) for n in range(30)):
        here = [one.status for one in found if one.start <= moment < one.end]
        over = [one.status for one in parts if one.start <= moment < one.end]
        assert here == ([min(over, key=rank.index)] if over else [])
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))


# --- servers and streams that somebody names ------------------------------------------------------------------------------------


def hourly(server: str = "", stream: str = "outbound") -> list[Observation]:
    return [
        sent(START + timedelta(hours=n), to="b@b.example", message_id=f"{server}{stream}{n}", server=server, stream=stream) for n in range(241)
    ]  # fmt: skip


def surveyed(mails: Sequence[Observation], *statements: Statement, policy: Policy = ACME) -> list[Stretch]:
    return survey(tables(mails, policy, WINDOW, statements), SHOWS, WINDOW, policy)


def listed(name: str, stream: bool = False, server: str = "") -> Statement:
    kind = "listed_stream" if stream else "listed_server"
    return Statement(at("f", len(name)), "postmark", kind, name, Route.API, note=server)


def unknown(found: Sequence[Stretch]) -> set[str]:
    return {one.scope for one in found if one.status == "unknown"}


@pytest.mark.parametrize(
    ("mails", "statements", "expected"),
    [
        (hourly("1"), [listed("1"), listed("2")], {"2"}),
        (hourly("1") + hourly("2"), [listed("1"), listed("2")], set()),
        (hourly(), [listed("1")], set()),  # one server, and an export that names none
        (hourly(), [listed("1"), listed("2")], {"1", "2"}),  # it may be of either
        (hourly("1"), [listed("outbound", True, "1"), listed("news", True, "1")], {"1/news"}),
        (hourly("1"), [listed("outbound", True, "2")], {"2/outbound"}),
        (hourly("1"), [listed("outbound", True), listed("news", True)], {"news"}),
        (hourly("1"), [listed("outbound", True, "1"), listed("inbound", True, "1")], set()),
        ([], [listed("1")], {"1"}),
        (hourly("1"), [listed("1"), listed("1")], set()),
    ],
)
def test_what_the_provider_lists_and_nobody_has_is_unknown(
    mails: list[Observation], statements: list[Statement], expected: set[str]
) -> None:
    found = surveyed(mails, *statements)
    assert unknown(found) == expected
    assert all("the provider's own list" in one.note for one in found if one.status == "unknown")
    if expected and mails:
        text = conclude(found, Seen()).coverage_text
        assert all(name in text for name in expected)


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ((Server("postmark", "1", ("outbound",)),), set()),  # the one server that there is
        ((Server("postmark", "1"),), set()),
        ((Server("postmark", "1", ("outbound", "news")),), {"1/news"}),
        ((Server("postmark", "1"), Server("postmark", "2")), {"1", "2"}),
        ((Server("postmark", "1"), Server("postfix", "mx1")), {"mx1"}),
    ],
)
def test_an_export_that_names_no_server_is_that_of_the_only_one(servers: tuple[Server, ...], expected: set[str]) -> None:
    assert unknown(surveyed(hourly(), policy=replace(ACME, servers=servers))) == expected


def test_the_policy_and_the_list_name_a_server_once() -> None:
    found = surveyed(hourly("1"), listed("2"), policy=replace(ACME, servers=(Server("postmark", "2"),)))
    assert [one.note.partition(",")[0] for one in found if one.scope == "2"] == ["the policy names it"]


# --- counts ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "status"), [(482, "covered"), (483, "partial")])
def test_a_count_over_all_streams_is_that_of_all_streams(count: int, status: str) -> None:
    total = Statement(at("f"), "postmark", "total", "", Route.API, value=count, rows=1)
    found = surveyed(hourly("1") + hourly("1", "news"), total)
    assert {one.status for one in found} == {status}


# --- pages ----------------------------------------------------------------------------------------------------------------------


def trace() -> list[Observation]:
    return [
        sent(START + timedelta(hours=n), envelope="b@b.example", message_id=f"t{n}", source="m365_trace", kind="trace", route=Route.SMTP, server="exchange-online")
        for n in range(241)
    ]  # fmt: skip


def page(text: str, cut: bool) -> list[Statement]:
    said = [Statement(at(text), "m365_trace", "tally", route=Route.SMTP, value=241)]
    return said + ([Statement(at(text), "m365_trace", "cut", "exchange-online", Route.SMTP, value=1)] if cut else [])


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        (page("a", cut=True), "the export continues on a page that is not here"),
        (page("a", cut=True) + page("b", cut=True), "the export continues on a page that is not here"),
        (
            page("a", cut=True) + page("b", cut=False),
            "1 of its 2 files names a page that follows: whether all pages are here is not shown",
        ),
        (page("a", cut=False), ""),
    ],
)
def test_an_answer_that_names_a_further_page_is_partial(pages: list[Statement], words: str) -> None:
    (found,) = surveyed(trace(), *pages)
    assert (found.scope, found.status) == ("exchange-online", "partial")
    assert words in found.note
    assert bool(words) is ("page" in found.note)


def test_a_count_that_is_met_does_not_cover_an_export_that_goes_on() -> None:
    total = Statement(at("f"), "postmark", "total", "outbound", Route.API, value=241, rows=1)
    cut = Statement(at("f"), "postmark", "cut", "", Route.API, value=1)
    assert [one.status for one in surveyed(hourly("1"), total)] == ["covered"]
    assert [one.status for one in surveyed(hourly("1"), total, cut)] == ["partial"]
