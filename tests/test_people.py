"""Who is affected: one row per address, and nobody who is not."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import ACME, day

from forensics.model import Text
from forensics.people import (
    NO_CLUES,
    PERSON_GROUPS,
    Affected,
    Clues,
    affected_people,
    clues_in,
    mailbox_kind,
    mentioned,
    person_groups,
)
from forensics.people.clues import personal_name
from forensics.policy import Policy


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Write to Ann <ann@a.example>.", {"ann@a.example"}),
        ("ann@a.example, bob@b.example;cy@c.example", {"ann@a.example", "bob@b.example", "cy@c.example"}),
        ("Mail: ANN.LEE+x@A.Example!", {"ann.lee+x@a.example"}),
        ("end of a sentence ann@a.example.", {"ann@a.example"}),
        ("'o'neil@a.example'", {"o'neil@a.example"}),
        ("ann at a.example", set()),
        ("user@localhost", set()),
        ("price @ 5.00 each", set()),
        ("git@github.example:team/repo", {"git@github.example"}),
        ("x" * 100 + "@a.example", set()),
        ("0aa-1@mtasv.net", set()),  # a Message-ID of the provider
    ],
)
def test_addresses_in_running_text(text: str, found: set[str]) -> None:
    assert mentioned([Text("text/plain", "decoded", text)]) == found


def test_transport_headers_and_guesses_mention_nobody() -> None:
    text = "ann@a.example"
    assert mentioned([Text("headers", "decoded", text), Text("text/plain", "base64", text, guessed=True)]) == frozenset()


def test_one_row_per_address_with_all_its_roles_and_figures() -> None:
    def message(key: str, at: float, verdict: str, **parties: str) -> Affected:
        return Affected(
            key,
            day(at),
            verdict,
            {role: frozenset(who.split()) for role, who in parties.items()},
            frozenset({"salary"}),
            frozenset({"C0001"}),
        )

    rows = affected_people(
        [
            message("m1", 1, "probable", sender="app@acme.example", to="bob@b.de thief@c.example", mentioned="cy@c.io"),
            message("m2", 2, "confirmed", sender="bob@b.de", cc="app@acme.example", to="noreply@b.de"),
        ],
        ACME,
        frozenset({"thief@c.example"}),
    )
    by_person = {row["person"]: row for row in rows}
    assert set(by_person) == {"app@acme.example", "bob@b.de", "cy@c.io"}
    bob = by_person["bob@b.de"]
    assert (bob["roles"], bob["messages"], bob["verdict"], bob["relation"]) == ("sender; to", 2, "confirmed", "correspondent")
    assert (bob["first_exposed"], bob["last_exposed"]) == ("2025-09-18T00:00:00Z", "2025-09-19T00:00:00Z")
    assert (bob["residency_hint"], bob["credentials"], bob["data_kinds"]) == ("DE", 1, "salary")
    assert by_person["app@acme.example"]["relation"] == "own_staff"
    assert by_person["cy@c.io"]["relation"] == "mentioned"
    assert by_person["cy@c.io"]["residency_hint"] == "", "a fashionable ending says nothing about a country"


def test_nobody_is_affected_by_nothing() -> None:
    assert affected_people([], ACME, frozenset()) == []


def _clued(*clues: tuple[str, str], countries: tuple[tuple[str, str, str], ...] = ()) -> Clues:
    return Clues(frozenset(clues), frozenset(countries))


def _message(verdict: str, people: str, clues: Clues = NO_CLUES, key: str = "m") -> Affected:
    return Affected(key, day(1), verdict, {"to": frozenset(people.split())}, frozenset(), frozenset(), clues)


def _grouped(policy: Policy, *messages: Affected) -> dict[str, dict[str, Any]]:
    rows = person_groups(affected_people(messages, policy, frozenset()), messages, policy)
    assert all(tuple(row) == PERSON_GROUPS for row in rows)
    return {row["person"]: row for row in rows}


@pytest.mark.parametrize(
    ("name", "normalised"),
    [
        ("Ann Lee", "ann lee"),
        ("LEE, Ann", "ann lee"),
        ('"Lee,  Ann" ', "ann lee"),
        ("Ann Lee (Acme)", "ann lee"),
        ("Zoë Müller-Lüdenscheidt", "müller-lüdenscheidt zoë"),
        ("Ann B. Lee", "ann b lee"),
        ("Ａｎｎ Ｌｅｅ", "ann lee"),
        ("Ann", ""),
        ("A. Lee", ""),  # an initial could be anybody's
        ("Acme Support", ""),
        ("Customer Service Team", ""),
        ("Ann Lee via Example", ""),
        ("ann@a.example", ""),
        ("Ann Lee 2", ""),
        ("one two three four five six seven", ""),
        ("x" * 90, ""),
        ("", ""),
    ],
)
def test_a_display_name_counts_only_where_it_is_surely_a_persons(name: str, normalised: str) -> None:
    assert personal_name(name) == normalised


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("info@a.example", "role"),
        ("billing+2025@a.example", "role"),
        ("sales.support@a.example", "role"),
        ("sales2@a.example", "role"),
        ("no-reply@a.example", "service"),
        ("noreply@a.example", "service"),
        ("alerts@a.example", "service"),
        ("info.lee@a.example", "person"),
        ("ann.lee@a.example", "person"),
        ("salesforce@a.example", "person"),
        ("1234567@qq.example", "person"),
        ("informatik@a.example", "person"),
        ("customer@a.example", "person"),
        ("customer.service@a.example", "role"),
        ("orders481@a.example", "person"),
        ("7@a.example", "person"),
    ],
)
def test_offices_and_programs_are_told_from_people_by_every_word_of_the_mailbox(address: str, kind: str) -> None:
    assert mailbox_kind(address) == kind


@pytest.mark.parametrize(
    ("first", "second", "names", "basis"),
    [
        ("ann@b.example", "ann+shop@b.example", (), "same mailbox but for a tag behind the plus sign"),
        ("ann@b.example", "a.lee@b.example", ("ann lee", "ann lee"), "same display name, same registrable domain"),
        ("ann@b.example", "ann@mail.b.example", ("ann lee", "ann lee"), "same display name, same registrable domain"),
        ("ann@acme.example", "ann@acme.test", ("ann lee", "ann lee"), "same display name, same local part at own domains"),
        ("ann@acme.example", "a.lee@acme.test", ("ann lee", "ann lee"), ""),  # own domains, other local part
        ("ann@b.example", "ann@c.example", ("ann lee", "ann lee"), ""),  # by name alone never
        ("ann@b.example", "a.lee@b.example", ("ann lee", "ann leigh"), ""),
        ("ann@b.example", "a.lee@b.example", ("ann lee", ""), ""),
        ("ann.lee1@gmail.com", "ann.lee2@gmail.com", ("ann lee", "ann lee"), ""),  # mailboxes for the public
        (
            "info@b.example",
            "ann@b.example",
            ("ann lee", "ann lee"),
            "same display name, same registrable domain",
        ),  # her office is she
        ("info@b.example", "office@b.example", (), ""),
        ("info+a@b.example", "info@b.example", (), ""),  # a mailbox of an office is nobody's
    ],
)
def test_addresses_are_one_person_by_the_rule_and_never_by_name_alone(
    first: str, second: str, names: tuple[str, ...], basis: str
) -> None:
    policy = Policy(domains=("acme.example", "acme.test"))
    clues = _clued(*((address, name) for address, name in zip((first, second), names, strict=False) if name))
    rows = _grouped(policy, _message("confirmed", f"{first} {second}", clues))
    assert {row["basis"] for row in rows.values()} == {basis}
    assert {row["group_id"] for row in rows.values()} == ({"G0001"} if basis else {""})


def test_a_mailbox_that_several_people_write_from_joins_nobody() -> None:
    clues = _clued(("desk1@b.example", "ann lee"), ("desk1@b.example", "bob ray"), ("a.lee@b.example", "ann lee"))
    rows = _grouped(ACME, _message("confirmed", "desk1@b.example a.lee@b.example", clues))
    assert {row["group_id"] for row in rows.values()} == {""}


def test_what_only_possible_mail_says_changes_nothing_about_people_in_exposed_mail() -> None:
    people = "ann@b.example a.lee@b.example"
    exposed = _message("confirmed", people, key="m1")
    clues = _clued(("ann@b.example", "ann lee"), ("a.lee@b.example", "ann lee"), countries=(("ann@b.example", "DE", "x"),))
    possible = _message("possible", people + " c.lee@b.example", clues, key="m2")
    assert {row["group_id"] for row in _grouped(ACME, exposed, possible).values()} == {""}
    rows = affected_people([exposed, possible], ACME, frozenset())
    assert {row["residency_hint"] for row in rows} == {""}


def test_a_mailbox_of_an_office_is_a_persons_where_a_persons_name_stood_beside_it() -> None:
    rows = _grouped(ACME, _message("confirmed", "info@b.example sales@b.example", _clued(("info@b.example", "ann lee"))))
    assert {address: row["mailbox"] for address, row in rows.items()} == {"info@b.example": "person", "sales@b.example": "role"}


def test_categories_are_the_policys_and_a_subdomain_counts() -> None:
    policy = Policy(domains=("acme.example",), staff=("contractor.example",), customers=("shop.example",))
    rows = _grouped(policy, _message("confirmed", "a@acme.example b@contractor.example c@eu.shop.example d@myshop.example"))
    assert {address: row["category"] for address, row in rows.items()} == {
        "a@acme.example": "staff", "b@contractor.example": "staff", "c@eu.shop.example": "customer", "d@myshop.example": "other",
    }  # fmt: skip


@pytest.mark.property
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ann", "ann+x", "bob", "info", "c.d"]),
            st.sampled_from(["b.example", "x.b.example", "acme.example", "gmail.com"]),
            st.sampled_from(["", "ann lee", "bob ray"]),
        ),
        max_size=12,
    )
)
@settings(max_examples=100)
def test_groups_do_not_depend_on_order_and_hold_two_addresses_at_least(drawn: list[tuple[str, str, str]]) -> None:
    def rows(listed: list[tuple[str, str, str]]) -> list[dict[str, Any]]:
        messages = [
            _message("confirmed", f"{local}@{domain}", _clued(*([(f"{local}@{domain}", name)] if name else [])), key=str(number))
            for number, (local, domain, name) in enumerate(listed)
        ]
        return person_groups(affected_people(messages, ACME, frozenset()), messages, ACME)

    found = rows(drawn)
    assert found == rows(drawn[::-1])
    sizes = Counter(row["group_id"] for row in found if row["group_id"])
    assert all(size > 1 for size in sizes.values())
    assert all(bool(row["basis"]) == bool(row["group_id"]) for row in found)
    assert all(row["mailbox"] == "person" for row in found if row["group_id"])


@pytest.mark.parametrize(
    ("lines", "countries"),
    [
        ("ann@b.example\n+49 30 1234567", {"DE"}),
        ("Ann Lee\nTel. 0044 20 7946 0018\nann@b.example", {"GB"}),
        ("ann@b.example, +1 416 555 0123", {"CA"}),
        ("ann@b.example, +1 212 555 0123", {"US"}),
        ("ann@b.example, +1 800 555 0123", set()),
        ("ann@b.example, +7 701 555 0123", {"KZ"}),
        ("ann@b.example, 030 1234567", set()),  # a national number says nothing
        ("ann@b.example, item +49", set()),
        ("ann@b.example\nHauptstr. 1\nD-10115 Berlin", {"DE"}),
        ("ann@b.example, part A-1234", set()),
        ("ann@b.example\nSpringfield, IL 62701", {"US-IL"}),
        ("ann@b.example\nYour order, ID 12345", set()),  # no ZIP code of Idaho begins so
        ("ann@b.example\nCountry: Germany", {"DE"}),
        ("ann@b.example;Main St 1;Österreich", {"AT"}),
        ("ann@b.example\nwe ship to Germany soon", set()),
        ("ann@b.example\n\n\n\n+49 30 1234567", set()),  # too far away
        ("ann@b.example\n+49 30 1234567\nbob@b.example", set()),  # whose number is it?
        ("ann@b.example,+49 30 1234567\nbob@b.example,+33 1 23 45 67 89", {"DE"}),
        ("ann@b.example bob@b.example +49 30 1234567", set()),
        ("ann@b.example\n+49 30 1234567\nLand: France", {"DE", "FR"}),
    ],
)
def test_a_country_is_hinted_at_only_beside_one_address(lines: str, countries: set[str]) -> None:
    found = clues_in([Text("text/plain", "decoded", lines)]).countries
    assert {country for address, country, _ in found if address == "ann@b.example"} == countries


def test_names_come_from_address_headers_only_and_guesses_from_nowhere() -> None:
    headers = 'From: Ann Lée <ann@b.example>\nTo: "Ray, Bob" <bob@b.example>, desk@b.example\nSubject: Cy Doe <cy@b.example>\nX-To: Di Fox <di@b.example>'
    assert clues_in([Text("headers", "unfolded", headers)]).names == {("ann@b.example", "ann lée"), ("bob@b.example", "bob ray")}
    assert clues_in([Text("text/plain", "decoded", headers)]).names == frozenset()
    assert clues_in([Text("text/plain", "base64", "ann@b.example +49 30 1234567", guessed=True)]) == NO_CLUES


@pytest.mark.property
@given(st.text(max_size=400), st.text(max_size=80))
@settings(max_examples=100)
def test_clues_never_fail_on_any_text(text: str, name: str) -> None:
    clues_in(
        [Text("headers", "unfolded", f"From: {text} <a@b.example>\nTo: {name}"), Text("text/plain", "x", f"a@b.example {text}")]
    )


@pytest.mark.parametrize("line", ["a@b.example " + "+49 " * 50_000, "From: " + "<" * 100_000, "1" * 100_000 + "@b.example, IL 6"])
def test_hostile_lines_cost_little(line: str) -> None:
    with affordable(5):
        clues_in([Text("text/plain", "x", line), Text("headers", "unfolded", f"To: {line}")])


@pytest.mark.parametrize(
    ("address", "told", "hint", "basis"),
    [
        ("bob@b.de", (), "DE", "country-code domain"),
        ("bob@b.co.uk", (), "GB", "country-code domain"),
        ("bob@b.io", (), "", ""),
        ("bob@b.eu", (), "", ""),
        (
            "bob@b.de",
            (("FR", "phone number near the address"),),
            "DE; FR",
            "country-code domain: DE; phone number near the address: FR",
        ),
        ("bob@b.example", (("US", "p"), ("US-CA", "z")), "US-CA", "p; z"),
        ("bob@b.example", (("US-NY", "p"), ("US-CA", "z")), "US-CA; US-NY", "p: US-NY; z: US-CA"),
    ],
)
def test_hints_that_contradict_each_other_both_stand(
    address: str, told: tuple[tuple[str, str], ...], hint: str, basis: str
) -> None:
    clues = _clued(countries=tuple((address, country, why) for country, why in told))
    (row,) = affected_people([_message("confirmed", address, clues)], ACME, frozenset())
    assert (row["residency_hint"], row["residency_basis"]) == (hint, basis)
