"""Choosing and sorting rows of the report without a script, and what a table that does not fit comes to."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.case import CONTRACT, Case
from forensics.people import PERSON_GROUPS
from forensics.pipeline import answers
from forensics.reporters import tables
from forensics.reporters.html import outline, page
from forensics.reporters.html.sifting import CHOICES, ORDERS, Sift, sift_credentials, sift_messages, sift_people

KEPT = {**CONTRACT, **answers.BESIDE, "person_groups": PERSON_GROUPS}  # every table of a case, with its columns


@dataclass(frozen=True)
class FakeCase:
    """A case in memory."""

    rows: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    path: Path = Path("no-such-case")

    def read(self, name: str) -> pd.DataFrame:
        columns = list(KEPT[name])
        return pd.DataFrame([dict.fromkeys(columns, "") | row for row in self.rows.get(name, [])], columns=columns)


def message(key: str = "m", **cells: Any) -> dict[str, Any]:
    usual = {
        "message_key": key, "sent_at": "2025-09-18T08:00:00Z", "verdict": "confirmed", "sender": "app@acme.example", "content": "full",
        "unexpected_recipients": "phan@giftshop.club", "credentials": "0", "personal_data": "0", "subject": f"subject of {key}",
    }  # fmt: skip
    return dict.fromkeys(CONTRACT["exposed_messages"], "") | usual | cells


def sifted(*rows: dict[str, Any]) -> Sift:
    found = sift_messages("exposed")(rows)
    assert found is not None
    return found


def chosen(sift: Sift, title: str) -> dict[str, list[int]]:
    """What a reader sees of each button of a facet: the numbers of the rows that it keeps."""
    facet = next(one for one in sift.facets if one.title == title)
    classes = [re.findall(r"[a-d]\d+", str(mark).partition('"')[2].partition('"')[0]) for mark in sift.marks]
    return {
        one.label: [number for number, row in enumerate(classes) if f"{facet.letter}{one.number}" in row] for one in facet.choices
    }


def ordered(sift: Sift, title: str) -> list[int]:
    """The numbers of the rows as they stand when they are sorted so: equal ranks keep their places, as CSS has it."""
    number = next(one.number for one in sift.orders if one.title == title)
    ranks = [int(re.findall(rf"--o{number}:(\d+)", str(mark))[0]) for mark in sift.marks]
    return sorted(range(len(ranks)), key=lambda place: ranks[place])


# ---- choosing -----------------------------------------------------------------------------------------------------------


def test_a_button_keeps_the_rows_that_say_what_stands_on_it() -> None:
    rows = [
        message(sent_at="2025-09-18T08:00:00Z", unexpected_recipients="a@x.example; b@x.example", credentials="2"),
        message(sent_at="2025-09-18T23:59:59Z", unexpected_recipients="b@x.example", personal_data="1"),
        message(sent_at="", unexpected_recipients="", content="none", credentials="", personal_data=""),
        message(sent_at="2025-09-19T00:00:00Z", verdict="probable", content="partial", credentials="1"),
        *(message(sent_at="2025-09-20T00:00:00Z") for _ in range(4)),
    ]
    sift = sifted(*rows)
    assert chosen(sift, "Day (UTC)") == {"2025-09-18": [0, 1], "2025-09-19": [3], "2025-09-20": [4, 5, 6, 7], "undated": [2]}
    assert list(chosen(sift, "Day (UTC)")) == ["2025-09-18", "2025-09-19", "2025-09-20", "undated"]
    assert chosen(sift, "Unexpected recipient") == {
        "phan@giftshop.club": [3, 4, 5, 6, 7], "b@x.example": [0, 1], "a@x.example": [0], "none named": [2],
    }  # fmt: skip
    # what was not read in full is never among those in which nothing was found
    assert chosen(sift, "Holds") == {
        "credentials": [0, 3],
        "personal data": [1],
        "not read in full": [2, 3],
        "neither found": [4, 5, 6, 7],
    }
    assert chosen(sift, "Verdict") == {"confirmed": [0, 1, 2, 4, 5, 6, 7], "probable": [3]}


@pytest.mark.parametrize(("count", "expected"), [(31, 31), (32, 2), (365, 12), (3_000, 9)])
def test_days_become_months_where_they_are_too_many(count: int, expected: int) -> None:
    days = pd.date_range("2025-09-01", periods=count).strftime("%Y-%m-%dT00:00:00Z")
    buttons = chosen(sifted(*(message(sent_at=day) for day in days)), "Day (UTC)")
    assert len(buttons) == expected
    assert sorted(number for rows in buttons.values() for number in rows) == list(range(count))


def test_answers_beyond_the_buttons_share_the_last_one() -> None:
    rows = [message(unexpected_recipients=f"r{number:02}@x.example") for number in range(30)]
    buttons = chosen(sifted(*rows), "Unexpected recipient")
    assert len(buttons) == CHOICES["b"]
    assert buttons["19 others"] == list(range(11, 30))


def test_few_rows_need_no_buttons_and_one_answer_is_no_choice() -> None:
    assert sift_messages("exposed")([message()] * 7) is None
    assert sifted(*[message()] * 8).facets == ()
    assert len(sifted(*[message()] * 8).orders) == 5


CELL = st.sampled_from(
    ["", "1", "-1", "99", "x", "a; b", "a; a; c", "2025-09-18T08:00:00Z", "1999", "full", "none", "<b>", "٣", "9" * 40]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.data())
@pytest.mark.parametrize(
    ("make", "table"), [(sift_messages, "exposed_messages"), (sift_credentials, "credentials"), (sift_people, "people")]
)
def test_every_row_is_kept_by_some_button_of_each_facet_and_by_every_order(make: Any, table: str, data: st.DataObject) -> None:
    columns = CONTRACT[table]
    row = st.fixed_dictionaries(dict.fromkeys(columns, CELL))
    rows = data.draw(st.lists(row, min_size=8, max_size=40))
    sift = cast("Sift", make("name")(rows))
    assert len(sift.marks) == len(rows)
    for facet in sift.facets:
        found = chosen(sift, facet.title)
        numbers = [one.number for one in facet.choices]
        assert len(numbers) == len(set(numbers))
        assert max(numbers) <= CHOICES[facet.letter]
        assert [one.rows for one in facet.choices] == [
            sum(f"{facet.letter}{one.number}" in re.findall(r"[a-d]\d+", str(mark).split('"')[1]) for mark in sift.marks)
            for one in facet.choices
        ]
        assert set(range(len(rows))) == {number for kept in found.values() for number in kept}
    for one in sift.orders:
        assert one.number <= ORDERS
        assert sorted(ordered(sift, one.title)) == list(range(len(rows)))
    for mark in sift.marks:
        assert re.fullmatch(r' class="([a-d]\d+( [a-d]\d+)*)?" style="--o1:\d+(;--o\d:\d+)*"', str(mark))


# ---- sorting ------------------------------------------------------------------------------------------------------------


def test_rows_sort_by_what_the_button_says_and_the_undated_come_last() -> None:
    rows = [
        message(sent_at="2025-09-20T00:00:00Z", sender="c@x.example", credentials="1", personal_data="9"),
        message(sent_at="", sender="b@x.example", credentials="", personal_data=""),
        message(sent_at="2025-09-18T00:00:00Z", sender="a@x.example", credentials="10"),
        message(sent_at="2025-09-19T00:00:00.5Z", sender="b@x.example", credentials="1", personal_data="10"),
        *(message(sent_at="2025-09-21T00:00:00Z", sender="z@x.example") for _ in range(4)),
    ]
    sift = sifted(*rows)
    assert ordered(sift, "earliest first") == [2, 3, 0, 4, 5, 6, 7, 1]
    assert ordered(sift, "latest first") == [4, 5, 6, 7, 0, 3, 2, 1]
    assert ordered(sift, "sender")[:4] == [2, 1, 3, 0]
    assert ordered(sift, "most credentials")[:3] == [2, 3, 0]


# ---- the page -----------------------------------------------------------------------------------------------------------


def long_case(count: int = 20) -> FakeCase:
    return FakeCase({
        "exposed_messages": [message(f"e{number}", sender=f"s{number % 3}@acme.example") for number in range(count)],
        "possible_messages": [message(f"p{number}", verdict="possible", sent_at=f"2025-09-{1 + number % 28:02}T00:00:00Z") for number in range(count)],
        "credentials": [{"credential_id": f"C{number}", "kind": "password" if number % 2 else "api_key", "verdict": "confirmed"} for number in range(count)],
        "people": [{"person": f"u{number}@x.example", "domain": "x.example", "relation": "correspondent" if number % 2 else "own_staff",
                    "verdict": "confirmed", "data_kinds": "name" if number % 4 else "health"} for number in range(2 * count)],
    })  # fmt: skip


def test_each_button_has_a_rule_on_the_screen_and_none_on_paper() -> None:
    written = page(long_case())
    style = written[written.index("<style>") : written.index("</style>")]
    screen = style[style.index("@supports selector(:has(*))") : style.index("@media (forced-colors")]
    for letter, last in CHOICES.items():
        for number in range(1, last + 1):
            assert f".sift:has(.{letter}{number}:checked) tr[class]:not(.{letter}{number})" in screen
    for number in range(1, ORDERS + 1):
        assert f".sift:has(.o{number}:checked) tbody > tr {{ order: var(--o{number}); }}" in screen
    assert screen.count("display: none") == 1
    assert ":checked)" not in style.replace(screen, "")
    # no rule outside the screen takes part
    assert "@media print" not in screen
    used = set(re.findall(r'class="(?:pick|by) ([a-z]\d+)"', written))
    assert used
    assert all(f".{one}:checked)" in screen for one in used)


def test_of_each_group_of_buttons_one_is_pressed_and_no_two_tables_share_a_group() -> None:
    written = page(long_case())
    pressed = Counter(re.findall(r'name="([a-z0-9-]+)" checked', written))
    named = set(re.findall(r'<input type="radio" name="([a-z0-9-]+)"', written))
    assert set(pressed) == named
    assert set(pressed.values()) == {1}
    assert {"exposed-sort", "possible-sort", "credentials-sort", "people-0-sort", "people-1-sort"} <= named


def test_who_hears_the_page_gets_the_rows_as_they_are_seen_or_is_told_how_else() -> None:
    text = page(FakeCase({"exposed_messages": [message(f"m{n}", sender=f"s{n % 2}@acme.example") for n in range(9)]}))
    moved = re.findall(r"[^{}]*:has\(\.by:checked\) tbody \{[^}]*\}", text)
    assert moved
    assert all("reading-flow: flex-visual" in rule for rule in moved if "flex" in rule)
    described = re.findall(r'<fieldset aria-describedby="([a-z0-9-]+)"><legend>Sort by', text)
    assert described
    assert len(described) == text.count("<legend>Sort by</legend>") == len(set(described))
    for one in described:
        (said,) = re.findall(rf'<p class="note" id="{one}">(.*?)</p>', text)
        assert "<code>exposed_messages.csv</code> beside this page" in said
        assert "screen reader" in said


def test_rows_and_buttons_of_the_page_agree() -> None:
    written = page(long_case())
    section = written[written.index('<section id="credentials"') : written.index('<section id="exposed"')]
    letter, number = re.findall(r'class="pick ([a-d])(\d+)"><span><bdi>api key</bdi> <small>10</small>', section)[0]
    kept = re.findall(
        rf'<tr class="[^"]*\b{letter}{number}\b[^"]*"[^>]*>\s*<th scope="row"><span class="strong"><bdi></bdi> ([a-z ]+)', section
    )
    assert kept == ["api key"] * 10


def test_hostile_answers_stay_text_on_their_buttons() -> None:
    hostile = '"><img src=x onerror=alert(1)>\u202e'
    rows = [message(f"e{number}", unexpected_recipients=hostile if number % 2 else "a@x.example") for number in range(20)]
    written = page(FakeCase({"exposed_messages": rows}))
    assert "<img" not in written
    assert '"><img src=x onerror=alert(1)>[U+202E]' in unescape(written)


def test_buttons_and_ranks_are_light() -> None:
    with_buttons = page(long_case(200))
    without = re.sub(
        r' style="--o[^"]*"|<details class="sifter">.*?</details>|<tr class="[^"]*"', "", with_buttons, flags=re.DOTALL
    )
    style = with_buttons[with_buttons.index("/* Choosing") : with_buttons.index("@media (forced-colors")]
    assert len(with_buttons) < 1.25 * (len(without) - len(style))


# ---- what does not fit --------------------------------------------------------------------------------------------------


def large_case() -> FakeCase:
    rows = [
        message(f"k{number:03}", sender=f"s{number % 9}@acme.example", to=f"u{number % 40}@x.example; v@x.example", cc="v@x.example", attachments="a.PDF; b",
                sent_at=f"2025-09-{1 + number % 28:02}T00:00:00Z" if number else "", credentials=str(number % 7))
        for number in range(300)
    ]  # fmt: skip
    rows.append(message("unread", content="none", credentials="", personal_data=""))
    rows.append(message("weak", verdict="probable", credentials="99"))
    return FakeCase({"exposed_messages": rows})


def test_of_more_than_fits_the_dearest_stand_first_and_unread_ones_before_those_without_anything() -> None:
    written = page(large_case())
    shown = re.findall(r"Key: <code><bdi>(\w+)</bdi>", written)
    assert len(shown) == 200
    assert shown[:3] == ["k006", "k034", "k062"]  # six credentials each, the earliest first
    nothing = [row for row in large_case().rows["exposed_messages"] if row["credentials"] in {"", "0", "99"}]
    everything = page(FakeCase({"exposed_messages": nothing * 5}))
    order = list(dict.fromkeys(re.findall(r"Key: <code><bdi>(\w+)</bdi>", everything)))
    assert order[:1] == ["unread"]
    assert "weak" not in order  # confirmed ones first, whatever the others hold


def test_the_counts_of_all_messages_add_up() -> None:
    frame = large_case().read("exposed_messages")
    by_day, by_recipient, by_mailbox, attachments = outline.of_messages(frame)
    assert sum(counts[0] for _, counts in by_day.rows) == 302
    assert all(counts[0] == sum(counts[1:]) for _, counts in by_day.rows)
    assert by_day.rows[-1] == ("undated", (1, 1, *[0] * (len(by_day.heads) - 2)))
    assert by_day.heads[0] == "All"
    assert by_day.heads[-1] == "all others"
    assert by_recipient.rows == (("phan@giftshop.club", (302, 258, 1)),)  # 43 hold none, one was not read
    assert by_mailbox.rows[0] == ("v@x.example", (300, 257, 0))  # in To and Cc of one message: counted once
    assert by_mailbox.rows[-1][0] == "21 others"
    assert sum(counts[0] for _, counts in by_mailbox.rows) == 600
    assert attachments.rows == (("pdf", (300,)), ("without a type", (300,)))


@pytest.mark.parametrize(("days", "step"), [(45, "day"), (46, "month"), (1_500, "year")])
def test_days_are_counted_together_where_they_are_too_many(days: int, step: str) -> None:
    stamps = pd.date_range("2020-01-01", periods=days).strftime("%Y-%m-%dT00:00:00Z")
    frame = pd.DataFrame([message(str(number), sent_at=at) for number, at in enumerate(stamps)])
    assert outline.of_messages(frame)[0].title == f"By {step} and sender"


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(CONTRACT["exposed_messages"], CELL)), max_size=60))
def test_whatever_the_cells_every_message_is_in_the_count_by_day(rows: list[dict[str, str]]) -> None:
    found = outline.of_messages(pd.DataFrame(rows, columns=list(CONTRACT["exposed_messages"])))
    assert sum(counts[0] for one in found if "and sender" in one.title for _, counts in one.rows) == len(rows)
    assert all(len(counts) == len(one.heads) for one in found for _, counts in one.rows)


def test_credentials_and_people_that_do_not_fit_are_counted_too() -> None:
    credentials = pd.DataFrame([
        {"credential_id": f"C{number}", "service": "aws" if number % 3 else "generic", "kind": "api_key", "state": "live_until_rotated" if number else "expires"}
        for number in range(9)
    ])  # fmt: skip
    occurrences = pd.DataFrame({"credential_id": ["C1", "C1", "C0", "of no table"]})
    (found,) = outline.of_credentials(credentials, occurrences)
    assert found.rows == (("aws api key", (6, 6, 2)), ("api key", (3, 2, 1)))
    (people,) = outline.of_people(pd.DataFrame({"domain": ["a.example", "a.example", ""], "credentials": [2, 0, ""]}))
    assert people.rows == (("a.example", (2, 1)), ("unknown", (1, 0)))


def test_a_case_that_fits_has_no_counts_instead_of_rows_and_a_large_one_has() -> None:
    assert "All exposed messages. " not in page(long_case(200))
    assert "All exposed messages. By day and sender" in page(large_case())
    assert "All people, by domain" in page(long_case(200))  # 200 of a relation, of which 100 fit
    assert "All credentials, by service and kind" in page(long_case(201))


def test_the_page_says_which_file_has_all_rows_and_what_its_hash_is(tmp_path: Path) -> None:
    case = large_case()
    tables.write(cast("Case", case), tmp_path)
    written = page(case)
    for name in CONTRACT:
        found = hashlib.sha256((tmp_path / f"{name}.csv").read_bytes()).hexdigest()
        assert re.search(rf"<code>{name}\.csv</code></th>.*?<code class=\"small\">{found}</code>", written)
    exposed = hashlib.sha256((tmp_path / "exposed_messages.csv").read_bytes()).hexdigest()
    assert f"102 more in <code>exposed_messages.csv</code>, which has 302 rows; its SHA-256 is <code>{exposed}</code>." in written
