"""What a case counts: ranges that hold on every part of it, and residents only by hints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.case import CONTRACT, CaseError
from forensics.obligations import Count, Obligation
from forensics.people import PERSON_GROUPS
from forensics.tallies import Headcount, Person, tally


@dataclass
class FakeCase:
    """A finished case that lies in memory; without groups it is one of an older version."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)

    def read(self, table: str) -> pd.DataFrame:
        if table == "person_groups" and table not in self.rows:
            raise CaseError("no such table")
        columns = list(CONTRACT.get(table, PERSON_GROUPS))
        return pd.DataFrame([{**dict.fromkeys(columns, ""), **row} for row in self.rows.get(table, [])], columns=columns)


def _person(
    address: str, group: str = "", mailbox: str = "person", hints: str = "", kinds: str = "", credentials: bool = False
) -> Person:
    return Person(address, "correspondent", "other", mailbox, group, frozenset(kinds.split()), credentials, tuple(hints.split()))


def _obligation(**changes: Any) -> Obligation:
    words = dict.fromkeys(("id", "jurisdiction", "instrument", "who", "trigger", "source", "checked_on", "confidence"), "x")
    return Obligation(**{**words, **changes})


def _counted(persons: list[Person], **changes: Any) -> Count:
    rows = [
        {"person": one.address, "verdict": "confirmed", "data_kinds": "; ".join(sorted(one.kinds)), "credentials": str(int(one.has_credentials)),
         "residency_hint": "; ".join(one.hints)} for one in persons
    ]  # fmt: skip
    groups = [{"person": one.address, "group_id": one.group, "mailbox": one.mailbox, "category": one.category} for one in persons]
    return tally(FakeCase({"people": rows, "person_groups": groups})).count(_obligation(**changes))


@pytest.mark.parametrize(
    ("persons", "count"),
    [
        ([], (0, 0, 0)),
        ([_person("a")], (1, 1, 0)),
        ([_person("a", "G1"), _person("b", "G1"), _person("c")], (2, 3, 0)),
        ([_person("a", "G1"), _person("c")], (2, 2, 0)),  # the other member is not in this part
        ([_person("a", "G1"), _person("b", "G1"), _person("c", "G2"), _person("d", "G2")], (2, 4, 0)),
        ([_person("info", mailbox="role"), _person("noreply", mailbox="service"), _person("c")], (1, 1, 2)),
    ],
)
def test_a_group_counts_once_in_the_low_number_and_offices_in_neither(persons: list[Person], count: tuple[int, int, int]) -> None:
    found = Headcount.of(persons)
    assert (found.low, found.high, found.mailboxes) == count


@pytest.mark.parametrize(
    ("hints", "place", "count"),
    [
        ("US-CA", "US-CA", (1, 1, 0)),
        ("US-NY", "US-CA", (0, 0, 0)),
        ("US", "US-CA", (0, 1, 1)),  # it may be California
        ("US-CA", "US", (1, 1, 0)),
        ("DE", "US-CA", (0, 0, 0)),
        ("", "US-CA", (0, 1, 1)),
        ("DE US-CA", "US-CA", (0, 1, 1)),  # two hints that contradict each other decide nothing
        ("DE FR", "US-CA", (0, 0, 0)),
        ("USX", "US", (0, 0, 0)),
    ],
)
def test_residents_are_sure_only_where_no_hint_speaks_against_it(hints: str, place: str, count: tuple[int, int, int]) -> None:
    found = _counted([_person("a@b.example", hints=hints)], place=place)
    assert (found.low, found.high, found.unknown) == count
    assert found.by_hints


@pytest.mark.parametrize(
    ("kinds", "credentials", "elements", "count"),
    [
        ("health", False, ("health",), (1, 2)),
        ("name", False, ("health",), (0, 0)),
        ("name", True, ("health", "credentials"), (1, 2)),
        ("name", True, ("health",), (0, 0)),
        ("", False, (), (2, 2)),
    ],
)
def test_of_a_data_element_it_is_at_least_somebodys_and_at_most_everybodys(
    kinds: str, credentials: bool, elements: tuple[str, ...], count: tuple[int, int]
) -> None:
    persons = [_person(address, kinds=kinds, credentials=credentials) for address in ("a@b.example", "c@d.example")]
    found = _counted(persons, elements=elements)
    assert (found.low, found.high) == count


@pytest.mark.parametrize(
    ("content", "coverage", "defects", "complete"),
    [
        ("full", ["covered"], 0, True),
        ("partial", ["covered"], 0, False),
        ("none", ["covered"], 0, False),
        ("full", ["covered", "gap"], 0, False),
        ("full", [], 0, False),
        ("full", ["covered"], 1, False),
    ],
)
def test_a_count_is_complete_only_where_nothing_was_left_out(
    content: str, coverage: list[str], defects: int, complete: bool
) -> None:
    case = FakeCase({
        "exposed_messages": [{"content": content, "verdict": "confirmed"}],
        "coverage": [{"route": "api", "status": one} for one in coverage],
        "defects": [{}] * defects,
    })  # fmt: skip
    assert tally(case).is_complete is complete


def test_a_case_of_an_older_version_merges_nobody_and_possible_counts_nowhere() -> None:
    case = FakeCase({
        "people": [{"person": "a@b.example", "verdict": "confirmed"}, {"person": "z@b.example", "verdict": "possible"}],
        "personal_data": [{"kind": "health", "verdict": "possible"}],
        "exposed_messages": [{"verdict": "probable", "content": "full"}],
    }, {"case": {"severity": {"dpc": "nonsense"}}})  # fmt: skip
    counted = tally(case)
    assert [one.address for one in counted.persons] == ["a@b.example"]
    assert {name: count.high for name, count in counted.by_category().items()} == {"other": 1}
    assert counted.severity.inputs[0].value == 1


def test_rows_of_a_page_are_one_where_they_differ_by_the_place_only() -> None:
    listed = [(one["jurisdiction"], one["threshold"]) for one in tally(FakeCase()).outline()["others"]]
    assert ("US-ND, US-OR, US-SD", "more than 250 residents of each place") in listed
    assert len({one for one, _ in listed if "US-CA" in one}) > 1


_hints = st.sampled_from(["", "US", "US-CA", "US-NY", "DE", "DE US-CA"])


@pytest.mark.property
@given(st.lists(st.tuples(st.sampled_from(["", "G1", "G2"]), st.sampled_from(["person", "role"]), _hints, st.booleans()), max_size=10), st.sampled_from(["", "US", "US-CA"]), st.sampled_from([(), ("health",)]))  # fmt: skip
@settings(max_examples=100)
def test_low_is_never_above_high_and_parts_add_up(
    drawn: list[tuple[str, str, str, bool]], place: str, elements: tuple[str, ...]
) -> None:
    persons = [
        _person(f"{number}@b.example", group, mailbox, hints, "health" if ill else "")
        for number, (group, mailbox, hints, ill) in enumerate(drawn)
    ]
    count = _counted(persons, place=place, elements=elements)
    assert 0 <= count.low <= count.high
    assert 0 <= count.unknown <= count.high
    whole = Headcount.of(persons)
    assert whole.high + whole.mailboxes == len(persons)
    assert count.high <= whole.high
