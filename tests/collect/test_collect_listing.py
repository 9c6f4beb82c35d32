"""A list is whole, or it is said that it is not: whatever arrives, goes, or is capped while it is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from postmark_double import Account, Sent, Server, mails, message

from forensics.collect import listing as module
from forensics.collect.listing import Reading, count_in, identity, read_listing
from forensics.collect.postmark_api import SEARCH
from forensics.collect.wire import Request

START, END = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
Places = dict[str, str]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 5)
    monkeypatch.setattr(module, "CAP", 20)


def read(account: Account, places: Places | None = None) -> Reading:
    known: Places = {} if places is None else places

    def ask(place: str, request: Request) -> Mapping[str, Any]:
        assert place not in known, "one place, one question"
        known[place] = request.target
        query = dict(request.query)
        assert int(query["count"]) + int(query["offset"]) <= module.CAP
        status, value = account.search(account.servers[0], query)
        assert status == 200
        return value

    return read_listing(ask, SEARCH, "search", {"messagestream": "outbound"}, (START, END))


def account_of(sent: list[Sent], **more: Any) -> Account:
    return Account([Server(mails=sent)], **more)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 19, 20, 21, 39, 40, 41, 97])
@pytest.mark.parametrize("as_text", [False, True])
def test_any_length_is_read_whole(count: int, as_text: bool) -> None:
    account = account_of(mails(count, START, timedelta(minutes=1)), total_as_text=as_text)
    found = read(account)
    assert found.is_whole
    assert (found.total, found.trouble) == (count, "")
    assert list(found.rows) == [identity(one.row) for one in reversed(account.servers[0].sent("outbound"))]


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    seconds=st.lists(st.integers(0, 200), max_size=90),
    late=st.dictionaries(st.integers(1, 25), st.lists(st.integers(0, 200), min_size=1, max_size=4), max_size=3),
    fold=st.sampled_from([0, 1]),
    gone=st.integers(0, 60),
)
def test_what_is_called_whole_is_whole(seconds: list[int], late: dict[int, list[int]], fold: int, gone: int) -> None:
    """Mail may share its second, arrive late into any place of the list, and its oldest part may expire before it is read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PAGE", 5)
        patch.setattr(module, "CAP", 20)
        first = datetime(2026, 9, 2, tzinfo=UTC)
        sent = [message(n, first + timedelta(seconds=at, milliseconds=n)) for n, at in enumerate(seconds)]
        arriving = {
            page: [message(10_000 * page + n, first + timedelta(seconds=at, milliseconds=500)) for n, at in enumerate(times)]
            for page, times in late.items()
        }
        account = account_of(sent, arriving=arriving, fold=fold)
        account.servers[0].kept_since = first + timedelta(seconds=gone)
        found = read(account)
        there = {identity(one.row) for one in account.servers[0].sent("outbound")}
        met_late = {identity(one.row) for group in arriving.values() for one in group}
        assert set(found.rows) <= there
        if found.is_whole:  # but for what arrived after the list had been counted for the last time
            assert there - set(found.rows) <= met_late
            assert len(found.rows) >= found.total
        else:
            assert found.trouble


@pytest.mark.usefixtures("small_pages")
def test_mail_that_arrives_while_pages_are_read_is_not_lost() -> None:
    sent = mails(17, START, timedelta(hours=1))
    late = message(900, START + timedelta(hours=16, minutes=30))
    account = account_of(sent, arriving={3: [late]})
    places: Places = {}
    found = read(account, places)
    assert found.is_whole
    assert len(found.rows) == 18
    assert identity(late.row) in found.rows
    assert any(place.startswith("search/1/00001/2/") for place in places), "the slice was read again"


@pytest.mark.usefixtures("small_pages")
def test_mail_that_arrives_in_a_slice_already_read_is_found_by_the_last_count() -> None:
    account = account_of(
        mails(60, START, timedelta(hours=1)), arriving={9: [message(900, START + timedelta(hours=59, minutes=1))]}
    )
    found = read(account)
    assert found.is_whole
    assert (len(found.rows), found.total) == (61, 61)


@pytest.mark.usefixtures("small_pages")
def test_a_list_that_never_holds_still_is_not_called_whole() -> None:
    arriving = {n: [message(900 + n, START + timedelta(days=9, seconds=n))] for n in range(1, 400)}
    found = read(account_of(mails(9, START, timedelta(hours=1)), arriving=arriving))
    assert not found.is_whole
    assert "changed at every reading" in found.trouble


@pytest.mark.usefixtures("small_pages")
def test_more_mail_in_one_second_than_the_api_shows_is_said() -> None:
    found = read(account_of(mails(25, START, timedelta(milliseconds=10))))
    assert not found.is_whole
    assert found.trouble == "the API shows 20 of 25 rows, and no query reaches the others"


@pytest.mark.usefixtures("small_pages")
def test_a_count_that_is_capped_itself_stops_nothing() -> None:
    found = read(account_of(mails(73, START, timedelta(minutes=1)), largest_total=20))
    assert len(found.rows) == 73
    assert found.is_whole


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("fold", [0, 1])
def test_the_night_on_which_the_clock_goes_back(fold: int) -> None:
    night = datetime(2026, 11, 1, 3, tzinfo=UTC)
    account = account_of(mails(60, night, timedelta(minutes=7)), fold=fold)

    def ask(_: str, request: Request) -> Mapping[str, Any]:
        return account.search(account.servers[0], dict(request.query))[1]

    found = read_listing(ask, SEARCH, "s", {}, (night - timedelta(days=1), night + timedelta(days=1)))
    assert found.is_whole
    assert len(found.rows) == 60
    account.servers[0].mails = mails(60, night, timedelta(minutes=1))  # more in the hour than the API shows of it
    account.known.clear()
    found = read_listing(ask, SEARCH, "s", {}, (night - timedelta(days=1), night + timedelta(days=1)))
    assert found.is_whole == (len(found.rows) == 60)


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        ({}, True), ({"TotalCount": 3}, True), ({"Messages": []}, True), ({"TotalCount": 1, "Messages": {}}, True),
        ({"TotalCount": -1, "Messages": []}, True), ({"TotalCount": 3, "Messages": []}, True),
        ({"TotalCount": 2, "Messages": [{"MessageID": "a"}, 7]}, True), ({"TotalCount": 0, "Messages": []}, False),
        ({"TotalCount": "1", "Messages": [{"MessageID": "a"}]}, False),
    ],
)  # fmt: skip
def test_answers_of_an_unexpected_form_end_in_words(answer: dict[str, Any], trouble: bool) -> None:
    found = read_listing(lambda *_: answer, SEARCH, "s", {}, (START, END))
    assert bool(found.trouble) is trouble
    assert found.is_whole is not trouble


_SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 40) | st.text(max_size=4) | st.sampled_from(["7", "2026-09-02T00:00:00-04:00"])
)
_ROWS = st.dictionaries(st.sampled_from(["MessageID", "ReceivedAt", "Recipients"]), _SCALARS | st.lists(_SCALARS, max_size=2))
_PAGES = st.fixed_dictionaries(
    {}, optional={"TotalCount": _SCALARS, "Messages": st.lists(_ROWS | _SCALARS, max_size=6) | _SCALARS}
)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(_PAGES, min_size=1, max_size=9))
def test_no_answer_raises_or_goes_on_for_ever_or_is_called_whole_without_its_rows(pages: list[dict[str, Any]]) -> None:
    asked = 0

    def ask(_: str, __: Request) -> Mapping[str, Any]:
        nonlocal asked
        asked += 1
        assert asked < 20_000
        return pages[asked % len(pages)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PAGE", 5)
        patch.setattr(module, "CAP", 20)
        found = read_listing(ask, SEARCH, "s", {}, (START, END))
    assert found.is_whole == (not found.trouble)
    assert not found.is_whole or len(found.rows) >= found.total


def test_short_pages_are_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = mails(90, START, timedelta(hours=1))

    def ask(_: str, request: Request) -> Mapping[str, Any]:
        query = dict(request.query)
        return account_of(sent).search(Server(mails=sent), {**query, "count": str(min(int(query["count"]), 7))})[1]

    found = read_listing(ask, SEARCH, "s", {}, (START, END))
    assert found.is_whole
    assert len(found.rows) == 90
    monkeypatch.setattr(module, "_MOST_PAGES", 12)
    assert "changed at every reading" in read_listing(ask, SEARCH, "s", {}, (START, END)).trouble


@pytest.mark.parametrize(
    ("value", "count"),
    [(0, 0), (7, 7), ("7", 7), ("0", 0), ("", None), ("-1", None), (-1, None), ("7.0", None), (7.0, None), (True, None), (None, None),
     ("٧", None), ("9" * 13, None)],
)  # fmt: skip
def test_total_count(value: object, count: int | None) -> None:
    assert count_in({"TotalCount": value}) == count


def test_rows_are_the_same_only_with_the_same_recipients() -> None:
    row = message(1, START, bcc=True).row
    assert identity(row) == identity({**row, "Subject": "another"})
    assert identity(row) != identity({**row, "Recipients": row["Recipients"][:1]})
    assert identity(row) != identity({**row, "MessageID": "x"})
